/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration as a whole. */

#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/key.h"

#define INSTANCE_DEFAULT "sluice"
#define PAIRS_MAX	 64

/* ---- the root ---------------------------------------------------------------------------------*/

static const struct sl_conf_key port = {.name = "ports",
					.type = &sl_conf_mapping,
					.size = sizeof(struct sl_conf_port),
					.table = &sl_conf_port_table};
static const struct sl_conf_key pool = {.name = "pools",
					.type = &sl_conf_mapping,
					.size = sizeof(struct sl_conf_pool),
					.table = &sl_conf_pool_table};
static const struct sl_conf_key service = {.name = "services",
					   .type = &sl_conf_mapping,
					   .size = sizeof(struct sl_conf_service),
					   .table = &sl_conf_service_table};

#define R(member)    SL_MEMBER(sl_conf, member)
#define R_AT(member) (uint32_t) offsetof(struct sl_conf, member)

/* In this order they are read: what is named before what names it. */
static const struct sl_conf_key root_keys[] = {
	SL_KEY("dataplane", mapping, R(dataplane), .table = &sl_conf_dataplane_table),
	SL_KEY_RANGE("ports", list, R(ports), 1, SL_PORTS_MAX, 0, .extra = R_AT(port_count),
		     .flags = SL_KEY_REQUIRED, .element = &port),
	SL_KEY("control", mapping, R(control), .table = &sl_conf_control_table),
	SL_KEY_RANGE("pools", list, R(pools), 0, SL_POOLS_MAX, 0, .extra = R_AT(pool_count),
		     .element = &pool),
	SL_KEY_RANGE("services", list, R(services), 1, SL_SERVICES_MAX, 0,
		     .extra = R_AT(service_count), .flags = SL_KEY_REQUIRED, .element = &service),
};

static void check_root(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       void *object)
{
	(void)found;
	(void)object;
	sl_conf_check_addresses(reader);
	sl_conf_check_devices(reader);
	sl_conf_check_sense(reader);
	sl_conf_check_fallbacks(reader);
	sl_conf_check_services(reader);
}

const struct sl_conf_table sl_conf_root_table = {
	.noun = "the configuration",
	.keys = root_keys,
	.key_count = sizeof(root_keys) / sizeof(root_keys[0]),
	.size = sizeof(struct sl_conf),
	.check = check_root,
};

/* ---- defaults that depend on something --------------------------------------------------------*/

char *sl_conf_socket_default(const char *instance)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;
	int length;

	if (geteuid() == 0)
		length = asprintf(&path, "/run/%s/control.sock", instance);
	else if (runtime && runtime[0] == '/')
		length = asprintf(&path, "%s/%s/control.sock", runtime, instance);
	else
		length = asprintf(&path, "/run/user/%u/%s/control.sock", (unsigned int)geteuid(),
				  instance);
	return length < 0 ? NULL : path;
}

static int late_defaults(struct sl_conf *conf)
{
	struct sl_conf_dataplane *dataplane = &conf->dataplane;

	if (!dataplane->instance[0])
		memcpy(dataplane->instance, INSTANCE_DEFAULT, sizeof(INSTANCE_DEFAULT));
	if (!conf->control.socket)
		conf->control.socket = sl_conf_socket_default(dataplane->instance);
	return conf->control.socket ? 0 : -ENOMEM;
}

/* ---- reading ----------------------------------------------------------------------------------*/

static int finish(struct sl_conf_reader *reader)
{
	sl_conf_errors_sort(reader->errors);
	if (reader->no_memory)
		return -ENOMEM;
	return reader->errors->count ? -EINVAL : 0;
}

static int read_tree(struct sl_conf_reader *reader, const char *text, size_t length)
{
	struct sl_yaml_error error = {0};
	struct sl_yaml *tree = NULL;
	int err = 0;

	if (length > SL_CONF_TEXT_MAX) {
		sl_conf_error_at(reader, 1, 1, "the text is larger than 16 MiB");
		return finish(reader);
	}
	err = sl_yaml_parse(text, length, &tree, &error);
	if (err == -EINVAL)
		sl_conf_error_at(reader, error.line, error.column, "%s", error.text);
	else if (err)
		reader->no_memory = true;
	else if (!tree)
		sl_conf_error_at(reader, 1, 1,
				 "the configuration is empty; it needs `ports` and `services`");
	else
		sl_conf_read_table(reader, &sl_conf_root_table, sl_yaml_root(tree), reader->conf);
	sl_yaml_destroy(tree);
	return finish(reader);
}

int sl_conf_parse(const char *text, size_t length, struct sl_conf **conf,
		  struct sl_conf_errors *errors)
{
	struct sl_conf_reader reader = {.errors = errors};
	int err;

	memset(errors, 0, sizeof(*errors));
	reader.conf = calloc(1, sizeof(*reader.conf));
	if (!reader.conf)
		return -ENOMEM;
	err = sl_conf_table_defaults(&sl_conf_root_table, reader.conf);
	if (!err)
		err = read_tree(&reader, text, length);
	if (!err)
		err = late_defaults(reader.conf);
	if (!err) {
		sl_conf_check_files(&reader);
		err = finish(&reader);
	}
	if (err)
		sl_conf_destroy(reader.conf);
	else
		*conf = reader.conf;
	return err;
}

void sl_conf_destroy(struct sl_conf *conf)
{
	if (!conf)
		return;
	sl_conf_fini(conf);
	free(conf);
}

void sl_conf_fini(struct sl_conf *conf)
{
	sl_conf_table_fini(&sl_conf_root_table, conf);
}

struct sl_conf *sl_conf_copy(const struct sl_conf *conf)
{
	struct sl_conf *copy = calloc(1, sizeof(*copy));

	if (copy && sl_conf_table_copy(&sl_conf_root_table, conf, copy)) {
		free(copy);
		copy = NULL;
	}
	return copy;
}

/* ---- a node alone -----------------------------------------------------------------------------*/

#define PAIR_DEPTH 3 /* "health.expect.status=200" */

/* A mapping of name and pairs, as if it stood in a file: "health.port=80" is `health: {port: 80}`. Keys are
 * cut out of text. */
struct pair_node {
	struct sl_yaml_node node; /* first: what others point to is one of these */
	struct pair_node *last;	  /* of a mapping's children */
};

struct pairs {
	struct pair_node root;
	struct pair_node nodes[2 * PAIR_DEPTH * (PAIRS_MAX + 1)];
	uint32_t used;
};

static struct pair_node *add_child(struct pairs *pairs, struct pair_node *parent,
				   enum sl_yaml_kind kind, const char *text, uint32_t column)
{
	struct pair_node *child = &pairs->nodes[pairs->used++];

	child->node = (struct sl_yaml_node){.kind = kind,
					    .verbatim = kind == SL_YAML_SCALAR,
					    .line = 1,
					    .column = column,
					    .text = text,
					    .length = strlen(text)};
	if (parent->last)
		parent->last->node.next = &child->node;
	else
		parent->node.first = &child->node;
	parent->last = child;
	parent->node.count++;
	return child;
}

/* The mapping under a key, made when it is not there. */
static struct pair_node *mapping_of(struct pairs *pairs, struct pair_node *parent, const char *key,
				    uint32_t column)
{
	for (const struct sl_yaml_node *at = parent->node.first; at; at = at->next->next)
		if (strcmp(at->text, key) == 0 && at->next->kind == SL_YAML_MAPPING)
			return (struct pair_node *)(uintptr_t)at->next;
	(void)add_child(pairs, parent, SL_YAML_SCALAR, key, column);
	return add_child(pairs, parent, SL_YAML_MAPPING, "", column);
}

/* key is cut at its dots. */
static void add_pair(struct pairs *pairs, char *key, const char *value, uint32_t column)
{
	struct pair_node *parent = &pairs->root;
	char *dot;

	for (int depth = 1; depth < PAIR_DEPTH && (dot = strchr(key, '.')); depth++) {
		*dot = '\0';
		parent = mapping_of(pairs, parent, key, column);
		key = dot + 1;
	}
	(void)add_child(pairs, parent, SL_YAML_SCALAR, key, column);
	(void)add_child(pairs, parent, SL_YAML_SCALAR, value, column);
}

/* False: one is no pair. */
static bool add_pairs(struct sl_conf_reader *reader, struct pairs *pairs, const char *const *list,
		      uint32_t count, char *text)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *equals = strchr(list[i], '=');
		struct sl_yaml_node pair = {.text = list[i], .length = strlen(list[i])};
		char shown[SL_CONF_SHOW_SIZE];

		if (!equals || equals == list[i] || !sl_yaml_is_text(pair.text, pair.length)) {
			sl_conf_error_at(reader, 1, i + 1,
					 "%s is no pair such as weight=50 or address=10.0.0.1",
					 sl_conf_show(&pair, shown));
			return false;
		}
		memcpy(text, list[i], (size_t)(equals - list[i]));
		text[equals - list[i]] = '\0';
		add_pair(pairs, text, equals + 1, i + 1);
		text += equals - list[i] + 1;
	}
	return true;
}

static void read_pairs(struct sl_conf_reader *reader, struct pairs *pairs, const char *name,
		       const char *const *list, uint32_t count, struct sl_conf_node *node)
{
	size_t room = 1;
	char *text;

	for (uint32_t i = 0; i < count; i++)
		room += strlen(list[i]) + 1;
	text = malloc(room);
	if (!text) {
		reader->no_memory = true;
		return;
	}
	pairs->root.node =
		(struct sl_yaml_node){.kind = SL_YAML_MAPPING, .line = 1, .column = 1, .text = ""};
	(void)add_child(pairs, &pairs->root, SL_YAML_SCALAR, "name", 1);
	(void)add_child(pairs, &pairs->root, SL_YAML_SCALAR, name, 1);
	if (add_pairs(reader, pairs, list, count, text))
		sl_conf_read_table(reader, &sl_conf_node_table, &pairs->root.node, node);
	sl_conf_check_node(reader, node);
	free(text);
}

int sl_conf_node_parse(const struct sl_conf *conf, const struct sl_conf_health *beside,
		       const char *name, const char *const *pairs, uint32_t count,
		       struct sl_conf_node *node, struct sl_conf_errors *errors)
{
	struct sl_conf shallow = *conf;
	struct sl_conf_reader reader = {.conf = &shallow, .errors = errors};
	struct sl_conf_node parsed;
	struct pairs room = {0};
	int err;

	memset(errors, 0, sizeof(*errors));
	if (sl_conf_table_defaults(&sl_conf_node_table, &parsed))
		return -ENOMEM;
	if (count > PAIRS_MAX)
		sl_conf_error_at(&reader, 1, PAIRS_MAX + 1, "more than %u pairs", PAIRS_MAX);
	else
		read_pairs(&reader, &room, name, pairs, count, &parsed);
	if (beside && errors->count == 0 && !reader.no_memory)
		sl_conf_check_node_health(&reader, beside, &parsed);
	err = finish(&reader);
	if (err)
		sl_conf_node_fini(&parsed);
	else
		*node = parsed;
	return err;
}

void sl_conf_node_fini(struct sl_conf_node *node)
{
	sl_conf_table_fini(&sl_conf_node_table, node);
}

char *sl_conf_node_pairs(const struct sl_conf *conf, const struct sl_conf_node *node,
			 uint32_t *count)
{
	struct sl_conf_writer writer = {.conf = conf};
	char *text = NULL;
	size_t size = 0;

	writer.out = open_memstream(&text, &size);
	if (!writer.out)
		return NULL;
	*count = 0;
	sl_conf_write_pairs(&writer, &sl_conf_node_table, node, count);
	if (fclose(writer.out)) {
		free(text);
		return NULL;
	}
	return text;
}

const char *sl_conf_node_key(uint32_t number)
{
	return number + 1 < sl_conf_node_table.key_count ? sl_conf_node_table.keys[number + 1].name
							 : NULL;
}

int sl_conf_node_copy(const struct sl_conf_node *from, struct sl_conf_node *to)
{
	struct sl_conf_node copy;
	int err = sl_conf_table_copy(&sl_conf_node_table, from, &copy);

	if (!err)
		*to = copy;
	return err;
}

int sl_conf_pool_copy(const struct sl_conf_pool *from, struct sl_conf_pool *to)
{
	struct sl_conf_pool bare = *from, copy;
	int err;

	bare.nodes = NULL;
	bare.node_count = 0;
	err = sl_conf_table_copy(&sl_conf_pool_table, &bare, &copy);
	if (!err)
		*to = copy;
	return err;
}

void sl_conf_pool_fini(struct sl_conf_pool *conf)
{
	sl_conf_table_fini(&sl_conf_pool_table, conf);
}
