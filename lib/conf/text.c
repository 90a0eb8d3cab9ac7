/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "conf/key.h"

/* ---- names and protocols ----------------------------------------------------------------------*/

bool sl_conf_name_valid(const char *name)
{
	bool word = false;
	size_t length = 0;

	for (; name[length]; length++) {
		unsigned char c = (unsigned char)name[length];
		bool alnum = c < 0x80 && isalnum(c);

		if (!alnum && c != '.' && c != '_' && c != '-')
			return false;
		word |= alnum;
	}
	return word && length <= SL_NAME_LENGTH_MAX;
}

/* The first name of a number is the one that is written. */
static const struct protocol {
	const char *name;
	int16_t number;
	bool ports;
} protocols[] = {
	{"tcp", 6, true},     {"udp", 17, true},    {"sctp", 132, true},   {"udplite", 136, true},
	{"dccp", 33, true},   {"icmp", 1, false},   {"icmpv6", 58, false}, {"ipv6-icmp", 58, false},
	{"igmp", 2, false},   {"ipip", 4, false},   {"ipv6", 41, false},   {"gre", 47, false},
	{"esp", 50, false},   {"ah", 51, false},    {"ospf", 89, false},   {"pim", 103, false},
	{"vrrp", 112, false}, {"l2tp", 115, false},
};

#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(protocols[0]))

int sl_conf_protocol_parse(const char *text, int16_t *protocol)
{
	uint64_t number;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		if (strcmp(text, protocols[i].name) == 0) {
			*protocol = protocols[i].number;
			return 0;
		}
	}
	if (sl_number_parse(text, &number) || number > 255)
		return -EINVAL;
	*protocol = (int16_t)number;
	return 0;
}

static const struct protocol *find_protocol(int16_t number)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		if (protocols[i].number == number)
			return &protocols[i];
	}
	return NULL;
}

const char *sl_conf_protocol_name(int16_t protocol)
{
	const struct protocol *found = find_protocol(protocol);

	return found ? found->name : NULL;
}

bool sl_conf_protocol_has_ports(int16_t protocol)
{
	const struct protocol *found = find_protocol(protocol);

	return found && found->ports;
}
