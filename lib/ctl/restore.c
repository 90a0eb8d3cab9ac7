/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

#define DIFFERENCES_MAX 20 /* that are said */

uint64_t sl_conf_digest(const struct sl_conf *conf)
{
	char *text = sl_conf_format(conf);
	uint64_t digest = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *at = text; at && *at; at++)
		digest = (digest ^ (uint8_t)*at) * 0x100000001b3ull;
	free(text);
	return digest;
}

/* ---- where the file and what was kept differ ----------------------------------------------------
 */

static const struct sl_conf_node *find_node(const struct sl_conf_pool *pool, const char *name)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (strcmp(pool->nodes[n].name, name) == 0)
			return &pool->nodes[n];
	return NULL;
}

static const struct sl_conf_pool *find_pool(const struct sl_conf *conf, const char *name)
{
	for (uint32_t p = 0; p < conf->pool_count; p++)
		if (strcmp(conf->pools[p].name, name) == 0)
			return &conf->pools[p];
	return NULL;
}

static uint32_t say_pool(const struct sl_conf_pool *kept, const struct sl_conf_pool *file,
			 uint32_t said)
{
	for (uint32_t n = 0; n < kept->node_count && said < DIFFERENCES_MAX; n++) {
		const struct sl_conf_node *old = &kept->nodes[n];
		const struct sl_conf_node *new = find_node(file, old->name);

		if (!new)
			sl_log(SL_LOG_NOTICE, "the file's word: pool %s has no node %s", file->name,
			       old->name);
		else if (!sl_conf_node_equal(old, new))
			sl_log(SL_LOG_NOTICE,
			       "the file's word: pool %s: node %s, weight %.15g (was %.15g)",
			       file->name, old->name, (double)new->weight / SL_WEIGHT_UNIT,
			       (double)old->weight / SL_WEIGHT_UNIT);
		else
			continue;
		said++;
	}
	for (uint32_t n = 0; n < file->node_count && said < DIFFERENCES_MAX; n++)
		if (!find_node(kept, file->nodes[n].name)) {
			sl_log(SL_LOG_NOTICE, "the file's word: pool %s has node %s", file->name,
			       file->nodes[n].name);
			said++;
		}
	return said;
}

static void say_differences(const struct sl_conf *kept, const struct sl_conf *file)
{
	uint32_t said = 0;

	for (uint32_t p = 0; p < file->pool_count && said < DIFFERENCES_MAX; p++) {
		const struct sl_conf_pool *old = find_pool(kept, file->pools[p].name);

		if (old) {
			said = say_pool(old, &file->pools[p], said);
			continue;
		}
		sl_log(SL_LOG_NOTICE, "the file's word: there is a pool %s", file->pools[p].name);
		said++;
	}
	for (uint32_t p = 0; p < kept->pool_count && said < DIFFERENCES_MAX; p++)
		if (!find_pool(file, kept->pools[p].name)) {
			sl_log(SL_LOG_NOTICE, "the file's word: there is no pool %s",
			       kept->pools[p].name);
			said++;
		}
	if (said == DIFFERENCES_MAX)
		sl_log(SL_LOG_NOTICE, "the file's word: and more");
}

/* ---- opening ------------------------------------------------------------------------------------
 */

static int begin_fresh(const struct sl_conf *file, struct sl_restore *restore, struct sl_err *err)
{
	if (file->dataplane.hash_key_set)
		memcpy(&restore->hash_key, file->dataplane.hash_key, sizeof(restore->hash_key));
	else if (getrandom(&restore->hash_key, sizeof(restore->hash_key), 0) !=
		 sizeof(restore->hash_key))
		return sl_err_set(err, -EIO, "no random numbers: %s", strerror(errno));
	restore->conf = file;
	return 0;
}

/* Whether what needs a restart is as it was: else the file has changed in any case. */
static bool same_machine(const struct sl_conf *a, const struct sl_conf *b)
{
	return !(sl_conf_changes(a, b) & (SL_CONF_DATAPLANE | SL_CONF_PORTS | SL_CONF_SOCKET));
}

static int begin_kept(const struct sl_conf *file, struct sl_restore *restore, struct sl_err *err)
{
	uint32_t last = sl_history_count(restore->history) - 1;
	struct sl_history_line line;
	const struct sl_conf *kept;
	int rc;

	sl_history_line(restore->history, last, &line);
	rc = sl_history_state(restore->history, line.generation, &restore->past, err);
	if (rc)
		return rc;
	kept = restore->past.image->conf;
	restore->image = restore->past.image;
	restore->hash_key = restore->past.hash_key;
	if (line.file_digest == restore->file_digest && same_machine(kept, file)) {
		restore->conf = kept;
		sl_log(SL_LOG_INFO, "control.state %s: going on from generation %" PRIu64,
		       sl_keep_path(restore->keep), line.generation);
		return 0;
	}
	sl_log(SL_LOG_WARNING,
	       "the configuration file changed since control.state %s was written: the file's word "
	       "wins where the two differ",
	       sl_keep_path(restore->keep));
	say_differences(kept, file);
	restore->file_wins = true;
	restore->past.image->generation++;
	if (file->dataplane.hash_key_set)
		memcpy(&restore->hash_key, file->dataplane.hash_key, sizeof(restore->hash_key));
	restore->conf = file;
	return 0;
}

int sl_restore_open(const struct sl_conf *file, struct sl_restore *restore, struct sl_err *err)
{
	char note[SL_KEEP_NOTE_SIZE];
	bool found = false;
	int rc;

	*restore = (struct sl_restore){.file_digest = sl_conf_digest(file)};
	rc = sl_history_create(&restore->history);
	if (rc)
		return sl_err_set(err, rc, "no memory for history");
	if (file->control.state[0] != '\0') {
		rc = sl_keep_create(file->control.state, restore->history, &restore->keep, &found,
				    note, err);
		if (rc == 0 && note[0])
			sl_log(SL_LOG_WARNING, "%s", note);
	}
	if (rc == 0)
		rc = found ? begin_kept(file, restore, err) : begin_fresh(file, restore, err);
	if (rc)
		sl_restore_fini(restore);
	return rc;
}

void sl_restore_fini(struct sl_restore *restore)
{
	sl_past_fini(&restore->past);
	sl_history_destroy(restore->history);
	sl_keep_destroy(restore->keep);
	restore->history = NULL;
	restore->keep = NULL;
	restore->conf = NULL;
	restore->image = NULL;
}
