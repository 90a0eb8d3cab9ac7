/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/result_metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/bytes.h"

/* ---- sums ------------------------------------------------------------------------------------ */

struct family {
	const char *name, *type, *help;
	size_t offset; /* in a total, or in a row */
};

static const struct family totals[] = {
	{"results_packets_total", "counter", "Packets that the handler counted.",
	 offsetof(struct sl_result_total, packets)},
	{"results_octets_total", "counter", "Octets of IP packets that the handler counted.",
	 offsetof(struct sl_result_total, octets)},
	{"results_lost_total", "counter", "Packets that are in none of the handler's rows.",
	 offsetof(struct sl_result_total, lost)},
	{"results_keys", "gauge", "Keys that the handler has.",
	 offsetof(struct sl_result_total, keys)},
};

static void head(FILE *out, const struct family *family)
{
	(void)fprintf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", family->name, family->help,
		      family->name, family->type);
}

static uint64_t value_at(const void *object, size_t offset)
{
	return *(const uint64_t *)((const char *)object + offset);
}

static void write_totals(FILE *out, const struct sl_results_pool *pool, const struct family *family)
{
	for (uint32_t i = 0; i < pool->count; i++)
		(void)fprintf(out, "sluice_%s{pool=\"%s\",node=\"%s\"} %" PRIu64 "\n", family->name,
			      pool->pool, pool->parts[i].node,
			      value_at(&pool->parts[i].set.total, family->offset));
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const struct family keys[] = {
	{"results_key_packets", "gauge", "Packets by key, of the heaviest keys of a pool.",
	 offsetof(struct sl_result_row, packets)},
	{"results_key_octets", "gauge", "Octets by key, of the heaviest keys of a pool.",
	 offsetof(struct sl_result_row, octets)},
};

struct writing {
	FILE *out;
	const char *pool;
	const struct family *family;
};

/* Keys of users' handlers are any text. */
static void write_label(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

static void write_key(void *context, const char *by, const char *key,
		      const struct sl_result_row *row)
{
	const struct writing *writing = context;

	(void)fprintf(writing->out, "sluice_%s{pool=\"%s\",by=\"%s\",key=\"", writing->family->name,
		      writing->pool, by);
	write_label(writing->out, key);
	(void)fprintf(writing->out, "\"} %" PRIu64 "\n", value_at(row, writing->family->offset));
}

static uint32_t top_of(const struct sl_results_pool *pool)
{
	uint32_t top = 0;

	for (uint32_t i = 0; i < pool->count; i++)
		top = SL_MAX(top, pool->parts[i].set.form.top);
	return SL_MIN(top ? top : SL_RESULT_METRICS_KEYS, SL_RESULT_METRICS_KEYS_MAX);
}

void sl_result_metrics_write(FILE *out, const struct sl_image *image,
			     const struct sl_results_pool *pools, uint32_t count)
{
	for (size_t f = 0; count > 0 && f < SL_ARRAY_COUNT(totals); f++) {
		head(out, &totals[f]);
		for (uint32_t p = 0; p < count; p++)
			write_totals(out, &pools[p], &totals[f]);
	}
	for (size_t f = 0; count > 0 && f < SL_ARRAY_COUNT(keys); f++) {
		head(out, &keys[f]);
		for (uint32_t p = 0; p < count; p++) {
			struct writing writing = {out, pools[p].pool, &keys[f]};

			(void)sl_results_top(image, pools[p].parts, pools[p].count,
					     top_of(&pools[p]), write_key, &writing);
		}
	}
}
