/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

int sl_addr_parse(const char *text, struct sl_addr *addr)
{
	struct sl_addr parsed = {0};

	if (inet_pton(AF_INET, text, parsed.octets) == 1)
		parsed.family = SL_FAMILY_IPV4;
	else if (inet_pton(AF_INET6, text, parsed.octets) == 1)
		parsed.family = SL_FAMILY_IPV6;
	else
		return -EINVAL;
	*addr = parsed;
	return 0;
}

static void clear_host_bits(struct sl_prefix *prefix)
{
	for (uint32_t bit = prefix->length; bit < sl_addr_bits(&prefix->addr); bit++)
		prefix->addr.octets[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

static int parse_length(const char *text, uint8_t bits, uint8_t *length)
{
	uint64_t value;

	if (sl_number_parse(text, &value) || value > bits)
		return -EINVAL;
	*length = (uint8_t)value;
	return 0;
}

int sl_prefix_parse(const char *text, struct sl_prefix *prefix, struct sl_addr *host)
{
	char copy[SL_ADDR_TEXT_SIZE];
	struct sl_prefix parsed = {0};
	struct sl_addr whole;
	char *slash;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (sl_addr_parse(copy, &whole))
		return -EINVAL;
	parsed.addr = whole;
	parsed.length = sl_addr_bits(&whole);
	if (slash && parse_length(slash + 1, parsed.length, &parsed.length))
		return -EINVAL;
	clear_host_bits(&parsed);
	if (!host && !sl_addr_equal(&parsed.addr, &whole))
		return -EINVAL;
	*prefix = parsed;
	if (host)
		*host = whole;
	return 0;
}

int sl_endpoint_parse(const char *text, struct sl_addr *addr, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool brackets = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	char host[SL_ADDR_TEXT_SIZE];
	struct sl_addr parsed;
	uint64_t number;

	if (brackets) {
		text++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(host) || sl_number_parse(colon + 1, &number) ||
	    number == 0 || number > UINT16_MAX)
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (sl_addr_parse(host, &parsed) || brackets != (parsed.family == SL_FAMILY_IPV6))
		return -EINVAL;
	*addr = parsed;
	*port = (uint16_t)number;
	return 0;
}

int sl_mac_parse(const char *text, struct sl_mac *mac)
{
	struct sl_mac parsed;

	if (strlen(text) != SL_MAC_TEXT_SIZE - 1)
		return -EINVAL;
	for (int i = 0; i < SL_MAC_SIZE; i++) {
		const char *at = text + 3 * i;
		unsigned int value;

		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]))
			return -EINVAL;
		if (i + 1 < SL_MAC_SIZE && at[2] != ':')
			return -EINVAL;
		if (sscanf(at, "%2x", &value) != 1)
			return -EINVAL;
		parsed.octets[i] = (uint8_t)value;
	}
	*mac = parsed;
	return 0;
}

const char *sl_addr_format(const struct sl_addr *addr, char *text)
{
	int family = addr->family == SL_FAMILY_IPV4 ? AF_INET : AF_INET6;

	if (addr->family == SL_FAMILY_NONE ||
	    !inet_ntop(family, addr->octets, text, SL_ADDR_TEXT_SIZE))
		(void)snprintf(text, SL_ADDR_TEXT_SIZE, "none");
	return text;
}

const char *sl_prefix_format(const struct sl_prefix *prefix, char *text)
{
	size_t length;

	(void)sl_addr_format(&prefix->addr, text);
	length = strlen(text);
	(void)snprintf(text + length, SL_ADDR_TEXT_SIZE - length, "/%u", prefix->length);
	return text;
}

const char *sl_mac_format(const struct sl_mac *mac, char *text)
{
	const uint8_t *o = mac->octets;

	(void)snprintf(text, SL_MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2],
		       o[3], o[4], o[5]);
	return text;
}

bool sl_prefix_contains(const struct sl_prefix *prefix, const struct sl_addr *addr)
{
	uint32_t whole = prefix->length / 8u;
	uint32_t rest = prefix->length % 8u;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (prefix->addr.family != addr->family)
		return false;
	if (memcmp(prefix->addr.octets, addr->octets, whole) != 0)
		return false;
	return !rest || ((prefix->addr.octets[whole] ^ addr->octets[whole]) & mask) == 0;
}

bool sl_addr_equal(const struct sl_addr *a, const struct sl_addr *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}
