/* SPDX-License-Identifier: BSD-3-Clause */

/* The model's report as JSON: the objects of the contract's section 4.
 *
 * Threads: control.
 * Memory:  each call returns a new reference, or NULL: no memory.
 */

#ifndef SL_SHOW_JSON_H
#define SL_SHOW_JSON_H

#include "lcore/fill.h"
#include "model/model.h"

/* Of json_dumps(): as many digits as every double keeps, so that 0.1 is 0.1. */
#define SL_REPORT_JSON JSON_REAL_PRECISION(15)

struct json_t; /* jansson's */

/* The whole statistics object. */
struct json_t *sl_report_stats(const struct sl_model_report *report);

/* Its parts under their names, with more members (since, why, kind, address, ...): what `pools`,
 * `nodes`, `services` and `status` answer. pool NULL: all. */
struct json_t *sl_report_pools(const struct sl_model_report *report);
struct json_t *sl_report_nodes(const struct sl_model_report *report, const char *pool);
struct json_t *sl_report_services(const struct sl_model_report *report);
struct json_t *sl_report_ports(const struct sl_model_report *report);

/* Of a worker: its queue with the depths at which it was found, up to what it can hold. */
struct json_t *sl_report_queue(const struct sl_fill_worker *worker);
struct json_t *sl_report_level(const struct sl_fill_level *level);
/* The level of each pool's flow tables. */
struct json_t *sl_report_flow_tables(const struct sl_model_report *report);

/* The answer of a change: generation, moved_slots, least_slots, warnings, and `left` or `changes`
 * where the verb has them. */
struct json_t *sl_report_change(const struct sl_change *change,
				const struct sl_change_result *result, bool sentences);

#endif
