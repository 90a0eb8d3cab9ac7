/* SPDX-License-Identifier: BSD-3-Clause */

/* A node or a service alone, from pairs "key=value" as verbs take them, and back. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define PAIRS_MAX  64
#define PAIR_DEPTH 3 /* "health.expect.status=200" */

/* A mapping of name and pairs, as if it stood in a file: "health.port=80" is `health: {port: 80}`,
 * "ports=80,443" is `ports: [80, 443]`. */
struct pair_node {
	struct sl_yaml_node node; /* first: what others point to is one of these */
	struct pair_node *last;	  /* of the children */
};

struct pairs {
	struct pair_node root;
	struct pair_node *nodes;
	uint32_t used;
	char *text; /* where what is cut out of pairs goes next */
};

static char *cut(struct pairs *pairs, const char *from, size_t length)
{
	char *text = pairs->text;

	memcpy(text, from, length);
	text[length] = '\0';
	pairs->text += length + 1;
	return text;
}

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

static const struct sl_conf_key *find_key(const struct sl_conf_table *table, const char *name,
					  size_t length)
{
	for (uint32_t i = 0; table && i < table->key_count; i++)
		if (strlen(table->keys[i].name) == length &&
		    strncmp(table->keys[i].name, name, length) == 0)
			return &table->keys[i];
	return NULL;
}

/* "80,8000-8099", also as a file has it: in brackets, with quotes. */
static void add_list(struct pairs *pairs, struct pair_node *parent, const char *value,
		     uint32_t column)
{
	struct pair_node *list = add_child(pairs, parent, SL_YAML_SEQUENCE, "", column);
	size_t length = strlen(value);

	if (length > 1 && value[0] == '[' && value[length - 1] == ']') {
		value++;
		length -= 2;
	}
	for (const char *end = value + length; length > 0; value++) {
		size_t size = strcspn(value, ",");
		const char *next = size < (size_t)(end - value) ? value + size : end;

		value += strspn(value, " \"");
		size = value < next ? (size_t)(next - value) : 0;
		while (size > 0 && strchr(" \"", value[size - 1]))
			size--;
		(void)add_child(pairs, list, SL_YAML_SCALAR, cut(pairs, value, size), column);
		value = next;
		if (next == end)
			break;
	}
}

/* key is cut at its dots. */
static void add_pair(struct pairs *pairs, const struct sl_conf_table *table, char *key,
		     const char *value, uint32_t column)
{
	struct pair_node *parent = &pairs->root;
	const struct sl_conf_key *found;
	char *dot;

	for (int depth = 1; depth < PAIR_DEPTH && (dot = strchr(key, '.')); depth++) {
		*dot = '\0';
		parent = mapping_of(pairs, parent, key, column);
		found = find_key(table, key, strlen(key));
		table = found ? found->table : NULL;
		key = dot + 1;
	}
	(void)add_child(pairs, parent, SL_YAML_SCALAR, key, column);
	found = find_key(table, key, strlen(key));
	if (found && found->type == &sl_conf_list)
		add_list(pairs, parent, value, column);
	else
		(void)add_child(pairs, parent, SL_YAML_SCALAR, value, column);
}

/* False: one is no pair. */
static bool add_pairs(struct sl_conf_reader *reader, const struct sl_conf_table *table,
		      struct pairs *pairs, const char *const *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *equals = strchr(list[i], '=');
		struct sl_yaml_node pair = {.text = list[i], .length = strlen(list[i])};
		char shown[SL_CONF_SHOW_SIZE];

		if (!equals || equals == list[i] || !sl_yaml_is_text(pair.text, pair.length)) {
			sl_conf_error_at(reader, 1, i + 1, "%s is no pair such as %s",
					 sl_conf_show(&pair, shown),
					 table == &sl_conf_node_table
						 ? "weight=50 or address=10.0.0.1"
						 : "pool=web or ports=80,443");
			return false;
		}
		add_pair(pairs, table, cut(pairs, list[i], (size_t)(equals - list[i])), equals + 1,
			 i + 1);
	}
	return true;
}

/* Nodes and octets that pairs can come to at most. */
static void measure(const char *const *list, uint32_t count, size_t *nodes, size_t *octets)
{
	*nodes = 2 * PAIR_DEPTH * (count + (size_t)1);
	*octets = 1;
	for (uint32_t i = 0; i < count; i++) {
		*octets += 2 * strlen(list[i]) + 4;
		*nodes += 2;
		for (const char *at = list[i]; *at; at++)
			*nodes += *at == ',';
	}
}

/* Fills the object, which has its defaults. */
static void read_pairs(struct sl_conf_reader *reader, const struct sl_conf_table *table,
		       const char *name, const char *const *list, uint32_t count, void *object)
{
	struct pairs pairs = {
		.root.node = {.kind = SL_YAML_MAPPING, .line = 1, .column = 1, .text = ""}};
	struct pair_node *nodes;
	size_t node_count, octets;
	char *memory;

	if (count > PAIRS_MAX) {
		sl_conf_error_at(reader, 1, PAIRS_MAX + 1, "more than %u pairs", PAIRS_MAX);
		return;
	}
	measure(list, count, &node_count, &octets);
	nodes = calloc(node_count, sizeof(*nodes));
	memory = malloc(octets);
	if (nodes && memory) {
		pairs.nodes = nodes;
		pairs.text = memory;
		(void)add_child(&pairs, &pairs.root, SL_YAML_SCALAR, "name", 1);
		(void)add_child(&pairs, &pairs.root, SL_YAML_SCALAR, name, 1);
		if (add_pairs(reader, table, &pairs, list, count))
			sl_conf_read_table(reader, table, &pairs.root.node, object);
	} else {
		reader->no_memory = true;
	}
	free(nodes);
	free(memory);
}

static char *write_pairs(const struct sl_conf *conf, const struct sl_conf_table *table,
			 const void *object, uint32_t *count)
{
	struct sl_conf_writer writer = {.conf = conf};
	char *text = NULL;
	size_t size = 0;

	writer.out = open_memstream(&text, &size);
	if (!writer.out)
		return NULL;
	*count = 0;
	sl_conf_write_pairs(&writer, table, object, count);
	if (fclose(writer.out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

int sl_conf_node_parse(const struct sl_conf *conf, const struct sl_conf_pool *beside,
		       const char *name, const char *const *pairs, uint32_t count,
		       struct sl_conf_node *node, struct sl_conf_errors *errors)
{
	struct sl_conf shallow = *conf;
	struct sl_conf_reader reader = {.conf = &shallow, .errors = errors};
	struct sl_conf_node parsed;
	int err;

	memset(errors, 0, sizeof(*errors));
	if (sl_conf_table_defaults(&sl_conf_node_table, &parsed))
		return -ENOMEM;
	read_pairs(&reader, &sl_conf_node_table, name, pairs, count, &parsed);
	sl_conf_check_node(&reader, &parsed);
	if (beside && errors->count == 0 && !reader.no_memory) {
		sl_conf_check_node_beside(&reader, beside, &parsed);
		sl_conf_check_probed_node(&reader, &beside->health, &parsed);
	}
	err = sl_conf_finish(&reader);
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
	return write_pairs(conf, &sl_conf_node_table, node, count);
}

const char *sl_conf_node_key(uint32_t number)
{
	return number + 1 < sl_conf_node_table.key_count ? sl_conf_node_table.keys[number + 1].name
							 : NULL;
}

/* ---- services -------------------------------------------------------------------------------- */

/* Judges the service beside all others: in the place of the one of its name, or behind the last. */
static void judge_service(struct sl_conf_reader *reader, const struct sl_conf_service *service)
{
	struct sl_conf *conf = reader->conf;
	uint32_t place = 0;
	struct sl_conf_service *all = calloc(conf->service_count + (size_t)1, sizeof(*all));

	if (!all) {
		reader->no_memory = true;
		return;
	}
	for (uint32_t s = 0; s < conf->service_count; s++) {
		all[s] = conf->services[s];
		all[s].line = 0; /* of a text that nobody sees */
	}
	while (place < conf->service_count && strcmp(all[place].name, service->name) != 0)
		place++;
	all[place] = *service;
	conf->services = all;
	conf->service_count += place == conf->service_count;
	sl_conf_check_service(reader, service);
	sl_conf_check_services(reader);
	free(all);
}

static bool is_given(const char *const *pairs, uint32_t count, const char *pair)
{
	size_t length = strcspn(pair, "=") + 1;

	for (uint32_t i = 0; i < count; i++)
		if (strncmp(pairs[i], pair, length) == 0)
			return true;
	return false;
}

/* A key of services that goes back to its default. */
static bool is_taken_away(const char *pair)
{
	size_t length = strcspn(pair, "=");

	return pair[length] == '=' && pair[length + 1] == '\0' &&
	       find_key(&sl_conf_service_table, pair, length);
}

/* The pairs given, and those of `held` (count of them, each with a zero behind it) that none of them
 * replaces. Returns how many; all has room for PAIRS_MAX + 1. */
static uint32_t merge_pairs(const char *held, uint32_t held_count, const char *const *pairs,
			    uint32_t count, const char **all)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < count && used <= PAIRS_MAX; i++)
		if (!held || !is_taken_away(pairs[i]))
			all[used++] = pairs[i];
	for (uint32_t i = 0; i < held_count && used <= PAIRS_MAX; i++, held += strlen(held) + 1)
		if (!is_given(pairs, count, held))
			all[used++] = held;
	return used;
}

int sl_conf_service_parse(const struct sl_conf *conf, const struct sl_conf_service *before,
			  const char *name, const char *const *pairs, uint32_t count,
			  struct sl_conf_service *service, struct sl_conf_errors *errors)
{
	struct sl_conf shallow = *conf;
	struct sl_conf_reader reader = {.conf = &shallow, .errors = errors};
	const char *all[PAIRS_MAX + 1];
	struct sl_conf_service parsed;
	uint32_t held_count = 0;
	char *held = before ? sl_conf_service_pairs(conf, before, &held_count) : NULL;
	int err;

	memset(errors, 0, sizeof(*errors));
	if ((before && !held) || sl_conf_table_defaults(&sl_conf_service_table, &parsed)) {
		free(held);
		return -ENOMEM;
	}
	count = merge_pairs(held, held_count, pairs, count, all);
	read_pairs(&reader, &sl_conf_service_table, name, all, count, &parsed);
	if (errors->count == 0 && !reader.no_memory)
		judge_service(&reader, &parsed);
	free(held);
	err = sl_conf_finish(&reader);
	if (err)
		sl_conf_service_fini(&parsed);
	else
		*service = parsed;
	return err;
}

void sl_conf_service_fini(struct sl_conf_service *service)
{
	sl_conf_table_fini(&sl_conf_service_table, service);
}

char *sl_conf_service_pairs(const struct sl_conf *conf, const struct sl_conf_service *service,
			    uint32_t *count)
{
	return write_pairs(conf, &sl_conf_service_table, service, count);
}

const char *sl_conf_service_key(uint32_t number)
{
	return number + 1 < sl_conf_service_table.key_count
		       ? sl_conf_service_table.keys[number + 1].name
		       : NULL;
}

int sl_conf_services_put(struct sl_conf *conf, struct sl_conf_service *service)
{
	struct sl_conf_service *longer;

	for (uint32_t s = 0; s < conf->service_count; s++)
		if (strcmp(conf->services[s].name, service->name) == 0) {
			sl_conf_service_fini(&conf->services[s]);
			conf->services[s] = *service;
			return 0;
		}
	longer = realloc(conf->services, (conf->service_count + (size_t)1) * sizeof(*longer));
	if (!longer)
		return -ENOMEM;
	longer[conf->service_count++] = *service;
	conf->services = longer;
	return 0;
}

void sl_conf_services_drop(struct sl_conf *conf, uint32_t place)
{
	struct sl_conf_service *at = &conf->services[place];

	sl_conf_service_fini(at);
	memmove(at, at + 1, (--conf->service_count - place) * sizeof(*at));
}

int sl_conf_service_copy(const struct sl_conf_service *from, struct sl_conf_service *to)
{
	struct sl_conf_service copy;
	int err = sl_conf_table_copy(&sl_conf_service_table, from, &copy);

	if (!err)
		*to = copy;
	return err;
}
