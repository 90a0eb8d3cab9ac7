/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/limit.h"

#define NUMBER_DIGITS_MAX 18 /* fits 64 bits whatever they are */
#define WEIGHT_DIGITS	  6  /* of the fraction */

int sl_number_parse(const char *text, uint64_t *value)
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

int sl_weight_parse(const char *text, uint64_t *weight, const char **why)
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

const char *sl_weight_format(uint64_t weight, char *text)
{
	size_t length;

	(void)snprintf(text, SL_NUMBER_TEXT_SIZE, "%llu.%06llu",
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

int sl_duration_parse(const char *text, uint64_t *ms)
{
	size_t digits = strspn(text, "0123456789");
	char number[NUMBER_DIGITS_MAX];
	uint64_t value;

	if (!digits || digits > 12)
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (sl_number_parse(number, &value))
		return -EINVAL;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(text + digits, units[i].name) == 0) {
			if (value > SL_DURATION_MS_MAX / units[i].ms)
				return -EINVAL;
			*ms = value * units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

const char *sl_duration_format(uint64_t ms, char *text)
{
	size_t i = 0;

	while (ms % units[i].ms || !ms) {
		if (++i == UNIT_COUNT - 1)
			break;
	}
	(void)snprintf(text, SL_NUMBER_TEXT_SIZE, "%llu%s", (unsigned long long)(ms / units[i].ms),
		       units[i].name);
	return text;
}
