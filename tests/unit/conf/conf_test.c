/* SPDX-License-Identifier: BSD-3-Clause */

/* What a configuration may say, and the sentence for each thing it may not. */

#include "conf_expect.h"

/* ---- what it may say --------------------------------------------------------------------------*/

static const char example[] =
	"dataplane:\n"
	"  instance: sluice\n"
	"  control_cpu: 0\n"
	"  rx_cpus: [0]\n"
	"  worker_cpus: [1, 1]\n"
	"  idle: backoff\n"
	"  queue_full: auto\n"
	"  hugepages: auto\n"
	"  memory_mb: 512\n"
	"  packet_buffers: 32768\n"
	"  burst: 32\n"
	"  ring_size: 2048\n"
	"  hash_key: \"00112233445566778899aabbccddeeff\"\n"
	"  eal: []\n"
	"ports:\n"
	"  - name: p0\n"
	"    device: \"net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap\"   # a comment\n"
	"    mtu: 1500\n"
	"    promiscuous: true\n"
	"    addresses: [\"192.0.2.2/24\", \"2001:db8::2/64\"]\n"
	"    gateway: {address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}\n"
	"    punt: drop\n"
	"    arp: services\n"
	"  - {name: p1, device: net_null0, punt: p0, arp: off}\n"
	"control:\n"
	"  socket: /run/sluice/control.sock\n"
	"  mode: \"0660\"\n"
	"  group: \"\"\n"
	"  state: \"\"\n"
	"  metrics: \"\"\n"
	"pools:\n"
	"  - name: web\n"
	"    scheduler: minimal\n"
	"    slots: 65536\n"
	"    tracking: auto\n"
	"    hash: 5-tuple\n"
	"    symmetric: false\n"
	"    no_node: drop\n"
	"    idle_timeout: {tcp: 15m, udp: 60s, other: 60s}\n"
	"    flow_entries: 1048576\n"
	"    health: {type: tcp, port: 80, interval: 2s, timeout: 1s, rise: 2, fall: 3}\n"
	"    nodes:\n"
	"      - {name: w0, worker: 0, handler: sink, weight: 100}\n"
	"      - {name: r1, address: 10.0.0.11, encap: ipip, port: p0, weight: 50.5, mac: "
	"\"02:00:00:00:00:11\"}\n"
	"      - {name: m1, output: p1, weight: 10}\n"
	"services:\n"
	"  - {name: http, address: 192.0.2.10, protocol: tcp, ports: [80, \"8000-8099\"], pool: "
	"web}\n"
	"  - {name: dns, address: \"2001:db8::53/128\", protocol: udp, ports: [53], pool: web}\n"
	"  - {name: rest, address: any, pool: web}\n";

static void the_example_of_the_interface_is_read_as_it_stands(void **state)
{
	static const uint8_t key[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				      0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct sl_conf *conf = conf_parse(example);
	const struct sl_conf_pool *web = &conf->pools[0];
	const struct sl_conf_node *r1 = &web->nodes[1];
	const struct sl_conf_service *http = &conf->services[0];

	(void)state;
	assert_string_equal(conf->dataplane.instance, "sluice");
	assert_int_equal(conf->dataplane.control_cpu, 0);
	assert_int_equal(conf->dataplane.worker_cpu_count, 2);
	assert_int_equal(conf->dataplane.worker_cpus[1], 1);
	assert_true(conf->dataplane.hash_key_set);
	assert_memory_equal(conf->dataplane.hash_key, key, sizeof(key));
	assert_int_equal(conf->port_count, 2);
	assert_string_equal(conf->ports[0].device, "net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap");
	assert_int_equal(conf->ports[0].line, 16);
	assert_int_equal(conf->ports[0].address_count, 2);
	assert_int_equal(conf->ports[0].addresses[1].prefix.length, 64);
	assert_true(conf->ports[0].gateway_set && conf->ports[0].gateway_mac_set);
	assert_int_equal(conf->ports[1].punt, SL_CONF_PUNT_PORT);
	assert_int_equal(conf->ports[1].punt_port, 0);
	assert_int_equal(conf->ports[1].arp, SL_ARP_OFF);
	assert_int_equal(conf->control.mode, 0660);
	assert_int_equal(web->idle_ms_tcp, 900000);
	assert_int_equal(web->health.type, SL_HEALTH_TYPE_TCP);
	assert_int_equal(web->health.interval_ms, 2000);
	assert_int_equal(web->node_count, 3);
	assert_int_equal(web->nodes[0].kind, SL_NODE_WORKER);
	assert_string_equal(web->nodes[0].handler, "sink");
	assert_int_equal(r1->kind, SL_NODE_REMOTE);
	assert_int_equal(r1->weight, 50500000);
	assert_true(r1->mac_set);
	assert_int_equal(web->nodes[2].kind, SL_NODE_OUTPUT);
	assert_int_equal(web->nodes[2].port, 1);
	assert_int_equal(http->protocol, 6);
	assert_int_equal(http->port_count, 2);
	assert_int_equal(http->ports[1].last, 8099);
	assert_int_equal(http->prefix.length, 32);
	assert_true(conf->services[2].any);
	assert_int_equal(conf->services[2].protocol, -1);
	sl_conf_destroy(conf);
}

static void absent_keys_have_their_defaults(void **state)
{
	struct sl_conf *conf = conf_parse("ports: [{name: p0, device: d}]\n" POOLS SERVICES);
	const struct sl_conf_dataplane *d = &conf->dataplane;
	const struct sl_conf_pool *web = &conf->pools[0];
	char *socket = sl_conf_socket_default("sluice");

	(void)state;
	assert_string_equal(d->instance, "sluice");
	assert_int_equal(d->control_cpu, -1);
	assert_int_equal(d->rx_cpu_count, 0);
	assert_int_equal(d->idle, SL_IDLE_BACKOFF);
	assert_int_equal(d->queue_full, SL_QUEUE_FULL_AUTO);
	assert_int_equal(d->hugepages, SL_AUTO);
	assert_int_equal(d->memory_mb, 512);
	assert_int_equal(d->packet_buffers, 32768);
	assert_int_equal(d->burst, 32);
	assert_int_equal(d->ring_size, 2048);
	assert_false(d->hash_key_set);
	assert_int_equal(conf->ports[0].mtu, 0); /* the link's */
	assert_true(conf->ports[0].promiscuous);
	assert_false(conf->ports[0].gateway_set);
	assert_int_equal(conf->ports[0].punt, SL_CONF_PUNT_DROP);
	assert_int_equal(conf->ports[0].arp, SL_ARP_SERVICES);
	assert_string_equal(conf->control.socket, socket);
	assert_int_equal(conf->control.mode, 0660);
	assert_string_equal(conf->control.group, "");
	assert_string_equal(conf->control.state, "");
	assert_string_equal(conf->control.metrics, "");
	assert_int_equal(web->scheduler, SL_SCHED_MINIMAL);
	assert_int_equal(web->slots, 65536);
	assert_int_equal(web->tracking, SL_CONF_TRACKING_AUTO);
	assert_int_equal(web->hash, SL_CONF_HASH_5_TUPLE);
	assert_int_equal(web->no_node, SL_NO_NODE_DROP);
	assert_int_equal(web->idle_ms_tcp, 900000);
	assert_int_equal(web->idle_ms_udp, 60000);
	assert_int_equal(web->idle_ms_other, 60000);
	assert_int_equal(web->flow_entries, 1048576);
	assert_int_equal(web->outer_df, SL_OUTER_DF_COPY);
	assert_int_equal(web->health.type, SL_HEALTH_TYPE_NONE);
	assert_int_equal(conf->services[0].echo, SL_ECHO_ANSWER);
	free(socket);
	sl_conf_destroy(conf);
}

static void the_default_socket_follows_the_instance(void **state)
{
	char *path = sl_conf_socket_default("blue");

	(void)state;
	assert_non_null(strstr(path, "/blue/control.sock"));
	free(path);
}

static void words_that_yaml_takes_for_booleans_are_words(void **state)
{
	struct sl_conf *conf =
		conf_parse("dataplane: {hugepages: off, instance: on}\n"
			   "ports: [{name: no, device: yes, arp: off}]\n" POOLS SERVICES);

	(void)state;
	assert_int_equal(conf->dataplane.hugepages, SL_OFF);
	assert_string_equal(conf->dataplane.instance, "on");
	assert_string_equal(conf->ports[0].name, "no");
	assert_string_equal(conf->ports[0].device, "yes");
	assert_int_equal(conf->ports[0].arp, SL_ARP_OFF);
	sl_conf_destroy(conf);
}

static void sections_may_come_in_any_order_and_anchors_repeat_values(void **state)
{
	struct sl_conf *conf = conf_parse(
		"services: [{name: s, address: any, pool: b}]\n"
		"pools:\n"
		"  - {name: a, idle_timeout: &t {tcp: 2h}, nodes: [{name: n, output: p1}]}\n"
		"  - {name: b, idle_timeout: *t}\n"
		"ports: [{name: p0, device: d, punt: p1}, {name: p1, device: e}]\n");

	(void)state;
	assert_int_equal(conf->services[0].pool, 1);
	assert_int_equal(conf->ports[0].punt_port, 1);
	assert_int_equal(conf->pools[0].nodes[0].port, 1);
	assert_int_equal(conf->pools[0].nodes[0].weight, SL_WEIGHT_UNIT);
	assert_int_equal(conf->pools[1].idle_ms_tcp, 7200000);
	sl_conf_destroy(conf);
}

static void a_pool_without_nodes_or_weight_is_valid(void **state)
{
	(void)state;
	conf_expect(DATAPLANE PORTS "pools: [{name: web, nodes: []}, {name: b, nodes: [{name: n, "
				    "worker: 1, weight: 0}]}]\n" SERVICES,
		    "", "");
}

static void a_byte_order_mark_is_no_part_of_the_text(void **state)
{
	(void)state;
	conf_expect("\xef\xbb\xbf" PORTS POOLS SERVICES, "", "");
}

/* ---- the document -----------------------------------------------------------------------------*/

static void texts_that_are_no_configuration_are_refused(void **state)
{
	static const struct {
		const char *text, *errors;
	} cases[] = {
		{"", "1:1: the configuration is empty; it needs `ports` and `services`\n"},
		{"# nothing\n",
		 "1:1: the configuration is empty; it needs `ports` and `services`\n"},
		{"hello", "1:1: the configuration is a mapping such as {dataplane: ...}, not "
			  "`hello`\n"},
		{"[]",
		 "1:1: the configuration is a mapping such as {dataplane: ...}, not a list\n"},
		{"{}", "1:1: `ports` is missing: the configuration needs it\n"
		       "1:1: `services` is missing: the configuration needs it\n"},
		{"ports: []\nservices:\n",
		 "1:8: `ports` may not be empty: it needs at least one entry\n"
		 "2:10: `services` may not be empty: it needs at least one entry\n"},
		{PORTS POOLS SERVICES "--- \n{}\n",
		 "4:1: a second YAML document; a configuration is one document\n"},
		{"ports:\n\t- 1\n",
		 "2:1: not YAML: a tab stands where YAML wants spaces; indent with spaces\n"},
		{"ports: [1,\nservices: 2\n", "3:1: not YAML: did not find expected ',' or ']' "
					      "(while parsing a flow sequence that "
					      "starts in line 1)\n"},
		{"ports: \"abc", "1:12: not YAML: found unexpected end of stream (while scanning a "
				 "quoted scalar that starts in line 1)\n"},
		{"a: b\xff\n", "1:5: octet 0xff is not UTF-8; save the file as UTF-8 text\n"},
		{"a:\n \xc0\xaf", "2:2: octet 0xc0 is not UTF-8; save the file as UTF-8 text\n"},
		{"a: \xed\xa0\x80", "1:4: octet 0xed is not UTF-8; save the file as UTF-8 text\n"},
		{"\xc3\xa4: \x01",
		 "1:4: control character U+0001; a configuration is plain text\n"},
		{"a: *b", "1:4: an alias of an anchor that is not before it\n"},
		{"a: &b [*b]", "1:8: an alias inside of what it repeats\n"},
		{"a: !!str b", "1:4: tags (`!`) have no meaning here; leave it out\n"},
		{"? [a]\n: b\n", "1:1: `ports` is missing: the configuration needs it\n"
				 "1:1: `services` is missing: the configuration needs it\n"
				 "1:3: a key is a word, not a list\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		conf_expect(cases[i].text, cases[i].errors, "");
}

static void nesting_and_repetition_are_bounded(void **state)
{
	char text[512] = "a: ";
	size_t used = 3;

	(void)state;
	memset(text + used, '[', 40);
	text[used + 40] = '\0';
	conf_expect(text, "1:35: more than 32 levels of nesting\n", "");
	conf_expect("a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n"
		    "a1: &a1 [[[[[[[[[[*a0]]]]]]]]]]\n"
		    "a2: [[[[[[[[[[[*a1]]]]]]]]]]]\n",
		    "3:16: more than 32 levels of nesting\n", "");
	used = (size_t)snprintf(text, sizeof(text), "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 9; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
					 i - 1, i - 1, i - 1, i - 1);
	(void)snprintf(text + used, sizeof(text) - used, "b: [*a8,*a8,*a8]\n");
	conf_expect(text, "9:14: the document has more than 2500000 values; say less\n", "");
}

static void a_text_of_16_mib_is_read_and_one_octet_more_is_not(void **state)
{
	static const char head[] = PORTS POOLS SERVICES "#";
	char *text = malloc(SL_CONF_TEXT_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', SL_CONF_TEXT_MAX + 1);
	memcpy(text, head, strlen(head));
	text[SL_CONF_TEXT_MAX] = '\0';
	conf_expect(text, "", "");
	text[SL_CONF_TEXT_MAX] = 'x';
	text[SL_CONF_TEXT_MAX + 1] = '\0';
	conf_expect(text, "1:1: the text is larger than 16 MiB\n", "");
	free(text);
}

static void more_than_1000_errors_are_cut_and_it_is_said(void **state)
{
	size_t size = 32 * 1024, used = 0;
	char *text = malloc(size);
	struct sl_conf_errors errors;
	struct sl_conf *conf;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 1200; i++)
		used += (size_t)snprintf(text + used, size - used, "zz%d: 1\n", i);
	assert_int_equal(sl_conf_parse(text, used, &conf, &errors), -EINVAL);
	assert_int_equal(errors.count, SL_CONF_ERRORS_MAX);
	assert_string_equal(errors.list[SL_CONF_ERRORS_MAX - 1].message,
			    "there are more than 1000 of these; the rest is not listed");
	sl_conf_errors_fini(&errors);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_interface_is_read_as_it_stands),
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(the_default_socket_follows_the_instance),
		cmocka_unit_test(words_that_yaml_takes_for_booleans_are_words),
		cmocka_unit_test(sections_may_come_in_any_order_and_anchors_repeat_values),
		cmocka_unit_test(a_pool_without_nodes_or_weight_is_valid),
		cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_text),
		cmocka_unit_test(texts_that_are_no_configuration_are_refused),
		cmocka_unit_test(nesting_and_repetition_are_bounded),
		cmocka_unit_test(a_text_of_16_mib_is_read_and_one_octet_more_is_not),
		cmocka_unit_test(more_than_1000_errors_are_cut_and_it_is_said),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
