/* SPDX-License-Identifier: BSD-3-Clause */

/* A node alone, what follows from a configuration, the texts of weights and durations, and limits
 * that take a large file. */

#include "conf_expect.h"

#include "yaml/yaml.h"

/* ---- add-node ---------------------------------------------------------------------------------*/

#define PAIRS_MAX 80

/* pairs: separated by spaces; errors as conf_print() has them. */
static int parse_node(const struct sl_conf *conf, const char *name, const char *text,
		      struct sl_conf_node *node, char *errors_text)
{
	char copy[1024];
	const char *pairs[PAIRS_MAX];
	struct sl_conf_errors errors;
	uint32_t count = 0;
	int err;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *pair = strtok(copy, " "); pair; pair = strtok(NULL, " "))
		pairs[count++] = pair;
	err = sl_conf_node_parse(conf, NULL, name, pairs, count, node, &errors);
	conf_print(errors.list, errors.count, errors_text);
	sl_conf_errors_fini(&errors);
	return err;
}

static void a_node_alone_has_the_keys_of_the_file(void **state)
{
	struct sl_conf *conf = conf_parse(DATAPLANE PORTS POOLS SERVICES);
	char errors[MESSAGES_SIZE];
	struct sl_conf_node node, copy;

	(void)state;
	assert_int_equal(
		parse_node(conf, "w9", "worker=1 handler=capture file=x weight=2.5", &node, errors),
		0);
	assert_string_equal(node.name, "w9");
	assert_int_equal(node.kind, SL_NODE_WORKER);
	assert_int_equal(node.worker, 1);
	assert_string_equal(node.handler, "capture");
	assert_string_equal(node.file, "x");
	assert_int_equal(node.weight, 2500000);
	assert_int_equal(sl_conf_node_copy(&node, &copy), 0);
	assert_true(sl_conf_node_equal(&node, &copy));
	assert_ptr_not_equal(node.file, copy.file);
	copy.weight++;
	assert_false(sl_conf_node_equal(&node, &copy));
	sl_conf_node_fini(&copy);
	sl_conf_node_fini(&node);
	assert_int_equal(parse_node(conf, "r",
				    "address=2001:db8::7 encap=gue mac=02:00:00:00:00:07", &node,
				    errors),
			 0);
	assert_int_equal(node.encap, SL_ENCAP_GUE);
	assert_int_equal(node.gue_port, SL_GUE_PORT);
	assert_int_equal(node.address.family, SL_FAMILY_IPV6);
	assert_int_equal(node.weight, SL_WEIGHT_UNIT);
	assert_null(node.handler);
	sl_conf_node_fini(&node);
	sl_conf_destroy(conf);
}

static void a_pair_that_is_wrong_is_named_by_its_number(void **state)
{
	static const struct {
		const char *name, *pairs, *errors;
	} cases[] = {
		{"w", "",
		 "1:1: a node needs one of `worker` (a local one), `address` (a remote one) "
		 "and `output` (a port)\n"},
		{"*", "worker=0",
		 "1:1: `name` takes a name of up to 63 letters, digits, `.`, `_` and `-`, with a "
		 "letter or digit in it, not `*`\n"},
		{"w", "mac=02:00:00:00:00:07 address=10.0.0.7 encap=ipip health={port:81,type:tcp}",
		 "1:4: `health` takes its keys one by one, as health.port=81, not "
		 "`{port:81,type:tcp}`\n"},
		{"w", "mac=02:00:00:00:00:07 address=10.0.0.7 encap=ipip health=tcp",
		 "1:4: `health` takes its keys one by one, as health.type=..., not `tcp`\n"},
		{"w", "worker=0 handler=sink options={key:src}",
		 "1:3: `options` takes names one by one, as options.NAME=TEXT, not `{key:src}`\n"},
		{"w", "worker=0 weight=-1 hander=echo",
		 "1:2: `weight`: `-1` is no decimal number such as 50.5, from 0 to 1000000\n"
		 "1:3: unknown key `hander` of a node; did you mean `handler`?\n"},
		{"w", "worker=0 worker=1",
		 "1:2: key `worker` is given twice, first in line 1; leave one out\n"},
		{"w", "worker=0 name=x",
		 "1:2: key `name` is given twice, first in line 1; leave one out\n"},
		{"w", "worker", "1:1: `worker` is no pair such as weight=50 or address=10.0.0.1\n"},
		{"w", "=5", "1:1: `=5` is no pair such as weight=50 or address=10.0.0.1\n"},
		{"w", "worker=0 file=\xff",
		 "1:2: `file=?` is no pair such as weight=50 or address=10.0.0.1\n"},
		{"w", "worker=2",
		 "1:1: worker 2 does not exist: `worker_cpus` of dataplane has 2 entries, counted "
		 "from 0\n"},
		{"w", "output=p1", "1:1: `output`: no port is named `p1`; did you mean `p0`?\n"},
		{"w", "worker=0 weight=",
		 "1:2: `weight` takes a decimal number from 0 to 1000000, not nothing\n"},
	};
	struct sl_conf *conf = conf_parse(DATAPLANE PORTS POOLS SERVICES);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char errors[MESSAGES_SIZE];
		struct sl_conf_node node;

		assert_int_equal(parse_node(conf, cases[i].name, cases[i].pairs, &node, errors),
				 -EINVAL);
		assert_string_equal(errors, cases[i].errors);
	}
	sl_conf_destroy(conf);
}

static void a_node_has_at_most_64_pairs(void **state)
{
	struct sl_conf *conf = conf_parse(DATAPLANE PORTS POOLS SERVICES);
	char pairs[1024] = "worker=0", errors[MESSAGES_SIZE];
	struct sl_conf_node node;

	(void)state;
	for (int i = 1; i < 64; i++)
		strcat(pairs, " a=b");
	assert_int_equal(parse_node(conf, "w", pairs, &node, errors), -EINVAL);
	assert_non_null(strstr(errors, "1:64: unknown key `a`"));
	strcat(pairs, " a=b");
	assert_int_equal(parse_node(conf, "w", pairs, &node, errors), -EINVAL);
	assert_string_equal(errors, "1:65: more than 64 pairs\n");
	sl_conf_destroy(conf);
}

static int takes_no_b(const struct sl_conf_node *node, struct sl_err *err)
{
	if (node->option_count > 0 && strcmp(node->options[0].name, "b") == 0)
		return sl_err_set(err, -EINVAL, "no option \"b\"");
	return 0;
}

static void handlers_of_the_application_can_be_named(void **state)
{
	static const struct sl_conf_handler mine[] = {{"sink", false, NULL},
						      {"inspect", true, takes_no_b}};
	static const struct sl_conf_handler own[] = {
		{"sink", false, NULL}, {"echo", false, NULL}, {"capture", true, NULL}};
	const char *head = "pools: [{name: web, nodes: [{name: w, worker: 0, handler: inspect, "
			   "file: x}]}]\n" DATAPLANE PORTS SERVICES;

	(void)state;
	conf_expect(head, "1:59: `handler` takes one of sink, echo, capture, not `inspect`\n", "");
	sl_conf_handlers_set(mine, 2);
	conf_expect(head, "", "");
	conf_expect("pools: [{name: web, nodes: [{name: w, worker: 0, handler: inspect, file: x,\n"
		    "options: {b: 1}}]}]\n" DATAPLANE PORTS SERVICES,
		    "2:10: no option \"b\"\n", "");
	sl_conf_handlers_set(own, 3);
}

/* ---- what follows -----------------------------------------------------------------------------*/

static void next_hops_and_outer_sources_follow_from_the_port(void **state)
{
	static const struct {
		const char *node;
		bool known;
		const char *mac, *hop, *source;
	} cases[] = {
		/* on the port's network: itself, whose MAC is not known */
		{"address: 192.0.2.9, encap: ipip", false, NULL, "192.0.2.9", "192.0.2.2"},
		/* the second network of the family */
		{"address: 10.1.2.3, encap: ipip", false, NULL, "10.1.2.3", "10.0.0.2"},
		/* elsewhere: the gateway */
		{"address: 203.0.113.9, encap: ipip", true, "02:00:00:00:00:01", "192.0.2.1",
		 "192.0.2.2"},
		/* the gateway's MAC serves both families */
		{"address: \"2001:db8:9::1\", encap: gre", true, "02:00:00:00:00:01", "192.0.2.1",
		 "2001:db8::2"},
		/* the node's own MAC before all */
		{"address: 203.0.113.9, encap: none, mac: \"02:00:00:00:00:11\"", true,
		 "02:00:00:00:00:11", "203.0.113.9", "192.0.2.2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024], shown[SL_ADDR_TEXT_SIZE];
		struct sl_mac mac;
		struct sl_addr hop;
		struct sl_conf *conf;
		const struct sl_conf_node *node;

		(void)snprintf(
			text, sizeof(text),
			"ports: [{name: p0, device: d, addresses: [192.0.2.2/24, "
			"\"2001:db8::2/64\", 10.0.0.2/8], gateway: {address: 192.0.2.1, mac: "
			"\"02:00:00:00:00:01\"}}]\n"
			"pools: [{name: web, nodes: [{name: r, %s}]}]\n" SERVICES,
			cases[i].node);
		conf = conf_parse(text);
		node = &conf->pools[0].nodes[0];
		assert_int_equal(sl_conf_next_hop(conf, node, &mac, &hop) == SL_HOP_KNOWN,
				 cases[i].known);
		assert_string_equal(sl_addr_format(&hop, shown), cases[i].hop);
		if (cases[i].known)
			assert_string_equal(sl_mac_format(&mac, shown), cases[i].mac);
		assert_string_equal(sl_addr_format(sl_conf_outer_source(conf, node), shown),
				    cases[i].source);
		sl_conf_destroy(conf);
	}
}

static void the_outer_df_of_a_node_is_its_own_or_its_pools(void **state)
{
	static const enum sl_encap_df wanted[] = {SL_ENCAP_DF_CLEAR, SL_ENCAP_DF_COPY,
						  SL_ENCAP_DF_SET, SL_ENCAP_DF_CLEAR};
	struct sl_conf_pool pool = {.outer_df = SL_OUTER_DF_CLEAR};

	(void)state;
	for (int word = SL_OUTER_DF_POOL; word <= SL_OUTER_DF_CLEAR; word++) {
		struct sl_conf_node node = {.outer_df = word};

		assert_int_equal(sl_conf_outer_df(&pool, &node), wanted[word]);
	}
}

static void the_least_slots_give_a_weight_a_whole_one(void **state)
{
	(void)state;
	assert_int_equal(sl_conf_slots_least(0, 5), 0);
	assert_int_equal(sl_conf_slots_least(1, 1), 256);
	assert_int_equal(sl_conf_slots_least(1, 256), 256);
	assert_int_equal(sl_conf_slots_least(1, 257), 512);
	assert_int_equal(sl_conf_slots_least(1, 1048576), 1048576);
	assert_int_equal(sl_conf_slots_least(1, 1048577), 0);
	assert_int_equal(sl_conf_slots_least(SL_WEIGHT_MAX, SL_WEIGHT_MAX * SL_NODES_MAX), 65536);
}

/* ---- texts ------------------------------------------------------------------------------------*/

/* ---- limits -----------------------------------------------------------------------------------*/

struct large {
	char *text;
	size_t used, size;
};

__attribute__((format(printf, 2, 3))) static void append(struct large *large, const char *format,
							 ...)
{
	va_list args;

	va_start(args, format);
	large->used += (size_t)vsnprintf(large->text + large->used, large->size - large->used,
					 format, args);
	va_end(args);
	assert_true(large->used < large->size);
}

static void start(struct large *large)
{
	large->size = SL_CONF_TEXT_MAX;
	large->used = 0;
	large->text = malloc(large->size);
	assert_non_null(large->text);
	append(large, "%s", DATAPLANE PORTS);
}

/* Pools of at most 40,000 nodes; two are needed for all that there may be. */
static void expect_nodes(uint32_t count, const char *errors)
{
	struct large large;
	uint32_t left = count;

	start(&large);
	append(&large, "pools:\n");
	for (uint32_t pool = 0; left; pool++) {
		append(&large, "- name: %s\n  slots: 1048576\n  nodes:\n", pool ? "b" : "web");
		for (uint32_t i = 0; left && i < 40000; i++, left--)
			append(&large, "  - {name: n%u, worker: 0}\n", i);
	}
	append(&large, "%s", SERVICES);
	conf_expect(large.text, errors, "");
	free(large.text);
}

static void there_may_be_65536_nodes_in_all_pools(void **state)
{
	(void)state;
	expect_nodes(SL_NODES_MAX, "");
	expect_nodes(SL_NODES_MAX + 1, "40010:3: with these there are 65537 nodes in all pools; "
				       "there may be at most 65536\n");
}

static void expect_pools(uint32_t count, const char *errors)
{
	struct large large;

	start(&large);
	append(&large, "pools:\n");
	for (uint32_t i = 0; i < count; i++)
		append(&large, "- {name: q%u}\n", i);
	append(&large, "services: [{name: s, address: any, pool: q%u}]\n", count - 2);
	conf_expect(large.text, errors, "");
	free(large.text);
}

static void there_may_be_1024_pools(void **state)
{
	(void)state;
	expect_pools(SL_POOLS_MAX, "");
	expect_pools(SL_POOLS_MAX + 1,
		     "4:1: `pools` has 1025 entries; there may be at most 1024\n"
		     "1029:42: `pool`: no pool is named `q1023`; `pools` defines them\n");
}

static void expect_services(uint32_t count, const char *errors)
{
	struct large large;

	start(&large);
	append(&large, "%sservices:\n", POOLS);
	for (uint32_t i = 0; i < count; i++)
		append(&large,
		       "- {name: s%u, address: 10.%u.%u.1, protocol: tcp, ports: [80, 443],"
		       " pool: web}\n",
		       i, i / 256, i % 256);
	conf_expect(large.text, errors, "");
	free(large.text);
}

static void there_may_be_4096_services(void **state)
{
	(void)state;
	expect_services(SL_SERVICES_MAX, "");
	expect_services(SL_SERVICES_MAX + 1,
			"5:1: `services` has 4097 entries; there may be at most 4096\n");
}

static void there_may_be_100_anchors(void **state)
{
	struct large large;

	(void)state;
	start(&large);
	append(&large, "%spools:\n- {name: web, slots: &a 256}\n", SERVICES);
	for (uint32_t i = 1; i < SL_YAML_ANCHORS_MAX; i++)
		append(&large, "- {name: q%u, slots: &a%u 512}\n", i, i);
	conf_expect(large.text, "", "");
	large.used = 0;
	for (uint32_t i = 0; i < SL_YAML_ANCHORS_MAX; i++)
		append(&large, "a%u: &a%u x\n", i, i);
	append(&large, "b: &b x\n");
	conf_expect(large.text, "101:4: more than 100 anchors; write the values out\n", "");
	free(large.text);
}

static void all_pools_together_have_a_bound_on_slots(void **state)
{
	struct large large = {0};

	(void)state;
	start(&large);
	large.used = 0;
	append(&large, "ports: [{name: p0, device: d}]\n"
		       "services: [{name: all, address: any, pool: q0}]\npools:\n");
	for (uint32_t p = 0; p < SL_SLOTS_TOTAL_MAX / SL_SLOTS_MAX; p++)
		append(&large, "  - {name: q%u, slots: %d}\n", p, SL_SLOTS_MAX);
	conf_expect(large.text, "", "");
	append(&large, "  - {name: more, slots: 256}\n");
	conf_expect(large.text,
		    "68:25: with these there are 67109120 slots in all pools; there may be at most "
		    "67108864: give pools fewer `slots`\n",
		    "");
	free(large.text);
}

static void a_node_that_is_added_is_judged_with_its_pools_check(void **state)
{
	static const char *const pairs[][3] = {
		{"address=10.0.0.1", "encap=ipip", "health.port=81"},
		{"address=10.0.0.1", "encap=ipip", "health.path=/x"},
		{"address=10.0.0.1", "encap=ipip", "health.type=external"},
		{"address=10.0.0.1", "encap=ipip", "health.via=path"}};
	static const char *const wanted[] = {
		"", "1:1: node n: a health check of type tcp has no `path`\n",
		"1:1: node n: `command` is missing: a health check of type external needs it\n",
		"1:1: node `n`: via: path needs an interface of the kernel's that hears answers at "
		"port "
		"`p0`: a device xdp:, packet: or tap:, or `punt: kernel`; via: kernel needs "
		"none\n"};
	struct sl_conf *conf = conf_parse(
		"pools: [{name: web, health: {type: tcp, port: 80}}]\n" DATAPLANE PORTS SERVICES);

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[MESSAGES_SIZE];
		struct sl_conf_errors errors;
		struct sl_conf_node node;

		if (sl_conf_node_parse(conf, &conf->pools[0], "n", pairs[i], 3, &node, &errors) ==
		    0)
			sl_conf_node_fini(&node);
		conf_print(errors.list, errors.count, text);
		assert_string_equal(text, wanted[i]);
		sl_conf_errors_fini(&errors);
	}
	sl_conf_destroy(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_is_added_is_judged_with_its_pools_check),
		cmocka_unit_test(a_node_alone_has_the_keys_of_the_file),
		cmocka_unit_test(a_pair_that_is_wrong_is_named_by_its_number),
		cmocka_unit_test(a_node_has_at_most_64_pairs),
		cmocka_unit_test(handlers_of_the_application_can_be_named),
		cmocka_unit_test(next_hops_and_outer_sources_follow_from_the_port),
		cmocka_unit_test(the_outer_df_of_a_node_is_its_own_or_its_pools),
		cmocka_unit_test(the_least_slots_give_a_weight_a_whole_one),
		cmocka_unit_test(there_may_be_65536_nodes_in_all_pools),
		cmocka_unit_test(all_pools_together_have_a_bound_on_slots),
		cmocka_unit_test(there_may_be_1024_pools),
		cmocka_unit_test(there_may_be_4096_services),
		cmocka_unit_test(there_may_be_100_anchors),
	};

	return cmocka_run_group_tests_name("conf node", tests, NULL, NULL);
}
