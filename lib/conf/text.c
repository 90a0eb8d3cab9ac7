/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "conf/key.h"

#define NUMBER_DIGITS_MAX 18 /* fits 64 bits whatever they are */
#define WEIGHT_DIGITS	  6  /* of the fraction */

int sl_conf_number_parse(const char *text, uint64_t *value)
{
	uint64_t number = 0;
	size_t length = strlen(text);

	if (!length || length > NUMBER_DIGITS_MAX || (length > 1 && text[0] == '0'))
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		number = number * 10 + (uint64_t)(*text - '0');
	}
	*value = number;
	return 0;
}

/* ---- weights ----------------------------------------------------------------------------------*/

struct decimal {
	uint64_t millionths; /* saturated above SL_WEIGHT_MAX */
	uint32_t digits;
	bool round_up; /* the first digit beyond is 5 or more */
	bool rest;     /* some digit beyond is not 0 */
};

/* Reads digits with at most one point. */
static int decimal_parse(const char *text, struct decimal *decimal)
{
	int32_t place = -1; /* digits after the point; -1: none came yet */

	for (; *text; text++) {
		if (*text == '.') {
			if (place >= 0)
				return -EINVAL;
			place = 0;
			continue;
		}
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		decimal->digits++;
		if (place >= WEIGHT_DIGITS) {
			if (place == WEIGHT_DIGITS)
				decimal->round_up = *text >= '5';
			decimal->rest |= *text != '0';
			place = WEIGHT_DIGITS + 1;
			continue;
		}
		if (place >= 0)
			place++;
		if (decimal->millionths <= SL_WEIGHT_MAX)
			decimal->millionths = decimal->millionths * 10 + (uint64_t)(*text - '0');
	}
	for (place = place < 0 ? 0 : place; place < WEIGHT_DIGITS; place++) {
		if (decimal->millionths <= SL_WEIGHT_MAX)
			decimal->millionths *= 10;
	}
	return decimal->digits ? 0 : -EINVAL;
}

int sl_conf_weight_parse(const char *text, uint64_t *weight, const char **why)
{
	struct decimal decimal = {0};
	const char *ignored;

	why = why ? why : &ignored;
	*why = "is no decimal number such as 50.5, from 0 to 1000000";
	if (decimal_parse(text, &decimal))
		return -EINVAL;
	*why = "is above the largest weight, 1000000";
	if (decimal.millionths > SL_WEIGHT_MAX ||
	    (decimal.millionths == SL_WEIGHT_MAX && decimal.rest))
		return -EINVAL;
	*why = "is above 0 and below the least weight, 0.000001";
	decimal.millionths += decimal.round_up;
	if (!decimal.millionths && decimal.rest)
		return -EINVAL;
	*weight = decimal.millionths;
	return 0;
}

const char *sl_conf_weight_format(uint64_t weight, char *text)
{
	size_t length;

	(void)snprintf(text, SL_CONF_WEIGHT_TEXT_SIZE, "%llu.%06llu",
		       (unsigned long long)(weight / SL_WEIGHT_UNIT),
		       (unsigned long long)(weight % SL_WEIGHT_UNIT));
	for (length = strlen(text); text[length - 1] == '0'; length--)
		text[length - 1] = '\0';
	if (text[length - 1] == '.')
		text[length - 1] = '\0';
	return text;
}

/* ---- durations --------------------------------------------------------------------------------*/

static const struct unit {
	const char *name;
	uint64_t ms;
} units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

int sl_conf_duration_parse(const char *text, uint64_t *ms)
{
	size_t digits = strspn(text, "0123456789");
	char number[NUMBER_DIGITS_MAX];
	uint64_t value;

	if (!digits || digits > 12)
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (sl_conf_number_parse(number, &value))
		return -EINVAL;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(text + digits, units[i].name) == 0) {
			if (value > UINT64_MAX / units[i].ms)
				return -EINVAL;
			*ms = value * units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

const char *sl_conf_duration_format(uint64_t ms, char *text)
{
	size_t i = 0;

	while (ms % units[i].ms || !ms) {
		if (++i == UNIT_COUNT - 1)
			break;
	}
	(void)snprintf(text, SL_CONF_WEIGHT_TEXT_SIZE, "%llu%s",
		       (unsigned long long)(ms / units[i].ms), units[i].name);
	return text;
}

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
	if (sl_conf_number_parse(text, &number) || number > 255)
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
