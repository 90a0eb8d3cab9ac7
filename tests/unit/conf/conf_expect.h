/* SPDX-License-Identifier: BSD-3-Clause */

/* For the tests of conf: texts, and the messages they are wanted to give.
 *
 * Threads: one.
 */

#ifndef SL_TESTS_CONF_EXPECT_H
#define SL_TESTS_CONF_EXPECT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"

#define MESSAGES_SIZE 16384

/* Sections without fault, a line each. */
#define DATAPLANE "dataplane: {worker_cpus: [0, 0]}\n"
#define PORTS                                                                                      \
	"ports: [{name: p0, device: net_null0, addresses: [192.0.2.2/24, \"2001:db8::2/64\"], "    \
	"gateway: "                                                                                \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
#define POOLS	 "pools: [{name: web}]\n"
#define SERVICES "services: [{name: s, address: any, pool: web}]\n"

/* "LINE:COLUMN: MESSAGE\n" for each. */
static inline void conf_print(const struct sl_conf_error *list, uint32_t count, char *text)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		used += (size_t)snprintf(text + used, MESSAGES_SIZE - used, "%u:%u: %s\n",
					 list[i].line, list[i].column, list[i].message);
		assert_true(used < MESSAGES_SIZE);
	}
}

static inline void conf_expect(const char *text, const char *errors_wanted,
			       const char *warnings_wanted)
{
	static char messages[MESSAGES_SIZE];
	struct sl_conf_errors errors;
	struct sl_conf *conf = NULL;
	int err = sl_conf_parse(text, strlen(text), &conf, &errors);

	conf_print(errors.list, errors.count, messages);
	assert_string_equal(messages, errors_wanted);
	conf_print(errors.warnings, errors.warning_count, messages);
	assert_string_equal(messages, warnings_wanted);
	assert_int_equal(err, *errors_wanted ? -EINVAL : 0);
	if (!err)
		sl_conf_destroy(conf);
	sl_conf_errors_fini(&errors);
}

/* A text without fault. */
static inline struct sl_conf *conf_parse(const char *text)
{
	static char messages[MESSAGES_SIZE];
	struct sl_conf_errors errors;
	struct sl_conf *conf = NULL;

	(void)sl_conf_parse(text, strlen(text), &conf, &errors);
	conf_print(errors.list, errors.count, messages);
	assert_string_equal(messages, "");
	sl_conf_errors_fini(&errors);
	assert_non_null(conf);
	return conf;
}

struct conf_case {
	const char *text, *errors, *warnings;
};

static inline void conf_expect_all(const struct conf_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		conf_expect(cases[i].text, cases[i].errors, cases[i].warnings);
}

#endif
