/* SPDX-License-Identifier: BSD-3-Clause */

/* A pool of an image and its nodes: their configuration, their states, their tables.
 *
 * Why:     who changes one pool touches this pool alone.
 * Shape:   nodes that the configuration lists, in its order, then leaving ones. A pool owns its
 *          configuration; a node's is shared by all pools that agree on it.
 * Threads: control; reference counts are plain.
 * Memory:  create, copy and put; a pool of a committed image never changes.
 * Errors:  NULL: no memory.
 */

#ifndef SL_IMAGE_POOL_H
#define SL_IMAGE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "conf/conf.h"
#include "image/table.h"
#include "state/snapshot.h"

#define SL_IMAGE_WHY_SIZE 96
#define SL_SCALE_ONE	  1000000u /* a node's whole weight */

/* What an operator's hand did to a node. */
enum sl_hand { SL_HAND_UP = 0, SL_HAND_DRAINING = 1, SL_HAND_DISABLED = 2 };

struct sl_image_node {
	const struct sl_conf_node *conf; /* a reference, see sl_node_conf_get() */
	const char *name;		 /* of conf */
	uint32_t index;			 /* of the snapshot; what tables hold */
	uint8_t hand;			 /* enum sl_hand */
	uint8_t asked;			 /* enum sl_hand: what its agent asks for */
	bool down;			 /* health */
	bool stays;			 /* while it is down its live flows stay */
	bool leaving;			 /* removed, its live flows stay; behind the listed nodes */
	bool cut;	     /* draining or leaving, and the rest of its flows are cut */
	bool drained;	     /* draining, and nothing is left */
	uint32_t scale;	     /* of the configured weight, millionths: slow start, agents, latency */
	uint64_t weight_now; /* what its share goes by: scaled; 0: a backup that stands by */
	uint64_t seed;	     /* hash of the name, for the schedulers */
	uint32_t slots;	     /* of target */
	uint32_t home_slots; /* of home */
	uint64_t deadline_ms;	     /* draining: sl_clock_ms() at which the rest is cut; 0: none */
	uint64_t since_ms;	     /* sl_clock_wall_ms() since when it is in its state */
	char why[SL_IMAGE_WHY_SIZE]; /* and why */
};

struct sl_image_pool {
	uint32_t references;
	struct sl_conf_pool conf; /* without nodes */
	const char *name;	  /* of conf */
	uint32_t index;		  /* of the snapshot */
	bool leaving;		  /* removed; flows of its services may still need its answer */
	struct sl_table *home;	  /* changed by operators only */
	struct sl_table *former;  /* per slot the node before its present one, 0: none */
	struct sl_table *target;  /* what packets use: home, slots of absent nodes lent */
	uint64_t counted_home; /* serials of the tables that the nodes' numbers of slots are of; */
	uint64_t counted_target; /* 0: not counted */
	uint32_t listed_count;	 /* nodes of the configuration, in its order; they come first */
	uint32_t node_count;	 /* and leaving ones */
	uint32_t node_room;
	struct sl_image_node *nodes;
};

/* A pool of this configuration (copied), without nodes and tables. */
struct sl_image_pool *sl_image_pool_create(const struct sl_conf_pool *conf, uint32_t node_room);
struct sl_image_pool *sl_image_pool_copy(const struct sl_image_pool *pool);
void sl_image_pool_put(struct sl_image_pool *pool); /* takes NULL */

/* A node's configuration, shared by reference count. create copies, adopt takes the strings over
 * (also on failure). */
const struct sl_conf_node *sl_node_conf_create(const struct sl_conf_node *from);
const struct sl_conf_node *sl_node_conf_adopt(struct sl_conf_node *from);
const struct sl_conf_node *sl_node_conf_get(const struct sl_conf_node *conf);
void sl_node_conf_put(const struct sl_conf_node *conf); /* takes NULL */

/* A node, up, at a place among the listed ones; those from there on move up by one. Takes the
 * reference to conf over, also on failure. Within node_room it cannot fail. */
struct sl_image_node *sl_image_node_insert(struct sl_image_pool *pool, uint32_t place,
					   const struct sl_conf_node *conf);
/* The same behind all others, leaving. */
struct sl_image_node *sl_image_node_append(struct sl_image_pool *pool,
					   const struct sl_conf_node *conf);
void sl_image_node_remove(struct sl_image_pool *pool, uint32_t place);
/* Lists a node no more: it moves to the end and is leaving. Returns where it is. */
struct sl_image_node *sl_image_node_leave(struct sl_image_pool *pool, uint32_t place);
/* The node's configuration, made its own for editing; NULL: no memory. */
struct sl_conf_node *sl_image_node_edit(struct sl_image_pool *pool, uint32_t place);

/* The seed that schedulers know a node by. */
uint64_t sl_image_seed(const char *name);

/* Places, -1 when there is none. Leaving nodes are found by no name. */
int sl_image_find_node(const struct sl_image_pool *pool, const char *name);
/* A node that is leaving and still has its flows; -1: none. */
int sl_image_find_leaving(const struct sl_image_pool *pool, const char *name);
/* What an operator's hand or the node's agent did, whichever takes more away. */
static inline uint8_t sl_image_node_hand(const struct sl_image_node *node)
{
	return node->hand > node->asked ? node->hand : node->asked;
}

/* What `nodes` shows, and whether it takes new flows, and whether live ones stay. */
enum sl_node_state sl_image_node_state(const struct sl_image_node *node);
bool sl_image_node_takes(const struct sl_image_node *node);
bool sl_image_node_keeps(const struct sl_image_node *node);
const char *sl_node_state_name(enum sl_node_state state);

#endif
