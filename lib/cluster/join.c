/* SPDX-License-Identifier: BSD-3-Clause */

/* Joining: the first member brings what it has; others, and those that were away for too long, begin with
 * the oldest checkpoint that is kept, so that they have the same history to go back in. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cluster/inside.h"
#include "keep/start.h"

/* ---- the first member ------------------------------------------------------------------------ */

static void on_founded(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	uint64_t generation = sl_model_generation(cluster->model);

	cluster->busy = false;
	if (answer->rc == 0) {
		cluster->synced = true;
		cluster->looked = true;
		cluster->checkpoint = generation;
		cluster->seen = generation;
		sl_image_put(cluster->before);
		cluster->before = NULL;
		sl_cluster_say(cluster, false,
			       "nobody was there before: this member's pools and services are the "
			       "cluster's, generation %" PRIu64,
			       generation);
	}
	sl_cluster_work(cluster);
}

static void on_first_value(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
	char key[SL_STORE_KEY_SIZE], head[24];
	struct sl_store_commit commit = {
		.compares = {{.key = "head"}},
		.compare_count = 1,
		.puts = {{.key = key, .value = data, .size = size}, {.key = "head", .value = head}},
		.put_count = 2,
	};

	if (rc == -ENOLINK)
		return;
	if (rc) {
		sl_cluster_stop(cluster, "no checkpoint can be written: %s", strerror(-rc));
		return;
	}
	sl_cluster_key(key, "checkpoint", sl_model_generation(cluster->model));
	(void)snprintf(head, sizeof(head), "%" PRIu64, sl_model_generation(cluster->model));
	commit.puts[1].size = strlen(head);
	sl_cluster_commit(cluster, &commit, on_founded);
}

static void found(struct sl_cluster *cluster)
{
	sl_pack_fini(&cluster->work);
	sl_checkpoint_state(cluster, &cluster->work);
	if (cluster->work.failed)
		sl_cluster_stop(cluster, "no memory for a checkpoint");
	else
		sl_parts_write(cluster, sl_model_generation(cluster->model), &cluster->work,
			       on_first_value);
}

/* ---- from a checkpoint ----------------------------------------------------------------------- */

static void on_whole(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
	struct sl_err err = {0};

	if (rc == -ENOLINK)
		return;
	if (rc)
		(void)sl_err_set(&err, rc,
				 rc == -ENOENT ? "a part of it is not there"
					       : "its octets are damaged");
	if (!cluster->began)
		cluster->spec.calls.joins(cluster->spec.calls.context);
	cluster->began = true;
	if (!cluster->before)
		cluster->before = sl_image_get(sl_model_image(cluster->model));
	if (rc == 0)
		rc = sl_checkpoint_apply(cluster, data, size, cluster->work_generation, &err);
	if (rc) {
		sl_cluster_stop(cluster, "the checkpoint of generation %" PRIu64 ": %s",
				cluster->work_generation, err.text);
		return;
	}
	cluster->synced = true;
	cluster->looked = true;
	sl_join_step(cluster);
}

static void on_checkpoint(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	uint64_t generation;

	cluster->busy = false;
	if (answer->rc == 0 && answer->count == 1 && answer->pairs[0].value &&
	    sl_cluster_key_read(answer->pairs[0].key, "checkpoint", &generation)) {
		cluster->work_generation = generation;
		sl_parts_read(cluster, answer->pairs[0].value, answer->pairs[0].size, on_whole);
	} else if (answer->rc == 0) {
		sl_cluster_stop(cluster, "the log has a head, but no checkpoint: somebody removed "
					 "keys of the store");
	}
	sl_cluster_work(cluster);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void on_head(void *context, const struct sl_store_answer *answer)
{
	static const struct sl_store_range oldest = {
		.from = "checkpoint/", .to = "checkpoint0", .limit = 1};
	struct sl_cluster *cluster = context;
	uint64_t generation = sl_model_generation(cluster->model), head = 0;
	char *end = NULL;

	cluster->busy = false;
	if (answer->rc)
		return;
	if (answer->count == 1 && answer->pairs[0].value)
		head = strtoull((const char *)answer->pairs[0].value, &end, 10);
	if (answer->count > 0 && (!end || *end || !head)) {
		sl_cluster_stop(cluster, "the head of the log is no number");
	} else if (answer->count == 0 && cluster->synced) {
		sl_cluster_stop(cluster, "the log is gone: somebody emptied the store");
	} else if (answer->count == 0) {
		found(cluster);
	} else if (cluster->synced && head >= generation) {
		cluster->seen = head;
		cluster->looked = true;
	} else {
		if (cluster->synced)
			sl_cluster_say(cluster, true,
				       "the log ends at generation %" PRIu64
				       ", this member had %" PRIu64
				       ": the store was put back; the cluster's word wins",
				       head, generation);
		cluster->synced = false;
		cluster->seen = head;
		sl_cluster_read(cluster, &oldest, on_checkpoint);
	}
	sl_cluster_work(cluster);
}

void sl_join_next(struct sl_cluster *cluster)
{
	static const struct sl_store_range head = {.from = "head"};

	sl_cluster_read(cluster, &head, on_head);
}

/* ---- what it had before ---------------------------------------------------------------------- */

/* Whether two images have the same pools, services and slots. */
static bool same(const struct sl_image *a, const struct sl_image *b)
{
	struct sl_conf *one, *other;
	bool equal;

	if (sl_record_digest(a) != sl_record_digest(b))
		return false;
	one = sl_image_conf(a);
	other = sl_image_conf(b);
	equal = one && other && !(sl_conf_changes(one, other) & (SL_CONF_POOLS | SL_CONF_SERVICES));
	sl_image_conf_free(one);
	sl_image_conf_free(other);
	return equal;
}

void sl_join_step(struct sl_cluster *cluster)
{
	struct sl_image *now = sl_model_image(cluster->model);

	if (cluster->before && !cluster->known && now->generation == cluster->before->generation)
		cluster->known = same(cluster->before, now);
}

void sl_join_end(struct sl_cluster *cluster)
{
	struct sl_image *before = cluster->before, *now = sl_model_image(cluster->model);
	struct sl_conf *was = NULL, *is = NULL;

	cluster->began = false;
	cluster->before = NULL;
	if (!cluster->known && before) {
		was = sl_image_conf(before);
		is = sl_image_conf(now);
	}
	if (was && is)
		sl_restore_say(was, is, "the cluster's word");
	sl_image_conf_free(was);
	sl_image_conf_free(is);
	sl_cluster_say(cluster, false, "joined at generation %" PRIu64, now->generation);
	cluster->spec.calls.joined(cluster->spec.calls.context, cluster->known);
	cluster->known = false;
	sl_image_put(before);
}
