/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/txbuf.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "base/mem.h"
#include "io/idle.h"
#include "io/packet.h"
#include "io/ring.h"

/* ---- the plan -------------------------------------------------------------------------------- */

/* Receive cores own queues before workers do, and a port's own pollers before the other cores. */
static uint32_t sender_rank(const struct sl_tx_plan *plan, uint32_t port, uint32_t sender)
{
	uint32_t cores = plan->rx_count;

	if (sender >= cores)
		return sender;
	return (sender + cores - port % cores) % cores;
}

/* The receive core of a rank: the inverse of sender_rank(). */
static uint32_t rank_core(const struct sl_tx_plan *plan, uint32_t port, uint32_t rank)
{
	return (rank + port) % plan->rx_count;
}

static int plan_port(struct sl_tx_plan *plan, uint32_t port)
{
	struct sl_tx_plan_port *to = &plan->port[port];
	uint32_t queues = plan->ports[port].tx_queue_count;
	uint32_t owners = SL_MIN(queues, plan->rx_count);

	for (uint32_t sender = 0; sender <= sl_tx_control(plan); sender++) {
		uint32_t rank = sender_rank(plan, port, sender);
		int rc;

		if (sender == sl_tx_control(plan) && !plan->ports[port].spoken)
			break;
		to->owner[sender] = (uint16_t)sender;
		to->queue[sender] = (uint16_t)rank;
		if (rank < queues && sender != sl_tx_control(plan))
			continue;
		to->queue[sender] = SL_TX_NO_QUEUE;
		to->owner[sender] = (uint16_t)rank_core(plan, port, rank % owners);
		rc = sl_ring_create(plan->ring_size, &to->ring[sender]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int plan_bells(struct sl_tx_plan *plan)
{
	int rc = 0;

	plan->bell = sl_mem_alloc(plan->rx_count * sizeof(*plan->bell));
	if (plan->bell == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < plan->rx_count; i++)
		rc = sl_bell_open(&plan->bell[i]);
	return rc;
}

int sl_tx_plan_create(const struct sl_port *ports, uint32_t port_count, uint32_t rx_count,
		      uint32_t worker_count, uint32_t ring_size, struct sl_tx_plan **plan)
{
	struct sl_tx_plan *made;
	int rc;

	if (port_count > SL_PORTS_MAX || rx_count == 0 || rx_count > SL_RX_CORES_MAX ||
	    worker_count > SL_WORKERS_MAX)
		return -EINVAL;
	made = sl_mem_alloc(sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->ports = ports;
	made->port_count = port_count;
	made->rx_count = rx_count;
	made->worker_count = worker_count;
	made->ring_size = ring_size;
	rc = plan_bells(made);
	for (uint32_t i = 0; rc == 0 && i < port_count; i++)
		rc = plan_port(made, i);
	if (rc != 0) {
		sl_tx_plan_destroy(made);
		return rc;
	}
	*plan = made;
	return 0;
}

void sl_tx_plan_destroy(struct sl_tx_plan *plan)
{
	if (plan == NULL)
		return;
	for (uint32_t i = 0; i < plan->port_count; i++)
		for (uint32_t sender = 0; sender < SL_TX_SENDERS_MAX; sender++)
			sl_ring_destroy(plan->port[i].ring[sender]);
	for (uint32_t i = 0; plan->bell != NULL && i < plan->rx_count; i++)
		sl_bell_close(&plan->bell[i]);
	sl_mem_free(plan->bell, plan->rx_count * sizeof(*plan->bell));
	sl_mem_free(plan, sizeof(*plan));
}

void sl_tx_plan_fill(const struct sl_tx_plan *plan, uint64_t *used, uint64_t *capacity)
{
	*used = 0;
	*capacity = 0;
	for (uint32_t i = 0; i < plan->port_count; i++)
		for (uint32_t sender = 0; sender < SL_TX_SENDERS_MAX; sender++) {
			const struct rte_ring *ring = plan->port[i].ring[sender];

			*used += ring == NULL ? 0 : rte_ring_count(ring);
			*capacity += ring == NULL ? 0 : rte_ring_get_capacity(ring);
		}
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void yield(void *context)
{
	(void)context;
	sl_idle_yield();
}

void sl_txbuf_init(struct sl_txbuf *buf, const struct sl_tx_plan *plan, uint32_t port,
		   uint32_t sender, enum sl_tx_class class, bool wait,
		   const struct sl_tx_counters *counters)
{
	memset(buf, 0, sizeof(*buf));
	buf->port_id = plan->ports[port].port_id;
	buf->queue = plan->port[port].queue[sender];
	buf->ring = plan->port[port].ring[sender];
	if (buf->ring != NULL)
		buf->bell = &plan->bell[plan->port[port].owner[sender]];
	buf->class = (uint8_t) class;
	buf->wait = wait;
	buf->heads = plan->ports[port].tx_heads;
	buf->counters = *counters;
	buf->relax = yield;
}

/* Adds to a counter that others read, after what was counted before. */
static void count_add(uint64_t *counter, uint64_t count)
{
	__atomic_store_n(counter, *counter + count, __ATOMIC_RELEASE);
}

/* Frees what nobody took, from packet `first` on, and says how many octets that was, without those
 * of headers before frames. */
static uint32_t lose(struct sl_txbuf *buf, uint32_t first, uint32_t head)
{
	uint32_t count = buf->count - first, bytes = 0;

	for (uint32_t i = first; i < buf->count; i++)
		bytes += buf->held[i]->pkt_len - head;
	rte_pktmbuf_free_bulk(&buf->held[first], count);
	count_add(buf->counters.failed, count);
	count_add(buf->counters.lost, count);
	return bytes;
}

static void transmit(struct sl_txbuf *buf)
{
	uint32_t count = buf->count, bytes = buf->bytes;
	uint32_t head = buf->heads ? SL_PACKET_HEAD : 0, sent;

	if (sl_unlikely(head > 0))
		sl_packet_prepend(buf->held, count);
	sent = rte_eth_tx_burst(buf->port_id, buf->queue, buf->held, (uint16_t)count);

	for (int tries = 0; sl_unlikely(sent < count) && tries < SL_TXBUF_RETRIES; tries++) {
		rte_pause();
		sent += rte_eth_tx_burst(buf->port_id, buf->queue, &buf->held[sent],
					 (uint16_t)(count - sent));
	}
	if (sl_unlikely(sent < count))
		bytes -= lose(buf, sent, head);
	count_add(buf->counters.packets, sent);
	count_add(buf->counters.bytes, bytes);
	count_add(buf->counters.done, sent);
}

/* The owner counts what it sends; only what finds no room is counted here. */
static void hand_over(struct sl_txbuf *buf)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < buf->count; i++)
		buf->held[i]->hash.usr = buf->class;
	for (;;) {
		done += rte_ring_sp_enqueue_burst(buf->ring, (void *const *)&buf->held[done],
						  buf->count - done, NULL);
		sl_bell_ring(buf->bell);
		if (done == buf->count || !buf->wait)
			break;
		buf->relax(buf->context);
	}
	if (done < buf->count)
		lose(buf, done, 0);
}

void sl_txbuf_flush(struct sl_txbuf *buf)
{
	if (buf->count == 0)
		return;
	if (buf->ring == NULL)
		transmit(buf);
	else
		hand_over(buf);
	buf->count = 0;
	buf->bytes = 0;
}

/* ---- owners ---------------------------------------------------------------------------------- */

void sl_tx_owner_init(struct sl_tx_owner *owner, const struct sl_tx_plan *plan, uint32_t core)
{
	owner->count = 0;
	for (uint32_t port = 0; port < plan->port_count; port++)
		for (uint32_t i = 0; i <= sl_tx_control(plan); i++) {
			const struct sl_tx_plan_port *from = &plan->port[port];

			if (from->ring[i] == NULL || from->owner[i] != core)
				continue;
			owner->from[owner->count].ring = from->ring[i];
			owner->from[owner->count++].port = port;
		}
}

uint32_t sl_tx_drain(const struct sl_tx_owner *owner, struct sl_txbuf *bufs)
{
	struct rte_mbuf *packets[SL_TXBUF_SIZE];
	uint32_t total = 0;

	for (uint32_t i = 0; i < owner->count; i++) {
		struct sl_txbuf *to = &bufs[owner->from[i].port * SL_TX_CLASS_COUNT];
		uint32_t count = rte_ring_sc_dequeue_burst(owner->from[i].ring, (void **)packets,
							   SL_TXBUF_SIZE, NULL);

		for (uint32_t k = 0; k < count; k++)
			sl_txbuf_add(&to[packets[k]->hash.usr], packets[k], packets[k]->pkt_len);
		total += count;
	}
	return total;
}
