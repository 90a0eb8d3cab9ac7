/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lasting.h"
#include "carry/carried.h"
#include "carry/estate_inside.h"

/* An entry's tick comes again after so long: whoever was dead for half of it does not know how old
 * entries are. */
#define DEAD_S_MAX (((uint64_t)SL_FLOW_TICK_MASK / 2 << SL_TICK_SHIFT) / 1000)

#define BITS_MAX 27 /* of buckets for SL_FLOW_ENTRIES_MAX flows */

/* A flow table that was left. */
struct table {
	uint32_t pool; /* place in what is carried */
	uint32_t core, bits;
	struct sl_lasting_mark mark;
};

struct taking {
	struct sl_estate *estate;
	struct sl_model *model;
	struct sl_estate_found *found;
	struct sl_carried carried;
	struct table *tables;
	uint32_t table_count;
	struct sl_hash_key flow_key;
	uint64_t generation, written_ms;
};

/* ---- reading --------------------------------------------------------------------------------- */

static int read_tables(struct taking *taking, struct sl_unpack *unpack)
{
	uint64_t count = sl_unpack_number(unpack);
	struct table *more;

	if (unpack->failed || count > SL_ESTATE_TABLES_MAX)
		return -EBADMSG;
	more = realloc(taking->tables, (taking->table_count + count + 1) * sizeof(*taking->tables));
	if (!more)
		return -ENOMEM;
	taking->tables = more;
	for (uint64_t t = 0; t < count; t++) {
		struct table *table = &more[taking->table_count++];
		uint64_t core = sl_unpack_number(unpack), bits = sl_unpack_number(unpack);

		*table = (struct table){.pool = taking->carried.pool_count - 1,
					.core = (uint32_t)core,
					.bits = (uint32_t)bits};
		table->mark.id = (int32_t)sl_unpack_number(unpack);
		table->mark.number = sl_unpack_number(unpack);
		if (core >= SL_RX_CORES_MAX || bits > BITS_MAX)
			return -EBADMSG;
	}
	return unpack->failed ? -EBADMSG : 0;
}

/* What a pool's indices meant. */
static int read_indices(struct sl_unpack *unpack, struct sl_carried *carried)
{
	const struct sl_carried_pool *pool = &carried->pools[carried->pool_count - 1];

	for (uint32_t n = 0; n < pool->node_count; n++) {
		uint64_t index = sl_unpack_number(unpack);

		if (unpack->failed || index >= SL_NODE_INDEX_MAX)
			return -EBADMSG;
		carried->numbers[index] = pool->node_first + n + 1;
	}
	return 0;
}

static int read_pool(struct taking *taking, struct sl_unpack *unpack)
{
	struct sl_carried *carried = &taking->carried;
	uint64_t written_ms = sl_unpack_number(unpack);
	int rc;

	if (written_ms > carried->now_ms)
		return -EBADMSG;
	carried->gap_ms = carried->now_ms - written_ms;
	rc = sl_carried_read_pool(unpack, taking->model->image->conf, carried);
	if (rc == 0)
		rc = read_indices(unpack, carried);
	return rc ? rc : read_tables(taking, unpack);
}

static int read_pools(struct taking *taking, struct sl_unpack *index)
{
	uint64_t count = sl_unpack_number(index);
	int rc = 0;

	for (uint64_t p = 0; p < count && rc == 0; p++) {
		uint64_t serial = sl_unpack_number(index), crc = sl_unpack_number(index);
		char name[SL_ESTATE_NAME_SIZE];
		struct sl_unpack unpack;
		uint8_t *octets;
		uint32_t found;

		if (index->failed)
			return -EBADMSG;
		sl_estate_name(serial, name);
		rc = sl_estate_file_read(taking->estate->folder, name, &octets, &unpack, &found);
		rc = rc == -ENOENT ? -EBADMSG : rc;
		if (rc == 0)
			rc = found == crc ? read_pool(taking, &unpack) : -EBADMSG;
		free(octets);
	}
	return rc;
}

/* What has to be as it is now. */
static int read_head(struct taking *taking, struct sl_unpack *unpack, struct sl_err *err)
{
	const struct sl_hash_key *key = sl_model_hash_key(taking->model);
	const char *boot = sl_unpack_text(unpack);
	size_t key_size, flow_key_size;
	const uint8_t *left = sl_unpack_block(unpack, &key_size), *flow_key;

	taking->generation = sl_unpack_number(unpack);
	taking->written_ms = sl_unpack_number(unpack);
	flow_key = sl_unpack_block(unpack, &flow_key_size);
	if (unpack->failed || key_size != sizeof(*key) || flow_key_size != sizeof(taking->flow_key))
		return sl_err_set(err, -EBADMSG, "damaged");
	if (strcmp(boot, taking->estate->boot) != 0)
		return -ENOENT;
	if (memcmp(left, key, key_size) != 0)
		return sl_err_set(err, -ESTALE, "of another hash_key");
	if (taking->written_ms > taking->carried.now_ms)
		return sl_err_set(err, -ESTALE, "of another clock");
	memcpy(&taking->flow_key, flow_key, flow_key_size);
	return 0;
}

static int read_all(struct taking *taking, uint64_t generation, struct sl_err *err)
{
	struct sl_carried *carried = &taking->carried;
	struct sl_unpack unpack;
	uint8_t *octets;
	uint32_t crc;
	int rc = sl_estate_file_read(taking->estate->folder, SL_ESTATE_INDEX, &octets, &unpack,
				     &crc);

	if (rc == -ENOENT)
		return rc;
	if (rc)
		return sl_err_set(err, rc, "%s",
				  rc == -EPROTO	 ? "of another version"
				  : rc == -EPERM ? "not of this user alone"
						 : "damaged");
	rc = read_head(taking, &unpack, err);
	if (rc == 0 && taking->generation < generation)
		rc = sl_err_set(err, -ESTALE, "older than the state");
	if (rc == 0 && (rc = read_pools(taking, &unpack)) == 0) {
		carried->gap_ms = carried->now_ms - taking->written_ms;
		rc = sl_carried_read_services(&unpack, carried);
	}
	free(octets);
	return rc && rc != -ENOENT && err && !err->text[0] ? sl_err_set(err, rc, "damaged") : rc;
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* The entry in this run's indices; 0: it is too old, its node is no more, or it makes no sense. */
static uint64_t word_of(const struct taking *taking, const struct sl_flow_clock *then,
			const struct sl_flow_clock *now, uint64_t word)
{
	enum sl_flow_kind kind = sl_flow_kind(word);
	uint32_t node = sl_carried_index(&taking->carried, sl_flow_node(word));
	uint64_t own = sl_flow_word(node, sl_flow_class(word), kind, sl_flow_seq(word),
				    sl_flow_last(word));

	if (node == SL_NODE_NOBODY || kind % SL_FLOW_ODD == SL_FLOW_FREE ||
	    kind > SL_FLOW_STRANGER || sl_flow_class(word) > SL_FLOW_UDP)
		return 0;
	/* an idle timeout that was raised meanwhile brings nothing back */
	return sl_flow_counts(then, own) && sl_flow_counts(now, own) ? own : 0;
}

/* The times of the pool as it was. */
static void clock_of(const struct sl_carried *carried, const struct sl_carried_pool *pool,
		     struct sl_flow_clock *clock)
{
	const struct sl_pool_view view = {
		.idle_ms_tcp = pool->conf.idle_ms_tcp,
		.idle_ms_udp = pool->conf.idle_ms_udp,
		.idle_ms_other = pool->conf.idle_ms_other,
		.entries_since_ms = pool->entries_since_ms,
	};

	sl_flow_clock_init(clock, &view, carried->now_ms);
}

static void take_table(struct taking *taking, const struct table *table)
{
	const struct sl_carried_pool *pool = &taking->carried.pools[table->pool];
	const struct sl_pool_view *view = &taking->model->snapshot->pools[pool->index];
	const struct sl_flow_bucket *buckets;
	const uint8_t *extra;
	uint64_t died_s = 0, now_s = sl_clock_wall_ms() / 1000;
	struct sl_flow_clock then, now;
	struct sl_flow_entry entry;

	if (!pool->found || !view->flow_tables)
		return;
	buckets = sl_lasting_open(taking->estate->instance, &table->mark,
				  sl_flow_memory_size(table->bits), &died_s);
	if (!buckets || (died_s && now_s > died_s + DEAD_S_MAX)) {
		taking->found->lost++;
		if (buckets)
			sl_lasting_close(buckets);
		return;
	}
	extra = (const uint8_t *)buckets + sl_flow_extra_at(table->bits);
	clock_of(&taking->carried, pool, &then);
	sl_flow_clock_init(&now, view, taking->carried.now_ms);
	for (uint32_t i = 0; i < (uint32_t)SL_FLOW_WAYS << table->bits; i++) {
		struct sl_flow_table *to =
			view->flow_tables[table->core % view->memory->core_count];
		uint64_t word;

		if (!sl_flow_entry_at(buckets, i, &entry) || !entry.tag)
			continue;
		word = word_of(taking, &then, &now, entry.word);
		if (!word)
			continue;
		taking->found->flows += sl_carried_take_flow(
			to, &now, entry.tag, word, SL_MIN(extra[i], SL_FLOW_WEIGHT_MAX - 1u));
		sl_flow_table_gather(to);
	}
	sl_lasting_close(buckets);
}

int sl_estate_take(struct sl_estate *estate, struct sl_model *model, uint64_t generation,
		   struct sl_estate_found *found, struct sl_err *err)
{
	struct taking taking = {.estate = estate, .model = model, .found = found};
	int rc;

	*found = (struct sl_estate_found){0};
	taking.carried = (struct sl_carried){
		.form = SL_REST_FORM,
		.now_ms = model->options.now_ms(),
		.numbers = calloc(SL_NODE_INDEX_MAX, sizeof(*taking.carried.numbers))};
	rc = taking.carried.numbers ? read_all(&taking, generation, err)
				    : sl_err_set(err, -ENOMEM, "no memory");
	if (rc == 0) {
		model->snapshot->flow_key = taking.flow_key;
		found->generation = taking.generation;
		rc = sl_carried_restore(model, &taking.carried);
		if (rc)
			rc = sl_err_set(err, rc, "not taken up: %s", strerror(-rc));
	}
	for (uint32_t t = 0; t < taking.table_count && rc == 0; t++)
		take_table(&taking, &taking.tables[t]);
	sl_carried_fini(&taking.carried);
	free(taking.tables);
	return rc;
}
