/* SPDX-License-Identifier: BSD-3-Clause */

/* What handlers of a pool's workers have found, merged: equal keys added up, sorted, the first of them.
 *
 * Threads: control.
 * Memory:  the answer is a new reference; sets stay the caller's.
 * Errors:  NULL: no memory.
 */

#ifndef SL_SHOW_RESULTS_H
#define SL_SHOW_RESULTS_H

#include "lcore/result.h"
#include "model/model.h"

struct json_t;

enum sl_results_sort { SL_RESULTS_PACKETS = 0, SL_RESULTS_OCTETS = 1, SL_RESULTS_LAST = 2 };

/* One node's part. */
struct sl_results_part {
	const char *node;
	struct sl_result_set set;
};

struct sl_results_query {
	const char *pool;
	const char *key; /* NULL: all; as it is shown */
	uint32_t top;
	enum sl_results_sort sort;
};

/* Whether a key is written as those of a kind are: addresses are. */
bool sl_results_key_fits(enum sl_result_key kind, const char *key);
const char *sl_results_kind_name(enum sl_result_key kind);

/* Tells rows of all parts, merged, the one with most packets first, top of them at most; by names the
 * kind of key. 0 or -ENOMEM. */
typedef void sl_results_told(void *context, const char *by, const char *key,
			     const struct sl_result_row *row);
int sl_results_top(const struct sl_image *image, const struct sl_results_part *parts,
		   uint32_t count, uint32_t top, sl_results_told *told, void *context);

/* image: whose services' names are shown. Where the parts' kinds of keys differ, `key` is "mixed", every
 * row says its own (`by`), and a warning does. */
struct json_t *sl_results_json(const struct sl_image *image, const struct sl_results_query *query,
			       const struct sl_results_part *parts, uint32_t count);

#endif
