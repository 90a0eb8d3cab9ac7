/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of the model, for the rooms that make it up: model, edit, apply, build, life, report.
 *
 * Why:     one owner of the state, several files of one screen each.
 * Shape:   the present image, and tables by index for what outlives images.
 * Threads: control.
 */

#ifndef SL_CTL_BODY_H
#define SL_CTL_BODY_H

#include "ctl/model.h"

/* An index of a node, pool or service. */
enum sl_use {
	SL_USE_FREE = 0,
	SL_USE_LIVE = 1,
	SL_USE_TAKEN = 3,   /* given out by a change that is not decided yet */
	SL_USE_RETIRED = 2, /* gone from the image; something may still hold it */
};

struct sl_body_node {
	uint8_t use;	 /* enum sl_use */
	bool idle;	 /* leaving: nothing names it any more */
	bool grace;	 /* and every core has passed a burst since */
	uint32_t serial; /* tells one idle time from the next */
	uint64_t token;	 /* of queues_passed */
	void *handler;
	struct sl_node_stats base; /* what the counters said when the index was given out */
	uint64_t share_base;	   /* packets when the pool's expected shares last changed */
	uint64_t window[SL_LOAD_WINDOW_S]; /* packets, one sample a second */
};

struct sl_body_pool {
	uint8_t use;
	struct sl_image_pool *built;   /* what the present snapshot was built from; a reference */
	struct sl_pool_memory *memory; /* what cores remember; a reference */
};

/* Something retired: first its snapshot is to be published, then every core to pass a burst. */
enum sl_life_kind { SL_LIFE_NODE = 0, SL_LIFE_POOL = 1, SL_LIFE_SERVICE = 2, SL_LIFE_IDLE = 3 };

struct sl_life_item {
	struct sl_model *model;
	struct sl_life_item *next;
	enum sl_life_kind kind;
	uint32_t index, serial;
};

struct sl_body_service {
	uint8_t use;
	struct sl_service_stats base;
	uint32_t pool;	     /* index of the pool that the present snapshot gives it */
	uint32_t prior_pool; /* SL_SERVICE_NONE: settled */
	uint64_t open_until_ms, moved_at_ms;
};

struct sl_model {
	struct sl_model_options options;
	struct sl_image *image;
	struct sl_snapshot *snapshot;
	uint64_t number;     /* of the last snapshot */
	uint64_t started_ms; /* by now_ms() */
	bool dirty;	     /* the image is not what packets see */
	bool touched;	     /* every node's view is to be built anew */
	struct sl_model_listener *listeners;
	uint32_t window_place;		  /* where the next sample goes */
	uint32_t window_filled;		  /* samples there are */
	uint32_t node_hint;		  /* no index below is free */
	struct sl_life_item *retired;	  /* wait for the next snapshot */
	uint8_t *seen;			  /* SL_NODE_INDEX_MAX zeros, for who compares images */
	struct sl_body_node *nodes;	  /* SL_NODE_INDEX_MAX */
	struct sl_body_pool *pools;	  /* SL_POOLS_MAX */
	struct sl_body_service *services; /* SL_SERVICES_MAX */
};

/* A change in the making. */
struct sl_edit {
	struct sl_model *model;
	const struct sl_change *change;
	const struct sl_image *before; /* NULL: the first image */
	struct sl_image *image;
	struct sl_change_result *result;
	struct sl_err *err;
	uint64_t now_ms, wall_ms;
	bool *rebuild;	 /* per pool of the image: its home table */
	uint32_t *taken; /* node indices given out */
	uint32_t taken_count, taken_room;
	struct sl_hash_key hash_key;
};

/* life.c: indices. take: 0 or -ENOSPC, -ENOMEM; given back when the edit fails or was a dry run. */
int sl_life_node_take(struct sl_edit *edit, uint32_t *index);
int sl_life_pool_take(struct sl_edit *edit, uint32_t *index);
int sl_life_service_take(struct sl_edit *edit, uint32_t *index);
void sl_life_undo(struct sl_edit *edit);
/* The handlers and tables that a new image needs: all or none. */
int sl_life_begin(struct sl_edit *edit);
/* What the image before had and the new one has not: retired. items come from sl_life_items(). */
int sl_life_items(struct sl_edit *edit, struct sl_life_item **items);
void sl_life_end(struct sl_edit *edit, struct sl_life_item *items);
/* After a snapshot was published. */
void sl_life_published(struct sl_model *model);
/* Once a second: nodes that left, indices that may be used again. */
void sl_life_tick(struct sl_model *model);
void sl_life_fini(struct sl_model *model);
/* A node's counters since its index was given out, over all cores. */
void sl_life_node_stats(const struct sl_model *model, uint32_t index, struct sl_node_stats *stats);
void sl_life_service_stats(const struct sl_model *model, uint32_t index,
			   struct sl_service_stats *stats);

/* edit.c: kinds that name a pool and a node. */
int sl_edit_make(struct sl_edit *edit);
/* Pieces of it for apply. */
bool sl_edit_same_node(const struct sl_conf_node *a, const struct sl_conf_node *b);
int sl_edit_node_begin(struct sl_edit *edit, struct sl_image_pool *pool,
		       const struct sl_conf_node *conf, uint32_t place);
int sl_edit_node_leave(struct sl_image_pool *pool, uint32_t place, const struct sl_conf_node *conf,
		       bool cut, const struct sl_edit *edit);
void sl_edit_node_why(const struct sl_edit *edit, struct sl_image_node *node, const char *why);

/* apply.c: the configuration as a whole. */
int sl_apply_make(struct sl_edit *edit, const struct sl_conf *conf, const struct sl_image *from);

/* build.c: the snapshot of the present image. 0 or -ENOMEM; then nothing changed. */
int sl_build_snapshot(struct sl_model *model, struct sl_snapshot **snapshot);
/* build_slots.c: the pool's slots when they differ from those in snapshot (the one before), else
 * *slots stays. 0 or -ENOMEM. */
int sl_build_slots(const struct sl_model *model, uint32_t place, const struct sl_snapshot *snapshot,
		   struct sl_slot_table **slots);
/* The service answers with this pool from now on. */
void sl_build_service_point(const struct sl_model *model, struct sl_body_service *service,
			    uint32_t pool, const struct sl_conf_pool *conf);

#endif
