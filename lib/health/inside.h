/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of health, for the files of this room that make it up.
 *
 * Threads: control.
 */

#ifndef SL_HEALTH_INSIDE_H
#define SL_HEALTH_INSIDE_H

#include "health/health.h"
#include "health/majority.h"
#include "health/notice.h"
#include "health/prober.h"

#define SL_DOWN_AT_SIZE 160

struct event;

/* A node that has a check. */
struct sl_checked {
	uint32_t index; /* of the node */
	struct sl_health_spec *spec;
	struct sl_addr address;	 /* the node's */
	struct sl_addr asked_at; /* where its check goes: the node's, or a service's; or NONE */
	uint16_t port;
	uint32_t way_port; /* the port that the node is behind */
	bool agent;	   /* one beside the check */
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	uint32_t serial;
	uint64_t epoch;	    /* of the change that saw it last */
	uint64_t since_ms;  /* wall clock */
	uint8_t asked;	    /* enum sl_hand, by its agent, as the model was told */
	uint8_t asked_here; /* and as it asks here */
	struct sl_agent_asked by_agent;
	bool down;	/* as the model was told */
	bool untold;	/* but it could not take that */
	uint32_t scale; /* of the weight, as the model was told */
	uint32_t slow_start_ms;
	enum sl_conf_weight_from weight_from;
	uint64_t up_ms;		   /* sl_clock_ms() when it came up again; 0: it was never down */
	uint32_t percent;	   /* of the agent, in millionths */
	uint32_t smooth_us, share; /* of the controller by latency */
	enum sl_health_state state;
	bool answered, blind;
	struct sl_finding last;
	char down_at[SL_DOWN_AT_SIZE]; /* for sl_health_show() */
};

struct sl_health {
	struct sl_model *model;
	struct sl_prober *prober;
	struct sl_way *way; /* NULL: there is none */
	uint32_t way_count; /* entries whose checks go it */
	struct sl_model_listener listener;
	struct sl_checked **entries; /* SL_NODE_INDEX_MAX */
	uint64_t epoch;
	uint32_t serial;
	bool failing;		   /* no memory, and it was said */
	struct sl_notices notices; /* of this turn */
	struct event *timer;	   /* for weights that change with time */
	uint64_t controlled_ms;	   /* when the controller made its last step */
	/* in a cluster */
	struct sl_health_peers peers;
	struct sl_majority *majority; /* NULL: each judges by itself */
	bool together;		      /* most of the members judge, now */
	bool say_due, judge_due;
};

/* found.c: what comes of findings. */
void sl_found_take(void *health, const struct sl_finding *finding);
/* The model is told what is news of the turn, as one change. */
void sl_found_tell(void *health);
/* Looks once more at what is believed of a node. */
void sl_found_settle(struct sl_health *health, struct sl_checked *entry);
/* Weights that change with time. */
void sl_found_weigh(struct sl_health *health);

/* together.c */
struct sl_judged {
	bool down;
	uint8_t asked; /* enum sl_hand */
};

/* What is to be believed of a node: what is found here, or what most members say. */
struct sl_judged sl_together_judge(const struct sl_health *health, const struct sl_checked *entry);
/* Why, in words; "": it is what was found here. */
void sl_together_why(const struct sl_health *health, const struct sl_checked *entry, char *why,
		     size_t size);
/* Says what is to be said, and judges what others have said. */
void sl_together_turn(struct sl_health *health);

#endif
