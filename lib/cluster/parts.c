/* SPDX-License-Identifier: BSD-3-Clause */

/* Values that are too large for one put: they are written in parts under "blob/", and what stands in their
 * place names the parts. A whole value begins with 'W', one in parts with 'P'. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cluster/inside.h"

#define PARTS_MAX 256u

static void part_key(char key[SL_STORE_KEY_SIZE], const char *name, uint32_t part)
{
	(void)snprintf(key, SL_STORE_KEY_SIZE, "blob/%s/%04" PRIx32, name, part);
}

static void finish(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size)
{
	struct sl_parts *parts = &cluster->parts;
	struct sl_pack pack = parts->pack;

	cluster->busy = false;
	parts->pack = (struct sl_pack){0};
	parts->done(cluster, rc, data ? data : pack.data, data ? size : pack.size);
	sl_pack_fini(&pack);
	sl_cluster_work(cluster);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_next(struct sl_cluster *cluster);

static void on_written(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc)
		finish(cluster, answer->rc, NULL, 0);
	else
		write_next(cluster);
}

static void write_next(struct sl_cluster *cluster)
{
	struct sl_parts *parts = &cluster->parts;
	size_t size = SL_MIN(parts->size - parts->at, (size_t)SL_CLUSTER_PART_SIZE);
	char key[SL_STORE_KEY_SIZE];
	struct sl_store_commit commit = {.put_count = 1};

	if (size == 0) {
		sl_pack_number(&parts->pack, 'P');
		sl_pack_text(&parts->pack, parts->name);
		sl_pack_number(&parts->pack, parts->count);
		finish(cluster, parts->pack.failed ? -ENOMEM : 0, NULL, 0);
		return;
	}
	part_key(key, parts->name, parts->count);
	commit.puts[0] =
		(struct sl_store_put){.key = key, .value = parts->data + parts->at, .size = size};
	parts->at += size;
	parts->count++;
	sl_cluster_commit(cluster, &commit, on_written);
}

void sl_parts_write(struct sl_cluster *cluster, uint64_t generation, const struct sl_pack *pack,
		    void (*done)(struct sl_cluster *cluster, int rc, const uint8_t *data,
				 size_t size))
{
	struct sl_parts *parts = &cluster->parts;
	struct sl_pack whole = {0};

	if (pack->size > SL_CLUSTER_PART_SIZE) {
		*parts = (struct sl_parts){.data = pack->data, .size = pack->size, .done = done};
		(void)snprintf(parts->name, sizeof(parts->name), "%016" PRIx64 "-%.64s-%08" PRIx32,
			       generation, cluster->spec.conf->member, (uint32_t)++cluster->ticket);
		if (pack->size <= (size_t)PARTS_MAX * SL_CLUSTER_PART_SIZE)
			write_next(cluster);
		else
			done(cluster, -E2BIG, NULL, 0);
		return;
	}
	sl_pack_number(&whole, 'W');
	sl_pack_block(&whole, pack->data, pack->size);
	done(cluster, whole.failed ? -ENOMEM : 0, whole.data, whole.size);
	sl_pack_fini(&whole);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_next(struct sl_cluster *cluster);

static void on_read(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	struct sl_pack *pack = &cluster->parts.pack;
	const struct sl_store_pair *pair = answer->count == 1 ? &answer->pairs[0] : NULL;

	cluster->busy = false;
	if (answer->rc || !pair || !pair->value || pair->size == 0) {
		finish(cluster, answer->rc ? answer->rc : -ENOENT, NULL, 0);
		return;
	}
	sl_pack_octets(pack, pair->value, pair->size);
	read_next(cluster);
}

static void read_next(struct sl_cluster *cluster)
{
	struct sl_parts *parts = &cluster->parts;
	char key[SL_STORE_KEY_SIZE];
	const struct sl_store_range range = {.from = key};

	if (parts->pack.failed || parts->at == parts->count) {
		finish(cluster, parts->pack.failed ? -ENOMEM : 0, NULL, 0);
		return;
	}
	part_key(key, parts->name, (uint32_t)parts->at++);
	sl_cluster_read(cluster, &range, on_read);
}

void sl_parts_read(struct sl_cluster *cluster, const uint8_t *value, size_t size,
		   void (*done)(struct sl_cluster *cluster, int rc, const uint8_t *data,
				size_t size))
{
	struct sl_unpack unpack = {.at = value, .end = value + size};
	struct sl_parts *parts = &cluster->parts;
	uint64_t kind = sl_unpack_number(&unpack), count;
	const uint8_t *block;
	const char *name;

	if (kind == 'W') {
		block = sl_unpack_block(&unpack, &size);
		done(cluster, block && unpack.at == unpack.end ? 0 : -EBADMSG, block, size);
		return;
	}
	*parts = (struct sl_parts){.done = done};
	name = sl_unpack_text(&unpack);
	count = sl_unpack_number(&unpack);
	if (unpack.failed || kind != 'P' || unpack.at != unpack.end || count > PARTS_MAX ||
	    strlen(name) >= sizeof(parts->name)) {
		done(cluster, -EBADMSG, NULL, 0);
		return;
	}
	(void)snprintf(parts->name, sizeof(parts->name), "%s", name);
	parts->count = (uint32_t)count;
	read_next(cluster);
}
