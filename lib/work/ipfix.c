/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/ipfix.h"

#include <string.h>

#include "base/bytes.h"

#define VERSION	     10u
#define HEADER_SIZE  16u
#define SET_HEAD     4u
#define TEMPLATE_SET 2u

/* Elements of a record, in their order: number in IANA's registry, octets. Those of addresses differ by
 * family. */
struct element {
	uint16_t number, size;
};

#define COMMON                                                                                     \
	{7, 2}, {11, 2}, {4, 1}, {5, 1},                                                           \
		{6, 2},		/* ports, protocol, class of service, TCP flags */                 \
		{2, 8}, {1, 8}, /* packets, octets */                                              \
		{152, 8}, {153, 8},                                                                \
	{                                                                                          \
		136, 1                                                                             \
	} /* first, last, why it ended */

static const struct element v4[] = {{8, 4}, {12, 4}, COMMON};
static const struct element v6[] = {{27, 16}, {28, 16}, COMMON};

#define ELEMENTS  SL_ARRAY_COUNT(v4)
#define REST_SIZE 41u /* octets of a record behind its addresses */

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	uint16_t octets = sl_be16(value);

	memcpy(at, &octets, sizeof(octets));
	return at + sizeof(octets);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	uint32_t octets = sl_be32(value);

	memcpy(at, &octets, sizeof(octets));
	return at + sizeof(octets);
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
	uint64_t octets = sl_be64(value);

	memcpy(at, &octets, sizeof(octets));
	return at + sizeof(octets);
}

void sl_ipfix_begin(struct sl_ipfix *ipfix, uint8_t *octets, uint32_t room)
{
	ipfix->octets = octets;
	ipfix->room = room;
	ipfix->size = HEADER_SIZE;
	ipfix->set = 0;
	ipfix->records = 0;
	ipfix->packets = 0;
}

static void close_set(struct sl_ipfix *ipfix)
{
	if (ipfix->set)
		(void)put16(ipfix->octets + ipfix->set + 2, (uint16_t)(ipfix->size - ipfix->set));
	ipfix->set = 0;
}

static void open_set(struct sl_ipfix *ipfix, uint16_t id)
{
	close_set(ipfix);
	ipfix->set = ipfix->size;
	(void)put16(ipfix->octets + ipfix->size, id);
	ipfix->size += SET_HEAD;
}

static bool set_is(const struct sl_ipfix *ipfix, uint16_t id)
{
	uint16_t there = sl_be16(id);

	return ipfix->set && memcmp(ipfix->octets + ipfix->set, &there, sizeof(there)) == 0;
}

bool sl_ipfix_add(struct sl_ipfix *ipfix, const struct sl_ipfix_record *record)
{
	const struct sl_key *key = &record->key;
	bool is_v4 = key->family == SL_FAMILY_IPV4;
	uint16_t id = is_v4 ? SL_IPFIX_TEMPLATE_V4 : SL_IPFIX_TEMPLATE_V6;
	uint32_t width = is_v4 ? SL_ADDR4_SIZE : SL_ADDR6_SIZE;
	bool has_set = set_is(ipfix, id);
	uint8_t *at;

	if (ipfix->size + (has_set ? 0 : SET_HEAD) + 2 * width + REST_SIZE > ipfix->room)
		return false;
	if (!has_set)
		open_set(ipfix, id);
	at = ipfix->octets + ipfix->size;
	memcpy(at, is_v4 ? (const void *)&key->src4 : key->src, width);
	memcpy(at + width, is_v4 ? (const void *)&key->dst4 : key->dst, width);
	at += (size_t)2 * width;
	memcpy(at, &key->sport_be, sizeof(key->sport_be));
	memcpy(at + 2, &key->dport_be, sizeof(key->dport_be));
	at += 4;
	*at++ = key->protocol;
	*at++ = record->tos;
	at = put16(at, record->tcp_flags);
	at = put64(at, record->packets);
	at = put64(at, record->octets);
	at = put64(at, record->start_ms);
	at = put64(at, record->end_ms);
	*at++ = record->reason;
	ipfix->size = (uint32_t)(at - ipfix->octets);
	ipfix->records++;
	ipfix->packets += record->packets;
	return true;
}

static void add_template(struct sl_ipfix *ipfix, uint16_t id, const struct element *elements)
{
	uint8_t *at = put16(ipfix->octets + ipfix->size, id);

	at = put16(at, ELEMENTS);
	for (size_t i = 0; i < ELEMENTS; i++) {
		at = put16(at, elements[i].number);
		at = put16(at, elements[i].size);
	}
	ipfix->size = (uint32_t)(at - ipfix->octets);
}

void sl_ipfix_add_templates(struct sl_ipfix *ipfix)
{
	_Static_assert(SL_ARRAY_COUNT(v4) == SL_ARRAY_COUNT(v6), "ELEMENTS is of both");
	_Static_assert(HEADER_SIZE + SET_HEAD + 2 * (4 + 4 * ELEMENTS) <= SL_IPFIX_SIZE_MIN,
		       "both fit");
	open_set(ipfix, TEMPLATE_SET);
	add_template(ipfix, SL_IPFIX_TEMPLATE_V4, v4);
	add_template(ipfix, SL_IPFIX_TEMPLATE_V6, v6);
}

uint32_t sl_ipfix_end(struct sl_ipfix *ipfix, uint64_t wall_ms)
{
	uint8_t *at = ipfix->octets;

	close_set(ipfix);
	at = put16(at, VERSION);
	at = put16(at, (uint16_t)ipfix->size);
	at = put32(at, (uint32_t)(wall_ms / 1000));
	at = put32(at, ipfix->sequence);
	(void)put32(at, ipfix->domain);
	ipfix->sequence += ipfix->records;
	return ipfix->size;
}
