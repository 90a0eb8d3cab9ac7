/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit/keep/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/number.h"

static void add(struct samples *samples, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct samples *samples, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	assert_true(vasprintf(&text, format, args) >= 0);
	va_end(args);
	for (uint32_t i = 0; i < samples->count; i++) {
		if (strcmp(samples->text[i], text) == 0) {
			free(text);
			return;
		}
	}
	assert_true(samples->count < SAMPLES_MAX);
	samples->text[samples->count++] = text;
}

void samples_forget(struct samples *samples)
{
	for (uint32_t i = 0; i < samples->count; i++)
		free(samples->text[i]);
	*samples = (struct samples){0};
}

static void add_all(struct samples *samples, const char *const *list)
{
	for (; *list; list++)
		add(samples, "%s", *list);
}

/* Of keys whose values are their own matter. */
static const struct {
	const char *key;
	const char *const *list;
} by_name[] = {
	{"status", (const char *const[]){"100", "599", "\"100-599\"", "\"200-299, 304\"", NULL}},
	{"ca", (const char *const[]){"/dev/null", NULL}},
	{"cert", (const char *const[]){"/dev/null", NULL}},
	{"key", (const char *const[]){"/dev/null", NULL}},
	{"prefix", (const char *const[]){"/a", "/sluice", "\"/a/\\u00e9\"", NULL}},
	{"endpoints", (const char *const[]){"[\"http://[2001:db8::1]:2379\"]",
					    "[\"https://a.example\", \"https://b:1\"]", NULL}},
	{"command", (const char *const[]){"/bin/true", "\"/bin/true  a 'b'\"", NULL}},
	{"fallback", (const char *const[]){"web", "other", NULL}},
	{"max_load", (const char *const[]){"0", "1", "1.25", "10", NULL}},
	{"fallback_below", (const char *const[]){"0", "0.000001", "0.5", "1", NULL}},
	{"class", (const char *const[]){"voice", NULL}},
	{"handler", (const char *const[]){"sink", "echo", "capture", NULL}},
	{"hash_key", (const char *const[]){"\"00000000000000000000000000000000\"",
					   "\"ffffffffffffffffffffffffffffffff\"", NULL}},
	{"mode", (const char *const[]){"\"0000\"", "\"0660\"", "\"0777\"", NULL}},
	{"metrics", (const char *const[]){"\"\"", "\"0.0.0.0:1\"", "\"[::]:65535\"", NULL}},
};

static const struct {
	const struct sl_conf_type *type;
	const char *const *list;
} by_type[] = {
	{&sl_conf_bool, (const char *const[]){"true", "false", NULL}},
	{&sl_conf_weight, (const char *const[]){"0", "0.000001", "1", "50.5", "1000000", NULL}},
	{&sl_conf_name,
	 (const char *const[]){"a", "0", "\"null\"", "off", "\"1e3\"",
			       "abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ-012345678",
			       NULL}},
	{&sl_conf_mac, (const char *const[]){"\"00:00:00:00:00:01\"", "\"02:00:00:00:00:07\"",
					     "\"fe:ff:ff:ff:ff:ff\"", NULL}},
	{&sl_conf_addr,
	 (const char *const[]){"1.0.0.1", "223.255.255.254", "\"2000::\"", "\"2001:db8::7\"",
			       "\"fdff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\"", NULL}},
	{&sl_conf_host, (const char *const[]){"1.0.0.1/1", "223.255.255.254/32", "\"2000::1/1\"",
					      "\"fdff::fffe/128\"", NULL}},
	{&sl_conf_target,
	 (const char *const[]){"any", "0.0.0.0/0", "1.0.0.0", "223.255.255.255/32", "\"::/0\"",
			       "\"2000::\"", "\"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"", NULL}},
	{&sl_conf_prefix, (const char *const[]){"0.0.0.0/0", "1.0.0.0/8", "255.255.255.255",
						"\"::/0\"", "\"2001:db8::/32\"", NULL}},
	{&sl_conf_protocol, (const char *const[]){"0", "tcp", "udp", "gre", "255", NULL}},
	{&sl_conf_range, (const char *const[]){"1", "65535", "\"1-65535\"", "\"7-8\"", NULL}},
	{&sl_conf_punt, (const char *const[]){"drop", "kernel", "p1", NULL}},
	{&sl_conf_port_ref, (const char *const[]){"p0", "p1", NULL}},
	{&sl_conf_lines, (const char *const[]){"\"PING\\r\\n\\t\"", "x", NULL}},
	{&sl_conf_options,
	 (const char *const[]){"{}", "{a: b}", "{a: \"\", b-1: \"x = y: {}\"}", NULL}},
	{&sl_conf_pool_ref, (const char *const[]){"web", "other", NULL}},
};

static void add_texts(struct samples *samples, const struct sl_conf_key *key)
{
	static const char *const odd[] = {
		"x",	    "/",     "\"~\"",	  "\"null\"",
		"\"true\"", "\"5\"", "\" a b \"", "\"\\\"q\\\\ = #: {},[]'\\u00e9\\U0001F600\"",
		NULL};
	char *longest = malloc(key->max + 1);

	assert_non_null(longest);
	memset(longest, '/', key->max);
	longest[key->max] = '\0';
	if (!key->min)
		add(samples, "\"\"");
	add_all(samples, odd);
	add(samples, "%s", longest);
	free(longest);
	samples->some = true;
}

static void add_numbers(struct samples *samples, const struct sl_conf_key *key)
{
	uint64_t numbers[] = {key->min, key->max, key->fallback};
	char text[SL_NUMBER_TEXT_SIZE];

	for (size_t i = 0; i < SL_ARRAY_COUNT(numbers); i++) {
		if (numbers[i] < key->min || numbers[i] > key->max)
			continue;
		if (key->type == &sl_conf_duration)
			add(samples, "%s", sl_duration_format(numbers[i], text));
		else
			add(samples, "%llu", (unsigned long long)numbers[i]);
	}
}

/* None, each alone, and as many of one as may be. */
static void add_lists(struct samples *samples, const struct sl_conf_key *key)
{
	struct samples one = {0};

	samples_make(key->element, &one);
	if (!key->min)
		add(samples, "[]");
	for (uint32_t i = 0; i < one.count; i++)
		add(samples, "[%s]", one.text[i]);
	if (key->element->type == &sl_conf_number && key->max == SL_WORKERS_MAX)
		add(samples, "[%s]", TIMES_64("0, "));
	samples->some = one.some;
	samples_forget(&one);
}

void samples_make(const struct sl_conf_key *key, struct samples *samples)
{
	for (size_t i = 0; i < SL_ARRAY_COUNT(by_name) && !key->words; i++)
		if (strcmp(by_name[i].key, key->name) == 0)
			add_all(samples, by_name[i].list);
	if (samples->count)
		return;
	if (key->type == &sl_conf_list)
		add_lists(samples, key);
	else if (key->type == &sl_conf_text)
		add_texts(samples, key);
	else if (key->type == &sl_conf_number || key->type == &sl_conf_power ||
		 key->type == &sl_conf_duration)
		add_numbers(samples, key);
	for (const struct sl_conf_word *word = key->words; word && word->name; word++)
		add(samples, "%s", word->name);
	for (size_t i = 0; i < SL_ARRAY_COUNT(by_type); i++)
		if (by_type[i].type == key->type)
			add_all(samples, by_type[i].list);
	if (!samples->count)
		fail_msg("key `%s`: its type has no samples in this test", key->name);
}
