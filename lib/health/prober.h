/* SPDX-License-Identifier: BSD-3-Clause */

/* The prober: a thread with a loop of its own that checks nodes and judges what it finds.
 *
 * Why:     thousands of checks a second must not delay what control answers.
 * Shape:   control sets and drops targets by commands; results come back in batches, rung once a
 *          batch; a turn of control's loop takes so many of them, so that it answers in between. A
 *          target has one timer: when its next check begins, and when the one that runs is given up.
 *          Checks of many nodes are spread over the interval by their names, with jitter.
 * Threads: sl_prober_ functions: control. The prober's thread never touches anything of control's.
 * Memory:  create and destroy (takes NULL; waits for the thread).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_HEALTH_PROBER_H
#define SL_HEALTH_PROBER_H

#include "health/agent.h"
#include "health/probe.h"
#include "health/spec.h"
#include "health/verdict.h"

/* What is checked, and where. */
struct sl_target {
	uint32_t id;	 /* of the caller's; below SL_NODE_INDEX_MAX */
	uint32_t serial; /* tells a target from one of the same id before it */
	struct sl_health_spec *spec;
	bool is_agent; /* the agent beside the check of that id */
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	struct sl_addr address; /* NONE: there is no service to ask for */
	uint16_t port;
	bool by_way; /* the packets' way, the id being the node's index */
	uint32_t way_port;
};

/* A check that has ended. */
struct sl_finding {
	uint32_t id, serial;
	bool is_agent;
	bool blind;
	enum sl_health_state state;
	enum sl_health_result result;
	uint32_t us;	  /* how long it took */
	uint32_t held_ms; /* down is held for so long, though it may answer; 0: not */
	uint64_t checks, failures;
	struct sl_agent_word agent;
	char say[SL_PROBE_SAY_SIZE];
};

struct sl_prober;

/* In control's loop (base): found for each finding; told behind those of a turn, may be NULL. */
struct sl_prober_calls {
	void (*found)(void *context, const struct sl_finding *finding);
	void (*told)(void *context);
	void *context;
	struct sl_way *way; /* for probes by it; NULL: there is none */
};

int sl_prober_create(struct event_base *base, const struct sl_prober_calls *calls,
		     struct sl_prober **prober, struct sl_err *err);
void sl_prober_destroy(struct sl_prober *prober);

/* Checks the target from now on; in place of one with the same id, whose state is kept when only the
 * check changed (same serial). The spec is shared. -ENOMEM. */
int sl_prober_set(struct sl_prober *prober, const struct sl_target *target);
int sl_prober_drop(struct sl_prober *prober, uint32_t id, bool is_agent);
/* Tells the thread of what was set and dropped; at the end of a turn. */
void sl_prober_ring(struct sl_prober *prober);

#endif
