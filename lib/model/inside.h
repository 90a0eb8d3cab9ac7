/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of the model, for the files of this room, and for the room carry, which takes up what a restart found.
 *
 * Why:     one owner of the state, several files of one screen each.
 * Shape:   the present image, and tables by index for what outlives images.
 * Threads: control.
 */

#ifndef SL_MODEL_INSIDE_H
#define SL_MODEL_INSIDE_H

#include "model/model.h"
#include "state/former.h"

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
	uint8_t told;		   /* what listeners heard of it last, 0: nothing */
	struct sl_node_stats base; /* what the counters said when the index was given out */
	uint64_t share_base;	   /* packets when the pool's expected shares last changed */
	uint64_t window[SL_LOAD_WINDOW_S]; /* packets, one sample a second */
	uint32_t path_mtu;		   /* what its tunnel was told; 0: nothing */
	uint64_t path_mtu_until_ms;
	uint64_t unreachable; /* errors that say so */
	uint32_t open_slots;  /* zero but while a report is made */
};

struct sl_body_pool {
	uint8_t use;
	struct sl_image_pool *built;   /* what the present snapshot was built from; a reference */
	struct sl_pool_memory *memory; /* what cores remember; a reference */
	struct sl_pool_memory *fresh;  /* of a change that is not decided yet */
	struct sl_slot_table *slots;   /* as settled and moved last; a reference */
	uint64_t idle_ms;	       /* the longest idle timeout of the present snapshot */
	uint8_t tracking;	       /* enum sl_tracking of the present snapshot */
	bool picks;		       /* new flows are not at their slots' nodes alone */
	uint64_t full_since_ms;	       /* full tracking took over then; 0: it was there first */
	uint64_t tables_since_ms; /* tables from before are read since then; 0: there are none */
	uint64_t sweep_mark;	  /* passes of its tables when the sweep's epoch began */
};

/* Something retired: first its snapshot is to be published, then every core to pass a burst. */
enum sl_life_kind {
	SL_LIFE_NODE = 0,
	SL_LIFE_POOL = 1,
	SL_LIFE_SERVICE = 2,
	SL_LIFE_IDLE = 3, /* a leaving node that nothing names any more */
	SL_LIFE_SNAPSHOT = 4,
};

struct sl_life_item {
	struct sl_model *model;
	struct sl_life_item *next;
	enum sl_life_kind kind;
	uint32_t index, serial;
	uint64_t epoch;		      /* of the sweep */
	struct sl_snapshot *snapshot; /* SL_LIFE_SNAPSHOT */
};

struct sl_service_counts {
	struct sl_service_stats stats;
	struct sl_service_extra extra;
};

struct sl_body_service {
	uint8_t use;
	bool pointed;		       /* view.pool is one */
	uint32_t serial;	       /* of its view */
	struct sl_service_counts base; /* as of nodes */
	struct sl_service_view view;   /* of the present snapshot; the pools it goes by */
};

/* Who else said that it has an address of ours. */
#define SL_CLAIMED_MAX 8
struct sl_claimed {
	struct sl_addr addr;
	struct sl_mac mac;
	uint64_t told_ms; /* 0: free */
};

struct sl_model {
	struct sl_model_options options;
	struct sl_image *image;
	struct sl_snapshot *snapshot;
	uint64_t number;      /* of the last snapshot */
	uint64_t started_ms;  /* by now_ms() */
	bool dirty;	      /* the image is not what packets see */
	bool touched;	      /* every node's view is to be built anew */
	uint64_t deadline_ms; /* the next drain deadline; 0: none */
	struct sl_model_listener *listeners;
	sl_model_ask_health *ask_health; /* NULL: nobody knows */
	void *ask_context;
	sl_model_ask_hop *ask_hop; /* NULL: nobody knows */
	void *hop_context;
	sl_model_ahead *ahead; /* NULL: nobody is told */
	void *ahead_context;
	uint32_t window_place;		  /* where the next sample goes */
	uint32_t window_filled;		  /* samples there are */
	uint32_t node_hint;		  /* no index below is free */
	uint32_t pool_end;		  /* no pool index from here on was ever used */
	struct sl_life_item *retired;	  /* wait for the next snapshot */
	struct sl_life_item *sweeping;	  /* wait until no flow table names them */
	uint64_t sweep_epoch;		  /* times that all tables were swept */
	uint8_t *seen;			  /* SL_NODE_INDEX_MAX zeros, for who compares images */
	struct sl_body_node *nodes;	  /* SL_NODE_INDEX_MAX */
	struct sl_body_pool *pools;	  /* SL_POOLS_MAX */
	struct sl_body_service *services; /* SL_SERVICES_MAX */
	struct sl_claimed claimed[SL_CLAIMED_MAX];
	uint32_t service_serial; /* the last one given out */
	struct sl_former
		*formers[SL_FORMERS_MAX]; /* of the present snapshot, but those that are over */
	uint32_t former_count;
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

/* model.c: the MTU in force on a port. */
uint16_t sl_model_mtu(const struct sl_model *model, uint32_t port);

/* A drain has this deadline (0: none). */
static inline void sl_model_note_deadline(struct sl_model *model, uint64_t deadline_ms)
{
	if (deadline_ms && (!model->deadline_ms || deadline_ms < model->deadline_ms))
		model->deadline_ms = deadline_ms;
}

/* hear.c: what the path to the node takes: port_mtu, or less for ten minutes after it was told. */
uint32_t sl_hear_mtu(const struct sl_model *model, uint32_t index, uint32_t port_mtu);
/* Once a second: what was told long ago is forgotten. */
void sl_hear_tick(struct sl_model *model);

/* life.c: indices. take: 0 or -ENOSPC, -ENOMEM; given back when the edit fails or was a dry run. */
int sl_life_node_take(struct sl_edit *edit, uint32_t *index);
int sl_life_pool_take(struct sl_edit *edit, uint32_t *index);
int sl_life_service_take(struct sl_edit *edit, uint32_t *index);
void sl_life_undo(struct sl_edit *edit);
/* The handler of a worker node, unless it has one; and its end. */
int sl_life_handler_open(struct sl_edit *edit, uint32_t index, const char *pool,
			 const struct sl_conf_node *conf);
void sl_life_handler_close(struct sl_model *model, uint32_t index);
/* The handlers and tables that a new image needs: all or none. */
int sl_life_begin(struct sl_edit *edit);
/* What the image before had and the new one has not: retired. items come from sl_life_items(). */
int sl_life_items(struct sl_edit *edit, struct sl_life_item **items);
void sl_life_end(struct sl_edit *edit, struct sl_life_item *items);
/* After a snapshot was published. */
void sl_life_published(struct sl_model *model);
/* Nothing names the node any more: tells when every core has passed a burst. 0 or -ENOMEM. */
int sl_life_idle(struct sl_model *model, uint32_t index);
/* Once a second: indices that may be used again. */
void sl_life_tick(struct sl_model *model);
/* Entries that name a node, in all tables that may have them. */
uint64_t sl_life_node_flows(const struct sl_model *model, uint32_t node);
/* count.c: counters of an index over all cores, and those since it was given out. */
void sl_count_node_all(const struct sl_model *model, uint32_t index, struct sl_node_stats *sum);
void sl_count_node(const struct sl_model *model, uint32_t index, struct sl_node_stats *stats);
void sl_count_service_all(const struct sl_model *model, uint32_t index,
			  struct sl_service_counts *sum);
void sl_count_service(const struct sl_model *model, uint32_t index,
		      struct sl_service_counts *counts);

/* edit.c: kinds that name a pool and a node. */
int sl_edit_make(struct sl_edit *edit);
/* Pieces of it for apply. */
bool sl_edit_same_node(const struct sl_conf_node *a, const struct sl_conf_node *b);
/* True if a leaving node of that name is the same one, so that its live flows come home. */
bool sl_edit_comes_back(const struct sl_image_node *node, const struct sl_conf_node *conf);
/* A node at a place; index: of the one that comes back, 0: a new one. */
int sl_edit_node_begin(struct sl_edit *edit, struct sl_image_pool *pool,
		       const struct sl_conf_node *conf, uint32_t place, uint32_t index);
/* Marks a node as leaving where it stands. */
void sl_edit_node_left(const struct sl_edit *edit, struct sl_image_node *node, bool cut);
/* A node stops being listed; cut: its live flows go elsewhere. */
void sl_edit_node_leave(const struct sl_edit *edit, struct sl_image_pool *pool, uint32_t place,
			bool cut);
void sl_edit_node_why(const struct sl_edit *edit, struct sl_image_node *node, const char *why);
/* What health found of a node that has no check any more does not count. */
void sl_edit_forget_health(const struct sl_edit *edit, const struct sl_image_pool *pool,
			   struct sl_image_node *node);

/* apply.c: the configuration as a whole. */
int sl_apply_make(struct sl_edit *edit, const struct sl_conf *conf, const struct sl_image *from);
/* For look-ups: the name of the node at a place of a pool's nodes; NULL: it is leaving. */
const char *sl_apply_listed_name(const void *nodes, uint32_t place);

/* Indices of the image's services, and what is said of those that differ from before. */
int sl_apply_services(struct sl_edit *edit);
/* service.c: one service more, less or other. */
int sl_service_make(struct sl_edit *edit);

/* rollback.c: an image from history, or a shared configuration, bound to the ports and workers of this
 * run by name and number. */
int sl_rollback_make(struct sl_edit *edit);
/* Tables and hand-set states of a pool as they were in another image. *rebuild: shares are others. */
int sl_rollback_take(struct sl_edit *edit, struct sl_image_pool *pool,
		     const struct sl_image_pool *from, bool *rebuild);

/* refuse.c: -EPERM when a configuration asks for what needs a restart (unless that keeps as it runs), or force. */
int sl_refuse_check(struct sl_edit *edit, const struct sl_conf *wanted, bool keeps);
/* The wanted sections, to be freed. In a configuration that was made earlier, or is shared, what needs a
 * restart stays as it runs; the hash key goes with its text. NULL: no memory. */
struct sl_conf *sl_refuse_sections(const struct sl_edit *edit, const struct sl_conf *wanted,
				   bool keeps);

/* build.c: the snapshot of the present image. 0 or -ENOMEM; then nothing changed. */
int sl_build_snapshot(struct sl_model *model, struct sl_snapshot **snapshot);
/* build_slots.c: the pool's slots when they differ from those in snapshot (the one before), else
 * *slots stays. 0 or -ENOMEM. */
int sl_build_slots(const struct sl_model *model, uint32_t place, const struct sl_snapshot *snapshot,
		   struct sl_slot_table **slots);
uint64_t sl_build_idle_ms(const struct sl_conf_pool *conf);
/* For how long slots that move are open. With full tracking they need not be, once every flow that is
 * alive has sent since it began; but for the flows of a service that was pointed elsewhere. */
uint64_t sl_build_open_ms(const struct sl_model *model, const struct sl_image_pool *pool,
			  uint64_t now_ms);
/* By how much a pool's longest idle timeout is more than when its last snapshot was built. */
int64_t sl_build_longer_ms(const struct sl_model *model, uint32_t place);
/* Whether new flows may go elsewhere than to their slots' nodes: chosen one by one, or bounded. */
bool sl_build_picks(const struct sl_conf_pool *conf);
enum sl_tracking sl_build_tracking(const struct sl_conf_pool *conf);
/* build_services.c: the table of the image's services, unless it has one; what services say, and those
 * from before. */
int sl_build_service_table(struct sl_edit *edit);
struct sl_build_services {
	struct sl_service_view *views;		   /* by index; in and out */
	struct sl_former *formers[SL_FORMERS_MAX]; /* the caller has a reference to each */
	uint32_t former_count;
	const struct sl_conf_service *refused; /* -EBUSY because of it; NULL: of regions */
	bool force; /* it was checked before: nothing is refused, and who serves now is asked */
};
/* Of the image, after the present snapshot. 0 or -EBUSY, -ENOMEM. */
int sl_build_services(const struct sl_model *model, const struct sl_image *image,
		      struct sl_build_services *services);
/* Whether flows of regions go by the pool. */
bool sl_build_formers_go_by(const struct sl_model *model, uint32_t pool);

/* report.c: one sample a second for the load of the last seconds. */
void sl_report_sample(struct sl_model *model);

/* tell.c: listeners hear of the change and of nodes whose state it changed. */
int sl_tell_prepare(const struct sl_edit *edit, bool dry_run);
void sl_tell_change(const struct sl_edit *edit, struct sl_image *before);

/* settle.c: what time does to the model. */
/* Slots, services and nodes whose time has come; true: a SETTLE change is due. */
bool sl_settle_tick(struct sl_model *model);
int sl_settle_make(struct sl_edit *edit);
/* True if a pool that is leaving still has every node that its slots, or its tables, name. */
bool sl_settle_is_whole(struct sl_model *model, const struct sl_image_pool *pool);
/* What is left at the nodes that a DRAIN or REMOVE_NODE names. */
void sl_settle_left(const struct sl_edit *edit, struct sl_change_left *left);

#endif
