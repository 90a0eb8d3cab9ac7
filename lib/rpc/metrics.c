/* SPDX-License-Identifier: BSD-3-Clause */

/* What /metrics answers: the model's report, and what handlers have found. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rpc/page.h"
#include "show/prometheus.h"
#include "show/result_metrics.h"

#define RESULTS_MS   200u	/* that results may take, of all handlers */
#define RESULTS_KEYS (1u << 18) /* of a node; of one with more its sums are shown */

static void free_results(struct sl_results_pool *pools, uint32_t count)
{
	for (uint32_t p = 0; p < count; p++) {
		for (uint32_t i = 0; i < pools[p].count; i++)
			free(pools[p].parts[i].set.rows);
		free(pools[p].parts);
	}
	free(pools);
}

/* What of a pool's handlers can be read. Of one with too many keys these are the sums alone. */
static void read_pool(const struct sl_rpc_scope *scope, const struct sl_image_pool *pool,
		      const struct sl_result_bounds *bounds, struct sl_results_pool *out)
{
	*out = (struct sl_results_pool){
		.pool = pool->name, .parts = calloc(pool->listed_count + 1, sizeof(*out->parts))};
	for (uint32_t n = 0; out->parts && n < pool->listed_count; n++) {
		struct sl_results_part *part = &out->parts[out->count];
		int rc = scope->results.read(scope->results.context, pool->nodes[n].index, bounds,
					     &part->set);

		if (rc && rc != -EFBIG)
			continue;
		part->node = pool->nodes[n].name;
		out->count++;
	}
}

/* Handlers that do not come back, all together within a time, are left out. */
static void write_results(const struct sl_rpc_scope *scope, FILE *out)
{
	const struct sl_image *image = sl_model_image(scope->model);
	const struct sl_result_bounds bounds = {sl_clock_ms() + RESULTS_MS, RESULTS_KEYS};
	struct sl_results_pool *pools = calloc(image->pool_count + 1, sizeof(*pools));
	uint32_t count = 0;

	for (uint32_t p = 0; pools && scope->results.read && p < image->pool_count; p++) {
		read_pool(scope, image->pools[p], &bounds, &pools[count]);
		if (pools[count].count > 0)
			count++;
		else
			free(pools[count].parts);
	}
	if (pools)
		sl_result_metrics_write(out, image, pools, count);
	free_results(pools, count);
}

int sl_metrics_write(const struct sl_rpc_scope *scope, FILE *out)
{
	struct sl_model_report *report;

	if (sl_model_report_build(scope->model, &report) < 0)
		return -ENOMEM;
	sl_prometheus_write(out, &scope->daemon, report);
	write_results(scope, out);
	sl_model_report_destroy(report);
	return 0;
}
