/* SPDX-License-Identifier: BSD-3-Clause */

/* Dispatch over two cores beside what DPDK brings for it, on the floor of path_bench: cycles per packet.
 *
 * The main thread receives and dispatches, the other one, on the last CPU, takes packets and transmits
 * them by a queue of its own:
 *
 * sluice:      the receive core's round as it is, rings, and a worker's thread as it is, with a handler
 *              that sends what it gets.
 * ring:        an SPSC ring and nothing else: what moving packets to another CPU costs here.
 * event_dsw:   an atomic queue; the flow is a CRC of the five-tuple.
 * event_sw:    likewise; the main thread runs the scheduler, too.
 * distributor: rte_distributor in burst mode, tagged with the same CRC.
 *
 * "one core" is the same by the main thread alone (not the distributor, whose workers wait for it).
 * All take turns in one process; a turn ends when its last packet is transmitted. Medians with least
 * and most, one JSON object a line.
 *
 * Usage: duo_bench [--flows N] [--turns N]
 */

#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_distributor.h>
#include <rte_ethdev.h>
#include <rte_eventdev.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_service.h>

#include "base/bytes.h"
#include "bench/figure.h"
#include "bench/source.h"
#include "path/stage.h"
#include "support/scene.h"
#include "support/world.h"
#include "work/handler.h"
#include "work/worker.h"

#define BURST	     32
#define TURN_PACKETS 65536u
#define WARM_PACKETS 32768u /* before each turn's clock starts: caches are the peer's before */
#define TURNS_MAX    2001
#define RING_SIZE    2048
#define SERVICES     512
#define EVENT_FLOWS  1024
#define EVENTS_MAX   4096
#define WORKER_LCORE 2
#define PEER_QUEUE   2 /* transmit queues: main, worker, peers' other thread */

/* How a peer's producer gives packets and its consumer takes them. */
struct peer {
	const char *name;
	bool (*make)(void);
	uint32_t (*give)(struct rte_mbuf **packets, uint32_t count); /* how many it took */
	void (*push)(void);			     /* what it holds back; often called; or NULL */
	uint32_t (*take)(struct rte_mbuf **packets); /* at most BURST */
	bool alone;				     /* one thread can do both */
};

static struct sl_port port;
static struct sl_path_core *core;
static struct sl_worker_stats worker_stats;
static const struct peer *_Atomic other_peer; /* what the other thread does */
static atomic_bool ending, parked;	      /* the other thread does nothing */
static sem_t wake;
static uint64_t other_count __attribute__((aligned(SL_CACHE_LINE))); /* written: the other thread */

static uint32_t flow_of(const struct rte_mbuf *packet)
{
	struct source_tuple tuple = source_tuple_read(packet);

	return rte_hash_crc(&tuple, sizeof(tuple), 0);
}

/* ---- a ring ---------------------------------------------------------------------------------- */

static struct rte_ring *ring;

static bool ring_make(void)
{
	ring = rte_ring_create("duo", RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return ring != NULL;
}

static uint32_t ring_give(struct rte_mbuf **packets, uint32_t count)
{
	return rte_ring_sp_enqueue_burst(ring, (void **)packets, count, NULL);
}

static uint32_t ring_take(struct rte_mbuf **packets)
{
	return rte_ring_sc_dequeue_burst(ring, (void **)packets, BURST, NULL);
}

/* ---- event devices --------------------------------------------------------------------------- */

enum { PRODUCER = 0, CONSUMER = 1 };

static uint8_t dsw, sw;
static uint32_t scheduler; /* service of event_sw */

static bool event_make(const char *name, uint8_t *id)
{
	struct rte_event_dev_config config = {.nb_events_limit = EVENTS_MAX,
					      .nb_event_queues = 1,
					      .nb_event_ports = 2,
					      .nb_event_queue_flows = EVENT_FLOWS,
					      .nb_event_port_dequeue_depth = BURST,
					      .nb_event_port_enqueue_depth = BURST};
	struct rte_event_queue_conf queue = {.nb_atomic_flows = EVENT_FLOWS,
					     .nb_atomic_order_sequences = EVENT_FLOWS,
					     .schedule_type = RTE_SCHED_TYPE_ATOMIC};
	struct rte_event_port_conf conf = {
		.new_event_threshold = EVENTS_MAX, .dequeue_depth = BURST, .enqueue_depth = BURST};
	const uint8_t first = 0;
	int found;

	if (rte_eal_hotplug_add("vdev", name, "") != 0)
		return false;
	found = rte_event_dev_get_dev_id(name);
	if (found < 0)
		return false;
	*id = (uint8_t)found;
	return rte_event_dev_configure(*id, &config) == 0 &&
	       rte_event_queue_setup(*id, 0, &queue) == 0 &&
	       rte_event_port_setup(*id, PRODUCER, &conf) == 0 &&
	       rte_event_port_setup(*id, CONSUMER, &conf) == 0 &&
	       rte_event_port_link(*id, CONSUMER, &first, NULL, 1) == 1;
}

static uint32_t event_give(uint8_t id, struct rte_mbuf **packets, uint32_t count)
{
	struct rte_event events[BURST];

	for (uint32_t i = 0; i < count; i++) {
		uint32_t flow = flow_of(packets[i]);

		events[i] = (struct rte_event){.flow_id = (flow ^ flow >> 16) % EVENT_FLOWS,
					       .op = RTE_EVENT_OP_NEW,
					       .sched_type = RTE_SCHED_TYPE_ATOMIC,
					       .event_type = RTE_EVENT_TYPE_CPU,
					       .mbuf = packets[i]};
	}
	return rte_event_enqueue_new_burst(id, PRODUCER, events, (uint16_t)count);
}

static uint32_t event_take(uint8_t id, struct rte_mbuf **packets)
{
	struct rte_event events[BURST];
	uint32_t count = rte_event_dequeue_burst(id, CONSUMER, events, BURST, 0);

	for (uint32_t i = 0; i < count; i++)
		packets[i] = events[i].mbuf;
	return count;
}

static bool dsw_make(void)
{
	return event_make("event_dsw0", &dsw) && rte_event_dev_start(dsw) == 0;
}

/* No events: the device sends what it buffers. */
static void dsw_push(void)
{
	rte_event_enqueue_burst(dsw, PRODUCER, NULL, 0);
}

static uint32_t dsw_give(struct rte_mbuf **packets, uint32_t count)
{
	return event_give(dsw, packets, count);
}

static uint32_t dsw_take(struct rte_mbuf **packets)
{
	return event_take(dsw, packets);
}

static bool sw_make(void)
{
	return event_make("event_sw0", &sw) && rte_event_dev_service_id_get(sw, &scheduler) == 0 &&
	       rte_service_runstate_set(scheduler, 1) == 0 &&
	       rte_service_set_runstate_mapped_check(scheduler, 0) == 0 &&
	       rte_event_dev_start(sw) == 0;
}

static void sw_push(void)
{
	rte_service_run_iter_on_app_lcore(scheduler, 1);
}

static uint32_t sw_give(struct rte_mbuf **packets, uint32_t count)
{
	uint32_t given = event_give(sw, packets, count);

	sw_push();
	return given;
}

static uint32_t sw_take(struct rte_mbuf **packets)
{
	return event_take(sw, packets);
}

/* ---- rte_distributor ------------------------------------------------------------------------- */

static struct rte_distributor *distributor;
static bool asked; /* the worker has a request out */

static bool distributor_make(void)
{
	distributor = rte_distributor_create("duo", SOCKET_ID_ANY, 1, RTE_DIST_ALG_BURST);
	return distributor != NULL;
}

static uint32_t distributor_give(struct rte_mbuf **packets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		packets[i]->hash.usr = flow_of(packets[i]);
	return (uint32_t)rte_distributor_process(distributor, packets, count);
}

static void distributor_push(void)
{
	rte_distributor_process(distributor, NULL, 0);
}

static uint32_t distributor_take(struct rte_mbuf **packets)
{
	int count;

	if (!asked)
		rte_distributor_request_pkt(distributor, 0, NULL, 0);
	count = rte_distributor_poll_pkt(distributor, 0, packets);
	asked = count < 0;
	return count < 0 ? 0 : (uint32_t)count;
}

/* ---- both threads of peers ------------------------------------------------------------------- */

static const struct peer peers[] = {
	{"ring", ring_make, ring_give, NULL, ring_take, true},
	{"event_dsw", dsw_make, dsw_give, dsw_push, dsw_take, true},
	{"event_sw", sw_make, sw_give, sw_push, sw_take, true},
	{"rte_distributor", distributor_make, distributor_give, distributor_push, distributor_take,
	 false},
};

#define PEERS SL_ARRAY_COUNT(peers)

static void send_all(uint16_t queue, struct rte_mbuf **packets, uint32_t count)
{
	rte_eth_tx_burst(port.port_id, queue, packets, (uint16_t)count);
}

/* On the worker's CPU, where only one of the two is awake at a time; no lcore of the world, so that
 * the worker does not take it for one that it shares its CPU with. */
static void *other_run(void *argument)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(sl_eal_cpu(WORKER_LCORE), &cpu);
	if (pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu) != 0 ||
	    rte_thread_register() != 0)
		exit(1);
	(void)argument;
	for (;;) {
		const struct peer *peer = atomic_load_explicit(&other_peer, memory_order_acquire);
		struct rte_mbuf *packets[BURST];
		uint32_t count;

		if (peer == NULL) {
			atomic_store(&parked, true);
			if (atomic_load(&ending))
				return NULL;
			sem_wait(&wake);
			continue;
		}
		count = peer->take(packets);
		if (count == 0)
			continue;
		send_all(PEER_QUEUE, packets, count);
		sl_stats_add(&other_count, count);
	}
}

static uint32_t take_alone(const struct peer *peer)
{
	struct rte_mbuf *packets[BURST];
	uint32_t count = peer->take(packets);

	if (count > 0)
		send_all(0, packets, count);
	return count;
}

/* What waits to be given goes on. Returns how many are through, if that is the main thread's work. */
static uint32_t help(const struct peer *peer, bool alone)
{
	if (peer->push != NULL)
		peer->push();
	return alone ? take_alone(peer) : 0;
}

/* Rounds until so many packets are through. */
static void run_peer(const struct peer *peer, bool alone, uint32_t total)
{
	uint64_t end = sl_stats_read(&other_count) + total;
	uint32_t done = 0;

	for (uint32_t i = 0; i < total; i += BURST) {
		struct rte_mbuf *packets[BURST];
		uint32_t count = rte_eth_rx_burst(port.port_id, 0, packets, BURST), given;

		for (given = 0; given < count;) {
			given += peer->give(&packets[given], count - given);
			if (given < count)
				done += help(peer, alone);
		}
		if (alone)
			done += take_alone(peer);
	}
	while (alone ? done < total : sl_stats_read(&other_count) < end)
		done += help(peer, alone);
}

static double turn_peer(const struct peer *peer, bool alone)
{
	uint64_t start;

	if (!alone) {
		atomic_store(&parked, false);
		atomic_store_explicit(&other_peer, peer, memory_order_release);
		sem_post(&wake);
	}
	run_peer(peer, alone, WARM_PACKETS);
	start = rte_rdtsc();
	run_peer(peer, alone, TURN_PACKETS);
	start = rte_rdtsc() - start;
	atomic_store_explicit(&other_peer, NULL, memory_order_release);
	while (!alone && !atomic_load(&parked)) /* the distributor's worker waits for an answer */
		help(peer, false);
	return (double)start / TURN_PACKETS;
}

/* ---- sluice ---------------------------------------------------------------------------------- */

static int sender_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	(void)args;
	(void)err;
	*state = NULL;
	return 0;
}

static void sender_burst(void *state, const struct sl_handler_burst *burst)
{
	(void)state;
	for (uint32_t i = 0; i < burst->count; i++)
		sl_handler_send(burst, burst->packets[i]);
}

static const struct sl_handler_ops sender_ops = {
	.name = "sender", .open = sender_open, .burst = sender_burst};

static struct sl_worker *sluice_make(void)
{
	struct sl_handler_args args = {.node = "n1"};
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct sl_handler *handler;
	struct sl_path_spec spec = {
		.core_count = 1, .port_count = 1, .burst = BURST, .ports = &port, .wait = true};
	struct sl_worker_spec work = {.reader = 1,
				      .stats = &worker_stats,
				      .ports = &port,
				      .port_count = 1,
				      .burst = BURST,
				      .wait = true};
	struct sl_worker_rings *rings;
	struct sl_tx_plan *plan;
	struct sl_frag_tables *fragments;
	struct sl_worker *worker;
	struct sl_err err;

	if (sl_handler_register(&sender_ops) != 0 ||
	    sl_handler_open("sender", &args, &handler, &err) != 0 ||
	    sl_tx_plan_create(&port, 1, 1, 1, RING_SIZE, &plan) != 0 ||
	    sl_publish_create(&spec.publish) != 0 || sl_core_stats_create(&spec.stats) != 0 ||
	    sl_worker_rings_create(1, 1, 1, RING_SIZE, &rings) != 0 ||
	    sl_frag_tables_create(1, SL_FRAG_ENTRIES, &fragments) != 0)
		return NULL;
	node.handler = handler;
	sl_publish_swap(spec.publish, scene_snapshot(&node, 1, SERVICES, 1));
	spec.plan = work.plan = plan;
	spec.rings = work.rings = rings;
	spec.fragments = fragments;
	work.publish = spec.publish;
	if (sl_path_core_create(&spec, &core) != 0 || sl_worker_create(&work, &worker) != 0)
		return NULL;
	return worker;
}

static void run_sluice(uint32_t total)
{
	uint64_t end = worker_stats.delivered + total;

	for (uint32_t i = 0; i < total; i += BURST)
		sl_path_round(core, true);
	sl_path_flush(core);
	while (sl_stats_read(&worker_stats.delivered) < end)
		;
}

static double turn_sluice(void)
{
	uint64_t start;

	run_sluice(WARM_PACKETS);
	start = rte_rdtsc();
	core->last_tsc = start;
	run_sluice(TURN_PACKETS);
	return (double)(rte_rdtsc() - start) / TURN_PACKETS;
}

static double turn_floor(void)
{
	uint64_t start = rte_rdtsc();

	for (uint32_t i = 0; i < TURN_PACKETS; i += BURST) {
		struct rte_mbuf *packets[BURST];

		send_all(0, packets, rte_eth_rx_burst(port.port_id, 0, packets, BURST));
	}
	return (double)(rte_rdtsc() - start) / TURN_PACKETS;
}

/* ---- all ------------------------------------------------------------------------------------- */

enum { FLOOR, SLUICE, FIRST_TWO, FIRST_ONE = FIRST_TWO + PEERS, SERIES = FIRST_ONE + PEERS };

static void print(const char *what, const char *unit, double *values, uint32_t turns,
		  uint32_t flows)
{
	struct figure_with with = {flows, 1, 1, NULL};

	figure_print(what, unit, values, turns, &with);
}

static void measure(uint32_t turns, uint32_t flows)
{
	static double cycles[SERIES][TURNS_MAX], ratio[SERIES][TURNS_MAX],
		against[SERIES][TURNS_MAX];
	char name[64];

	for (uint32_t i = 0; i < turns; i++) {
		cycles[FLOOR][i] = turn_floor();
		cycles[SLUICE][i] = turn_sluice();
		for (uint32_t p = 0; p < PEERS; p++) {
			cycles[FIRST_TWO + p][i] = turn_peer(&peers[p], false);
			if (peers[p].alone)
				cycles[FIRST_ONE + p][i] = turn_peer(&peers[p], true);
		}
		for (uint32_t s = 0; s < SERIES; s++) {
			ratio[s][i] = cycles[s][i] / cycles[FLOOR][i];
			against[s][i] = cycles[SLUICE][i] / cycles[s][i];
		}
	}
	for (uint32_t s = 0; s < SERIES; s++) {
		const struct peer *peer = s < FIRST_TWO ? NULL : &peers[(s - FIRST_TWO) % PEERS];

		if (s >= FIRST_ONE && !peer->alone)
			continue;
		snprintf(name, sizeof(name), "%s%s",
			 peer != NULL ? peer->name
			 : s == FLOOR ? "floor"
				      : "dispatch",
			 s == FLOOR	  ? ""
			 : s >= FIRST_ONE ? ", one core"
					  : ", two cores");
		print(name, "cycles/packet", cycles[s], turns, flows);
		strcat(name, "/floor");
		if (s != FLOOR)
			print(name, "ratio", ratio[s], turns, flows);
		if (peer == NULL || s >= FIRST_ONE)
			continue;
		snprintf(name, sizeof(name), "dispatch/%s, two cores", peer->name);
		print(name, "ratio", against[s], turns, flows);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"turns", required_argument, NULL, 't'},
					      {"flows", required_argument, NULL, 'f'},
					      {NULL, 0, NULL, 0}};
	uint32_t flows = 100000, turns = 101;
	struct rte_mempool *pool;
	struct sl_worker *worker;
	pthread_t other;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		uint32_t number = option == '?' ? 0 : (uint32_t)strtoul(optarg, NULL, 10);

		if (option == 'f' && number > 0)
			flows = number;
		else if (option == 't' && number > 0 && number <= TURNS_MAX)
			turns = number;
		else
			return 1;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "duo_bench: it takes two CPUs\n");
		return 0;
	}
	pool = world_start("duo_bench", 1, 1, 256, 16384);
	source_init(flows, false);
	world_port(pool, "p0", "net_null0,size=64", 1, 3, &port);
	worker = sluice_make();
	if (worker == NULL || !source_attach(port.port_id) || sem_init(&wake, 0, 0) != 0)
		return 1;
	for (uint32_t p = 0; p < PEERS; p++)
		if (!peers[p].make()) {
			fprintf(stderr, "duo_bench: %s cannot be made\n", peers[p].name);
			return 1;
		}
	if (sl_eal_launch(WORKER_LCORE, sl_worker_run, worker) != 0 ||
	    pthread_create(&other, NULL, other_run, NULL) != 0)
		return 1;
	sl_path_begin(core);
	measure(turns, flows);
	atomic_store(&ending, true);
	sem_post(&wake);
	sl_worker_stop(worker);
	sl_eal_wait(WORKER_LCORE);
	pthread_join(other, NULL);
	return 0;
}
