/* SPDX-License-Identifier: BSD-3-Clause */

/* An image: all that operators asked and health found, at one moment; what rollback goes back to.
 *
 * Why:     a change is made on a copy, history keeps the image before, the state file holds one.
 * Shape:   the configuration as `config` shows it, and beside each of its pools the tables and the
 *          nodes' states. Pools and tables are shared by the images that agree on them.
 * Threads: control; reference counts are plain.
 * Memory:  get and put; an image that was committed never changes.
 * Errors:  NULL: no memory.
 */

#ifndef SL_MODEL_IMAGE_H
#define SL_MODEL_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "conf/conf.h"
#include "state/service.h"
#include "state/snapshot.h"

#define SL_IMAGE_WHY_SIZE 96

/* Slots by number; words are node indices, 0: nobody. One that was made from another knows the slots
 * that moved, so that who compares the two need not go over all of them. */
struct sl_table {
	uint32_t references;
	uint32_t count;
	uint64_t serial; /* of this table alone */
	uint64_t origin; /* serial of the table that it was made from, of the same size; 0: none */
	uint32_t *moved; /* the slots that differ from it, ascending */
	uint32_t moved_count;
	uint32_t word[];
};

struct sl_table *sl_table_create(uint32_t count); /* all words 0 */
struct sl_table *sl_table_get(struct sl_table *table);
void sl_table_put(struct sl_table *table); /* takes NULL */

/* Says that the table was made from another of its size: lists what differs. 0 or -ENOMEM. */
int sl_table_derive(struct sl_table *table, const struct sl_table *origin);

/* The slots in which a table differs from another of its size, ascending; known at once when it was
 * made from it. 0 or -ENOMEM; own is freed by who asks. */
struct sl_table_moves {
	const uint32_t *slots;
	uint32_t count;
	uint32_t *own;
};

int sl_table_compare(const struct sl_table *table, const struct sl_table *other,
		     struct sl_table_moves *moves);

/* What an operator's hand did to a node. */
enum sl_hand { SL_HAND_UP = 0, SL_HAND_DRAINING = 1, SL_HAND_DISABLED = 2 };

struct sl_image_node {
	char name[SL_NAME_SIZE];
	uint32_t index;	      /* of the snapshot; what tables hold */
	uint8_t hand;	      /* enum sl_hand */
	uint8_t asked;	      /* enum sl_hand: what its agent asks for */
	bool down;	      /* health */
	bool stays;	      /* while it is down its live flows stay */
	bool leaving;	      /* removed, its live flows stay; after the configuration's nodes */
	bool cut;	      /* draining or leaving, and the rest of its flows are cut */
	bool drained;	      /* draining, and nothing is left */
	uint64_t seed;	      /* hash of the name, for the schedulers */
	uint32_t slots;	      /* of target */
	uint32_t home_slots;  /* of home */
	uint64_t deadline_ms; /* draining: sl_clock_ms() at which the rest is cut; 0: none */
	uint64_t since_ms;    /* sl_clock_wall_ms() since when it is in its state */
	char why[SL_IMAGE_WHY_SIZE]; /* and why */
	struct sl_conf_node gone;    /* leaving: its configuration, without strings */
};

struct sl_image_pool {
	uint32_t references;
	char name[SL_NAME_SIZE];
	uint32_t index;		  /* of the snapshot */
	bool leaving;		  /* removed; flows of its services may still need its answer */
	struct sl_conf_pool gone; /* leaving: its configuration, without strings and nodes */
	struct sl_table *home;	  /* changed by operators only */
	struct sl_table *former;  /* per slot the node before its present one, 0: none */
	struct sl_table *target;  /* what packets use: home, slots of absent nodes lent */
	uint64_t counted_home; /* serials of the tables that the nodes' numbers of slots are of; */
	uint64_t counted_target; /* 0: not counted */
	uint32_t node_count;	 /* those of the configuration, in its order, then leaving ones */
	uint32_t node_room;
	struct sl_image_node *nodes;
};

struct sl_image {
	uint32_t references;
	uint64_t generation;
	struct sl_conf *conf;
	uint32_t pool_count; /* those of the configuration, in its order, then leaving ones */
	struct sl_image_pool **pools;
	uint32_t service_count;			/* as conf->service_count, in its order */
	uint32_t *service_index;		/* of the snapshot */
	struct sl_service_table *service_table; /* of an image in use; NULL in one that was read */
};

struct sl_image *sl_image_get(struct sl_image *image);
void sl_image_put(struct sl_image *image); /* takes NULL */

/* An image to be filled by who reads a state file: conf becomes its own (also on failure); pools
 * have the configuration's nodes with the indices 1, 2, ... in the order of the file, all up, and
 * tables of zeros. */
struct sl_image *sl_image_create(struct sl_conf *conf);

/* An image whose pools are all still NULL, with room for more of them; conf becomes its own. */
struct sl_image *sl_image_frame(struct sl_conf *conf, uint32_t more_pools);

/* A second image that shares every pool, for editing; conf is a deep copy. */
struct sl_image *sl_image_copy(const struct sl_image *image);
/* The pool at place i, made the image's own (copied when shared) for editing; NULL: no memory. */
struct sl_image_pool *sl_image_pool_edit(struct sl_image *image, uint32_t place);

/* A pool without nodes and tables. */
struct sl_image_pool *sl_image_pool_create(const char *name, uint32_t node_room);
void sl_image_pool_put(struct sl_image_pool *pool); /* takes NULL */

/* A node, up, of that name at a place; those from there on move up by one. Within node_room it
 * cannot fail. remove is the reverse. */
struct sl_image_node *sl_image_node_insert(struct sl_image_pool *pool, uint32_t place,
					   const char *name);
void sl_image_node_remove(struct sl_image_pool *pool, uint32_t place);

/* The seed that schedulers know a node by. */
uint64_t sl_image_seed(const char *name);

/* The configuration of the pool at a place, and of a node in it; leaving or not. */
const struct sl_conf_pool *sl_image_pool_conf(const struct sl_image *image, uint32_t place);
const struct sl_conf_node *sl_image_node_conf(const struct sl_image *image, uint32_t place,
					      uint32_t node);

/* Places: -1 when there is none. Leaving pools and nodes are found by no name. */
int sl_image_find_pool(const struct sl_image *image, const char *name);
int sl_image_find_node(const struct sl_image_pool *pool, const char *name);
/* A node that is leaving and still has its flows; -1: none. */
int sl_image_find_leaving(const struct sl_image_pool *pool, const char *name);
/* The same from *cursor on and round; *cursor goes behind what was found, so that names in the order
 * of another list are found at once. */
int sl_image_find_next(const struct sl_image_pool *pool, const char *name, uint32_t *cursor);

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

/* The pool of that index in an image (NULL: none), or NULL. */
const struct sl_image_pool *sl_image_pool_at(const struct sl_image *image, uint32_t index);

#endif
