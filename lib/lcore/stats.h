/* SPDX-License-Identifier: BSD-3-Clause */

/* Counters of the packet path: plain words, each written by one thread, read by control at any
 * time.
 *
 * Why:     the balance received = delivered + forwarded + punted + dropped + in_flight must hold
 *          in every answer. Writers count `received` before anything else of a burst and outcomes
 *          after; a reader takes all outcomes first and `received` last (loads in program order on
 *          x86, acquire loads elsewhere), so that what it finds missing is in flight and never
 *          negative.
 * Shape:   one block a receive core or worker, cache-line aligned, so that no line has two
 *          writers.
 * Threads: written: the owner; read: control (sl_stats_read).
 */

#ifndef SL_LCORE_STATS_H
#define SL_LCORE_STATS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "lcore/fill.h"
#include "lcore/heard.h"
#include "lcore/told.h"

/* Reasons of drops: id, name in statistics, value. Every one has a test. */
#define SL_DROPS(X)                                                                                \
	X(NO_SERVICE, "no_service", 0)                                                             \
	X(NO_NODE, "no_node", 1)                                                                   \
	X(TRUNCATED, "truncated", 2)                                                               \
	X(BAD_HEADER, "bad_header", 3)                                                             \
	X(QUEUE_FULL, "queue_full", 4)                                                             \
	X(TOO_BIG, "too_big", 5)                                                                   \
	X(FRAGMENT, "fragment", 6)                                                                 \
	X(NO_NEIGHBOR, "no_neighbor", 7)                                                           \
	X(TX_FAILED, "tx_failed", 8)                                                               \
	X(TTL_EXPIRED, "ttl_expired", 9)

enum sl_drop {
#define X(id, name, value) SL_DROP_##id = (value),
	SL_DROPS(X)
#undef X
		SL_DROP_COUNT
};

const char *sl_drop_name(enum sl_drop reason);

/* The owner's own addition to its counter: after what it counted before (release, a plain store on
 * x86). */
static inline void sl_stats_add(uint64_t *counter, uint64_t count)
{
	uint64_t value = __atomic_load_n(counter, __ATOMIC_RELAXED) + count;

	__atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* Another thread's look at a counter. */
static inline uint64_t sl_stats_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

struct sl_node_stats {
	uint64_t packets, bytes; /* given to the node: frames' octets as received */
	uint64_t flows_started;
	uint64_t queue_dropped;
};

struct sl_service_stats {
	uint64_t packets, bytes;
};

/* What few packets count, apart, so that those lines above stay few. */
struct sl_service_extra {
	uint64_t flows_started;
	uint64_t dropped[SL_DROP_COUNT];
};

struct sl_port_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_failed;
	uint64_t tx_too_big; /* what handlers sent above the MTU */
};

/* One core's notes on one unsettled slot or service: times in ticks, 0: never. Written: the core;
 * read: all, with relaxed order. */
struct sl_stamp {
	uint32_t away;	  /* last packet that went elsewhere than to the slot's node */
	uint32_t refused; /* when a live flow last found no room while the slot was open */
};

/* Time as stamps and flow tables keep it. */
#define SL_TICK_SHIFT 6 /* a tick is 64 ms */

static inline uint32_t sl_tick(uint64_t now_ms)
{
	return (uint32_t)(now_ms >> SL_TICK_SHIFT);
}

/* What one receive core counts. */
struct sl_core_stats {
	uint64_t received; /* first line: touched every burst */
	uint64_t forwarded;
	uint64_t punted;
	uint64_t bursts, empty_bursts;
	uint64_t busy_cycles, all_cycles;	    /* TSC */
	uint64_t first_packet_tsc, last_packet_tsc; /* 0: none yet */
	/* What was decided before has left its stamps, what comes has this time or a later one. */
	uint64_t clock_ms; /* 0: it has not begun */
	uint64_t dropped[SL_DROP_COUNT];
	uint64_t class_dropped[SL_CLASSES_MAX];		    /* of those with QUEUE_FULL */
	uint64_t worker_dropped[SL_WORKERS_MAX];	    /* likewise */
	uint64_t port_dropped[SL_PORTS_MAX][SL_DROP_COUNT]; /* by the port they came in by */
	struct sl_port_stats ports[SL_PORTS_MAX];
	struct sl_node_stats *nodes;	   /* SL_NODE_INDEX_MAX */
	struct sl_service_stats *services; /* SL_SERVICES_MAX + 1; the last for none */
	struct sl_service_extra *extras;   /* SL_SERVICES_MAX */
	struct sl_heard_ring *heard;	   /* for control */
	struct sl_told_ring *told;	   /* likewise */
	struct sl_stamp *service_stamps; /* SL_SERVICES_MAX: of services pointed at another pool */
} __attribute__((aligned(SL_CACHE_LINE)));

/* What one worker counts. */
struct sl_worker_stats {
	uint64_t delivered; /* taken from rings */
	uint64_t busy_cycles, all_cycles;
	uint64_t last_packet_tsc;
	struct sl_depths depths;
	struct sl_port_stats ports[SL_PORTS_MAX]; /* what its handlers send */
} __attribute__((aligned(SL_CACHE_LINE)));

/* 0 or -ENOMEM. */
int sl_core_stats_create(struct sl_core_stats **stats);
void sl_core_stats_destroy(struct sl_core_stats *stats);

/* The time that it is for all cores: now, or that of one which stands still. */
uint64_t sl_stats_clock(struct sl_core_stats *const *cores, uint32_t core_count, uint64_t now_ms);

/* Owner: drops a packet that came in by a port. service: index, or another number: of none. */
static inline void sl_stats_drop(struct sl_core_stats *stats, uint32_t port, uint32_t service,
				 enum sl_drop reason)
{
	if (service < SL_SERVICES_MAX)
		sl_stats_add(&stats->extras[service].dropped[reason], 1);
	sl_stats_add(&stats->port_dropped[port][reason], 1);
	sl_stats_add(&stats->dropped[reason], 1);
}

struct sl_balance {
	uint64_t received, delivered, forwarded, punted, dropped, in_flight;
	uint64_t drops[SL_DROP_COUNT];
};

/* The balance over all cores and workers, in the order that keeps in_flight from being negative. */
void sl_stats_balance(struct sl_core_stats *const *cores, uint32_t core_count,
		      struct sl_worker_stats *const *workers, uint32_t worker_count,
		      struct sl_balance *balance);

#endif
