/* SPDX-License-Identifier: BSD-3-Clause */

/* What was carried over a restart, while it is taken up; for carry_read.c and carry_back.c only.
 *
 * Shape:   pools with their nodes, slots and times as they were, in the order of the octets. Then
 *          what is not in the present image comes back as leaving, and everything gets the index
 *          that it has in this run.
 * Threads: control, while no core runs.
 * Memory:  sl_carried_fini() frees all of it.
 */

#ifndef SL_KEEP_CARRIED_H
#define SL_KEEP_CARRIED_H

#include "keep/pack.h"
#include "model/inside.h"
#include "state/snapshot.h"

/* The first number of the octets: which form they have. The one before, which is read, too, has no
 * udp6_checksum of pools. */
#define SL_CARRY_FORM	     3
#define SL_CARRY_FORM_BEFORE 2

struct sl_carried_node {
	char name[SL_NAME_SIZE];
	bool is_fine; /* conf makes sense in this run's configuration */
	bool leaving, cut;
	struct sl_conf_node conf;
	uint64_t since_ms;
	const char *why;
	uint32_t index; /* in this run; 0: it is no more */
};

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
	struct sl_service_view view; /* pools by number */
	uint64_t refused_ms;
};

struct sl_carried {
	uint64_t form; /* SL_CARRY_FORM, or the one before */
	uint64_t now_ms, gap_ms;
	uint32_t node_count; /* of all pools; their numbers go on from pool to pool, from 1 */
	uint32_t pool_count, pool_room;
	struct sl_carried_pool *pools;
	uint32_t service_count, service_room;
	struct sl_carried_service *services;
};

void sl_carried_fini(struct sl_carried *carried);

/* The index in this run of the node of that number; SL_NODE_NOBODY: it is no more. */
uint32_t sl_carried_index(const struct sl_carried *carried, uint32_t number);

/* carry_back.c: makes what is leaving part of the model's image again. 0 or negative errno. */
int sl_carry_back(struct sl_model *model, struct sl_carried *carried);

#endif
