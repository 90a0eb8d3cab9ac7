/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/duration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static const struct {
	const char *name;
	double ms;
} units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};

int sl_duration_parse(const char *text, uint64_t *ms)
{
	size_t digits = strspn(text, "0123456789.");
	double number, value;
	char *end;

	number = strtod(text, &end);
	if (digits == 0 || end != text + digits)
		return -EINVAL;
	if (*end == '\0' && number == 0) {
		*ms = 0;
		return 0;
	}
	for (size_t i = 0; i < SL_ARRAY_COUNT(units); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		value = number * units[i].ms;
		if (!(value <= (double)SL_DURATION_MS_MAX))
			return -EINVAL;
		*ms = (uint64_t)(value + 0.5);
		return 0;
	}
	return -EINVAL;
}
