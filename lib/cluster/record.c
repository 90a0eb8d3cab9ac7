/* SPDX-License-Identifier: BSD-3-Clause */

#include "cluster/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "keep/record_op.h"

#define PAIRS_MAX 64

/* What a checksum and a digest are made with; anybody may know it. */
static const struct sl_hash_key plain_key = {{SL_HASH_C2, SL_HASH_C3}};

static uint64_t checksum(const uint8_t *data, size_t size)
{
	uint64_t sum = size;

	for (size_t at = 0; at < size; at += 8) {
		uint64_t word = 0;

		memcpy(&word, data + at, SL_MIN(size - at, (size_t)8));
		sum = sl_hash2(&plain_key, sum, word);
	}
	return sum;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct sl_image *sl_record_bare(const struct sl_image *image)
{
	struct sl_conf *shared = sl_conf_shared(image->conf);
	struct sl_image *bare = shared ? sl_image_frame(shared, image->listed_count, 0) : NULL;

	if (!bare)
		return NULL;
	bare->generation = image->generation;
	for (uint32_t p = 0; p < image->listed_count; p++) {
		bare->pools[p] = image->pools[p];
		bare->pools[p]->references++;
	}
	return bare;
}

static void write_conf(struct sl_pack *pack, const struct sl_conf *conf)
{
	struct sl_conf *shared = sl_conf_shared(conf);
	char *text = shared ? sl_conf_format(shared) : NULL;

	sl_pack_text(pack, text ? text : "");
	pack->failed = pack->failed || !text;
	free(text);
	sl_conf_destroy(shared);
}

static void write_state(struct sl_pack *pack, const struct sl_change *change,
			const struct sl_hash_key *key, uint64_t wall_ms)
{
	const struct sl_past_clock clock = {.now_ms = 1, .wall_ms = wall_ms};
	struct sl_image *bare = sl_record_bare(change->image);

	sl_pack_number(pack, change->image->generation);
	pack->failed = pack->failed || !bare;
	if (bare)
		sl_past_write_state(pack, bare, change->hash_key ? change->hash_key : key, &clock);
	sl_image_put(bare);
}

static void write_service(struct sl_pack *pack, const struct sl_image *image,
			  const struct sl_conf_service *service)
{
	struct sl_conf *names = sl_image_names(image);
	uint32_t count = 0;
	char *pairs = names ? sl_conf_service_pairs(names, service, &count) : NULL;
	const char *pair = pairs;

	pack->failed = pack->failed || !pairs;
	sl_pack_number(pack, count);
	for (uint32_t i = 0; i < count; i++, pair += strlen(pair) + 1)
		sl_pack_text(pack, pair);
	free(pairs);
	sl_image_names_free(names);
}

static void write_table(struct sl_pack *pack, const struct sl_change_table *table)
{
	sl_pack_number(pack, table->name_count);
	for (uint32_t i = 0; i < table->name_count; i++)
		sl_pack_text(pack, table->names[i]);
	sl_pack_number(pack, table->count);
	for (uint32_t s = 0; s < table->count; s++)
		sl_pack_number(pack, table->words[s]);
}

void sl_record_write(struct sl_pack *out, const struct sl_change *change,
		     const struct sl_record_id *id, uint64_t wall_ms, const char *at,
		     const struct sl_image *image, const struct sl_hash_key *key)
{
	struct sl_pack pack = {0};

	sl_pack_block(&pack, id, sizeof(*id));
	sl_pack_number(&pack, wall_ms);
	sl_pack_text(&pack, at);
	sl_pack_number(&pack, change->uid);
	sl_pack_number(&pack, (uint32_t)change->pid);
	sl_pack_text(&pack, change->why ? change->why : "");
	sl_pack_number(&pack, change->kind);
	sl_pack_number(&pack, change->force);
	sl_pack_text(&pack, change->pool ? change->pool : "");
	sl_pack_text(&pack, change->kind == SL_CHANGE_ADD_NODE ? change->add->name
			    : change->node		       ? change->node
							       : "");
	sl_pack_text(&pack, change->service ? change->service : "");
	sl_pack_number(&pack, change->wanted != NULL);
	sl_pack_number(&pack, change->weight);
	sl_pack_number(&pack, change->now);
	sl_pack_number(&pack, change->deadline_ms);
	if (change->kind == SL_CHANGE_ADD_NODE)
		sl_past_write_node(&pack, image->conf, change->add);
	else if (change->kind == SL_CHANGE_APPLY)
		write_conf(&pack, change->conf);
	else if (change->kind == SL_CHANGE_ROLLBACK)
		write_state(&pack, change, key, wall_ms);
	else if (change->kind == SL_CHANGE_TABLE_SET)
		write_table(&pack, change->table);
	else if (change->wanted)
		write_service(&pack, image, change->wanted);
	sl_record_close(out, &pack);
	sl_pack_fini(&pack);
}

void sl_record_close(struct sl_pack *out, const struct sl_pack *inside)
{
	sl_pack_number(out, SL_RECORD_VERSION);
	sl_pack_number(out, inside->failed ? 0 : checksum(inside->data, inside->size));
	sl_pack_block(out, inside->data, inside->size);
	out->failed = out->failed || inside->failed;
}

/* ---- reading --------------------------------------------------------------------------------- */

int sl_record_open(const uint8_t *data, size_t size, struct sl_unpack *inside)
{
	struct sl_unpack unpack = {.at = data, .end = data + size};
	uint64_t version = sl_unpack_number(&unpack), sum = sl_unpack_number(&unpack);
	const uint8_t *block;
	size_t length;

	if (!unpack.failed && version > SL_RECORD_VERSION)
		return -EPROTONOSUPPORT;
	block = sl_unpack_block(&unpack, &length);
	if (!block || unpack.at != unpack.end || version != SL_RECORD_VERSION ||
	    checksum(block, length) != sum)
		return -EBADMSG;
	*inside = (struct sl_unpack){.at = block, .end = block + length};
	return 0;
}

static void read_id(struct sl_unpack *unpack, struct sl_record_id *id)
{
	size_t size;
	const uint8_t *block = sl_unpack_block(unpack, &size);

	if (block && size == sizeof(*id))
		memcpy(id, block, size);
	else
		unpack->failed = true;
}

bool sl_record_peek(const uint8_t *data, size_t size, struct sl_record_id *id)
{
	struct sl_unpack unpack;

	if (sl_record_open(data, size, &unpack))
		return false;
	read_id(&unpack, id);
	return !unpack.failed;
}

static int read_conf(struct sl_unpack *unpack, struct sl_record *record, struct sl_err *err)
{
	const char *text = sl_unpack_text(unpack);
	struct sl_conf_errors errors;
	int rc;

	if (unpack->failed)
		return -EBADMSG;
	rc = sl_conf_parse(text, strlen(text), &record->conf, &errors);
	if (rc)
		rc = sl_err_set(err, rc, "%s", errors.count ? errors.list[0].message : "no memory");
	sl_conf_errors_fini(&errors);
	record->change.conf = record->conf;
	record->change.shared = true;
	return rc;
}

static int read_state(struct sl_unpack *unpack, const struct sl_past_clock *now,
		      struct sl_record *record)
{
	uint64_t generation = sl_unpack_number(unpack);
	int rc = unpack->failed ? -EBADMSG : sl_past_read_state(unpack, now, &record->past);

	if (rc)
		return rc == -ENOMEM ? rc : -EBADMSG;
	record->past_set = true;
	record->past.image->generation = generation;
	record->change.image = record->past.image;
	record->change.hash_key = &record->past.hash_key;
	return 0;
}

static int read_table(struct sl_unpack *unpack, struct sl_record *record)
{
	uint64_t names = sl_unpack_number(unpack), count = 0;
	const char **list = NULL;
	uint32_t *words = NULL;

	if (!unpack->failed && names <= SL_NODES_MAX)
		list = calloc(names + 1, sizeof(*list));
	record->table.names = list;
	for (uint64_t i = 0; list && i < names; i++)
		list[i] = sl_unpack_text(unpack);
	count = list ? sl_unpack_number(unpack) : 0;
	if (!unpack->failed && count <= SL_SLOTS_MAX)
		words = calloc(count + 1, sizeof(*words));
	record->table.words = words;
	for (uint64_t s = 0; words && s < count; s++)
		words[s] = (uint32_t)sl_unpack_number(unpack);
	record->table.name_count = (uint32_t)names;
	record->table.count = (uint32_t)count;
	record->change.table = &record->table;
	return unpack->failed || !words ? -EBADMSG : 0;
}

static int read_service(struct sl_unpack *unpack, const struct sl_image *image,
			struct sl_record *record, struct sl_err *err)
{
	uint64_t count = sl_unpack_number(unpack);
	struct sl_conf *names = sl_image_names(image);
	const char **pairs = count <= PAIRS_MAX ? calloc(count + 1, sizeof(*pairs)) : NULL;
	struct sl_conf_errors errors;
	int rc = -EBADMSG;

	for (uint64_t i = 0; pairs && i < count; i++)
		pairs[i] = sl_unpack_text(unpack);
	if (names && pairs && !unpack->failed && record->change.service) {
		rc = sl_conf_service_parse(names, NULL, record->change.service, pairs,
					   (uint32_t)count, &record->service, &errors);
		record->service_set = rc == 0;
		record->change.wanted = &record->service;
		if (rc)
			rc = sl_err_set(err, -EINVAL, "service %s: %s", record->change.service,
					errors.count ? errors.list[0].message : "no memory");
		sl_conf_errors_fini(&errors);
	}
	free(pairs);
	sl_image_names_free(names);
	return rc;
}

/* An operator's change of a kind that there is. */
static bool is_known(uint64_t kind)
{
	switch (kind) {
#define X(id, name, value, operators)                                                              \
	case (value):                                                                              \
		return (operators);
		SL_CHANGES(X)
#undef X
	default:
		return false;
	}
}

static int read_words(struct sl_unpack *unpack, const struct sl_image *image,
		      const struct sl_past_clock *now, struct sl_record *record, struct sl_err *err)
{
	struct sl_change *change = &record->change;
	int rc = 0;

	switch (change->kind) {
	case SL_CHANGE_ADD_NODE:
		rc = sl_past_read_node(unpack, image->conf, change->node, &record->node);
		record->node_set = rc == 0;
		change->add = &record->node;
		return rc ? sl_err_set(err, rc, "node %s: its keys mean nothing here", change->node)
			  : 0;
	case SL_CHANGE_APPLY:
		return read_conf(unpack, record, err);
	case SL_CHANGE_ROLLBACK:
		return read_state(unpack, now, record);
	case SL_CHANGE_TABLE_SET:
		return read_table(unpack, record);
	default:
		return 0;
	}
}

/* A drain's deadline counts from when the change was made. */
static uint64_t deadline_left(uint64_t deadline_ms, uint64_t made_ms, uint64_t wall_ms)
{
	uint64_t passed = wall_ms > made_ms ? wall_ms - made_ms : 0;

	if (!deadline_ms)
		return 0;
	return deadline_ms > passed ? deadline_ms - passed : 1;
}

int sl_record_read(const uint8_t *data, size_t size, const struct sl_image *image,
		   const struct sl_past_clock *now, struct sl_record *record, struct sl_err *err)
{
	struct sl_change *change = &record->change;
	struct sl_unpack unpack;
	uint64_t kind;
	bool wanted;
	int rc;

	*record = (struct sl_record){0};
	rc = sl_record_open(data, size, &unpack);
	if (rc == -EPROTONOSUPPORT)
		return sl_err_set(err, rc,
				  "it is of a newer version of sluice: upgrade this member");
	if (rc)
		return sl_err_set(err, rc, "its octets are damaged");
	read_id(&unpack, &record->id);
	change->wall_ms = sl_unpack_number(&unpack);
	change->at = sl_unpack_text(&unpack);
	change->uid = (uint32_t)sl_unpack_number(&unpack);
	change->pid = (int32_t)(uint32_t)sl_unpack_number(&unpack);
	change->why = sl_unpack_text(&unpack);
	change->why = change->why[0] ? change->why : NULL;
	kind = sl_unpack_number(&unpack);
	change->force = sl_unpack_number(&unpack);
	change->pool = sl_unpack_text(&unpack);
	change->node = sl_unpack_text(&unpack);
	change->service = sl_unpack_text(&unpack);
	change->service = change->service[0] ? change->service : NULL;
	wanted = sl_unpack_number(&unpack);
	change->weight = sl_unpack_number(&unpack);
	change->now = sl_unpack_number(&unpack);
	change->deadline_ms =
		deadline_left(sl_unpack_number(&unpack), change->wall_ms, now->wall_ms);
	change->anew = true;
	change->kind = (enum sl_change_kind)kind;
	if (unpack.failed || !is_known(kind))
		rc = -EBADMSG;
	else if (wanted)
		rc = read_service(&unpack, image, record, err);
	else
		rc = read_words(&unpack, image, now, record, err);
	if (rc == 0 && (unpack.failed || unpack.at != unpack.end))
		rc = -EBADMSG;
	if (rc == -EBADMSG)
		(void)sl_err_set(err, rc, "its words make no sense");
	if (rc)
		sl_record_fini(record);
	return rc;
}

void sl_record_fini(struct sl_record *record)
{
	if (record->node_set)
		sl_conf_node_fini(&record->node);
	if (record->service_set)
		sl_conf_service_fini(&record->service);
	sl_conf_destroy(record->conf);
	if (record->past_set)
		sl_past_fini(&record->past);
	free((void *)(uintptr_t)record->table.names);
	free((void *)(uintptr_t)record->table.words);
	*record = (struct sl_record){0};
}

/* ---- a digest -------------------------------------------------------------------------------- */

static uint64_t digest_table(uint64_t digest, const struct sl_image_pool *pool)
{
	uint64_t *seeds = calloc(SL_NODE_INDEX_MAX, sizeof(*seeds));

	for (uint32_t n = 0; seeds && n < pool->node_count; n++)
		seeds[pool->nodes[n].index] = pool->nodes[n].seed;
	for (uint32_t s = 0; seeds && s < pool->home->count; s++)
		digest = sl_hash2(&plain_key, digest, seeds[pool->home->word[s]]);
	free(seeds);
	return digest;
}

uint64_t sl_record_digest(const struct sl_image *image)
{
	uint64_t digest = image->listed_count;

	for (uint32_t p = 0; p < image->listed_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];

		digest = sl_hash2(&plain_key, digest, sl_image_seed(pool->name));
		for (uint32_t n = 0; n < pool->listed_count; n++) {
			digest = sl_hash2(&plain_key, digest, pool->nodes[n].seed);
			digest = sl_hash2(&plain_key, digest + pool->nodes[n].hand,
					  pool->nodes[n].conf->weight);
		}
		digest = digest_table(digest, pool);
	}
	return digest;
}
