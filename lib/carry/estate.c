/* SPDX-License-Identifier: BSD-3-Clause */

#include "carry/estate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lasting.h"
#include "base/log.h"
#include "carry/carried.h"
#include "carry/estate_inside.h"

#define INDEX_NEW SL_ESTATE_INDEX ".new"

/* ---- a pool's file --------------------------------------------------------------------------- */

/* What a pool's file says follows from these: the same again, the same file. */
static bool is_written(const struct sl_estate_pool *written, const struct sl_model *model,
		       uint32_t place)
{
	const struct sl_image_pool *image = model->image->pools[place];
	const struct sl_body_pool *body = &model->pools[image->index];
	const struct sl_pool_view *view = &model->snapshot->pools[image->index];

	return written->serial && written->image == image && written->slots == view->slots &&
	       written->memory == view->memory && written->tracking == body->tracking &&
	       written->picks == body->picks && written->idle_ms == body->idle_ms &&
	       written->full_since_ms == body->full_since_ms &&
	       written->entries_since_ms == view->entries_since_ms;
}

static void forget(struct sl_estate_pool *written)
{
	sl_image_pool_put(written->image);
	sl_slot_table_put(written->slots);
	sl_pool_memory_put(written->memory);
	*written = (struct sl_estate_pool){0};
}

/* References keep others from being where these were. */
static void remember(struct sl_estate_pool *written, const struct sl_model *model, uint32_t place)
{
	struct sl_image_pool *image = model->image->pools[place];
	const struct sl_body_pool *body = &model->pools[image->index];
	const struct sl_pool_view *view = &model->snapshot->pools[image->index];

	image->references++;
	*written = (struct sl_estate_pool){
		.image = image,
		.slots = sl_slot_table_get(view->slots),
		.memory = sl_pool_memory_get(view->memory),
		.tracking = body->tracking,
		.picks = body->picks,
		.idle_ms = body->idle_ms,
		.full_since_ms = body->full_since_ms,
		.entries_since_ms = view->entries_since_ms,
	};
}

static void write_tables(struct sl_pack *pack, const struct sl_pool_memory *memory)
{
	sl_pack_number(pack, memory->table_count);
	for (uint32_t t = 0; t < memory->table_count; t++) {
		const struct sl_flow_table *table = memory->flow_tables[t];

		sl_pack_number(pack, t % memory->core_count);
		sl_pack_number(pack, table->bits);
		sl_pack_number(pack, (uint32_t)table->mark.id);
		sl_pack_number(pack, table->mark.number);
	}
}

static int write_pool(struct sl_estate *estate, uint32_t place)
{
	const struct sl_model *model = estate->model;
	const struct sl_image_pool *image = model->image->pools[place];
	struct sl_estate_pool *written = &estate->pools[image->index];
	char name[SL_ESTATE_NAME_SIZE];
	struct sl_pack pack = {0};
	uint64_t now_ms = model->options.now_ms(), serial = ++estate->serial;
	uint32_t crc;
	int rc;

	sl_pack_number(&pack, now_ms);
	sl_carried_write_pool(&pack, model, place, now_ms);
	for (uint32_t n = 0; n < image->node_count; n++)
		sl_pack_number(&pack, image->nodes[n].index);
	write_tables(&pack, model->snapshot->pools[image->index].memory);
	sl_estate_name(serial, name);
	rc = sl_estate_file_write(estate->folder, name, &pack, &crc);
	sl_pack_fini(&pack);
	if (rc)
		return rc;
	if (written->serial)
		estate->old[estate->old_count++] = written->serial;
	forget(written);
	remember(written, model, place);
	written->serial = serial;
	written->crc = crc;
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int write_index(struct sl_estate *estate, uint32_t count)
{
	const struct sl_model *model = estate->model;
	uint64_t now_ms = model->options.now_ms();
	struct sl_pack pack = {0};
	uint32_t crc;
	int rc;

	sl_pack_text(&pack, estate->boot);
	sl_pack_block(&pack, sl_model_hash_key(model), sizeof(struct sl_hash_key));
	sl_pack_number(&pack, model->image->generation);
	sl_pack_number(&pack, now_ms);
	sl_pack_block(&pack, &model->snapshot->flow_key, sizeof(model->snapshot->flow_key));
	sl_pack_number(&pack, count);
	for (uint32_t p = 0; p < model->image->pool_count; p++)
		if (sl_carried_takes(model, p)) {
			const struct sl_estate_pool *written =
				&estate->pools[model->image->pools[p]->index];

			sl_pack_number(&pack, written->serial);
			sl_pack_number(&pack, written->crc);
		}
	sl_carried_write_services(&pack, model, now_ms);
	rc = sl_estate_file_write(estate->folder, INDEX_NEW, &pack, &crc);
	sl_pack_fini(&pack);
	if (rc == 0 && renameat(estate->folder, INDEX_NEW, estate->folder, SL_ESTATE_INDEX))
		rc = -errno;
	return rc;
}

/* Files that the index names no more, and pools that are not there any more. */
static void clear(struct sl_estate *estate)
{
	char name[SL_ESTATE_NAME_SIZE];

	for (uint32_t i = 0; i < SL_POOLS_MAX; i++)
		if (estate->pools[i].serial && !estate->pools[i].listed) {
			estate->old[estate->old_count++] = estate->pools[i].serial;
			forget(&estate->pools[i]);
		}
	while (estate->old_count > 0) {
		sl_estate_name(estate->old[--estate->old_count], name);
		(void)unlinkat(estate->folder, name, 0);
	}
}

static int write_all(struct sl_estate *estate)
{
	const struct sl_model *model = estate->model;
	uint32_t count = 0;
	int rc = 0;

	for (uint32_t i = 0; i < SL_POOLS_MAX; i++)
		estate->pools[i].listed = false;
	sl_carried_number(model, SL_CARRIED_INDEX);
	for (uint32_t p = 0; p < model->image->pool_count && rc == 0; p++) {
		struct sl_estate_pool *written = &estate->pools[model->image->pools[p]->index];

		if (!sl_carried_takes(model, p))
			continue;
		if (!is_written(written, model, p))
			rc = write_pool(estate, p);
		written->listed = true;
		count++;
	}
	sl_carried_number(model, SL_CARRIED_NONE);
	if (rc == 0)
		rc = write_index(estate, count);
	if (rc == 0)
		clear(estate);
	return rc;
}

static void forget_all(struct sl_estate *estate)
{
	estate->old_count = 0;
	for (uint32_t i = 0; i < SL_POOLS_MAX; i++)
		if (estate->pools[i].serial)
			forget(&estate->pools[i]);
	(void)sl_estate_files_remove(estate->folder, UINT64_MAX);
}

/* sl_model_ahead. */
static void write_ahead(void *context)
{
	struct sl_estate *estate = context;
	int rc = write_all(estate);

	if (rc) {
		forget_all(estate);
		if (!estate->failing)
			sl_log(SL_LOG_WARNING,
			       "%s: %s: flow tables would not be found after kill -9", estate->path,
			       strerror(-rc));
	} else if (estate->failing) {
		sl_log(SL_LOG_NOTICE, "%s: written again", estate->path);
	}
	estate->failing = rc != 0;
}

void sl_estate_begin(struct sl_estate *estate, struct sl_model *model)
{
	uint64_t before = estate->serial;

	estate->model = model;
	write_ahead(estate);
	(void)sl_estate_files_remove(estate->folder, before);
	(void)sl_lasting_remove(estate->instance);
	sl_model_ahead_set(model, write_ahead, estate);
}

/* ---- creation -------------------------------------------------------------------------------- */

/* The folder, of this user alone, and the lock on it. */
static int open_folder(const char *path, struct sl_err *err)
{
	struct stat status;
	int fd;

	if (mkdir(path, 0700) && errno != EEXIST)
		return sl_err_set(err, -errno, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sl_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & 077) &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	(void)close(fd);
	return sl_err_set(err, -EPERM, "%s: it is another user's, or another process has it", path);
}

/* The folder's own one, which may be there for sockets, too: for all to pass. */
static void make_parent(const char *path)
{
	char parent[PATH_MAX];
	char *end;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	end = strrchr(parent, '/');
	if (!end || end == parent)
		return;
	*end = '\0';
	(void)mkdir(parent, 0755);
}

static void remove_parent(const char *path)
{
	char parent[PATH_MAX];
	char *end;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	end = strrchr(parent, '/');
	if (end && end != parent) {
		*end = '\0';
		(void)rmdir(parent);
	}
}

int sl_estate_create(const char *folder, const char *instance, struct sl_estate **estate,
		     struct sl_err *err)
{
	struct sl_estate *made = calloc(1, sizeof(*made));

	if (!made)
		return sl_err_set(err, -ENOMEM, "no memory");
	make_parent(folder);
	made->folder = open_folder(folder, err);
	if (made->folder < 0) {
		int rc = made->folder;

		free(made);
		return rc;
	}
	(void)snprintf(made->path, sizeof(made->path), "%s", folder);
	memcpy(made->instance, instance, strnlen(instance, SL_NAME_LENGTH_MAX));
	sl_estate_boot(made->boot);
	made->serial = sl_estate_files_last(made->folder);
	sl_lasting_begin(instance);
	*estate = made;
	return 0;
}

void sl_estate_destroy(struct sl_estate *estate, bool over)
{
	if (!estate)
		return;
	if (estate->model)
		sl_model_ahead_set(estate->model, NULL, NULL);
	if (!over && estate->model)
		sl_lasting_leave();
	for (uint32_t i = 0; i < SL_POOLS_MAX; i++)
		if (estate->pools[i].serial)
			forget(&estate->pools[i]);
	if (over) {
		(void)sl_estate_files_remove(estate->folder, UINT64_MAX);
		(void)rmdir(estate->path);
		remove_parent(estate->path);
	}
	(void)close(estate->folder);
	free(estate);
}

bool sl_estate_remove(const char *folder, const char *instance)
{
	struct sl_err err = {0};
	int fd, removed;

	if (access(folder, F_OK))
		return sl_lasting_remove(instance) > 0;
	fd = open_folder(folder, &err);
	if (fd < 0)
		return false;
	removed = sl_estate_files_remove(fd, UINT64_MAX);
	(void)rmdir(folder);
	remove_parent(folder);
	(void)close(fd);
	return sl_lasting_remove(instance) + SL_MAX(removed, 0) > 0;
}
