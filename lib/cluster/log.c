/* SPDX-License-Identifier: BSD-3-Clause */

/* The log as it comes: records wait in order, and are carried out one after the other. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "cluster/inside.h"

/* ---- records that wait ----------------------------------------------------------------------- */

static void drop_first(struct sl_cluster *cluster)
{
	struct sl_incoming *first = STAILQ_FIRST(&cluster->incoming);

	STAILQ_REMOVE_HEAD(&cluster->incoming, link);
	free(first->value);
	free(first);
}

void sl_log_forget(struct sl_cluster *cluster)
{
	while (!STAILQ_EMPTY(&cluster->incoming))
		drop_first(cluster);
}

static void append(struct sl_cluster *cluster, uint64_t generation, const uint8_t *value,
		   size_t size)
{
	struct sl_incoming *incoming = calloc(1, sizeof(*incoming));

	if (incoming)
		incoming->value = malloc(size + 1);
	if (!incoming || !incoming->value) {
		/* it is read again */
		free(incoming);
		return;
	}
	incoming->generation = generation;
	incoming->size = size;
	memcpy(incoming->value, value, size);
	STAILQ_INSERT_TAIL(&cluster->incoming, incoming, link);
	cluster->incoming_last = generation;
}

void sl_log_take(struct sl_cluster *cluster, const struct sl_store_pair *pairs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t generation, next = 1 + (STAILQ_EMPTY(&cluster->incoming)
							 ? sl_model_generation(cluster->model)
							 : cluster->incoming_last);

		if (!pairs[i].value || !sl_cluster_key_read(pairs[i].key, "log", &generation))
			continue;
		cluster->seen = SL_MAX(cluster->seen, generation);
		if (generation == next && !cluster->stopped)
			append(cluster, generation, pairs[i].value, pairs[i].size);
	}
}

/* ---- carrying out ---------------------------------------------------------------------------- */

/* True if it was made. */
static bool carry_out(struct sl_cluster *cluster, struct sl_record *record, uint64_t generation)
{
	struct sl_pending *pending = sl_submit_find(cluster, &record->id);
	struct sl_change_result result;
	struct sl_err err = {0};
	int rc;

	record->change.sections = pending ? pending->sections : NULL;
	rc = sl_model_change(cluster->model, &record->change, false, &result, &err);
	if (rc) {
		err.code = -EIO;
		sl_cluster_stop(cluster, "generation %" PRIu64 " (%s at %s) means nothing here: %s",
				generation, sl_change_name(record->change.kind), record->change.at,
				err.text);
	}
	if (pending)
		sl_submit_decide(cluster, pending, &record->change, &result, rc ? &err : NULL);
	/* whoever makes a change sees to checkpoints, so that one of all members does */
	if (pending && generation >= cluster->checkpoint + SL_CLUSTER_EVERY)
		cluster->checkpoint_due = true;
	sl_change_result_fini(&result);
	return rc == 0;
}

static void on_whole(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
	const struct sl_past_clock now = {.now_ms = sl_clock_ms(), .wall_ms = sl_clock_wall_ms()};
	uint64_t generation = sl_model_generation(cluster->model) + 1;
	struct sl_record record;
	struct sl_err err = {0};

	if (rc == -ENOLINK)
		return;
	if (rc)
		(void)sl_err_set(&err, rc,
				 rc == -ENOENT ? "a part of it is not there"
					       : "its octets are damaged");
	else
		rc = sl_record_read(data, size, sl_model_image(cluster->model), &now, &record,
				    &err);
	if (rc) {
		sl_cluster_stop(cluster, "generation %" PRIu64 " cannot be read: %s", generation,
				err.text[0] ? err.text : strerror(-rc));
		return;
	}
	if (carry_out(cluster, &record, generation)) {
		cluster->times[generation % SL_CLUSTER_TIMES] = sl_cluster_now();
		cluster->seen = SL_MAX(cluster->seen, generation);
		sl_join_step(cluster);
	}
	sl_record_fini(&record);
	if (!STAILQ_EMPTY(&cluster->incoming))
		drop_first(cluster);
}

void sl_log_apply(struct sl_cluster *cluster)
{
	const struct sl_incoming *first = STAILQ_FIRST(&cluster->incoming);
	uint64_t next = sl_model_generation(cluster->model) + 1;

	if (first->generation < next)
		drop_first(cluster);
	else if (first->generation > next)
		sl_log_forget(cluster);
	else
		sl_parts_read(cluster, first->value, first->size, on_whole);
}

/* ---- reading what is missing ----------------------------------------------------------------- */

static void on_read(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc)
		return;
	sl_log_take(cluster, answer->pairs, answer->count);
	/* what comes next is not in the log any more: only a checkpoint has it */
	if (STAILQ_EMPTY(&cluster->incoming)) {
		cluster->synced = false;
		cluster->looked = false;
	}
	sl_cluster_work(cluster);
}

void sl_log_read(struct sl_cluster *cluster)
{
	char from[SL_STORE_KEY_SIZE];
	const struct sl_store_range range = {.from = from, .to = "log0", .limit = SL_CLUSTER_PAGE};

	sl_cluster_key(from, "log", sl_model_generation(cluster->model) + 1);
	sl_cluster_read(cluster, &range, on_read);
}
