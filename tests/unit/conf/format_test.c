/* SPDX-License-Identifier: BSD-3-Clause */

/* What is written reads back as the same; what differs is seen; damaged texts are refused without
 * harm. */

#include "conf_expect.h"

#include "base/prng.h"
#include "conf/key.h"
#include "support/conf_property.h"

#define RANDOM_CONFS 400
#define MUTATIONS    3000
#define SEED	     20261120u

/* ---- random configurations --------------------------------------------------------------------*/

static uint32_t below(struct sl_prng *prng, uint32_t bound)
{
	return sl_prng_below(prng, bound);
}

static void random_name(struct sl_prng *prng, char prefix, uint32_t number, char *name)
{
	static const char letters[] = "abcXYZ019._-";
	int used = snprintf(name, SL_NAME_SIZE, "%c%u", prefix, number);
	uint32_t more = below(prng, 20);

	for (uint32_t i = 0; i < more; i++)
		name[used++] = letters[below(prng, sizeof(letters) - 1)];
	name[used] = '\0';
}

static char *random_text(struct sl_prng *prng)
{
	static const char *const texts[] = {"plain",	   "with \"quotes\" and \\",
					    "a: b # c",	   "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
					    " spaces ",	   "'",
					    "{[,]}",	   "- x",
					    "&a *b !c |>", "~"};

	return strdup(texts[below(prng, sizeof(texts) / sizeof(texts[0]))]);
}

/* That no other has: a file has one writer. */
static char *random_file(struct sl_prng *prng)
{
	char *text = random_text(prng), *file = NULL;

	assert_true(asprintf(&file, "%s%llx", text, (unsigned long long)sl_prng_next(prng)) > 0);
	free(text);
	return file;
}

static void random_addr(struct sl_prng *prng, struct sl_addr *addr)
{
	bool four = below(prng, 2);

	memset(addr, 0, sizeof(*addr));
	addr->family = four ? SL_FAMILY_IPV4 : SL_FAMILY_IPV6;
	for (int i = 0; i < (four ? 4 : 16); i++)
		addr->octets[i] = (uint8_t)(1 + below(prng, 100));
}

static void random_mac(struct sl_prng *prng, struct sl_mac *mac)
{
	for (int i = 0; i < SL_MAC_SIZE; i++)
		mac->octets[i] = (uint8_t)(below(prng, 128) * 2);
}

static void random_dataplane(struct sl_prng *prng, struct sl_conf_dataplane *d)
{
	random_name(prng, 'i', 0, d->instance);
	d->control_cpu = (int)below(prng, 9) - 1;
	d->rx_cpu_count = below(prng, SL_RX_CORES_MAX + 1);
	d->rx_cpus = d->rx_cpu_count ? calloc(d->rx_cpu_count, sizeof(int)) : NULL;
	d->worker_cpu_count = 1 + below(prng, SL_WORKERS_MAX);
	d->worker_cpus = calloc(d->worker_cpu_count, sizeof(int));
	for (uint32_t i = 0; i < d->worker_cpu_count; i++)
		d->worker_cpus[i] = (int)below(prng, 1024);
	d->idle = below(prng, 2);
	d->queue_full = below(prng, 3);
	d->hugepages = below(prng, 3);
	d->memory_mb = 64 + below(prng, 10000);
	d->packet_buffers = 1024 + below(prng, 100000);
	d->burst = 1 + below(prng, SL_BURST_MAX);
	d->ring_size = 64u << below(prng, 10);
	d->hash_key_set = below(prng, 2);
	for (int i = 0; d->hash_key_set && i < SL_HASH_KEY_SIZE; i++)
		d->hash_key[i] = (uint8_t)below(prng, 256);
	d->eal_count = below(prng, 3);
	d->eal = d->eal_count ? calloc(d->eal_count, sizeof(char *)) : NULL;
	for (uint32_t i = 0; i < d->eal_count; i++)
		d->eal[i] = random_text(prng);
}

/* Has addresses of both families, so that nodes of either can be reached. */
static void random_port(struct sl_prng *prng, struct sl_conf_port *port, uint32_t index,
			uint32_t count)
{
	char text[SL_ADDR_TEXT_SIZE], *device = random_text(prng);

	random_name(prng, 'p', index, port->name);
	assert_true(asprintf(&port->device, "%u%s", index, device) > 0); /* no two the same */
	free(device);
	port->mtu = (uint16_t)(SL_MTU_MIN + below(prng, SL_MTU_MAX - SL_MTU_MIN + 1));
	port->promiscuous = below(prng, 2);
	port->address_count = 2;
	port->addresses = calloc(2, sizeof(*port->addresses));
	(void)snprintf(text, sizeof(text), "10.%u.0.1/%u", index, 16 + below(prng, 17));
	assert_int_equal(
		sl_prefix_parse(text, &port->addresses[0].prefix, &port->addresses[0].addr), 0);
	(void)snprintf(text, sizeof(text), "fd00:%x::1/%u", index, 32 + below(prng, 97));
	assert_int_equal(
		sl_prefix_parse(text, &port->addresses[1].prefix, &port->addresses[1].addr), 0);
	port->gateway_set = below(prng, 2);
	if (port->gateway_set) {
		port->gateway_mac_set = below(prng, 2);
		if (port->gateway_mac_set)
			random_mac(prng, &port->gateway_mac);
		if (!port->gateway_mac_set || below(prng, 2))
			random_addr(prng, &port->gateway);
	}
	port->punt = below(prng, 3);
	if (port->punt == SL_CONF_PUNT_PORT)
		port->punt_port = below(prng, count);
	port->arp = below(prng, 3);
	port->xdp_understudy = true;
	if (below(prng, 4) > 0)
		return;
	free(port->device);
	assert_true(asprintf(&port->device, "xdp:e%u", index) > 0);
	port->xdp_mode = below(prng, 3);
	port->xdp_take = below(prng, 2);
	port->xdp_understudy = below(prng, 2);
}

static void random_remote(struct sl_prng *prng, struct sl_conf_node *node)
{
	random_addr(prng, &node->address);
	node->encap = below(prng, 5);
	node->mac_set = true;
	random_mac(prng, &node->mac);
	if (node->encap == SL_ENCAP_GUE)
		node->gue_port = (uint16_t)(1 + below(prng, 65535));
	if (node->encap == SL_ENCAP_VXLAN)
		node->vni = below(prng, SL_VNI_MAX + 1);
	node->inner_mac_set = node->encap == SL_ENCAP_VXLAN && below(prng, 2);
	if (node->inner_mac_set)
		random_mac(prng, &node->inner_mac);
	if (node->encap != SL_ENCAP_NONE)
		node->outer_df = below(prng, 4);
}

static void random_node(struct sl_prng *prng, const struct sl_conf *conf, struct sl_conf_node *node,
			uint32_t index)
{
	static const char *const handlers[] = {"sink", "echo", "capture"};
	uint32_t handler = below(prng, 3);

	random_name(prng, 'n', index, node->name);
	node->kind = SL_NODE_WORKER + below(prng, 3);
	node->weight = sl_prng_next(prng) % (SL_WEIGHT_MAX + 1);
	node->gue_port = SL_GUE_PORT;
	if (node->kind == SL_NODE_WORKER) {
		node->worker = below(prng, conf->dataplane.worker_cpu_count);
		node->handler = strdup(handlers[handler]);
		node->file = handler == 2 ? random_file(prng) : NULL;
		return;
	}
	node->port = below(prng, conf->port_count);
	if (node->kind == SL_NODE_REMOTE)
		random_remote(prng, node);
}

static void random_health(struct sl_prng *prng, struct sl_conf_health *health)
{
	health->type = below(prng, 5);
	health->tls_verify = true;
	health->agent_interval_ms = 2000;
	health->interval_ms = 2000;
	health->timeout_ms = 1000;
	health->rise = 2;
	health->fall = 3;
	if (health->type == SL_HEALTH_TYPE_NONE)
		return;
	health->port =
		health->type == SL_HEALTH_TYPE_ICMP ? 0 : (uint16_t)(1 + below(prng, UINT16_MAX));
	health->interval_ms = 10 + below(prng, 3600000 - 9);
	health->timeout_ms = 10 + below(prng, 3600000 - 9);
	health->rise = 1 + below(prng, 100);
	health->fall = 1 + below(prng, 100);
	if (health->type == SL_HEALTH_TYPE_HTTP && below(prng, 2)) {
		health->path = strdup("/health?a=\"b\"");
		health->host = random_text(prng);
	}
	if (health->type == SL_HEALTH_TYPE_HTTP && below(prng, 2)) {
		health->expect_status = strdup("200-299, 304");
		health->expect_body = strdup("^\"ok\"$");
		health->fast_ms = 10 + below(prng, 1000);
	}
	if (below(prng, 4) == 0) {
		health->agent_set = true;
		health->agent_port = (uint16_t)(1 + below(prng, UINT16_MAX));
		health->on_down = SL_ON_DOWN_KEEP;
	}
}

static void random_pool(struct sl_prng *prng, const struct sl_conf *conf, struct sl_conf_pool *pool,
			uint32_t index)
{
	random_name(prng, 'q', index, pool->name);
	pool->scheduler = below(prng, 8);
	pool->slots = SL_SLOTS_MIN << below(prng, 13);
	pool->tracking = sl_sched_fills_slots(pool->scheduler)
				 ? below(prng, 4)
				 : below(prng, 2) * (uint32_t)SL_CONF_TRACKING_FULL;
	pool->symmetric = below(prng, 2);
	pool->hash = below(prng, 6);
	if (pool->symmetric && (pool->hash == SL_CONF_HASH_SRC || pool->hash == SL_CONF_HASH_DST))
		pool->hash = SL_CONF_HASH_SRC_DST;
	pool->no_node = below(prng, 3);
	pool->idle_ms_tcp = 100 + below(prng, 604800000 - 99);
	pool->idle_ms_udp = 1000 * (1 + below(prng, 604800));
	pool->idle_ms_other = 3600000 * (1 + below(prng, 168));
	pool->flow_entries = 64 + below(prng, 1 << 20);
	pool->outer_df = SL_OUTER_DF_COPY + below(prng, 3);
	pool->udp6_checksum = below(prng, 2);
	random_health(prng, &pool->health);
	pool->node_count = below(prng, 6);
	pool->nodes = pool->node_count ? calloc(pool->node_count, sizeof(*pool->nodes)) : NULL;
	for (uint32_t i = 0; i < pool->node_count; i++)
		random_node(prng, conf, &pool->nodes[i], i);
}

static void random_service(struct sl_prng *prng, const struct sl_conf *conf,
			   struct sl_conf_service *service, uint32_t index)
{
	static const int16_t protocols[] = {-1, 6, 17, 132, 1, 2, 47, 255, 0};
	char text[SL_ADDR_TEXT_SIZE];

	random_name(prng, 's', index, service->name);
	service->any = index == 0;
	(void)snprintf(text, sizeof(text), "203.0.%u.0/%u", index, 24 + below(prng, 9));
	if (!service->any)
		assert_int_equal(sl_prefix_parse(text, &service->prefix, NULL), 0);
	service->protocol = protocols[below(prng, 9)];
	if (service->protocol == 6 || service->protocol == 17) {
		service->port_count = below(prng, 4);
		service->ports = service->port_count
					 ? calloc(service->port_count, sizeof(*service->ports))
					 : NULL;
	}
	for (uint32_t i = 0; i < service->port_count; i++) {
		service->ports[i].first = (uint16_t)(1 + i * 1000 + below(prng, 500));
		service->ports[i].last = (uint16_t)(service->ports[i].first + below(prng, 500));
	}
	service->vlan = (uint16_t)below(prng, 4095);
	service->echo = below(prng, 3);
	service->flow_weight = (uint8_t)(1 + below(prng, SL_FLOW_WEIGHT_MAX));
	if (service->protocol == 6 || service->protocol == -1)
		service->mss_clamp = below(prng, 2) ? (uint16_t)(64 + below(prng, 65472)) : 0;
	service->pool = below(prng, conf->pool_count);
}

static void random_cluster(struct sl_prng *prng, struct sl_conf_cluster *cluster)
{
	struct sl_conf_store *store = &cluster->store;

	assert_int_equal(sl_conf_table_defaults(&sl_conf_cluster_table, cluster), 0);
	if (below(prng, 2))
		return;
	(void)snprintf(cluster->name, sizeof(cluster->name), "c%u", below(prng, 10));
	(void)snprintf(cluster->member, sizeof(cluster->member), "m%u", below(prng, 10));
	store->endpoint_count = 1 + below(prng, 3);
	store->endpoints = calloc(store->endpoint_count, sizeof(*store->endpoints));
	assert_non_null(store->endpoints);
	for (uint32_t i = 0; i < store->endpoint_count; i++)
		assert_true(asprintf(&store->endpoints[i], "http://h%u:1", i) > 0);
}

static struct sl_conf *random_conf(struct sl_prng *prng)
{
	struct sl_conf *conf = calloc(1, sizeof(*conf));

	assert_non_null(conf);
	random_dataplane(prng, &conf->dataplane);
	conf->port_count = 1 + below(prng, 4);
	conf->ports = calloc(conf->port_count, sizeof(*conf->ports));
	for (uint32_t i = 0; i < conf->port_count; i++)
		random_port(prng, &conf->ports[i], i, conf->port_count);
	conf->control.socket = strdup(below(prng, 2) ? "/run/a b/\"socket\"" : "s");
	conf->control.mode = below(prng, 01000);
	conf->control.group = below(prng, 2) ? random_text(prng) : strdup("");
	conf->control.state = below(prng, 2) ? random_text(prng) : strdup("");
	conf->control.metrics = strdup(below(prng, 2) ? "[::1]:9464" : "");
	random_cluster(prng, &conf->cluster);
	assert_int_equal(sl_conf_table_defaults(&sl_conf_announce_table, &conf->announce), 0);
	if (below(prng, 2))
		conf->announce.interface = strdup("vip0");
	conf->pool_count = 1 + below(prng, 4);
	conf->pools = calloc(conf->pool_count, sizeof(*conf->pools));
	for (uint32_t i = 0; i < conf->pool_count; i++)
		random_pool(prng, conf, &conf->pools[i], i);
	conf->service_count = 1 + below(prng, 5);
	conf->services = calloc(conf->service_count, sizeof(*conf->services));
	for (uint32_t i = 0; i < conf->service_count; i++)
		random_service(prng, conf, &conf->services[i], i);
	return conf;
}

static void what_is_written_reads_back_as_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = SEED; seed < SEED + RANDOM_CONFS; seed++) {
		struct sl_prng prng = {seed};
		struct sl_conf *conf = random_conf(&prng);

		conf_round_trip(conf);
		sl_conf_destroy(conf);
	}
}

/* ---- how it is written ------------------------------------------------------------------------*/

static void defaults_are_left_out_and_names_are_quoted_where_needed(void **state)
{
	struct sl_conf *conf = conf_parse(
		"dataplane: {worker_cpus: [0]}\nports: [{name: 'no', device: d, punt: 'no', "
		"gateway: {mac: \"02:00:00:00:00:01\"}}]\ncontrol: {socket: /s, mode: "
		"\"0600\"}\npools: [{name: web, idle_timeout: {udp: 90s}, nodes: [{name: w, "
		"worker: 0}, {name: '5', output: 'no', weight: 0.25}]}]\nservices: [{name: s, "
		"address: 10.0.0.0/8, protocol: 6, ports: [80, 8000-8099], pool: web}]\n");
	char *text = sl_conf_format(conf);

	(void)state;
	assert_string_equal(
		text, "dataplane:\n  instance: sluice\n  worker_cpus: [0]\nports:\n  - name: "
		      "\"no\"\n    device: \"d\"\n    gateway: {mac: \"02:00:00:00:00:01\"}\n    "
		      "punt: \"no\"\ncontrol:\n  socket: \"/s\"\n  mode: \"0600\"\npools:\n  - "
		      "name: web\n    idle_timeout: {udp: 90s}\n    nodes:\n      - {name: w, "
		      "worker: 0, handler: sink, weight: 1}\n      - {name: \"5\", output: \"no\", "
		      "weight: 0.25}\nservices:\n  - {name: s, address: \"10.0.0.0/8\", protocol: "
		      "tcp, ports: [80, \"8000-8099\"], pool: web}\n");
	free(text);
	sl_conf_destroy(conf);
}

/* ---- differences ------------------------------------------------------------------------------*/

#define HEAD	"dataplane: {worker_cpus: [0], hash_key: 00112233445566778899aabbccddeeff}\n"
#define CONTROL "control: {socket: /s}\n"
#define TAIL                                                                                       \
	"pools: [{name: a, nodes: [{name: n, worker: 0, weight: 5}]}, {name: b}]\n"                \
	"services: [{name: s, address: any, pool: b}]\n"

/* Keys and their places, one behind the other. */
struct told {
	char text[512];
};

static void told_of(void *context, uint32_t line, uint32_t column, const char *key)
{
	struct told *told = context;
	size_t used = strlen(told->text);

	(void)snprintf(told->text + used, sizeof(told->text) - used, "%s%u:%u %s", used ? ", " : "",
		       line, column, key);
}

static void each_difference_is_seen_where_it_is(void **state)
{
	static const struct {
		const char *text;
		uint32_t changes;
		const char *key;
	} cases[] = {
		{HEAD PORTS CONTROL TAIL, 0, NULL},
		{"dataplane: {worker_cpus: [1], hash_key: 00112233445566778899aabbccddeeff}\n" PORTS
			 CONTROL TAIL,
		 SL_CONF_DATAPLANE, "1:12 dataplane.worker_cpus"},
		{"dataplane: {worker_cpus: [0], hash_key: 10112233445566778899aabbccddeeff}\n" PORTS
			 CONTROL TAIL,
		 SL_CONF_HASH_KEY, NULL},
		{"dataplane: {worker_cpus: [0]}\n" PORTS CONTROL TAIL, SL_CONF_HASH_KEY, NULL},
		{HEAD "ports: [{name: p0, device: e}]\n" CONTROL TAIL, SL_CONF_PORTS,
		 "2:9 device of port p0, 2:9 addresses of port p0, 2:9 gateway of port p0"},
		{HEAD "ports: [{name: p0, device: d}, {name: p1, device: e}]\n" CONTROL TAIL,
		 SL_CONF_PORTS, "2:9 ports"},
		{HEAD PORTS "control: {socket: /t}\n" TAIL, SL_CONF_SOCKET, "3:10 control.socket"},
		{"dataplane: {worker_cpus: [0], burst: 8, hash_key: "
		 "00112233445566778899aabbccddeeff}\n"
		 "ports: [{name: p0, device: e, mtu: 1400}]\ncontrol: {socket: /t}\n" TAIL,
		 SL_CONF_DATAPLANE | SL_CONF_PORTS | SL_CONF_SOCKET,
		 "1:12 dataplane.burst, 3:10 control.socket, "
		 "2:9 device of port p0, 2:9 mtu of port p0, "
		 "2:9 addresses of port p0, 2:9 gateway of port p0"},
		{HEAD PORTS "control: {socket: /s, mode: \"0600\"}\n" TAIL, SL_CONF_CONTROL, NULL},
		{HEAD PORTS CONTROL "pools: [{name: a, nodes: [{name: n, worker: 0, weight: 6}]}, "
				    "{name: b}]\nservices: [{name: s, address: any, pool: b}]\n",
		 SL_CONF_POOLS, NULL},
		{HEAD PORTS CONTROL "pools: [{name: a, nodes: [{name: n, output: p0, weight: 5}]}, "
				    "{name: b}]\nservices: [{name: s, address: any, pool: b}]\n",
		 SL_CONF_POOLS, NULL},
		/* pools in another order: the service still points at b */
		{HEAD PORTS CONTROL "pools: [{name: b}, {name: a, nodes: [{name: n, worker: 0, "
				    "weight: 5}]}]\nservices: [{name: s, address: any, pool: b}]\n",
		 SL_CONF_POOLS, NULL},
		{HEAD PORTS CONTROL "pools: [{name: a, nodes: [{name: n, worker: 0, weight: 5}]}, "
				    "{name: b}]\nservices: [{name: s, address: any, pool: a}]\n",
		 SL_CONF_SERVICES, NULL},
		{HEAD PORTS CONTROL
		 "pools: [{name: a, nodes: [{name: n, worker: 0, weight: 5}]}, {name: "
		 "b}]\nservices: [{name: s, address: 0.0.0.0/0, pool: b}]\n",
		 SL_CONF_SERVICES, NULL},
	};
	struct sl_conf *base = conf_parse(cases[0].text);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_conf *other = conf_parse(cases[i].text);
		struct told told = {0};

		sl_conf_restart_keys(base, other, told_of, &told);
		assert_int_equal(sl_conf_changes(base, other), cases[i].changes);
		assert_string_equal(told.text, cases[i].key ? cases[i].key : "");
		sl_conf_destroy(other);
	}
	sl_conf_destroy(base);
}

/* ---- damage -----------------------------------------------------------------------------------*/

static size_t mutate(struct sl_prng *prng, char *text, size_t size)
{
	static const char octets[] = "{}[]:,-#&*!|>'\"%@`\\ \t\n\rx0.~\xff\x01";
	uint32_t times = 1 + below(prng, 4);

	while (times--) {
		size_t at = below(prng, (uint32_t)size), length = below(prng, 12);

		if (length > size - at)
			length = size - at;
		switch (below(prng, 3)) {
		case 0:
			text[at] = octets[below(prng, sizeof(octets) - 1)];
			break;
		case 1:
			memmove(text + at, text + at + length, size - at - length);
			size -= length;
			break;
		default:
			memmove(text + at, text + below(prng, (uint32_t)(size - length + 1)),
				length);
			break;
		}
		if (!size)
			return 0;
	}
	return size;
}

static void damaged_texts_are_refused_in_order_or_round_trip(void **state)
{
	struct sl_prng prng = {SEED};
	struct sl_conf *conf = random_conf(&prng);
	char *text = sl_conf_format(conf);
	size_t size = strlen(text);
	char *copy = malloc(size + 1);
	uint32_t read = 0;

	(void)state;
	assert_non_null(copy);
	for (int i = 0; i < MUTATIONS; i++) {
		memcpy(copy, text, size + 1);
		read += conf_property(copy, mutate(&prng, copy, size));
	}
	/* both kinds were there */
	assert_in_range(read, 1, MUTATIONS - 1);
	free(copy);
	free(text);
	sl_conf_destroy(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back_as_the_same),
		cmocka_unit_test(defaults_are_left_out_and_names_are_quoted_where_needed),
		cmocka_unit_test(each_difference_is_seen_where_it_is),
		cmocka_unit_test(damaged_texts_are_refused_in_order_or_round_trip),
	};

	return cmocka_run_group_tests_name("conf format", tests, NULL, NULL);
}
