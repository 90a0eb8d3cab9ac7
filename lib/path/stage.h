/* SPDX-License-Identifier: BSD-3-Clause */

/* The stages of a core's journey and what they share. Private to path.
 *
 * Shape:   each stage is a function over the core's burst; packets[i] and burst.pkt[i] belong
 *          together. After act no packet of the burst is the core's any more.
 * Threads: the core.
 * Memory:  struct sl_path_core holds everything.
 * Errors:  none.
 */

#ifndef SL_PATH_STAGE_H
#define SL_PATH_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/watch.h"
#include "lcore/burst.h"
#include "lcore/frag_table.h"
#include "path/core.h"
#include "path/own.h"
#include "path/trace.h"
#include "state/core.h"
#include "state/snapshot.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_mempool_cache;
struct sl_path_virtual;

#define SL_PATH_HEAD_SIZE  512 /* octets of headers that are made contiguous */
#define SL_PATH_PIECES_MAX 32  /* fragments of one tunnel packet */
#define SL_PATH_HOLD_MAX   256 /* early fragments kept back */
#define SL_PATH_HOLD_MARKS 1024
#define SL_PATH_HOLD_SHARE 8   /* one in so many packet buffers may be kept back, over all cores */
#define SL_PATH_HOLD_MS	   100 /* how long: the first one is on its way, or lost */

/* A receive queue that this core polls. */
struct sl_path_queue {
	uint16_t port_id, queue;
	uint8_t port;	/* index as in snapshots */
	bool checksum;	/* the device looks at IPv4 header checksums */
	uint8_t bridge; /* struct sl_port.bridge */
	bool filter;	/* only frames to our MAC address and to groups */
	struct rte_mempool *pool;
	uint8_t frame_buffers; /* that one frame takes at most, where buffers are waited for; else 0 */
	bool lengths;	       /* the driver's lengths are believed up to 16 bits alone */
	struct sl_path_virtual *virtual; /* NULL: frames come finished */
	uint64_t mac;			 /* ours, as its six octets lie in memory */
};

/* A later fragment that came before its datagram's first. */
struct sl_path_held {
	struct rte_mbuf *packet;
	uint64_t since_ms;
	uint32_t wait_ms; /* after since_ms other cores are asked, or it goes */
	uint32_t port;	  /* it came in by */
};

/* In the order they came; tags (sl_frag_tag()) are apart, since they are looked through. */
struct sl_path_hold {
	uint32_t count;
	uint32_t buffers, buffers_max; /* their packets have, may have */
	uint32_t learned_count;	       /* first fragments of this burst that held ones may be of */
	uint64_t due_ms;	       /* not before is one to be looked at again */
	uint64_t learned[SL_BURST_MAX];
	uint64_t tag[SL_PATH_HOLD_MAX];
	struct sl_path_held held[SL_PATH_HOLD_MAX];
	/* How many have a tag with these lowest bits: of most first fragments nobody waits, and
	 * nothing is looked through. */
	uint16_t marks[SL_PATH_HOLD_MARKS];
};

enum sl_path_phase { SL_PATH_RUN = 0, SL_PATH_STOP = 1, SL_PATH_HASTE = 2, SL_PATH_FINISH = 3 };

struct sl_path_core {
	/* every burst */
	struct sl_core_stats *stats;
	struct sl_path_spec spec;
	struct sl_core core;
	bool starved;	  /* a capture waits for buffers */
	bool held;	  /* stages or buffers may hold packets */
	uint32_t rounds;  /* since they were flushed */
	uint32_t unswept; /* busy rounds since flow tables were swept */
	uint64_t now_ms, tick_tsc, tick_cycles, last_tsc;
	struct sl_idle idle;
	struct sl_path_trace *trace; /* written: control; read: core, with atomic loads */
	uint32_t queue_count;
	struct sl_path_queue queues[SL_PATH_CORE_QUEUES_MAX];
	/* a burst */
	struct sl_burst burst;
	struct rte_mbuf *packets[SL_BURST_MAX];
	uint32_t port;	      /* act: the one that they came in by */
	uint16_t outer_id;    /* of the next outer IPv4 header without DF */
	uint16_t outer_step;  /* sl_path_outer_step() */
	uint16_t burst_flags; /* SL_PKT_ flags of all its packets */
	/* what is held back */
	struct sl_frag_table *fragments; /* its own, of spec.fragments */
	struct sl_path_hold hold;
	struct sl_worker_stages *stages;	 /* NULL: no workers */
	const struct rte_mempool_cache *fetched; /* this core's stock of buffers */
	uint32_t fetched_left;			 /* in it, a burst ago */
	bool fetches;
	bool has_classes; /* workers have more than one lane */
	struct sl_txbuf out[SL_PORTS_MAX * SL_TX_CLASS_COUNT];
	struct sl_tx_owner owner;
	struct sl_own_rate own[SL_OWN_KIND_COUNT];
	/* sleeping */
	struct sl_watch watch;
	bool watches;		/* all its queues can be waited for */
	uint32_t vain;		/* sleeps that a device ended, since the last packet */
	uint32_t sweeps;	/* rounds left in which flow tables are gone over */
	uint64_t offered_burst; /* the last one in which a full ring's worker was offered the CPU */
	uint64_t nowhere;	/* what is not in the balance is counted here */
	/* control's words */
	atomic_int phase;  /* written: control */
	atomic_bool quiet; /* written: core; read: control */
} __attribute__((aligned(SL_CACHE_LINE)));

/* By how much identifications of a core go up, that starts at its own number: divides 65,536, so that
 * no two cores ever use the same ones. */
static inline uint16_t sl_path_outer_step(uint32_t core_count)
{
	return (uint16_t)(1u << (core_count > 1 ? 32 - __builtin_clz(core_count - 1) : 0));
}

/* What a core does before its first round, in its thread. */
void sl_path_begin(struct sl_path_core *core);

/* One turn of the loop: a burst of every queue (when it receives), hand-overs, what is due for a
 * flush, quiescent, rest. Returns how many packets there were. */
uint32_t sl_path_round(struct sl_path_core *core, bool receives);

/* Finds out whether its queues can be waited for. */
void sl_path_watch(struct sl_path_core *core);
/* After a round without work: spins, then sleeps, until packets come where it can wait for them. */
void sl_path_rest(struct sl_path_core *core, bool receives);
/* After work. */
static inline void sl_path_stir(struct sl_path_core *core)
{
	core->vain = 0;
	core->sweeps = 0;
	sl_idle_reset(&core->idle);
	if (sl_unlikely(core->watch.armed))
		sl_watch_disarm(&core->watch);
}

/* Receives a burst of a queue and parses it: packets, burst.pkt, frame_size, verdict (NODE where
 * there is something to decide). Returns the number of packets. */
uint32_t sl_path_receive(struct sl_path_core *core, const struct sl_path_queue *queue);

/* Of a virtual device: up to `wanted` packets, large ones cut; after the decision, checksums that were left
 * to do, of packets that somebody gets. */
uint32_t sl_path_receive_virtual(struct sl_path_core *core, const struct sl_path_queue *queue,
				 uint32_t wanted);
void sl_path_complete(struct sl_path_core *core, const struct sl_path_queue *queue);

/* Partial sum of size octets of the packet from off on, over all its buffers. */
uint64_t sl_path_sum(const struct rte_mbuf *packet, uint32_t off, uint32_t size);

/* Parses the count packets of the burst; checksum: the device looks at IPv4 header checksums and says
 * what it found. The wide one is the same with AVX2. */
void sl_path_parse(struct sl_path_core *core, uint32_t count, bool checksum);
void sl_path_parse_wide(struct sl_path_core *core, uint32_t count, bool checksum);

/* A packet that the inline parser leaves: everything that is rare. */
void sl_path_parse_odd(struct sl_path_core *core, uint32_t i, uint32_t options);

/* Gives the burst's fragments the keys of their flows; early ones are kept back (verdict HELD).
 * After act, when hold.learned_count, release decides and acts on those whose first fragment came, by
 * whichever port. retry, once a round when something is held: does so with those whose first one came
 * to another core, and drops what waited too long, or (all) everything else. */
void sl_path_follow_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			      uint32_t port);
void sl_path_release_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot);
void sl_path_retry_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			     bool all);

/* Hands a burst of a bridged queue to the port it goes to; it is nothing to the balance. Returns the
 * number of packets. */
uint32_t sl_path_bridge(struct sl_path_core *core, const struct sl_path_queue *queue);

/* Lets decide see the frames, for pools that hash inside tunnels. */
void sl_path_show_frames(struct sl_path_core *core);

/* Decides the burst, and tells a trace of it. */
void sl_path_decide_traced(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			   uint32_t port);
/* A packet of the burst that goes to no node although it was decided for one; reason: enum sl_drop. */
void sl_path_trace_drop(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			struct rte_mbuf *packet, uint32_t reason);
static inline bool sl_path_is_traced(const struct sl_path_core *core)
{
	return __atomic_load_n(&core->trace, __ATOMIC_RELAXED) != NULL;
}

/* Hands every packet of the burst to where its verdict says, and counts it. port: index of the one
 * it came in by. */
void sl_path_act(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port);

/* False for a chain of buffers that the port cannot send and one buffer cannot hold. */
bool sl_path_is_sendable(const struct sl_path_core *core, uint32_t port, struct rte_mbuf *packet);

/* Sends the tunnel packet in fragments of at most mtu octets, whatever its DF says. hash: for the
 * identification of IPv6. -E2BIG: there would be too many; -ENOBUFS: not enough buffers; the packet
 * is then still the caller's. */
int sl_path_split(struct sl_path_core *core, struct rte_mbuf *packet, uint32_t port, uint32_t mtu,
		  uint64_t hash);

/* Encapsulates and sends packets of the burst from `from` on, as long as they are remote nodes' in
 * tunnels over IPv4 through one port, and counts them with their nodes. Returns how many: 0 when
 * the first one is not. The wide one is the same with AVX2. */
uint32_t sl_path_encapsulate(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			     uint32_t from);
uint32_t sl_path_encapsulate_wide(struct sl_path_core *core, const struct sl_snapshot *snapshot,
				  uint32_t from);

/* Hands packets of the burst from `from` on to their nodes' workers, by the rings' stages, as long as
 * their nodes are workers', and counts them with their nodes; returns how many. A full ring is waited
 * for, or the packet dropped. */
uint32_t sl_path_hand_run(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			  uint32_t from);

/* Buffers that workers freed come back in other CPUs' caches, 400 to 800 cycles a line and sixteen lines
 * at a time: when they are written to, or fetched all at once, nothing else goes on meanwhile. So
 * between the stages of a burst a quarter of those that the next burst is received into is fetched
 * for writing, both lines of their headers (two cores: 220 cycles a packet without, 203 all at
 * once, 175 in quarters). begin, after receiving: whether that is of use: the core's stock of
 * buffers gets smaller or was refilled, so it does not free them itself. */
void sl_path_fetch_begin(struct sl_path_core *core);
void sl_path_fetch(const struct sl_path_core *core, uint32_t quarter);

/* Stages and buffers: everything out. */
void sl_path_flush(struct sl_path_core *core);

/* While it waits for another thread: serves hand-overs and yields. context: the core. */
void sl_path_relax(void *context);

#endif
