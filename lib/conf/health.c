/* SPDX-License-Identifier: BSD-3-Clause */

/* The mapping `health` of pools. */

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
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
#define HTTP_KINDS (KIND(HTTP) | KIND(HTTPS))

static const struct sl_conf_word types[] = {
#define X(id, name, value) {name, value},
	SL_HEALTH_TYPES(X)
#undef X
		{NULL, 0}};
static const struct sl_conf_word on_downs[] = {
	{"move", SL_ON_DOWN_MOVE}, {"keep", SL_ON_DOWN_KEEP}, {NULL, 0}};

static const struct sl_conf_word vias[] = {
	{"kernel", SL_VIA_KERNEL}, {"path", SL_VIA_PATH}, {NULL, 0}};

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
	SL_KEY("via", word, H(via), .words = vias),
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
	OWN("via", word, via, via_set, .words = vias),
};

/* ---- checks -----------------------------------------------------------------------------------*/

/* Which types have a key: all others refuse it. And whether a node gives it: what is not zero there. */
#define U(member)                                                                                  \
	offsetof(struct sl_conf_health, member), sizeof(((struct sl_conf_health *)0)->member)
static const struct {
	const char *key;
	uint32_t types;
	size_t own, size;
} uses[] = {
	{"port", KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP) | KIND(AGENT) | KIND(EXTERNAL),
	 U(port_set)},
	{"path", KIND(HTTP) | KIND(HTTPS), U(path)},
	{"host", KIND(HTTP) | KIND(HTTPS), U(host)},
	{"send", KIND(TCP) | KIND(UDP) | KIND(AGENT), U(send)},
	{"expect", KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP), U(expect_body)},
	{"tls_verify", KIND(HTTPS), U(tls_verify_set)},
	{"ca", KIND(HTTPS), U(ca)},
	{"command", KIND(EXTERNAL), U(command)},
};
#undef U
#define SOCKET_KINDS (KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP)) /* can go via: path */
#define NEED_PORT    (KIND(TCP) | KIND(HTTP) | KIND(HTTPS) | KIND(UDP) | KIND(AGENT))

#define VIA_REFUSED "a health check of type %s cannot go `via: path`; tcp, http, https and udp can"

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
			      "304\", not `%s`",
			      health->expect_status);
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

/* A command is a file, with its arguments behind spaces. */
static void check_command(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			  const char *command)
{
	uint32_t words = 0;

	for (const char *at = command; at; at = strchr(at, ' ')) {
		at += strspn(at, " ");
		words += *at != '\0';
	}
	if (command[0] != '/')
		sl_conf_error(reader, sl_conf_found_value(found, "command"),
			      "`command` begins with the whole path of a program, as in "
			      "/usr/local/bin/check; arguments follow behind spaces");
	else if (words > SL_HEALTH_WORDS_MAX)
		sl_conf_error(reader, sl_conf_found_value(found, "command"),
			      "`command` has %u words; there may be at most %u", words,
			      SL_HEALTH_WORDS_MAX);
}

/* What can be said of values by themselves, a pool's or a node's. */
static void check_values(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			 void *object)
{
	const struct sl_conf_health *health = object;

	if (health->path && health->path[0] != '/')
		sl_conf_error(reader, sl_conf_found_value(found, "path"),
			      "`path` starts with a slash, not as `%s`", health->path);
	if (health->expect_status || health->expect_body)
		check_expect(reader, found, health);
	if (health->command)
		check_command(reader, found, health->command);
}

/* A file of this machine that is not as it must be, in words; "": it is. */
static const char *lacks(const struct sl_conf_health *health, char *text, size_t size)
{
	int length = health->command ? (int)strcspn(health->command, " ") : 0;
	char file[PATH_LENGTH + 1];

	text[0] = '\0';
	(void)snprintf(file, sizeof(file), "%.*s", length, health->command ? health->command : "");
	if (health->ca && access(health->ca, R_OK))
		(void)snprintf(text, size, "%s cannot be read: %s", health->ca, strerror(errno));
	else if (file[0] == '/' && access(file, X_OK))
		(void)snprintf(text, size, "%s cannot be executed: %s", file, strerror(errno));
	return text;
}

static void check_health(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			 void *object)
{
	const struct sl_conf_health *health = object;
	char text[PATH_LENGTH + ERROR_SIZE];

	if (!sl_conf_found_value(found, "type"))
		return;
	check_uses(reader, found, health->type);
	if (health->type == SL_HEALTH_TYPE_NONE)
		return;
	if ((NEED_PORT & 1u << health->type) && !sl_conf_found_value(found, "port"))
		sl_conf_error(reader, found->node,
			      "`port` is missing: a health check of type %s needs it",
			      type_name(health->type));
	if (health->type == SL_HEALTH_TYPE_EXTERNAL && !health->command)
		sl_conf_error(reader, found->node,
			      "`command` is missing: a health check of type external needs it");
	if (health->expect_status && !(HTTP_KINDS & 1u << health->type))
		sl_conf_error(reader, expected(found, "status"),
			      "`status` is for health checks of type http and https");
	if (health->via == SL_VIA_PATH && !(SOCKET_KINDS & 1u << health->type))
		sl_conf_error(reader, sl_conf_found_value(found, "via"), VIA_REFUSED,
			      type_name(health->type));
	check_values(reader, found, object);
	if (lacks(health, text, sizeof(text))[0])
		sl_conf_error(reader, sl_conf_found_value(found, health->ca ? "ca" : "command"),
			      "%s", text);
}

static bool gives(const struct sl_conf_health *own, size_t use)
{
	static const unsigned char zero[sizeof(void *)];

	return memcmp((const unsigned char *)own + uses[use].own, zero, uses[use].size) != 0;
}

/* What a node's keys make of its pool's; what is wrong with the pool's own was said there. */
void sl_conf_check_node_health(struct sl_conf_reader *reader, const struct sl_conf_health *pool,
			       const struct sl_conf_node *node)
{
	const struct sl_conf_health *own = &node->health;
	char text[PATH_LENGTH + ERROR_SIZE];
	struct sl_conf_health health;
	uint32_t kind;

#define REFUSE(...) sl_conf_error_at(reader, node->line, node->column, "node %s: " __VA_ARGS__)
	sl_conf_health_merge(pool, own, &health);
	kind = 1u << health.type;
	if (health.type == SL_HEALTH_TYPE_NONE)
		return;
	if (own->type_set && (NEED_PORT & kind) && !health.port)
		REFUSE("`port` is missing: a health check of type %s needs it", node->name,
		       type_name(health.type));
	if (own->type_set && health.type == SL_HEALTH_TYPE_EXTERNAL && !health.command)
		REFUSE("`command` is missing: a health check of type external needs it",
		       node->name);
	if (own->expect_status && !(HTTP_KINDS & kind))
		REFUSE("`status` is for health checks of type http and https", node->name);
	for (size_t i = 0; i < SL_ARRAY_COUNT(uses); i++)
		if (gives(own, i) && !(uses[i].types & kind))
			REFUSE("a health check of type %s has no `%s`", node->name,
			       type_name(health.type), uses[i].key);
	if ((own->via_set || own->type_set) && health.via == SL_VIA_PATH && !(SOCKET_KINDS & kind))
		REFUSE(VIA_REFUSED, node->name, type_name(health.type));
	if (lacks(own, text, sizeof(text))[0])
		REFUSE("%s", node->name, text);
#undef REFUSE
}

const struct sl_conf_table sl_conf_health_table = {
	.noun = "health",
	.keys = health_keys,
	.key_count = sizeof(health_keys) / sizeof(health_keys[0]),
	.size = sizeof(struct sl_conf_health),
	.flow = true,
	.check = check_health,
};

const struct sl_conf_table sl_conf_node_health_table = {
	.noun = "health of a node",
	.keys = own_keys,
	.key_count = sizeof(own_keys) / sizeof(own_keys[0]),
	.size = sizeof(struct sl_conf_health),
	.flow = true,
	.check = check_values,
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
	TAKE(via, node->via_set);
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
