/* SPDX-License-Identifier: BSD-3-Clause */

/* Changes of this member's operators: checked, written into the log, decided when they come back. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "cluster/inside.h"

#define DOWN_MS 1000 /* without a session for so long, changes are refused at once */

static int refuse_quorum(const struct sl_cluster *cluster, struct sl_err *err)
{
	if (cluster->state == SL_CLUSTER_STOPPED)
		return sl_err_set(
			err, -ENOLINK,
			"no quorum: this member stands still: %s; make the change at another "
			"one",
			cluster->why);
	if (cluster->state == SL_CLUSTER_JOINING)
		return sl_err_set(err, -ENOLINK,
				  "no quorum: this member has not joined%s%s; try again in a while",
				  cluster->why[0] ? ": " : "", cluster->why);
	return sl_err_set(err, -ENOLINK,
			  "no quorum: %s; packets go on, try again when the store is back",
			  cluster->why[0] ? cluster->why : "the store does not answer");
}

/* ---- waiting ------------------------------------------------------------------------------------
 */

static void pending_free(struct sl_pending *pending)
{
	sl_pack_fini(&pending->pack);
	sl_conf_destroy(pending->sections);
	free(pending);
}

struct sl_pending *sl_submit_find(struct sl_cluster *cluster, const struct sl_record_id *id)
{
	struct sl_pending *pending;

	STAILQ_FOREACH(pending, &cluster->pending, link)
	if (memcmp(&pending->id, id, sizeof(*id)) == 0)
		return pending;
	return NULL;
}

void sl_submit_decide(struct sl_cluster *cluster, struct sl_pending *pending,
		      const struct sl_change *change, const struct sl_change_result *result,
		      const struct sl_err *err)
{
	STAILQ_REMOVE(&cluster->pending, pending, sl_pending, link);
	cluster->pending_count--;
	cluster->spec.calls.decided(cluster->spec.calls.context, pending->ticket, change, result,
				    err);
	pending_free(pending);
}

static void refuse(struct sl_cluster *cluster, struct sl_pending *pending, const struct sl_err *err)
{
	sl_submit_decide(cluster, pending, NULL, NULL, err);
}

void sl_submit_tick(struct sl_cluster *cluster)
{
	struct sl_pending *pending = STAILQ_FIRST(&cluster->pending);
	uint64_t now_ms = sl_cluster_now();
	struct sl_err err = {0};

	if (cluster->state == SL_CLUSTER_MEMBER || !pending ||
	    (now_ms < pending->until_ms && cluster->state != SL_CLUSTER_STOPPED))
		return;
	(void)refuse_quorum(cluster, &err);
	while ((pending = STAILQ_FIRST(&cluster->pending)) &&
	       (now_ms >= pending->until_ms || cluster->state == SL_CLUSTER_STOPPED))
		refuse(cluster, pending, &err);
}

void sl_submit_fini(struct sl_cluster *cluster)
{
	struct sl_pending *pending;

	while ((pending = STAILQ_FIRST(&cluster->pending))) {
		STAILQ_REMOVE_HEAD(&cluster->pending, link);
		pending_free(pending);
	}
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static void on_committed(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	struct sl_pending *pending = STAILQ_FIRST(&cluster->pending);
	struct sl_store_pair own = {.value = cluster->work.data, .size = cluster->work.size};
	struct sl_err err = {0};

	cluster->busy = false;
	if (answer->rc == 0) {
		sl_cluster_key(own.key, "log", cluster->work_generation);
		sl_log_take(cluster, &own, 1);
	} else if (answer->rc == -EAGAIN) {
		/* others were first; what they did is in the answer */
		sl_log_take(cluster, answer->pairs, answer->count);
		if (cluster->seen < cluster->work_generation)
			cluster->looked = false;
	} else if (answer->rc != -ENOLINK && pending) {
		(void)sl_err_set(&err, answer->rc,
				 "the change is larger than what the store takes (%zu octets)",
				 cluster->work.size);
		refuse(cluster, pending, &err);
	}
	sl_cluster_work(cluster);
}

/* The value is ready to be put in the log's next place. */
static void on_value(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
	uint64_t generation = sl_model_generation(cluster->model);
	char before[24], after[24], key[SL_STORE_KEY_SIZE];
	const struct sl_store_range behind = {.from = key, .to = "log0", .limit = SL_CLUSTER_PAGE};
	struct sl_store_commit commit = {
		.compares = {{.key = "head", .value = before}},
		.compare_count = 1,
		.puts = {{.key = key}, {.key = "head", .value = after}},
		.put_count = 2,
		.read = &behind,
	};
	struct sl_pending *pending = STAILQ_FIRST(&cluster->pending);
	struct sl_err err = {0};

	if (rc == -ENOLINK || !pending)
		return;
	sl_pack_fini(&cluster->work);
	sl_pack_octets(&cluster->work, data, rc ? 0 : size);
	if (rc || cluster->work.failed) {
		(void)sl_err_set(&err, rc ? rc : -ENOMEM, "the change cannot be written: %s",
				 strerror(rc ? -rc : ENOMEM));
		refuse(cluster, pending, &err);
		return;
	}
	cluster->work_generation = generation + 1;
	sl_cluster_key(key, "log", generation + 1);
	(void)snprintf(before, sizeof(before), "%" PRIu64, generation);
	(void)snprintf(after, sizeof(after), "%" PRIu64, generation + 1);
	commit.puts[0].value = cluster->work.data;
	commit.puts[0].size = cluster->work.size;
	commit.puts[1].size = strlen(after);
	sl_cluster_commit(cluster, &commit, on_committed);
}

/* Whether it is possible now, when others came first; else it was refused. */
static bool still_possible(struct sl_cluster *cluster, struct sl_pending *pending)
{
	const struct sl_past_clock now = {.now_ms = sl_clock_ms(), .wall_ms = sl_clock_wall_ms()};
	uint64_t generation = sl_model_generation(cluster->model);
	struct sl_change_result result;
	struct sl_record record;
	struct sl_err err = {0};
	int rc;

	if (pending->if_generation_set && pending->if_generation != generation) {
		(void)sl_err_set(&err, -ESTALE, "the generation is %" PRIu64 ", not %" PRIu64,
				 generation, pending->if_generation);
		refuse(cluster, pending, &err);
		return false;
	}
	if (pending->checked == generation)
		return true;
	rc = sl_record_read(pending->pack.data, pending->pack.size, sl_model_image(cluster->model),
			    &now, &record, &err);
	if (rc == 0) {
		rc = sl_model_change(cluster->model, &record.change, true, &result, &err);
		sl_change_result_fini(&result);
		sl_record_fini(&record);
	}
	err.code = rc;
	pending->checked = generation;
	if (rc)
		refuse(cluster, pending, &err);
	return rc == 0;
}

void sl_submit_next(struct sl_cluster *cluster)
{
	struct sl_pending *pending = STAILQ_FIRST(&cluster->pending);

	if (still_possible(cluster, pending))
		sl_parts_write(cluster, sl_model_generation(cluster->model) + 1, &pending->pack,
			       on_value);
}

/* ---- asking -------------------------------------------------------------------------------------
 */

static struct sl_pending *pending_create(struct sl_cluster *cluster, const struct sl_change *change)
{
	struct sl_pending *pending = calloc(1, sizeof(*pending));
	bool fine =
		pending && getrandom(&pending->id, sizeof(pending->id), 0) == sizeof(pending->id);

	if (!pending)
		return NULL;
	if (fine && change->kind == SL_CHANGE_APPLY) {
		pending->sections = sl_conf_copy(change->conf);
		fine = pending->sections != NULL;
	}
	if (fine)
		sl_record_write(&pending->pack, change, &pending->id, sl_clock_wall_ms(),
				cluster->spec.conf->member, sl_model_image(cluster->model),
				sl_model_hash_key(cluster->model));
	if (!fine || pending->pack.failed) {
		pending_free(pending);
		return NULL;
	}
	pending->checked = sl_model_generation(cluster->model);
	pending->if_generation = change->if_generation;
	pending->if_generation_set = change->if_generation_set;
	pending->until_ms = sl_cluster_now() + SL_CLUSTER_PATIENCE_MS;
	return pending;
}

int sl_cluster_submit(struct sl_cluster *cluster, const struct sl_change *change, uint64_t *ticket,
		      struct sl_change_result *result, struct sl_err *err)
{
	bool short_of = cluster->state == SL_CLUSTER_NO_QUORUM && cluster->synced &&
			cluster->down_ms && sl_cluster_now() - cluster->down_ms < DOWN_MS;
	struct sl_pending *pending;
	int rc;

	*result = (struct sl_change_result){.generation = sl_model_generation(cluster->model)};
	if (cluster->state != SL_CLUSTER_MEMBER && !short_of)
		return refuse_quorum(cluster, err);
	rc = sl_model_change(cluster->model, change, true, result, err);
	if (rc)
		return rc;
	pending = pending_create(cluster, change);
	if (!pending)
		return sl_err_set(err, -ENOMEM, "no memory for the change");
	pending->ticket = *ticket = ++cluster->ticket;
	STAILQ_INSERT_TAIL(&cluster->pending, pending, link);
	cluster->pending_count++;
	sl_cluster_work_soon(cluster);
	return 0;
}
