/* SPDX-License-Identifier: BSD-3-Clause */

/* Health of nodes: keeps the prober's targets as the configuration has them, and brings what it finds
 * to the model.
 *
 * Why:     the model decides what a node that is down means; here is only who is asked, and what
 *          the answers were.
 * Shape:   an entry for each node that has a check, by its index; a change looks at the pools that
 *          differ. What is found becomes a SL_CHANGE_HEALTH, which is no generation, and a note.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_HEALTH_HEALTH_H
#define SL_HEALTH_HEALTH_H

#include "health/way.h"
#include "model/model.h"

struct event_base;
struct sl_health;

/* Checks what the model's image has, and follows its changes from then on. way: copied; NULL: no probe can
 * go the packets' way. */
int sl_health_create(struct event_base *base, struct sl_model *model, const struct sl_way_link *way,
		     struct sl_health **health, struct sl_err *err);
void sl_health_destroy(struct sl_health *health);

/* Members of a cluster that believe of nodes what most of them say. */
struct sl_health_peers {
	/* What is found here, for the others and for sl_health_hear(); see majority.h. 0: it was taken. */
	int (*say)(void *context, const char *text);
	void *context;
};

int sl_health_join(struct sl_health *health, const struct sl_health_peers *peers);
/* As sl_majority_say(); takes health that has not joined. */
void sl_health_hear(struct sl_health *health, const char *member, const char *text);
/* Whether they are to be heard; else this one judges alone, and says so. At first they are not. */
void sl_health_together(struct sl_health *health, bool together);
/* Nodes that a member says are down; UINT32_MAX: it has said nothing, or nobody has joined. */
uint32_t sl_health_down_at(const struct sl_health *health, const char *member);

/* For sl_model_hooks.health; health may be NULL. */
bool sl_health_show(void *health, uint32_t node_index, struct sl_model_health *out);

/* After a turn of the loop: what was set in it reaches the prober. */
void sl_health_turn_ended(struct sl_health *health);

#endif
