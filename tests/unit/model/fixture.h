/* SPDX-License-Identifier: BSD-3-Clause */

/* A model without devices for tests: one core's counters, a clock that the test moves, workers'
 * handlers that are only counted.
 */

#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "model/model.h"

struct fixture {
	struct sl_publish *publish;
	struct sl_core_stats *core;
	struct sl_worker_stats worker;
	struct sl_worker_stats *workers[1];
	struct sl_model *model;
	struct sl_change_result result; /* of the last change */
	struct sl_err err;
	uint32_t handlers;		 /* that are open */
	char handler_pool[SL_NAME_SIZE]; /* of the last one */
	bool handlers_fail;
};

extern uint64_t fixture_now_ms;

struct sl_conf *fixture_conf(const char *text);
/* Of a model with the fixture's publication and counters. */
void fixture_options(struct fixture *f, struct sl_model_options *options);
void fixture_open(struct fixture *f, const char *text, const struct sl_image *kept);
void fixture_open_conf(struct fixture *f, const struct sl_conf *conf, const struct sl_image *kept);
void fixture_close(struct fixture *f);
/* Makes the change and publishes. */
int fixture_change(struct fixture *f, const struct sl_change *change, bool dry_run);
int fixture_apply(struct fixture *f, const char *text);
int fixture_node(struct fixture *f, enum sl_change_kind kind, const char *pool, const char *node);
int fixture_weight(struct fixture *f, const char *pool, const char *node, uint64_t weight);
int fixture_add(struct fixture *f, const char *pool, const char *name, const char *const *pairs,
		uint32_t count);
/* Slots that packets find at the node now, by the snapshot; index of a node, by its image. */
uint32_t fixture_slots(const struct fixture *f, const char *pool, const char *node);
uint32_t fixture_index(const struct fixture *f, const char *pool, const char *node);

#endif
