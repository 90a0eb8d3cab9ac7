/* SPDX-License-Identifier: BSD-3-Clause */

/* What was carried over a restart, while it is taken up; for this room only.
 *
 * Shape:   pools with their nodes, slots and times as they were, in the order of the octets. Then
 *          what is not in the present image comes back as leaving, and everything gets the index
 *          that it has in this run.
 * Threads: control, while no core runs.
 * Memory:  sl_carried_fini() frees all of it.
 */

#ifndef SL_CARRY_CARRIED_H
#define SL_CARRY_CARRIED_H

#include "keep/pack.h"
#include "keep/rest.h"
#include "model/inside.h"
#include "state/flow_table.h"
#include "state/snapshot.h"

struct sl_carried_node {
	char name[SL_NAME_SIZE];
	bool is_fine; /* conf makes sense in this run's configuration */
	bool leaving, cut;
	struct sl_conf_node conf;
	uint64_t since_ms;
	const char *why;
	uint32_t index; /* in this run; 0: it is no more */
};

#define SL_CARRIED_EXTRA 2  /* bits of a flow's class; what it counts for beyond 1 is above them */
#define SL_CARRIED_LIVES 16 /* of kinds below SL_FLOW_ODD */

struct sl_carried_pool {
	char name[SL_NAME_SIZE];
	struct sl_conf_pool conf; /* its name too; without strings and nodes */
	uint32_t node_first;	  /* nodes of the pools before */
	uint32_t node_count;
	struct sl_carried_node *nodes;
	bool leaving, picks;
	uint8_t tracking;
	uint64_t idle_ms, full_since_ms, entries_since_ms;
	uint32_t life[SL_CARRIED_LIVES]; /* ticks, as in struct sl_flow_clock */
	uint32_t slot_count;
	uint32_t *words;	   /* slot_count: number of the node * 2 + whether it was lent */
	struct sl_open_slot *open; /* open_count, in the order of slots; nodes by number */
	uint64_t *refused_ms;	   /* open_count; 0: never */
	uint32_t open_count;
	bool found;	/* in this run */
	uint32_t index; /* then */
};

struct sl_carried_service {
	char name[SL_NAME_SIZE];
	struct sl_service_view view; /* pools by number; flags: SL_SERVICE_GAINED */
	uint64_t refused_ms;
};

/* Services and what they took: those of the end, and those before them that were still asked. */
struct sl_carried_former {
	uint64_t since_ms, open_until_ms, idle_ms;
	struct sl_service_spec *specs; /* count; the index is the place */
	struct sl_service_view
		*views; /* count; pools by number; of the end: no more than the serial */
	struct sl_port_range *ranges; /* of specs */
	struct sl_prefix *sources;    /* source_size: of specs */
	uint32_t count, range_count, source_count, source_size;
};

struct sl_carried {
	uint64_t form; /* SL_REST_FORM, or one before */
	uint64_t now_ms, gap_ms;
	uint32_t node_count; /* of all pools; their numbers go on from pool to pool, from 1 */
	uint32_t *numbers; /* by the index then, which is what octets say; NULL: they say numbers */
	uint32_t pool_count, pool_room;
	struct sl_carried_pool *pools;
	uint32_t service_count, service_room;
	struct sl_carried_service *services;
	struct sl_carried_former formers[1 + SL_FORMERS_MAX]; /* former_count; the end's first */
	uint32_t former_count;
};

void sl_carried_fini(struct sl_carried *carried);

/* The index in this run of the node of that number; SL_NODE_NOBODY: it is no more. */
uint32_t sl_carried_index(const struct sl_carried *carried, uint32_t number);

/* carry.c: what octets call nodes: the order of all pools, or their indices. Set before pools are
 * written, NONE after that. */
enum sl_carried_numbers { SL_CARRIED_NONE, SL_CARRIED_ORDER, SL_CARRIED_INDEX };
void sl_carried_number(const struct sl_model *model, enum sl_carried_numbers numbers);
/* Without flows. */
void sl_carried_write_pool(struct sl_pack *pack, const struct sl_model *model, uint32_t place,
			   uint64_t now_ms);
/* carry.c: whether the image's pool at that place is carried. */
bool sl_carried_takes(const struct sl_model *model, uint32_t place);
/* 0: never; else 1 and how long ago. */
void sl_carried_write_past(struct sl_pack *pack, uint64_t now_ms, uint64_t at_ms);
/* How long it has to go, how long it is over. */
void sl_carried_write_until(struct sl_pack *pack, uint64_t now_ms, uint64_t until_ms);

/* read.c: makes these slots (a reference is taken over, also on failure) what the pool was a moment
 * ago, so that the next snapshot is built from there. 0 or -ENOMEM. */
int sl_carried_put_slots(struct sl_model *model, const struct sl_carried *carried,
			 const struct sl_carried_pool *pool, struct sl_slot_table *slots);
/* read.c: one more pool, or services and what they took. 0, -EINVAL, -ENOMEM. */
int sl_carried_read_pool(struct sl_unpack *unpack, const struct sl_conf *conf,
			 struct sl_carried *carried);
int sl_carried_read_services(struct sl_unpack *unpack, struct sl_carried *carried);
/* read.c: makes the model what it was a moment ago and publishes what follows of it. */
int sl_carried_restore(struct sl_model *model, struct sl_carried *carried);
/* read.c: enters a flow; false: there is a later one, or no room. */
bool sl_carried_take_flow(struct sl_flow_table *table, const struct sl_flow_clock *clock,
			  uint64_t tag, uint64_t word, uint32_t extra);
/* read.c: times in this run. */
uint64_t sl_carried_before(const struct sl_carried *carried, uint64_t ms);
uint64_t sl_carried_read_past(struct sl_unpack *unpack, const struct sl_carried *carried);
uint64_t sl_carried_read_until(struct sl_unpack *unpack, const struct sl_carried *carried);

/* service.c: services, then what they took. Reading: 0 or -EINVAL, -ENOMEM. Restoring comes when
 * pools are what they were, before the snapshot that is built of it: 0 or -ENOMEM. */
void sl_carried_write_services(struct sl_pack *pack, const struct sl_model *model, uint64_t now_ms);
int sl_carried_read_service(struct sl_unpack *unpack, struct sl_carried *carried);
int sl_carried_read_formers(struct sl_unpack *unpack, struct sl_carried *carried);
int sl_carried_restore_services(struct sl_model *model, struct sl_carried *carried);

/* point.c: which pools the present services were at. Told of each past image in turn, then taken up
 * into the model before a snapshot is built of it: how many are open. create: NULL, tell: -ENOMEM without
 * memory. */
struct sl_told_services;
struct sl_told_services *sl_told_services_create(const struct sl_model *model);
void sl_told_services_destroy(struct sl_told_services *told); /* takes NULL */
int sl_told_services_tell(struct sl_told_services *told, const struct sl_image *past,
			  uint64_t wall_ms);
uint32_t sl_told_services_take_up(struct sl_model *model, struct sl_told_services *told,
				  uint64_t wall_ms);

/* back.c: makes what is leaving part of the model's image again. 0 or negative errno. */
int sl_carry_back(struct sl_model *model, struct sl_carried *carried);

#endif
