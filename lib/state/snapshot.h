/* SPDX-License-Identifier: BSD-3-Clause */

/* What packets see: one immutable snapshot of services, pools, slots, nodes and ports.
 *
 * Why:     a burst reads one pointer and then only memory that nobody writes.
 * Shape:   small arrays in the snapshot itself; what is large (slot tables, node chunks, service
 * table) is reference counted and shared with the snapshot before where it did not change. Threads:
 * control builds, publishes, retires and frees (reference counts are plain); all cores read.
 * Memory:  the snapshot owns one reference to each part. Never allocates on the packet path.
 */

#ifndef SL_STATE_SNAPSHOT_H
#define SL_STATE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "pkt/encap.h"
#include "pkt/key.h"

struct sl_flow_table;
struct sl_former;
struct sl_others;
struct sl_pick_view;
struct sl_pool_memory;
struct sl_pool_pick;
struct sl_service_table;
struct sl_stamp;

/* ---- nodes ----------------------------------------------------------------------------------- */

#define SL_NODE_NOBODY	    0	/* node index that never is a node: nobody to serve */
#define SL_NODE_CHUNK_COUNT 256 /* nodes of a chunk */
#define SL_NODE_CHUNKS_MAX  (SL_NODE_INDEX_MAX / SL_NODE_CHUNK_COUNT)

enum sl_node_kind {
	SL_NODE_NONE = 0, /* index not in use */
	SL_NODE_WORKER = 1,
	SL_NODE_REMOTE = 2,
	SL_NODE_OUTPUT = 3,
};

/* name, value: as `sluicectl nodes` shows them */
#define SL_NODE_STATES(X)                                                                          \
	X(UP, "up", 0)                                                                             \
	X(DOWN, "down", 1)                                                                         \
	X(DRAINING, "draining", 2)                                                                 \
	X(DRAINED, "drained", 3)                                                                   \
	X(DISABLED, "disabled", 4)                                                                 \
	X(LEAVING, "leaving", 5)

enum sl_node_state {
#define X(id, name, value) SL_NODE_STATE_##id = (value),
	SL_NODE_STATES(X)
#undef X
};

/* sl_node_view.flags */
#define SL_NODE_KEEPS	    0x01 /* its live flows stay with it: up, draining, drained, leaving */
#define SL_NODE_TAKES	    0x02 /* takes new flows: up */
#define SL_NODE_NO_NEIGHBOR 0x04 /* remote whose next hop's MAC address is not known */
#define SL_NODE_SPLITS	    0x08 /* remote: what is too big without DF is sent in fragments */
#define SL_NODE_PLAIN	    0x10 /* remote, reachable, in a tunnel over IPv4: sl_node_view_seal() */
#define SL_NODE_UDP	    0x20 /* and UDP */

/* Two cache lines: all that the packet path needs to hand a packet to the node. */
struct sl_node_view {
	uint8_t kind;	      /* enum sl_node_kind */
	uint8_t state;	      /* enum sl_node_state */
	uint8_t flags;	      /* SL_NODE_ */
	uint8_t port;	      /* remote, output: index of the port it leaves by */
	uint16_t worker;      /* worker: index of the worker thread */
	uint16_t l3_size_max; /* remote: largest inner IP packet that fits the port's MTU */
	uint32_t pool;	      /* index of its pool */
	uint32_t bound;	      /* of live flows: sl_bound_of(); 0 where none is set */
	void *handler;	      /* worker: its handler instance; opaque here, owned by work */
	struct sl_encap encap;
};

_Static_assert(sizeof(struct sl_node_view) == 2 * SL_CACHE_LINE, "two cache lines a node");

/* Sets the flags that follow from kind, neighbour and encapsulation: the last step of making a view.
 */
static inline void sl_node_view_seal(struct sl_node_view *view)
{
	view->flags &= (uint8_t) ~(SL_NODE_PLAIN | SL_NODE_UDP);
	if (view->kind != SL_NODE_REMOTE || (view->flags & SL_NODE_NO_NEIGHBOR) ||
	    !sl_encap_is_plain(&view->encap))
		return;
	view->flags |= SL_NODE_PLAIN | (view->encap.type >= SL_ENCAP_GUE ? SL_NODE_UDP : 0);
}

struct sl_node_chunk {
	struct sl_node_view node[SL_NODE_CHUNK_COUNT];
	uint32_t references; /* control only */
};

/* ---- pools ----------------------------------------------------------------------------------- */

/* A slot word is a node index with SL_SLOT_LENT, or SL_SLOT_OPEN with an index into the pool's open
 * slots. */
#define SL_SLOT_OPEN 0x80000000u
#define SL_SLOT_LENT 0x40000000u /* the slot's own node is not available; only for `explain` */
#define SL_SLOT_NODE 0x3fffffffu /* mask of the index */

_Static_assert(SL_NODE_INDEX_MAX <= SL_SLOT_NODE, "a node index fits a slot word");

/* An unsettled slot: packets of unknown flows go to prior until open_until_ms. */
struct sl_open_slot {
	uint32_t node, prior; /* node indices */
	uint64_t open_until_ms, moved_at_ms;
	uint64_t since_ms; /* unsettled: of entries used before only beginnings at prior count */
	uint32_t slot;	   /* which slot this is, for the cores' stamps */
	uint32_t lent;	   /* SL_SLOT_LENT or 0 */
};

struct sl_slot_table {
	uint32_t references; /* control only */
	uint32_t count;	     /* a power of two */
	uint32_t open_count;
	uint32_t open_room;	   /* at least open_count */
	struct sl_open_slot *open; /* open_count, in any order */
	uint32_t word[];	   /* count */
};

enum sl_tracking { SL_TRACKING_NONE = 0, SL_TRACKING_TRANSITION = 1, SL_TRACKING_FULL = 2 };
enum sl_no_node { SL_NO_NODE_DROP = 0, SL_NO_NODE_ANY = 1, SL_NO_NODE_PUNT = 2 };

/* sl_pool_view.flags */
#define SL_POOL_SYMMETRIC 0x01 /* both directions of a flow hash alike */
#define SL_POOL_INNER	  0x02 /* hash inside tunnels */
#define SL_POOL_PICKS	  0x04 /* a scheduler that chooses for each new flow; pick is set */
#define SL_POOL_BOUNDED	  0x08 /* new flows leave full nodes out (bound.h); pick is set */
#define SL_POOL_ADDRESSES 0x10 /* keeps its flows' addresses (path/address.h) */
#define SL_POOL_CHANCE	  0x20 /* tunnels name the other node of an open slot (pkt/gue.h) */

struct sl_pool_view {
	/* first cache line: every packet */
	const uint32_t *words; /* of slots */
	const struct sl_open_slot *open;
	struct sl_key_mask mask; /* what is hashed */
	uint8_t shift;		 /* slot = hash >> shift (64 - log2 of the count) */
	uint8_t tracking;	 /* enum sl_tracking */
	uint8_t flags;		 /* SL_POOL_ */
	uint8_t no_node;	 /* enum sl_no_node */
	uint32_t index;		 /* of the pool: stable as long as it lives */
	uint32_t stamp_shift;	 /* stamp = slot >> stamp_shift: slots may be finer than stamps */
	uint32_t spare1;
	struct sl_pool_pick *pick_owner; /* of pick; control */
	/* second: open slots, tracked pools, control */
	struct sl_flow_table *const
		*flow_tables;		/* one for each receive core; NULL: tracking none */
	struct sl_stamp *const *stamps; /* for each receive core; see pool_memory.h */
	const struct sl_pick_view *pick;
	struct sl_slot_table *slots;
	uint32_t idle_ms_tcp, idle_ms_udp, idle_ms_other;
	uint32_t spare3;
	struct sl_pool_memory *memory; /* owns flow_tables and stamps */
	uint64_t entries_since_ms; /* flow table entries last used before do not count: set when an
				      idle timeout is raised, to now minus the one before */
};

_Static_assert(sizeof(struct sl_pool_view) == 2 * SL_CACHE_LINE, "two cache lines a pool");

/* ---- services and ports ---------------------------------------------------------------------- */

#define SL_SERVICE_NONE UINT32_MAX

/* sl_service_view.flags */
#define SL_SERVICE_NAMES_ADDRESS 0x01 /* not `any` */
#define SL_SERVICE_GAINED	 0x02 /* unsettled: some packets were another's; see former.h */
#define SL_SERVICE_LEFT		 0x04 /* of a former's view: some of its packets are another's */

#define SL_SERVICE_VIA_MAX 5 /* pools a service was pointed at since it was last settled */

/* What becomes of echo requests that the service would take and whose address we answer for. */
enum sl_service_echo {
	SL_SERVICE_ECHO_ANSWER = 0,
	SL_SERVICE_ECHO_FORWARD = 1,
	SL_SERVICE_ECHO_PUNT = 2,
};

struct sl_service_view {
	uint32_t pool;	     /* index into snapshot pools */
	uint32_t prior_pool; /* SL_SERVICE_NONE, or the pool whose answer is the prior while open */
	uint64_t open_until_ms;
	uint64_t moved_at_ms;
	uint64_t since_ms;  /* as in sl_open_slot */
	uint16_t flags;	    /* SL_SERVICE_ */
	uint16_t mss_clamp; /* 0: none */
	uint8_t echo;	    /* enum sl_service_echo */
	uint8_t via_count;  /* pools it was at since it was settled: their tables know its flows */
	uint8_t class;	    /* in a worker's rings */
	uint8_t flow_extra; /* what a flow of its counts for in loads beyond 1 */
	uint32_t serial;    /* tells it from others that have had its index */
	uint32_t via[SL_SERVICE_VIA_MAX];
};

_Static_assert(sizeof(struct sl_service_view) == SL_CACHE_LINE, "one line a service");

#define SL_FORMERS_MAX 5 /* service tables from before that are asked at a time */

#define SL_PUNT_DROP 0xff /* sl_port_view.punt_port: counts as no_service */

/* For whose addresses a port answers ARP, neighbour discovery and echo. */
enum sl_answer {
	SL_ANSWER_SERVICES = 0,	 /* services' that name one, and the port's own */
	SL_ANSWER_ADDRESSES = 1, /* the port's own */
	SL_ANSWER_OFF = 2,
};

struct sl_port_view {
	uint8_t punt_port; /* index of the port that takes what no service takes, or SL_PUNT_DROP */
	uint8_t answer;	   /* enum sl_answer */
	uint16_t mtu;
	struct sl_mac mac;
	bool asks; /* resolves next hops itself: what others tell of them is for control */
	uint32_t address_count;
	struct sl_addr addresses[SL_PORT_ADDRESSES_MAX];
	uint8_t lengths[SL_PORT_ADDRESSES_MAX]; /* bits of their networks */
};

/* ---- the snapshot ---------------------------------------------------------------------------- */

struct sl_snapshot {
	uint64_t generation; /* operators' changes */
	uint64_t number;     /* every snapshot has the next one */
	struct sl_hash_key hash_key;
	struct sl_hash_key flow_key; /* identifies flows in flow tables; random, the same for ever
				      */
	struct sl_service_table *service_table;	   /* shared; see service.h */
	struct sl_former *formers[SL_FORMERS_MAX]; /* former_count, the latest first; see former.h
						    */
	struct sl_others *others;		   /* shared; see others.h */
	struct sl_pool_view *pools;	  /* pool_count; stable indices, holes have words NULL */
	struct sl_service_view *services; /* service_count; stable indices */
	size_t size;			  /* of the allocation that holds all three */
	bool tunnels;	/* some pool hashes inside tunnels: bursts bring their frames */
	bool clamps;	/* some service limits the segment size */
	bool addresses; /* some pool keeps its flows' addresses */
	bool chances;	/* some pool of SL_POOL_CHANCE has open slots */
	uint32_t pool_count;
	uint32_t service_count;
	uint32_t port_count;
	uint32_t former_count;
	struct sl_port_view ports[SL_PORTS_MAX];
	struct sl_node_chunk *chunks[SL_NODE_CHUNKS_MAX]; /* NULL where no node lives */
};

/* index: of a node in use, or one that was in use in this snapshot's time. */
static inline const struct sl_node_view *sl_snapshot_node(const struct sl_snapshot *snapshot,
							  uint32_t index)
{
	return &snapshot->chunks[index / SL_NODE_CHUNK_COUNT]->node[index % SL_NODE_CHUNK_COUNT];
}

/* Whether the index is a node's. */
static inline bool sl_snapshot_has_node(const struct sl_snapshot *snapshot, uint32_t index)
{
	const struct sl_node_chunk *chunk = snapshot->chunks[index / SL_NODE_CHUNK_COUNT];

	return chunk && chunk->node[index % SL_NODE_CHUNK_COUNT].kind != SL_NODE_NONE;
}

/* The flags of a node; 0 for an index that is not in use. */
static inline uint8_t sl_snapshot_node_flags(const struct sl_snapshot *snapshot, uint32_t index)
{
	const struct sl_node_chunk *chunk = snapshot->chunks[index / SL_NODE_CHUNK_COUNT];

	return chunk ? chunk->node[index % SL_NODE_CHUNK_COUNT].flags : 0;
}

/* ---- building, in the control thread, before the snapshot is published
 * --------------------------- */

/* A snapshot that shares every part with base (its number is the next one), or an empty one for
 * NULL. The counts may differ from base's. -ENOMEM, -E2BIG. */
int sl_snapshot_create(const struct sl_snapshot *base, uint32_t pool_count, uint32_t service_count,
		       struct sl_snapshot **snapshot);

/* Puts every part and frees the snapshot: what sl_publish_retire() calls. Takes NULL. */
void sl_snapshot_release(void *snapshot);

/* A node to write to, in a chunk that only this snapshot has: copied from the shared one when
 * needed. NULL: no memory. */
struct sl_node_view *sl_snapshot_node_edit(struct sl_snapshot *snapshot, uint32_t index);

/* Gives the pool these slots: takes over the caller's reference, puts that of the slots before. */
void sl_pool_view_set_slots(struct sl_pool_view *pool, struct sl_slot_table *slots);

/* Gives the pool these tables and stamps: takes over the caller's reference, puts those before. */
void sl_pool_view_set_memory(struct sl_pool_view *pool, struct sl_pool_memory *memory);

/* Gives the pool this choice for new flows (NULL: none): takes over the caller's reference, puts the
 * one before. */
void sl_pool_view_set_pick(struct sl_pool_view *pool, struct sl_pool_pick *pick);

/* A scheduler's view with a count of references; view becomes its own. 0 or -ENOMEM. */
int sl_pool_pick_create(struct sl_pick_view *view, struct sl_pool_pick **pick);
struct sl_pool_pick *sl_pool_pick_get(struct sl_pool_pick *pick);
void sl_pool_pick_put(struct sl_pool_pick *pick); /* takes NULL */

/* Empties the pool: puts its slots, its memory and its pick. */
void sl_pool_view_clear(struct sl_pool_view *pool);

/* Gives the snapshot this service table: takes over the caller's reference, puts the one before. */
void sl_snapshot_set_services(struct sl_snapshot *snapshot, struct sl_service_table *table);

/* Gives the snapshot these services from before: one more reference to each; puts those before. */
void sl_snapshot_set_formers(struct sl_snapshot *snapshot, struct sl_former *const *formers,
			     uint32_t count);

/* Gives the snapshot these addresses of others: takes over the caller's reference, puts those before.
 */
void sl_snapshot_set_others(struct sl_snapshot *snapshot, struct sl_others *others);

/* One allocation with its words and open slots, all zero, one reference; open_count is the room for
 * open slots, too. 0 or -ENOMEM. */
int sl_slot_table_create(uint32_t count, uint32_t open_count, struct sl_slot_table **table);
struct sl_slot_table *sl_slot_table_get(struct sl_slot_table *table);
void sl_slot_table_put(struct sl_slot_table *table); /* takes NULL */

#endif
