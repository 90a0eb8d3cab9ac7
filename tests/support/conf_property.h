/* SPDX-License-Identifier: BSD-3-Clause */

/* What holds for every text that sl_conf_parse() is given. Aborts when it does not.
 *
 * Threads: any.
 */

#ifndef SL_TESTS_CONF_PROPERTY_H
#define SL_TESTS_CONF_PROPERTY_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

#define CONF_HOLDS(claim)                                                                          \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,    \
				      #claim);                                                     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* In the order of the file, each on one printable line. */
static inline void conf_errors_hold(const struct sl_conf_error *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct sl_conf_error *one = &list[i];

		CONF_HOLDS(one->line && one->column && one->message[0]);
		for (const char *c = one->message; *c; c++)
			CONF_HOLDS((unsigned char)*c >= 0x20 && *c != 0x7f);
		CONF_HOLDS(!i || list[i - 1].line < one->line ||
			   (list[i - 1].line == one->line && list[i - 1].column <= one->column));
	}
}

static inline void conf_count_key(void *context, uint32_t line, uint32_t column, const char *key)
{
	uint32_t *count = context;

	(void)line;
	(void)column;
	(void)key;
	(*count)++;
}

/* A copy is equal, and what is written is read as the same. */
static inline void conf_round_trip(const struct sl_conf *conf)
{
	struct sl_conf *copy = sl_conf_copy(conf), *again = NULL;
	struct sl_conf_errors errors;
	char *text = sl_conf_format(conf), *text_again, *text_copy;
	uint32_t keys = 0;

	CONF_HOLDS(copy && text);
	CONF_HOLDS(sl_conf_changes(conf, copy) == 0);
	if (sl_conf_parse(text, strlen(text), &again, &errors)) {
		(void)fprintf(stderr, "%s\n%s\n", text, errors.list[0].message);
		abort();
	}
	sl_conf_errors_fini(&errors);
	CONF_HOLDS(sl_conf_changes(conf, again) == 0);
	sl_conf_restart_keys(conf, again, conf_count_key, &keys);
	CONF_HOLDS(keys == 0);
	text_again = sl_conf_format(again);
	text_copy = sl_conf_format(copy);
	CONF_HOLDS(text_again && strcmp(text, text_again) == 0);
	CONF_HOLDS(text_copy && strcmp(text, text_copy) == 0);
	free(text);
	free(text_again);
	free(text_copy);
	sl_conf_destroy(copy);
	sl_conf_destroy(again);
}

/* True: the text is a configuration. */
static inline bool conf_property(const char *text, size_t size)
{
	struct sl_conf_errors errors;
	struct sl_conf *conf = NULL;
	int err = sl_conf_parse(text, size, &conf, &errors);

	CONF_HOLDS(err == 0 || err == -EINVAL);
	CONF_HOLDS((err == 0) == (errors.count == 0) && (err == 0) == (conf != NULL));
	conf_errors_hold(errors.list, errors.count);
	conf_errors_hold(errors.warnings, errors.warning_count);
	sl_conf_errors_fini(&errors);
	if (err)
		return false;
	conf_round_trip(conf);
	sl_conf_destroy(conf);
	return true;
}

#endif
