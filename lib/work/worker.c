/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/mem.h"
#include "pkt/parse.h"
#include "state/snapshot.h"
#include "work/handler.h"

#define FLUSH_ROUNDS 32 /* busy rounds after which handlers are flushed anyway */
#define TOUCHED_MAX  64 /* handlers that wait for a flush */

struct sl_worker {
	struct sl_worker_spec spec;
	struct sl_worker_ring *rings[SL_CLASSES_MAX][SL_RX_CORES_MAX];
	uint32_t ring_count;   /* of a class */
	struct sl_turns turns; /* count 0: one class */
	uint64_t now_tsc;      /* as of the end of the last round */
	struct sl_idle idle;
	struct sl_bell *bell;
	uint8_t port_of[RTE_MAX_ETHPORTS]; /* index of a port by its DPDK number */
	struct sl_txbuf out[SL_PORTS_MAX];
	uint64_t nowhere; /* handlers' packets are not in the balance */
	const struct sl_handler *touched[TOUCHED_MAX];
	uint32_t touched_count;
	uint32_t rounds;      /* since the last flush */
	atomic_bool stopping; /* written: control */
	uint64_t wall_ms;     /* of the round */
	struct sl_asks asks;
	const struct sl_handler *serving; /* written: the worker; read: control */
};

int sl_worker_create(const struct sl_worker_spec *spec, struct sl_worker **worker)
{
	struct sl_worker *made;
	int rc;

	if (spec->rings->class_count > 1 && spec->classes == NULL)
		return -EINVAL;
	if (spec->burst == 0 || spec->burst > SL_BURST_MAX || spec->port_count > SL_PORTS_MAX)
		return -EINVAL;
	made = sl_mem_alloc(sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->spec = *spec;
	made->ring_count = spec->rings->core_count;
	made->bell = &spec->rings->bell[spec->worker];
	for (uint32_t lane = spec->worker; lane < spec->rings->lane_count;
	     lane += spec->rings->worker_count)
		for (uint32_t i = 0; i < made->ring_count; i++)
			made->rings[lane / spec->rings->worker_count][i] =
				sl_worker_rings_get(spec->rings, i, lane);
	if (spec->rings->class_count > 1)
		sl_turns_init(&made->turns, spec->classes, spec->rings->class_count);
	for (uint32_t i = 0; i < spec->port_count; i++) {
		struct sl_port_stats *count = &spec->stats->ports[i];
		struct sl_tx_counters counters = {&count->tx_packets, &count->tx_bytes,
						  &count->tx_failed, &made->nowhere,
						  &made->nowhere};

		made->port_of[spec->ports[i].port_id] = (uint8_t)i;
		sl_txbuf_init(&made->out[i], spec->plan, i, spec->plan->rx_count + spec->worker,
			      SL_TX_OWN, spec->wait, &counters);
	}
	rc = sl_publish_reader_add(spec->publish, spec->reader);
	if (rc != 0) {
		sl_mem_free(made, sizeof(*made));
		return rc;
	}
	sl_publish_reader_offline(spec->publish, spec->reader);
	*worker = made;
	return 0;
}

void sl_worker_destroy(struct sl_worker *worker)
{
	if (worker == NULL)
		return;
	sl_asks_drop(&worker->asks);
	sl_publish_reader_remove(worker->spec.publish, worker->spec.reader);
	sl_mem_free(worker, sizeof(*worker));
}

/* ---- handlers -------------------------------------------------------------------------------- */

/* Whom to name when it does not come back. */
static inline void set_serving(struct sl_worker *worker, const struct sl_handler *handler)
{
	__atomic_store_n(&worker->serving, handler, __ATOMIC_RELAXED);
}

const struct sl_handler *sl_worker_serving(const struct sl_worker *worker)
{
	return __atomic_load_n(&worker->serving, __ATOMIC_RELAXED);
}

static void handlers_flush(struct sl_worker *worker)
{
	for (uint32_t i = 0; i < worker->touched_count; i++) {
		set_serving(worker, worker->touched[i]);
		worker->touched[i]->ops->flush(worker->touched[i]->state);
	}
	set_serving(worker, NULL);
	worker->touched_count = 0;
	worker->rounds = 0;
}

static void handler_touch(struct sl_worker *worker, const struct sl_handler *handler)
{
	if (handler->ops->flush == NULL)
		return;
	for (uint32_t i = 0; i < worker->touched_count; i++)
		if (worker->touched[i] == handler)
			return;
	if (worker->touched_count == TOUCHED_MAX)
		handlers_flush(worker);
	worker->touched[worker->touched_count++] = handler;
}

static const struct sl_handler *handler_of(const struct sl_snapshot *snapshot, uint32_t node)
{
	const struct sl_node_chunk *chunk;
	const struct sl_node_view *view;

	if (node >= SL_NODE_INDEX_MAX)
		return NULL;
	chunk = snapshot->chunks[node / SL_NODE_CHUNK_COUNT];
	if (chunk == NULL)
		return NULL;
	view = &chunk->node[node % SL_NODE_CHUNK_COUNT];
	return view->kind == SL_NODE_WORKER ? view->handler : NULL;
}

/* All packets of the first one's node, in order, to its handler; returns how many are left, in
 * order, at the start of packets. */
static uint32_t serve_node(struct sl_worker *worker, const struct sl_snapshot *snapshot,
			   struct rte_mbuf **packets, uint32_t count)
{
	uint32_t node = packets[0]->hash.usr, left = 0;
	const struct sl_handler *handler = handler_of(snapshot, node);
	struct rte_mbuf *group[SL_BURST_MAX];
	struct sl_handler_burst burst = {.packets = group,
					 .worker = worker,
					 .snapshot = snapshot,
					 .wall_ms = worker->wall_ms};

	for (uint32_t i = 0; i < count; i++) {
		if (packets[i]->hash.usr == node)
			group[burst.count++] = packets[i];
		else
			packets[left++] = packets[i];
	}
	if (sl_unlikely(handler == NULL)) {
		sl_handler_free(group, burst.count);
		return left;
	}
	handler_touch(worker, handler);
	set_serving(worker, handler);
	handler->ops->burst(handler->state, &burst);
	return left;
}

/* Octets of the Ethernet header with its tags. */
static uint32_t l3_off_of(const struct rte_mbuf *packet)
{
	struct sl_pkt pkt;

	sl_parse(rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len, packet->pkt_len, 0,
		 &pkt);
	return pkt.l3_off;
}

void sl_handler_send(const struct sl_handler_burst *burst, struct rte_mbuf *packet)
{
	struct sl_worker *worker = burst->worker;
	uint32_t port = worker->port_of[packet->port], mtu = worker->spec.ports[port].mtu;

	if (sl_unlikely(packet->pkt_len > mtu + SL_ETH_SIZE) &&
	    packet->pkt_len > mtu + l3_off_of(packet)) {
		sl_stats_add(&worker->spec.stats->ports[port].tx_too_big, 1);
		rte_pktmbuf_free(packet);
		return;
	}
	sl_txbuf_add(&worker->out[port], packet, packet->pkt_len);
}

const struct sl_mac *sl_worker_mac(const struct sl_worker *worker, const struct rte_mbuf *packet)
{
	return &worker->spec.ports[worker->port_of[packet->port]].mac;
}

/* ---- what control asks ----------------------------------------------------------------------- */

void sl_worker_ask(struct sl_worker *worker, struct sl_ask *ask)
{
	sl_asks_add(&worker->asks, ask);
	sl_bell_wake(worker->bell);
}

/* One step of the oldest ask; false: there is none. The handler is that of a snapshot which this round holds: control closes
 * none before the worker has passed it. */
static bool answer_ask(struct sl_worker *worker)
{
	const struct sl_handler *handler;
	struct sl_ask *ask;

	if (sl_likely(!sl_asks_pending(&worker->asks)))
		return false;
	ask = sl_asks_first(&worker->asks);
	if (!ask)
		return false;
	handler = handler_of(sl_publish_get(worker->spec.publish), ask->node);
	set_serving(worker, handler);
	if (!handler || handler != ask->handler || !ask->step(handler, ask->context))
		sl_asks_next(&worker->asks);
	set_serving(worker, NULL);
	return true;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* One burst of every ring of a class. The snapshot is read after a burst is taken, so that it is no older
 * than the one by which its packets were sent here. */
static uint32_t serve_class(struct sl_worker *worker, uint32_t class)
{
	struct rte_mbuf *packets[SL_BURST_MAX];
	uint32_t total = 0;

	for (uint32_t i = 0; i < worker->ring_count; i++) {
		uint32_t count =
			sl_worker_ring_pop(worker->rings[class][i], packets, worker->spec.burst);
		const struct sl_snapshot *snapshot;

		if (count == 0)
			continue;
		sl_stats_add(&worker->spec.stats->delivered, count);
		sl_depths_add(&worker->spec.stats->depths, worker->rings[class][i]->found);
		snapshot = sl_publish_get(worker->spec.publish);
		total += count;
		while (count > 0)
			count = serve_node(worker, snapshot, packets, count);
		set_serving(worker, NULL);
	}
	return total;
}

static bool waits(const struct sl_worker *worker, uint32_t class)
{
	for (uint32_t i = 0; i < worker->ring_count; i++)
		if (sl_worker_ring_count(worker->rings[class][i]) > 0)
			return true;
	return false;
}

static __attribute__((noinline)) uint32_t serve_turn(struct sl_worker *worker)
{
	uint32_t waiting = 0, turn;

	for (uint32_t class = 0; class < worker->turns.count; class ++)
		waiting |= (uint32_t)waits(worker, class) << class;
	turn = sl_turns_next(&worker->turns, waiting, worker->now_tsc);
	return turn == SL_TURNS_NOBODY ? 0 : serve_class(worker, turn);
}

static uint32_t serve(struct sl_worker *worker)
{
	return worker->turns.count > 0 ? serve_turn(worker) : serve_class(worker, 0);
}

/* Handlers that wait for a flush belong to snapshots read since the last quiescent, so that is
 * reported only after their flush. */
static void settle(struct sl_worker *worker, uint32_t work)
{
	for (uint32_t i = 0; i < worker->spec.port_count; i++)
		sl_txbuf_flush(&worker->out[i]);
	if (work == 0 || ++worker->rounds >= FLUSH_ROUNDS)
		handlers_flush(worker);
	if (worker->touched_count == 0)
		sl_publish_quiescent(worker->spec.publish, worker->spec.reader);
}

static bool is_idle(const struct sl_worker *worker)
{
	for (uint32_t class = 0; class < worker->spec.rings->class_count; class ++)
		if (waits(worker, class))
			return false;
	return !atomic_load_explicit(&worker->stopping, memory_order_acquire) &&
	       !sl_asks_pending(&worker->asks);
}

/* Spins a while, then sleeps until a receive core rings. Meanwhile it holds no snapshot. */
static void rest(struct sl_worker *worker)
{
	if (!sl_idle_is_spun(&worker->idle)) {
		sl_idle_wait(&worker->idle);
		return;
	}
	sl_publish_reader_offline(worker->spec.publish, worker->spec.reader);
	sl_idle_sleep(&worker->idle);
	sl_bell_prepare(worker->bell);
	if (is_idle(worker))
		sl_bell_sleep(worker->bell);
	else
		sl_bell_answer(worker->bell);
	sl_idle_wake(&worker->idle);
	sl_publish_reader_online(worker->spec.publish, worker->spec.reader);
	sl_idle_reset(&worker->idle);
}

/* Of the clock that costs no system call; it steps with the kernel's ticks. */
static uint64_t wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int sl_worker_run(void *argument)
{
	struct sl_worker *worker = argument;
	struct sl_worker_stats *stats = worker->spec.stats;
	uint64_t last = rte_rdtsc();

	worker->now_tsc = last;

	sl_idle_init(&worker->idle, worker->spec.idle, SL_IDLE_SLEEP_NS);
	sl_publish_reader_online(worker->spec.publish, worker->spec.reader);
	for (;;) {
		bool stopping = atomic_load_explicit(&worker->stopping, memory_order_acquire);
		uint32_t work;
		uint64_t now;
		bool asked;

		worker->wall_ms = wall_ms();
		work = serve(worker);
		asked = answer_ask(worker);
		settle(worker, work);
		if (work == 0) {
			if (stopping)
				break;
			if (!asked)
				rest(worker);
		} else {
			sl_idle_reset(&worker->idle);
		}
		now = rte_rdtsc();
		sl_stats_add(&stats->all_cycles, now - last);
		if (work > 0) {
			sl_stats_add(&stats->busy_cycles, now - last);
			__atomic_store_n(&stats->last_packet_tsc, now, __ATOMIC_RELEASE);
		}
		last = worker->now_tsc = now;
		sl_idle_round(&worker->idle, now);
	}
	sl_publish_reader_offline(worker->spec.publish, worker->spec.reader);
	return 0;
}

void sl_worker_stop(struct sl_worker *worker)
{
	atomic_store(&worker->stopping, true);
	sl_bell_wake(worker->bell);
}
