/* SPDX-License-Identifier: BSD-3-Clause */

/* Sending: who owns which transmit queue, and one sender's buffer in front of one port.
 *
 * Why:     ports may have fewer transmit queues than there are sending threads (net_pcap has one),
 *          so some receive cores own the queues and all others hand their packets over by ring.
 * Shape:   sl_tx_plan, made once, says for each (port, sender) either a queue of its own or a
 *          single-producer single-consumer ring to an owner. A sender has an sl_txbuf for each port
 *          and class of packet; owners empty their rings with sl_tx_drain() every loop.
 * Threads: plan: control makes it, all read. Each sl_txbuf and sl_tx_owner: its sender alone.
 * Memory:  the plan owns the rings. A packet given to a buffer is the buffer's.
 * Errors:  none on the packet path: what a device does not take is counted and freed.
 */

#ifndef SL_IO_TXBUF_H
#define SL_IO_TXBUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "io/bell.h"
#include "io/port.h"

struct rte_mbuf;
struct rte_ring;

#define SL_TXBUF_SIZE	  32 /* packets held back: as many or more go out at once */
#define SL_TXBUF_RETRIES  8  /* of a device that takes none, before the rest is lost */
#define SL_TX_SENDERS_MAX (SL_RX_CORES_MAX + SL_WORKERS_MAX + 1)
#define SL_TX_NO_QUEUE	  UINT16_MAX

/* What a packet being sent is to the balance. */
enum sl_tx_class {
	SL_TX_FORWARDED = 0, /* of a node */
	SL_TX_PUNTED = 1,    /* of no service, to a port */
	SL_TX_OWN = 2,	     /* ours, or a handler's: not in the balance */
	SL_TX_CLASS_COUNT
};

/* Where a sender counts: words of its own, none NULL. */
struct sl_tx_counters {
	uint64_t *packets, *bytes, *failed; /* of the port */
	uint64_t *done, *lost;		    /* of the balance: sent; not taken by the device */
};

struct sl_tx_plan_port {
	uint16_t queue[SL_TX_SENDERS_MAX];	  /* or SL_TX_NO_QUEUE */
	uint16_t owner[SL_TX_SENDERS_MAX];	  /* receive core that sends for this sender */
	struct rte_ring *ring[SL_TX_SENDERS_MAX]; /* to the owner; NULL: has a queue */
};

/* Senders: receive core i is i, worker w is rx_count + w, control comes last; it has a ring to ports on
 * which it speaks, and no queue. */
struct sl_tx_plan {
	const struct sl_port *ports;
	uint32_t port_count, rx_count, worker_count;
	uint32_t ring_size;
	struct sl_bell *bell; /* of each receive core, open: whoever hands over rings its owner's */
	struct sl_tx_plan_port port[SL_PORTS_MAX];
};

/* ports stay the caller's and outlive the plan. ring_size: entries, a power of two. 0 or -errno. */
int sl_tx_plan_create(const struct sl_port *ports, uint32_t port_count, uint32_t rx_count,
		      uint32_t worker_count, uint32_t ring_size, struct sl_tx_plan **plan);
/* Frees what is still in its rings. Takes NULL. */
void sl_tx_plan_destroy(struct sl_tx_plan *plan);

/* Packets in its rings, and entries of these; any thread. */
void sl_tx_plan_fill(const struct sl_tx_plan *plan, uint64_t *used, uint64_t *capacity);

static inline uint32_t sl_tx_control(const struct sl_tx_plan *plan)
{
	return plan->rx_count + plan->worker_count;
}

struct sl_txbuf {
	uint32_t count;
	uint32_t bytes; /* octets of the frames held */
	uint16_t port_id;
	uint16_t queue;
	uint8_t class;	       /* enum sl_tx_class */
	bool wait;	       /* a full ring is waited for: nothing may be lost */
	bool heads;	       /* struct sl_port.tx_heads */
	struct rte_ring *ring; /* hand-over; NULL: the queue is ours */
	struct sl_bell *bell;  /* of the ring's owner */
	struct sl_tx_counters counters;
	void (*relax)(void *context); /* called while it waits; yields the CPU unless set */
	void *context;
	struct rte_mbuf *held[SL_TXBUF_SIZE + SL_BURST_MAX];
} __attribute__((aligned(SL_CACHE_LINE)));

void sl_txbuf_init(struct sl_txbuf *buf, const struct sl_tx_plan *plan, uint32_t port,
		   uint32_t sender, enum sl_tx_class class, bool wait,
		   const struct sl_tx_counters *counters);

/* Sends or hands over all that is held. */
void sl_txbuf_flush(struct sl_txbuf *buf);

/* Takes a packet of size octets. */
static inline void sl_txbuf_add(struct sl_txbuf *buf, struct rte_mbuf *packet, uint32_t size)
{
	buf->held[buf->count++] = packet;
	buf->bytes += size;
	if (sl_unlikely(buf->count == SL_TXBUF_SIZE))
		sl_txbuf_flush(buf);
}

/* The same for count packets of bytes octets together, in order, SL_BURST_MAX at most. */
static inline void sl_txbuf_add_all(struct sl_txbuf *buf, struct rte_mbuf *const *packets,
				    uint32_t count, uint32_t bytes)
{
	memcpy(&buf->held[buf->count], packets, count * sizeof(*packets));
	buf->count += count;
	buf->bytes += bytes;
	if (sl_likely(buf->count >= SL_TXBUF_SIZE))
		sl_txbuf_flush(buf);
}

/* The hand-over rings that one receive core empties. */
struct sl_tx_owner {
	uint32_t count;
	struct {
		struct rte_ring *ring;
		uint32_t port;
	} from[SL_PORTS_MAX * SL_TX_SENDERS_MAX];
};

void sl_tx_owner_init(struct sl_tx_owner *owner, const struct sl_tx_plan *plan, uint32_t core);

/* Moves what was handed over, one burst a ring, into the owner's own buffers bufs[port *
 * SL_TX_CLASS_COUNT + class]; returns how many packets. */
uint32_t sl_tx_drain(const struct sl_tx_owner *owner, struct sl_txbuf *bufs);

#endif
