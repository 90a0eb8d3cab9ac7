/* SPDX-License-Identifier: BSD-3-Clause */

/* Checkpoints: the image with its slots every so many generations, and what is dropped before the oldest
 * one that is needed. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/inside.h"

/* ---- what it has ----------------------------------------------------------------------------- */

void sl_checkpoint_state(struct sl_cluster *cluster, struct sl_pack *pack)
{
	const struct sl_past_clock now = {.now_ms = sl_clock_ms(), .wall_ms = sl_clock_wall_ms()};
	struct sl_image *bare = sl_record_bare(sl_model_image(cluster->model));
	struct sl_pack inside = {.failed = !bare};

	sl_pack_number(&inside, sl_model_generation(cluster->model));
	sl_pack_number(&inside, now.wall_ms);
	if (bare)
		sl_past_write_state(&inside, bare, sl_model_hash_key(cluster->model), &now);
	sl_record_close(pack, &inside);
	sl_pack_fini(&inside);
	sl_image_put(bare);
}

int sl_checkpoint_apply(struct sl_cluster *cluster, const uint8_t *data, size_t size,
			uint64_t generation, struct sl_err *err)
{
	const struct sl_past_clock now = {.now_ms = sl_clock_ms(), .wall_ms = sl_clock_wall_ms()};
	struct sl_change change = {.kind = SL_CHANGE_ROLLBACK,
				   .force = true,
				   .anew = true,
				   .begins_at = generation,
				   .why = "join",
				   .uid = getuid(),
				   .pid = getpid()};
	struct sl_change_result result;
	struct sl_unpack unpack;
	struct sl_past past;
	int rc = sl_record_open(data, size, &unpack);

	if (rc == -EPROTONOSUPPORT)
		return sl_err_set(err, rc,
				  "it is of a newer version of sluice: upgrade this member");
	if (rc == 0 && sl_unpack_number(&unpack) != generation)
		rc = -EBADMSG;
	if (rc == 0) {
		change.wall_ms = sl_unpack_number(&unpack);
		rc = unpack.failed ? -EBADMSG : sl_past_read_state(&unpack, &now, &past);
	}
	if (rc)
		return sl_err_set(err, rc, rc == -ENOMEM ? "no memory" : "its octets are damaged");
	change.image = past.image;
	change.hash_key = &past.hash_key;
	rc = sl_model_change(cluster->model, &change, false, &result, err);
	sl_change_result_fini(&result);
	sl_past_fini(&past);
	return rc;
}

/* ---- writing one ----------------------------------------------------------------------------- */

static void on_done(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc == 0)
		cluster->checkpoint_due = false;
	sl_cluster_work(cluster);
}

/* The newest one behind which there is enough to go back to: nothing before it is needed. */
static void on_listed(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	uint64_t generation, last = sl_model_generation(cluster->model), needed = 0;
	char log[SL_STORE_KEY_SIZE], checkpoint[SL_STORE_KEY_SIZE], blob[SL_STORE_KEY_SIZE];
	struct sl_store_commit commit = {
		.puts = {{.key = "log/", .to = log},
			 {.key = "checkpoint/", .to = checkpoint},
			 {.key = "blob/", .to = blob}},
		.put_count = 3,
	};

	cluster->busy = false;
	for (uint32_t i = 0; i < answer->count; i++)
		if (sl_cluster_key_read(answer->pairs[i].key, "checkpoint", &generation) &&
		    generation + SL_CLUSTER_KEEP <= last)
			needed = generation;
	if (answer->rc == 0 && !needed)
		cluster->checkpoint_due = false;
	if (answer->rc || !needed) {
		sl_cluster_work(cluster);
		return;
	}
	sl_cluster_key(log, "log", needed + 1);
	sl_cluster_key(checkpoint, "checkpoint", needed);
	sl_cluster_key(blob, "blob", needed);
	sl_cluster_commit(cluster, &commit, on_done);
}

static void on_put(void *context, const struct sl_store_answer *answer)
{
	static const struct sl_store_range all = {
		.from = "checkpoint/", .to = "checkpoint0", .keys_only = true};
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc == 0) {
		cluster->checkpoint = cluster->work_generation;
		sl_cluster_read(cluster, &all, on_listed);
	} else {
		sl_cluster_work(cluster);
	}
}

static void on_value(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
	char key[SL_STORE_KEY_SIZE];
	struct sl_store_commit commit = {.puts = {{.key = key, .value = data, .size = size}},
					 .put_count = 1};

	sl_cluster_key(key, "checkpoint", cluster->work_generation);
	if (rc == 0) {
		sl_cluster_commit(cluster, &commit, on_put);
	} else if (rc != -ENOLINK) {
		cluster->checkpoint_due = false;
		sl_cluster_say(cluster, true, "no checkpoint can be written: %s", strerror(-rc));
	}
}

void sl_checkpoint_write(struct sl_cluster *cluster)
{
	sl_pack_fini(&cluster->work);
	cluster->work_generation = sl_model_generation(cluster->model);
	sl_checkpoint_state(cluster, &cluster->work);
	if (cluster->work.failed)
		cluster->checkpoint_due = false;
	else
		sl_parts_write(cluster, cluster->work_generation, &cluster->work, on_value);
}
