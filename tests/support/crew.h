/* SPDX-License-Identifier: BSD-3-Clause */

/* Members of a cluster in one process: each a model and its history, all on one simulated store.
 *
 * Threads: the test's.
 * Errors:  what must not fail ends the program with a sentence.
 */

#ifndef TESTS_SUPPORT_CREW_H
#define TESTS_SUPPORT_CREW_H

#include "cluster/cluster.h"
#include "keep/history.h"
#include "support/sim_store.h"
#include "unit/model/fixture.h"

#define CREW_MAX 16

struct member {
	struct fixture f;
	struct sl_conf *conf;
	struct sl_cluster *cluster; /* NULL: it is not there */
	struct sl_history *history;
	struct sl_model_listener listener;
	struct sl_store *store;
	uint32_t made, refused; /* changes of its own that were decided */
	struct sl_err err;	/* of the last refused */
	bool joined, known;
	char found[CREW_MAX][64]; /* what members find of nodes, as it was told */
	bool heard[CREW_MAX];
};

extern struct member crew[CREW_MAX];

void crew_begin(uint64_t seed);
void crew_end(void);

/* A member with this configuration, of which %u is its number; it has not joined before crew_settle(). */
void crew_start(uint32_t number, const char *format);
void crew_stop(uint32_t number);

/* One thing that waits; and only what members do of themselves. */
void crew_settle_some(void);
void crew_work(void);
/* Until nothing waits any more. */
void crew_settle(void);

/* Until it holds of all; members have the time that they wait for themselves. */
void crew_settle_until(bool (*holds)(void));
/* Whether all that are there judge by what all found. */
bool crew_all_judge(void);
/* What a member was told that another one finds; NULL: nothing. */
const char *crew_found(uint32_t number, const char *member);

/* Submits in the member's name: 0 or negative errno, with crew[number].err. */
int crew_submit(uint32_t number, const struct sl_change *change);
int crew_weight(uint32_t number, const char *node, uint64_t weight);

struct sl_cluster_report crew_report(uint32_t number);
/* What tells pools and slots of a member from others'. */
uint64_t crew_digest(uint32_t number);

#endif
