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

/* ---- waiting --------------------------------------------------------------------------------- */

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

/* ---- writing --------------------------------------------------------------------------------- */

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

static void take_own(struct sl_cluster *cluster, uint32_t place, const struct sl_pack *pack)
{
	struct sl_store_pair own = {.value = pack->data, .size = pack->size};

	sl_cluster_key(own.key, "log", cluster->work_generation + place);
	sl_log_take(cluster, &own, 1);
}

static void on_committed(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	struct sl_pending *pending = STAILQ_FIRST(&cluster->pending);
	struct sl_err err = {0};

	cluster->busy = false;
	if (answer->rc == 0) {
		take_own(cluster, 0, &cluster->work);
		for (uint32_t f = 0; f < cluster->folded_count; f++)
			take_own(cluster, f + 1, &cluster->folded[f]);
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

/* The change behind one that is written goes with it where both are of those that cannot be in each
 * other's way: a round trip and a write to disk are the price of one as of many. */
static void fold(struct sl_cluster *cluster, struct sl_pending *first)
{
	struct sl_pending *pending = first->folds ? STAILQ_NEXT(first, link) : NULL, *next;
	size_t size = cluster->work.size;

	cluster->folded_count = 0;
	for (; pending && pending->folds && cluster->folded_count < SL_CLUSTER_FOLD - 1;
	     pending = next) {
		struct sl_pack *pack = &cluster->folded[cluster->folded_count];

		next = STAILQ_NEXT(pending, link);
		size += pending->pack.size;
		if (size > SL_CLUSTER_PART_SIZE)
			return;
		if (!still_possible(cluster, pending))
			continue;
		sl_pack_fini(pack);
		sl_pack_number(pack, 'W');
		sl_pack_block(pack, pending->pack.data, pending->pack.size);
		if (pack->failed)
			return;
		cluster->folded_count++;
	}
}

/* Puts what is to be written into the log's next places. */
static void write_all(struct sl_cluster *cluster)
{
	uint64_t generation = sl_model_generation(cluster->model);
	char before[24], after[24], keys[SL_CLUSTER_FOLD][SL_STORE_KEY_SIZE];
	const struct sl_store_range behind = {
		.from = keys[0], .to = "log0", .limit = SL_CLUSTER_PAGE};
	struct sl_store_commit commit = {.compares = {{.key = "head", .value = before}},
					 .compare_count = 1,
					 .puts = {{.key = "head", .value = after}},
					 .put_count = 1,
					 .read = &behind};

	_Static_assert(SL_CLUSTER_FOLD + 1 <= SL_STORE_PUTS_MAX, "and the head");
	for (uint32_t i = 0; i <= cluster->folded_count; i++) {
		const struct sl_pack *pack = i ? &cluster->folded[i - 1] : &cluster->work;

		sl_cluster_key(keys[i], "log", generation + 1 + i);
		commit.puts[commit.put_count++] = (struct sl_store_put){
			.key = keys[i], .value = pack->data, .size = pack->size};
	}
	cluster->work_generation = generation + 1;
	(void)snprintf(before, sizeof(before), "%" PRIu64, generation);
	(void)snprintf(after, sizeof(after), "%" PRIu64, generation + 1 + cluster->folded_count);
	commit.puts[0].size = strlen(after);
	sl_cluster_commit(cluster, &commit, on_committed);
}

/* The value is ready to be put in the log's next place. */
static void on_value(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
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
	fold(cluster, pending);
	write_all(cluster);
}

void sl_submit_next(struct sl_cluster *cluster)
{
	struct sl_pending *pending = STAILQ_FIRST(&cluster->pending);

	if (still_possible(cluster, pending))
		sl_parts_write(cluster, sl_model_generation(cluster->model) + 1, &pending->pack,
			       on_value);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Changes of nodes that are there, which neither bring nor remove any. */
static bool folds(enum sl_change_kind kind)
{
	return kind == SL_CHANGE_SET_WEIGHT || kind == SL_CHANGE_DRAIN ||
	       kind == SL_CHANGE_ENABLE || kind == SL_CHANGE_DISABLE;
}

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
	pending->folds = !change->if_generation_set && folds(change->kind);
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
