/* SPDX-License-Identifier: BSD-3-Clause */

/* The mapping `health` of pools. */

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/key.h"

#define MS_MIN	       10u
#define MS_MAX	       (3600u * 1000)
#define COUNT_MAX      100
#define HTTP_TEXT_MAX  1024
#define SEND_MAX       4096
#define PATTERN_MAX    1024
#define PATH_LENGTH    4096
#define STATUS_DEFAULT "200-399"
#define ERROR_SIZE     128

#define H(member)    SL_MEMBER(sl_conf_health, member)
#define H_AT(member) (uint32_t) offsetof(struct sl_conf_health, member)

#define KIND(type) (1u << (SL_HEALTH_TYPE_##type))

static const struct sl_conf_word types[] = {
#define X(id, name, value) {name, value},
	SL_HEALTH_TYPES(X)
#undef X
		{NULL, 0}};
static const struct sl_conf_word on_downs[] = {
	{"move", SL_ON_DOWN_MOVE}, {"keep", SL_ON_DOWN_KEEP}, {NULL, 0}};

static const struct sl_conf_key expect_keys[] = {
	SL_KEY_RANGE("status", text, H(expect_status), 1, HTTP_TEXT_MAX, 0),
	SL_KEY_RANGE("body", text, H(expect_body), 1, PATTERN_MAX, 0),
};
static const struct sl_conf_table expect_table = {
	.noun = "expect",
	.keys = expect_keys,
	.key_count = sizeof(expect_keys) / sizeof(expect_keys[0]),
	.size = sizeof(struct sl_conf_health),
	.flow = true,
};

static const struct sl_conf_key agent_keys[] = {
	SL_KEY_RANGE("port", number, H(agent_port), 1, UINT16_MAX, 0, .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("interval", duration, H(agent_interval_ms), MS_MIN, MS_MAX, 2000),
};
static const struct sl_conf_table agent_table = {
	.noun = "agent",
	.keys = agent_keys,
	.key_count = sizeof(agent_keys) / sizeof(agent_keys[0]),
	.size = sizeof(struct sl_conf_health),
	.flow = true,
};

static const struct sl_conf_key health_keys[] = {
	SL_KEY("type", word, H(type), .flags = SL_KEY_REQUIRED, .words = types),
	SL_KEY_RANGE("port", number, H(port), 1, UINT16_MAX, 0),
	SL_KEY_RANGE("interval", duration, H(interval_ms), MS_MIN, MS_MAX, 2000),
	SL_KEY_RANGE("timeout", duration, H(timeout_ms), MS_MIN, MS_MAX, 1000),
	SL_KEY_RANGE("fast_interval", duration, H(fast_ms), MS_MIN, MS_MAX, 0),
	SL_KEY_RANGE("rise", number, H(rise), 1, COUNT_MAX, 2),
	SL_KEY_RANGE("fall", number, H(fall), 1, COUNT_MAX, 3),
	SL_KEY_RANGE("path", text, H(path), 1, HTTP_TEXT_MAX, 0),
	SL_KEY_RANGE("host", text, H(host), 1, HTTP_TEXT_MAX, 0),
	SL_KEY_RANGE("send", lines, H(send), 1, SEND_MAX, 0),
	{.name = "expect", .type = &sl_conf_mapping, .table = &expect_table},
	SL_KEY_RANGE("tls_verify", bool, H(tls_verify), 0, 0, 1),
	SL_KEY_RANGE("ca", text, H(ca), 1, PATH_LENGTH, 0),
	SL_KEY_RANGE("command", text, H(command), 1, PATH_LENGTH, 0),
	SL_KEY("agent", mapping, .offset = 0, .table = &agent_table, .extra = H_AT(agent_set)),
	SL_KEY("on_down", word, H(on_down), .words = on_downs),
};

/* A node's: each key that it has goes before its pool's. */
#define OWN(name_, type_, member_, set_, ...)                                                      \
	{                                                                                          \
		.name = (name_), .type = &sl_conf_##type_, H(member_), .extra = H_AT(set_),        \
		##__VA_ARGS__                                                                      \
	}

static const struct sl_conf_key own_keys[] = {
	OWN("type", word, type, type_set, .words = types),
	OWN("port", number, port, port_set, .min = 1, .max = UINT16_MAX),
	OWN("interval", duration, interval_ms, interval_set, .min = MS_MIN, .max = MS_MAX),
	OWN("timeout", duration, timeout_ms, timeout_set, .min = MS_MIN, .max = MS_MAX),
	OWN("fast_interval", duration, fast_ms, fast_set, .min = MS_MIN, .max = MS_MAX),
	OWN("rise", number, rise, rise_set, .min = 1, .max = COUNT_MAX),
	OWN("fall", number, fall, fall_set, .min = 1, .max = COUNT_MAX),
	SL_KEY_RANGE("path", text, H(path), 1, HTTP_TEXT_MAX, 0),
	SL_KEY_RANGE("host", text, H(host), 1, HTTP_TEXT_MAX, 0),
	SL_KEY_RANGE("send", lines, H(send), 1, SEND_MAX, 0),
	{.name = "expect", .type = &sl_conf_mapping, .table = &expect_table},
	OWN("tls_verify", bool, tls_verify, tls_verify_set),
	SL_KEY_RANGE("ca", text, H(ca), 1, PATH_LENGTH, 0),
	SL_KEY_RANGE("command", text, H(command), 1, PATH_LENGTH, 0),
	OWN("on_down", word, on_down, on_down_set, .words = on_downs),
};

const struct sl_conf_table sl_conf_node_health_table = {
	.noun = "health of a node",
	.keys = own_keys,
	.key_count = sizeof(own_keys) / sizeof(own_keys[0]),
	.size = sizeof(struct sl_conf_health),
	.flow = true,
};

/* ---- checks -----------------------------------------------------------------------------------*/

/* Which types have a key: all others refuse it. */
static const struct {
	const char *key;
	uint32_t types;
} uses[] = {
	{"port", KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP) | KIND(AGENT) | KIND(EXTERNAL)},
	{"path", KIND(HTTP) | KIND(HTTPS)},
	{"host", KIND(HTTP) | KIND(HTTPS)},
	{"send", KIND(TCP) | KIND(UDP) | KIND(AGENT)},
	{"expect", KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP)},
	{"tls_verify", KIND(HTTPS)},
	{"ca", KIND(HTTPS)},
	{"command", KIND(EXTERNAL)},
};

static const char *type_name(enum sl_conf_health_type type)
{
	for (const struct sl_conf_word *word = types; word->name; word++)
		if (word->value == type)
			return word->name;
	return "none";
}

static void check_uses(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       enum sl_conf_health_type type)
{
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		const struct sl_yaml_node *at = sl_conf_found_value(found, uses[i].key);

		if (at && !(uses[i].types & 1u << type))
			sl_conf_error(reader, at, "a health check of type %s has no `%s`",
				      type_name(type), uses[i].key);
	}
}

/* Where a key of `expect` is written. */
static const struct sl_yaml_node *expected(const struct sl_conf_found *found, const char *name)
{
	const struct sl_yaml_node *expect = sl_conf_found_value(found, "expect");

	for (const struct sl_yaml_node *at = expect->first; at; at = at->next->next)
		if (strcmp(at->text, name) == 0)
			return at->next;
	return expect;
}

static void check_expect(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			 const struct sl_conf_health *health)
{
	struct sl_conf_statuses statuses;
	char why[ERROR_SIZE];
	regex_t pattern;
	int code;

	if (health->expect_status && sl_conf_statuses_parse(health->expect_status, &statuses))
		sl_conf_error(reader, expected(found, "status"),
			      "`status` takes numbers and ranges from 100 to 599, as in \"200-299, "
			      "304\"");
	if (health->expect_status && health->type != SL_HEALTH_TYPE_HTTP &&
	    health->type != SL_HEALTH_TYPE_HTTPS)
		sl_conf_error(reader, expected(found, "status"),
			      "`status` is for health checks of type http and https");
	if (!health->expect_body)
		return;
	code = regcomp(&pattern, health->expect_body, REG_EXTENDED | REG_NOSUB);
	if (code == 0) {
		regfree(&pattern);
		return;
	}
	(void)regerror(code, &pattern, why, sizeof(why));
	sl_conf_error(reader, expected(found, "body"),
		      "`body` is no extended regular expression: %s", why);
}

/* A command is a file that can be executed, with its arguments behind spaces. */
static void check_command(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			  const struct sl_conf_health *health)
{
	char *file;

	if (!health->command) {
		sl_conf_error(reader, found->node,
			      "`command` is missing: a health check of type external needs it");
		return;
	}
	file = strndup(health->command, strcspn(health->command, " "));
	if (!file)
		reader->no_memory = true;
	else if (file[0] != '/')
		sl_conf_error(reader, sl_conf_found_value(found, "command"),
			      "`command` begins with the whole path of a program, as in "
			      "/usr/local/bin/check; arguments follow behind spaces");
	else if (access(file, X_OK))
		sl_conf_error(reader, sl_conf_found_value(found, "command"),
			      "%s cannot be executed: %s", file, strerror(errno));
	free(file);
}

static void check_health(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			 void *object)
{
	struct sl_conf_health *health = object;
	const struct sl_yaml_node *path = sl_conf_found_value(found, "path");
	const struct sl_yaml_node *ca = sl_conf_found_value(found, "ca");
	uint32_t needs_port = KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP) | KIND(AGENT);

	check_uses(reader, found, health->type);
	if (health->type == SL_HEALTH_TYPE_NONE)
		return;
	if ((needs_port & 1u << health->type) && !sl_conf_found_value(found, "port"))
		sl_conf_error(reader, found->node,
			      "`port` is missing: a health check of type %s needs it",
			      type_name(health->type));
	if (path && health->path && health->path[0] != '/')
		sl_conf_error(reader, path, "`path` starts with a slash");
	if (ca && health->ca && access(health->ca, R_OK))
		sl_conf_error(reader, ca, "%s cannot be read: %s", health->ca, strerror(errno));
	check_expect(reader, found, health);
	if (health->type == SL_HEALTH_TYPE_EXTERNAL)
		check_command(reader, found, health);
}

/* What a node's keys make of its pool's. */
void sl_conf_check_node_health(struct sl_conf_reader *reader, const struct sl_conf_pool *pool,
			       const struct sl_conf_node *node)
{
	uint32_t needs_port = KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP) | KIND(AGENT);
	struct sl_conf_statuses statuses;
	struct sl_conf_health health;
	regex_t pattern;

	sl_conf_health_merge(&pool->health, &node->health, &health);
	if ((needs_port & 1u << health.type) && !health.port)
		sl_conf_error_at(reader, node->line, node->column,
				 "node %s: `port` is missing: a health check of type %s needs it",
				 node->name, type_name(health.type));
	if (health.type == SL_HEALTH_TYPE_EXTERNAL && !health.command)
		sl_conf_error_at(reader, node->line, node->column,
				 "node %s: `command` is missing: a health check of type external "
				 "needs it",
				 node->name);
	if (node->health.expect_status &&
	    sl_conf_statuses_parse(node->health.expect_status, &statuses))
		sl_conf_error_at(
			reader, node->line, node->column,
			"node %s: `status` takes numbers and ranges from 100 to 599, as in "
			"\"200-299, 304\"",
			node->name);
	if (!node->health.expect_body)
		return;
	if (regcomp(&pattern, node->health.expect_body, REG_EXTENDED | REG_NOSUB))
		sl_conf_error_at(reader, node->line, node->column,
				 "node %s: `body` is no extended regular expression", node->name);
	else
		regfree(&pattern);
}

const struct sl_conf_table sl_conf_health_table = {
	.noun = "health",
	.keys = health_keys,
	.key_count = sizeof(health_keys) / sizeof(health_keys[0]),
	.size = sizeof(struct sl_conf_health),
	.flow = true,
	.check = check_health,
};

/* ---- for others -------------------------------------------------------------------------------*/

static int status_parse(const char **text, uint16_t *status)
{
	char *end;
	unsigned long value;

	*text += strspn(*text, " ");
	if (**text < '0' || **text > '9')
		return -EINVAL;
	value = strtoul(*text, &end, 10);
	*text = end + strspn(end, " ");
	if (value < 100 || value > 599)
		return -EINVAL;
	*status = (uint16_t)value;
	return 0;
}

int sl_conf_statuses_parse(const char *text, struct sl_conf_statuses *out)
{
	struct sl_conf_statuses statuses = {0};

	text = text ? text : STATUS_DEFAULT;
	do {
		uint16_t first, last;

		if (statuses.count == SL_CONF_STATUSES_MAX || status_parse(&text, &first))
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (status_parse(&text, &last) || last < first)
				return -EINVAL;
		}
		statuses.first[statuses.count] = first;
		statuses.last[statuses.count++] = last;
	} while (*text++ == ',');
	if (text[-1] != '\0')
		return -EINVAL;
	*out = statuses;
	return 0;
}

void sl_conf_health_merge(const struct sl_conf_health *pool, const struct sl_conf_health *node,
			  struct sl_conf_health *merged)
{
	*merged = *pool;
#define TAKE(member, given)                                                                        \
	if (given)                                                                                 \
	merged->member = node->member
	TAKE(type, node->type_set);
	TAKE(port, node->port_set);
	TAKE(interval_ms, node->interval_set);
	TAKE(timeout_ms, node->timeout_set);
	TAKE(fast_ms, node->fast_set);
	TAKE(rise, node->rise_set);
	TAKE(fall, node->fall_set);
	TAKE(path, node->path);
	TAKE(host, node->host);
	TAKE(send, node->send);
	TAKE(expect_status, node->expect_status);
	TAKE(expect_body, node->expect_body);
	TAKE(tls_verify, node->tls_verify_set);
	TAKE(ca, node->ca);
	TAKE(command, node->command);
	TAKE(on_down, node->on_down_set);
#undef TAKE
}

int sl_conf_health_copy(const struct sl_conf_health *from, struct sl_conf_health *to)
{
	return sl_conf_table_copy(&sl_conf_health_table, from, to);
}

void sl_conf_health_fini(struct sl_conf_health *health)
{
	sl_conf_table_fini(&sl_conf_health_table, health);
}

bool sl_conf_health_equal(const struct sl_conf_health *a, const struct sl_conf_health *b)
{
	return !sl_conf_table_differs(&sl_conf_health_table, a, b);
}
