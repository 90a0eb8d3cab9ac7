/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/lookup.h"

#define DIFFERENCES_MAX 20 /* that are said */
#define SAID_SIZE	512
#define VALUE_MAX	100 /* octets of a value that is said */

/* ---- where the file and what was kept differ ------------------------------------------------- */

static const char *node_name(const void *list, uint32_t place)
{
	return ((const struct sl_conf_pool *)list)->nodes[place].name;
}

static const struct sl_conf_pool *find_pool(const struct sl_conf *conf, const char *name)
{
	for (uint32_t p = 0; p < conf->pool_count; p++)
		if (strcmp(conf->pools[p].name, name) == 0)
			return &conf->pools[p];
	return NULL;
}

static const struct sl_conf_service *find_service(const struct sl_conf *conf, const char *name)
{
	for (uint32_t s = 0; s < conf->service_count; s++)
		if (strcmp(conf->services[s].name, name) == 0)
			return &conf->services[s];
	return NULL;
}

struct differences {
	const struct sl_conf *kept, *file;
	const char *whose;	     /* "the file's word" */
	char part[3 * SL_NAME_SIZE]; /* whose keys are being told */
	uint32_t count;
};

__attribute__((format(printf, 2, 3))) static void say(struct differences *found, const char *format,
						      ...)
{
	char text[SAID_SIZE];
	va_list args;

	if (found->count++ >= DIFFERENCES_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sl_log(SL_LOG_NOTICE, "%s: %s", found->whose, text);
}

static void say_key(void *context, const char *key, const char *kept, const char *file)
{
	struct differences *found = context;

	say(found, "%s: %s %.*s (was %.*s)", found->part, key, VALUE_MAX, file, VALUE_MAX, kept);
}

static void say_keys(struct differences *found, enum sl_conf_part part, const void *kept,
		     const void *file)
{
	const struct sl_conf_side before = {found->kept, kept}, after = {found->file, file};

	(void)sl_conf_tell(part, &before, &after, say_key, found);
}

static void say_pool(struct differences *found, const struct sl_conf_pool *kept,
		     const struct sl_conf_pool *file)
{
	struct sl_lookup lookup;

	(void)snprintf(found->part, sizeof(found->part), "pool %s", file->name);
	say_keys(found, SL_CONF_PART_POOL, kept, file);
	sl_lookup_init(&lookup, file, file->node_count, node_name);
	for (uint32_t n = 0; n < kept->node_count; n++)
		if (sl_lookup_find(&lookup, kept->nodes[n].name) < 0)
			say(found, "pool %s has no node %s", file->name, kept->nodes[n].name);
	sl_lookup_fini(&lookup);
	sl_lookup_init(&lookup, kept, kept->node_count, node_name);
	for (uint32_t n = 0; n < file->node_count; n++) {
		const struct sl_conf_node *new = &file->nodes[n];
		int place = sl_lookup_find(&lookup, new->name);
		const struct sl_conf_node *old = place < 0 ? NULL : &kept->nodes[place];

		(void)snprintf(found->part, sizeof(found->part), "pool %s: node %s", file->name,
			       new->name);
		if (!old || old->kind != new->kind)
			say(found, "pool %s has %s node %s", file->name, old ? "another" : "a",
			    new->name);
		else
			say_keys(found, SL_CONF_PART_NODE, old, new);
	}
	sl_lookup_fini(&lookup);
}

static void say_pools(struct differences *found)
{
	for (uint32_t p = 0; p < found->kept->pool_count; p++)
		if (!find_pool(found->file, found->kept->pools[p].name))
			say(found, "there is no pool %s", found->kept->pools[p].name);
	for (uint32_t p = 0; p < found->file->pool_count; p++) {
		const struct sl_conf_pool *new = &found->file->pools[p];
		const struct sl_conf_pool *old = find_pool(found->kept, new->name);

		if (old)
			say_pool(found, old, new);
		else
			say(found, "there is a pool %s", new->name);
	}
}

static void say_services(struct differences *found)
{
	for (uint32_t s = 0; s < found->kept->service_count; s++)
		if (!find_service(found->file, found->kept->services[s].name))
			say(found, "there is no service %s", found->kept->services[s].name);
	for (uint32_t s = 0; s < found->file->service_count; s++) {
		const struct sl_conf_service *new = &found->file->services[s];
		const struct sl_conf_service *old = find_service(found->kept, new->name);
		const char *pool = found->file->pools[new->pool].name;

		(void)snprintf(found->part, sizeof(found->part), "service %s", new->name);
		if (!old) {
			say(found, "there is a service %s, of pool %s", new->name, pool);
			continue;
		}
		if (strcmp(found->kept->pools[old->pool].name, pool) != 0)
			say_key(found, "pool", found->kept->pools[old->pool].name, pool);
		say_keys(found, SL_CONF_PART_SERVICE, old, new);
	}
}

static void say_restart(void *found, uint32_t line, uint32_t column, const char *key)
{
	(void)line;
	(void)column;
	say(found, "%s", key);
}

void sl_restore_say(const struct sl_conf *kept, const struct sl_conf *file, const char *whose)
{
	struct differences found = {.kept = kept, .file = file, .whose = whose, .part = "control"};

	sl_conf_restart_keys(kept, file, say_restart, &found);
	if (file->dataplane.hash_key_set && (sl_conf_changes(kept, file) & SL_CONF_HASH_KEY))
		say(&found, "dataplane.hash_key");
	say_keys(&found, SL_CONF_PART_CONTROL, &kept->control, &file->control);
	say_pools(&found);
	say_services(&found);
	if (found.count > DIFFERENCES_MAX)
		sl_log(SL_LOG_NOTICE, "%s: %" PRIu32 " differences more", whose,
		       found.count - DIFFERENCES_MAX);
}

/* ---- opening --------------------------------------------------------------------------------- */

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
	return !(sl_conf_changes(a, b) &
		 (SL_CONF_DATAPLANE | SL_CONF_PORTS | SL_CONF_SOCKET | SL_CONF_CLUSTER));
}

static int begin_kept(const struct sl_conf *file, struct sl_restore *restore, struct sl_err *err)
{
	uint32_t last = sl_history_count(restore->history) - 1;
	struct sl_history_line line;
	struct sl_conf *kept = sl_image_conf(restore->past.image);

	if (!kept)
		return sl_err_set(err, -ENOMEM, "no memory");
	restore->kept = kept;
	sl_history_line(restore->history, last, &line);
	restore->image = restore->past.image;
	restore->hash_key = restore->past.hash_key;
	if (line.file_digest == restore->file_digest && same_machine(kept, file)) {
		restore->conf = kept;
		sl_log(SL_LOG_INFO, "control.state %s: going on from generation %" PRIu64,
		       sl_keep_path(restore->keep), line.generation);
		return 0;
	}
	/* pools and services are the cluster's, whatever the file says of them */
	if (file->cluster.name[0] && (restore->graft = sl_conf_graft(file, kept))) {
		restore->conf = restore->graft;
		sl_log(SL_LOG_NOTICE,
		       "control.state %s: the configuration file changed: its pools and services "
		       "wait "
		       "for the cluster's word",
		       sl_keep_path(restore->keep));
		return 0;
	}
	sl_log(SL_LOG_WARNING,
	       "the configuration file changed since control.state %s was written: the file's word "
	       "wins where the two differ",
	       sl_keep_path(restore->keep));
	sl_restore_say(kept, file, "the file's word");
	restore->file_wins = true;
	restore->past.image->generation++;
	if (file->dataplane.hash_key_set)
		memcpy(&restore->hash_key, file->dataplane.hash_key, sizeof(restore->hash_key));
	restore->conf = file;
	return 0;
}

int sl_restore_open(const struct sl_conf *file, struct sl_restore *restore, struct sl_err *err)
{
	struct sl_keep_found found = {0};
	int rc;

	*restore = (struct sl_restore){.file_digest = sl_conf_digest(file)};
	rc = sl_history_create(&restore->history);
	if (rc)
		return sl_err_set(err, rc, "no memory for history");
	if (file->control.state[0] != '\0') {
		rc = sl_keep_create(file->control.state, restore->history, &restore->keep, &found,
				    err);
		if (rc == 0 && found.note[0])
			sl_log(SL_LOG_WARNING, "%s", found.note);
	}
	restore->past = found.past;
	if (rc == 0 && found.state)
		rc = begin_kept(file, restore, err);
	else if (rc == 0)
		rc = begin_fresh(file, restore, err);
	if (rc)
		sl_restore_fini(restore);
	return rc;
}

void sl_restore_fini(struct sl_restore *restore)
{
	sl_image_conf_free(restore->kept);
	sl_conf_destroy(restore->graft);
	restore->graft = NULL;
	sl_past_fini(&restore->past);
	sl_history_destroy(restore->history);
	sl_keep_destroy(restore->keep);
	restore->history = NULL;
	restore->keep = NULL;
	restore->conf = NULL;
	restore->kept = NULL;
	restore->image = NULL;
}
