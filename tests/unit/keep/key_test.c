/* SPDX-License-Identifier: BSD-3-Clause */

/* Every key of the configuration keeps its value: from a file to a struct and back, in records of
 * state, and through a model's configuration applied again.
 *
 * Walks the tables of keys, so that a key added later is in it by itself; its default, its least and
 * its greatest value are tried with every kind of entry, and at least one kind must take each. A type
 * of values that is new needs samples here. */

#include "conf/key.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "keep/record.h"
#include "keep/record_op.h"
#include "unit/keep/samples.h"
#include "unit/model/fixture.h"

/* ---- entries that a key is tried in ---------------------------------------------------------- */

struct pair {
	const char *key, *value;
};

#define KIND_PAIRS_MAX 6
typedef struct pair kind[KIND_PAIRS_MAX];

/* Where entries of a table stand: the text around one, its kinds, and where it is when read. */
struct place {
	const struct sl_conf_table *table;
	const char *before, *after;
	const kind *kinds;
	uint32_t kind_count;
	uint32_t offset; /* of a mapping in what is found */
	const void *(*find)(const struct sl_conf *conf);
	uint32_t mapped; /* the kind that mappings are tried in */
};

static const kind anything[] = {{{NULL, NULL}}};
static const kind ports[] = {{{"name", "q0"}, {"device", "e"}},
			     {{"name", "q0"}, {"device", "\"packet:e\""}},
			     {{"name", "q0"}, {"device", "\"xdp:e\""}}};
static const kind gateways[] = {{{"mac", "\"02:00:00:00:00:01\""}}, {{"address", "192.0.2.1"}}};
static const kind pools[] = {
	{{"name", "q"}, {"slots", "256"}},
	{{"name", "q"}, {"slots", "256"}, {"scheduler", "wrr"}},
	{{"name", "q"}, {"slots", "256"}, {"health", "{type: agent, port: 1}"}},
	{{"name", "q"}, {"slots", "256"}, {"fallback", "web"}}};
static const kind healths[] = {
	{{"type", "http"}, {"port", "80"}},
	{{"type", "https"}, {"port", "443"}},
	{{"type", "tcp"}, {"port", "80"}},
	{{"type", "icmp"}},
	{{"type", "external"}, {"command", "/bin/true"}},
};
static const kind agents[] = {{{"port", "1"}}};
static const kind nodes[] = {
	{{"name", "n"}, {"worker", "0"}},
	{{"name", "n"}, {"worker", "0"}, {"handler", "capture"}, {"file", "f"}},
	{{"name", "n"}, {"output", "p0"}},
	{{"name", "n"}, {"address", "192.0.2.7"}},
	{{"name", "n"}, {"address", "\"2001:db8::7\""}, {"encap", "gre"}, {"port", "p0"}},
	{{"name", "n"}, {"address", "192.0.2.7"}, {"encap", "ipip"}},
	{{"name", "n"}, {"address", "192.0.2.7"}, {"encap", "gue"}},
	{{"name", "n"}, {"address", "192.0.2.7"}, {"encap", "vxlan"}, {"vni", "7"}},
};
static const kind clusters[] = {
	{{"name", "c"}, {"store", "{endpoints: [\"http://192.0.2.5:2379\"]}"}}};
static const kind announces[] = {{{"interface", "vip0"}}};
static const kind stores[] = {
	{{"endpoints", "[\"http://192.0.2.5:2379\"]"}},
	{{"endpoints", "[\"http://192.0.2.5:2379\"]"}, {"user", "u"}},
	{{"endpoints", "[\"https://192.0.2.5:2379\"]"}},
	{{"endpoints", "[\"https://192.0.2.5:2379\"]"}, {"cert", "/dev/null"}},
	{{"endpoints", "[\"https://192.0.2.5:2379\"]"}, {"key", "/dev/null"}}};
static const kind classes[] = {{{"name", "c"}, {"priority", "3"}}};
static const kind services[] = {
	{{"name", "t"}, {"address", "192.0.2.9"}, {"pool", "web"}},
	{{"name", "t"}, {"address", "\"2001:db8::9\""}, {"pool", "web"}, {"protocol", "tcp"}}};

/* A section of the root, with what the others need. */
#define DATAPLANE                                                                                  \
	"dataplane: {worker_cpus: [" TIMES_64("0, ") "]}\n" /* workers as many as there may be */
#define PORTS_OPEN                                                                                 \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24, \"2001:db8::2/64\"], gateway: "   \
	"{mac: \"02:00:00:00:00:01\"}}, {name: p1, device: c, "                                    \
	"addresses: [198.51.100.1/24], gateway: {mac: \"02:00:00:00:00:02\"}}"
#define PORTS	      PORTS_OPEN "]\n"
#define POOLS_OPEN    "pools: [{name: web, slots: 256}, {name: other, slots: 256}"
#define POOLS	      POOLS_OPEN "]\n"
#define CLASSES_OPEN  "classes: [{name: voice, priority: 0}"
#define CLASSES	      CLASSES_OPEN "]\n"
#define SERVICES_OPEN "services: [{name: s, address: any, pool: web}"
#define SERVICES      SERVICES_OPEN "]\n"
/* Where nodes can be checked via: path. */
#define PORTS_HEARD                                                                                \
	"ports: [{name: p0, device: \"packet:d\", addresses: [192.0.2.2/24, "                      \
	"\"2001:db8::2/64\"], gateway: {mac: \"02:00:00:00:00:01\"}}, {name: p1, device: c, "      \
	"addresses: [198.51.100.1/24], gateway: {mac: \"02:00:00:00:00:02\"}}]\n"
#define SERVICES_PROBED "services: [{name: s, address: 192.0.2.9, protocol: tcp, pool: q}]\n"

static const void *find_dataplane(const struct sl_conf *conf)
{
	return &conf->dataplane;
}

static const void *find_control(const struct sl_conf *conf)
{
	return &conf->control;
}

static const void *find_cluster(const struct sl_conf *conf)
{
	return &conf->cluster;
}

static const void *find_announce(const struct sl_conf *conf)
{
	return &conf->announce;
}

static const void *find_port(const struct sl_conf *conf)
{
	return &conf->ports[2];
}

static const void *find_pool(const struct sl_conf *conf)
{
	return &conf->pools[2];
}

static const void *find_node(const struct sl_conf *conf)
{
	return &conf->pools[2].nodes[0];
}

static const void *find_class(const struct sl_conf *conf)
{
	return &conf->classes[1];
}

static const void *find_service(const struct sl_conf *conf)
{
	return &conf->services[1];
}

#define KINDS(list) list, SL_ARRAY_COUNT(list), 0

static const struct place places[] = {
	{&sl_conf_dataplane_table, "dataplane: ", "\n" PORTS POOLS SERVICES, KINDS(anything),
	 find_dataplane, 0},
	{&sl_conf_control_table, DATAPLANE "control: ", "\n" PORTS POOLS SERVICES, KINDS(anything),
	 find_control, 0},
	{&sl_conf_cluster_table, DATAPLANE "cluster: ", "\n" PORTS POOLS SERVICES, KINDS(clusters),
	 find_cluster, 0},
	{&sl_conf_announce_table, DATAPLANE "announce: ", "\n" PORTS POOLS SERVICES,
	 KINDS(announces), find_announce, 0},
	{&sl_conf_port_table, DATAPLANE PORTS_OPEN ", ", "]\n" POOLS SERVICES, KINDS(ports),
	 find_port, 2},
	{&sl_conf_pool_table, DATAPLANE PORTS POOLS_OPEN ", ", "]\n" SERVICES, KINDS(pools),
	 find_pool, 0},
	{&sl_conf_node_table, DATAPLANE PORTS_HEARD POOLS_OPEN ", {name: q, slots: 256, nodes: [",
	 "]}]\n" SERVICES_PROBED, KINDS(nodes), find_node, 3},
	{&sl_conf_traffic_table, DATAPLANE PORTS POOLS CLASSES_OPEN ", ", "]\n" SERVICES,
	 KINDS(classes), find_class, 0},
	{&sl_conf_service_table, DATAPLANE PORTS POOLS CLASSES SERVICES_OPEN ", ", "]\n",
	 KINDS(services), find_service, 0},
};

/* Writes an entry of that kind without one of its keys, not closed. */
static void write_kind(FILE *out, const struct pair *pairs, const char *without)
{
	(void)fputc('{', out);
	for (; pairs->key; pairs++)
		if (strcmp(pairs->key, without) != 0)
			(void)fprintf(out, "%s: %s, ", pairs->key, pairs->value);
}

static char *whole_text(const struct place *place, const struct pair *pairs,
			const struct sl_conf_key *key, const char *sample)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	(void)fputs(place->before, out);
	write_kind(out, pairs, key->name);
	(void)fprintf(out, "%s: %s}%s", key->name, sample, place->after);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* ---- what holds ------------------------------------------------------------------------------ */

/* NULL: it is refused; says why when it may not be. */
static struct sl_conf *parse(const char *text, const char *why)
{
	struct sl_conf_errors errors;
	struct sl_conf *conf = NULL;
	int err = sl_conf_parse(text, strlen(text), &conf, &errors);

	if (err && why)
		fail_msg("%s: %s\n%s", why, errors.count ? errors.list[0].message : "no memory",
			 text);
	sl_conf_errors_fini(&errors);
	return err ? NULL : conf;
}

/* Compares every member that tables know, whether a comparison of configurations counts it or not.
 */
static void hold_equal(const struct sl_conf_table *table, const void *a, const void *b)
{
	for (uint32_t i = 0; i < table->key_count; i++)
		if (!sl_conf_key_equal(&table->keys[i], a, b))
			fail_msg("key `%s` of %s is lost", table->keys[i].name, table->noun);
}

/* Whether a key was given, by its flag; comparisons go by what is written of it. */
static bool is_given(const struct place *place, const struct sl_conf_key *key,
		     const struct sl_conf *conf)
{
	const char *object = place->find(conf);
	bool given = true;

	if (key->extra && key->type->class == SL_CONF_PLAIN)
		memcpy(&given, object + place->offset + key->extra, sizeof(given));
	return given;
}

static void hold_as_text(const struct place *place, const struct sl_conf_key *key,
			 const struct sl_conf *conf)
{
	char *text = sl_conf_format(conf), *again;
	struct sl_conf *read = parse(text, "what was written is refused");

	again = sl_conf_format(read);
	assert_string_equal(text, again);
	hold_equal(&sl_conf_root_table, conf, read);
	if (!is_given(place, key, conf) || !is_given(place, key, read))
		fail_msg("key `%s` of %s is given no more", key->name, place->table->noun);
	sl_conf_destroy(read);
	free(again);
	free(text);
}

static void hold_as_state(const struct sl_conf *conf)
{
	const struct sl_past_clock clock = {1, 1};
	const struct sl_hash_key key = {{0}};
	struct sl_image *image = sl_image_create(sl_conf_copy(conf));
	struct sl_past past = {.index_next = 1};
	struct sl_pack pack = {0};
	struct sl_unpack unpack;
	struct sl_conf *read;

	assert_non_null(image);
	sl_past_write_state(&pack, image, &key, &clock);
	assert_false(pack.failed);
	unpack = (struct sl_unpack){.at = pack.data, .end = pack.data + pack.size};
	if (sl_past_read_state(&unpack, &clock, &past))
		fail_msg("a state that was written is refused");
	read = sl_image_conf(past.image);
	hold_equal(&sl_conf_root_table, conf, read);
	sl_image_conf_free(read);
	sl_past_fini(&past);
	sl_pack_fini(&pack);
	sl_image_put(image);
}

static void hold_as_record(const struct sl_conf *conf, const struct sl_conf_node *node)
{
	struct sl_pack pack = {0};
	struct sl_unpack unpack;
	struct sl_conf_node read;

	sl_past_write_node(&pack, conf, node);
	assert_false(pack.failed);
	unpack = (struct sl_unpack){.at = pack.data, .end = pack.data + pack.size};
	if (sl_past_read_node(&unpack, conf, node->name, &read))
		fail_msg("a record of node `%s` is refused", node->name);
	assert_int_equal(read.kind, node->kind);
	hold_equal(&sl_conf_node_table, node, &read);
	sl_conf_node_fini(&read);
	sl_pack_fini(&pack);
}

static void hold_as_applied(const struct sl_conf *conf)
{
	struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf, .force = true};
	struct sl_conf *again, *now;
	struct fixture f;
	char *text;

	fixture_open_conf(&f, conf, NULL);
	if (fixture_change(&f, &change, false) < 0)
		fail_msg("what was read cannot be applied: %s", f.err.text);
	now = sl_image_conf(sl_model_image(f.model));
	text = sl_conf_format(now);
	sl_image_conf_free(now);
	again = parse(text, "what `config` says is refused");
	change.conf = again;
	if (fixture_change(&f, &change, false) < 0)
		fail_msg("what `config` says cannot be applied: %s", f.err.text);
	if (f.result.sentence_count)
		fail_msg("what `config` says differs: %s", f.result.sentences[0]);
	now = sl_image_conf(sl_model_image(f.model));
	hold_equal(&sl_conf_root_table, conf, now);
	sl_image_conf_free(now);
	sl_conf_destroy(again);
	free(text);
	fixture_close(&f);
}

static bool try_value(const struct place *place, const struct pair *pairs,
		      const struct sl_conf_key *key, const char *sample, bool apply)
{
	char *text = whole_text(place, pairs, key, sample);
	struct sl_conf *conf = parse(text, NULL);
	bool taken = conf != NULL;

	if (conf) {
		hold_as_text(place, key, conf);
		hold_as_state(conf);
		if (place->table == &sl_conf_node_table)
			hold_as_record(conf, place->find(conf));
		if (apply)
			hold_as_applied(conf);
	}
	sl_conf_destroy(conf);
	free(text);
	return taken;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void try_table(const struct place *place);

/* What a mapping of an entry needs beside the key that is tried. */
static const struct {
	const char *key;
	const kind *kinds;
	uint32_t count;
} mappings[] = {
	{"gateway", gateways, SL_ARRAY_COUNT(gateways)},
	{"health", healths, SL_ARRAY_COUNT(healths)},
	{"agent", agents, SL_ARRAY_COUNT(agents)},
	{"store", stores, SL_ARRAY_COUNT(stores)},
};

/* A mapping in the entry: its keys are tried in their turn. */
static void try_mapping(const struct place *outer, const struct sl_conf_key *key)
{
	struct place place = *outer;
	char *before = NULL, *after;
	size_t size = 0;
	FILE *out = open_memstream(&before, &size);

	assert_non_null(out);
	(void)fputs(outer->before, out);
	write_kind(out, outer->kinds[outer->mapped], key->name);
	(void)fprintf(out, "%s: ", key->name);
	assert_int_equal(fclose(out), 0);
	assert_true(asprintf(&after, "}%s", outer->after) > 0);
	place.table = key->table;
	place.mapped = 0;
	place.offset += key->offset;
	place.kinds = anything;
	place.kind_count = 1;
	for (size_t i = 0; i < SL_ARRAY_COUNT(mappings); i++)
		if (strcmp(mappings[i].key, key->name) == 0) {
			place.kinds = mappings[i].kinds;
			place.kind_count = mappings[i].count;
		}
	place.before = before;
	place.after = after;
	try_table(&place);
	free(before);
	free(after);
}

static void try_key(const struct place *place, const struct sl_conf_key *key)
{
	struct samples samples = {0};
	uint32_t all = 0;

	samples_make(key, &samples);
	for (uint32_t i = 0; i < samples.count; i++) {
		uint32_t taken = 0;

		for (uint32_t k = 0; k < place->kind_count; k++)
			taken +=
				try_value(place, place->kinds[k], key, samples.text[i], taken == 0);
		if (!taken && !samples.some)
			fail_msg("no entry takes `%s: %s` of %s", key->name, samples.text[i],
				 place->table->noun);
		all += taken;
	}
	if (!all)
		fail_msg("no entry takes `%s` of %s", key->name, place->table->noun);
	samples_forget(&samples);
}

static void try_table(const struct place *place)
{
	for (uint32_t i = 0; i < place->table->key_count; i++) {
		const struct sl_conf_key *key = &place->table->keys[i];

		if (key->type->class == SL_CONF_TABLE)
			try_mapping(place, key);
		else if (key->type != &sl_conf_list || !key->element->table)
			try_key(place, key);
	}
}

static void every_key_keeps_every_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(places); i++)
		try_table(&places[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_keeps_every_value),
	};

	return cmocka_run_group_tests_name("keep key", tests, NULL, NULL);
}
