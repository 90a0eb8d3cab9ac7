/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/lookup.h"
#include "keep/record.h"
#include "keep/record_op.h"
#include "keep/replay_index.h"

/* What is being read, and where it goes. */
struct reader {
	struct sl_unpack *unpack;
	const struct sl_past_clock *clock;
	struct sl_past *past;
};

/* ---- finding --------------------------------------------------------------------------------- */

static int read_pool(struct reader *reader)
{
	const char *name = sl_unpack_text(reader->unpack);

	return reader->past->image ? sl_image_find_pool(reader->past->image, name) : -1;
}

static int read_place(struct reader *reader, int *pool, int *node)
{
	*pool = read_pool(reader);
	if (*pool < 0)
		return -EINVAL;
	*node = sl_image_find_node(reader->past->image->pools[*pool],
				   sl_unpack_text(reader->unpack));
	return *node < 0 ? -EINVAL : 0;
}

/* ---- operations ------------------------------------------------------------------------------ */

static int read_weight(struct reader *reader)
{
	struct sl_conf_node *node;
	int p, n, rc = read_place(reader, &p, &n);

	if (rc)
		return rc;
	node = sl_image_node_edit(reader->past->image->pools[p], (uint32_t)n);
	if (!node)
		return -ENOMEM;
	node->weight = sl_unpack_number(reader->unpack);
	return 0;
}

static int read_remove(struct reader *reader)
{
	struct sl_image_pool *pool;
	int p, n, rc = read_place(reader, &p, &n);

	if (rc)
		return rc;
	pool = reader->past->image->pools[p];
	rc = sl_gone_add(&reader->past->gone, pool->name, pool->nodes[n].name, pool->nodes[n].index,
			 !sl_image_node_keeps(&pool->nodes[n]));
	if (rc)
		return rc;
	sl_image_node_remove(pool, (uint32_t)n);
	return 0;
}

static int read_cut(struct reader *reader)
{
	int p = read_pool(reader);
	const char *name = sl_unpack_text(reader->unpack);

	if (p < 0)
		return -EINVAL;
	(void)sl_gone_cut(&reader->past->gone, reader->past->image->pools[p]->name, name);
	return 0;
}

/* Takes the node over, also on failure. */
static int insert_node(struct sl_past *past, uint32_t p, struct sl_conf_node *node, bool back)
{
	struct sl_image_pool *pool = past->image->pools[p];
	uint32_t index = back ? sl_gone_take(&past->gone, pool->name, node->name) : 0;
	struct sl_image_node *entry;

	if (!index && sl_past_index_take(past, &index)) {
		sl_conf_node_fini(node);
		return -ENOMEM;
	}
	entry = sl_image_node_insert(pool, pool->listed_count, sl_node_conf_adopt(node));
	if (!entry)
		return -ENOMEM;
	entry->index = index;
	return 0;
}

int sl_past_read_node(struct sl_unpack *unpack, const struct sl_conf *conf, const char *name,
		      struct sl_conf_node *node)
{
	const char *pairs[SL_PAST_PAIRS_MAX];
	uint32_t count = sl_past_read_pairs(unpack, pairs);
	struct sl_conf_errors errors;
	int rc;

	if (count == 0)
		return -EINVAL;
	rc = sl_conf_node_parse(conf, NULL, name, pairs, count, node, &errors);
	sl_conf_errors_fini(&errors);
	return rc;
}

static int read_add(struct reader *reader)
{
	struct sl_conf_node node;
	int p = read_pool(reader), rc;
	const char *name = sl_unpack_text(reader->unpack);
	bool back = sl_unpack_number(reader->unpack);

	if (p < 0)
		return -EINVAL;
	rc = sl_past_read_node(reader->unpack, reader->past->image->conf, name, &node);
	if (rc)
		return rc;
	return insert_node(reader->past, (uint32_t)p, &node, back);
}

static int read_hand(struct reader *reader)
{
	struct sl_unpack *unpack = reader->unpack;
	struct sl_image_node *node;
	int p, n, rc = read_place(reader, &p, &n);
	uint64_t deadline;

	if (rc)
		return rc;
	node = &reader->past->image->pools[p]->nodes[n];
	node->hand = (uint8_t)sl_unpack_number(unpack);
	node->cut = sl_unpack_number(unpack) != 0;
	deadline = sl_unpack_number(unpack);
	node->since_ms = sl_unpack_number(unpack);
	(void)snprintf(node->why, sizeof(node->why), "%s", sl_unpack_text(unpack));
	node->deadline_ms = 0;
	if (deadline)
		node->deadline_ms =
			reader->clock->now_ms + 1 +
			(deadline > reader->clock->wall_ms ? deadline - reader->clock->wall_ms : 0);
	return node->hand > SL_HAND_DISABLED ? -EINVAL : 0;
}

static int read_text(struct reader *reader)
{
	const char *text = sl_unpack_text(reader->unpack);
	struct sl_conf_errors errors;
	struct sl_image *image;
	struct sl_conf *conf;
	const uint8_t *key;
	size_t key_size;
	int rc;

	key = sl_unpack_block(reader->unpack, &key_size);
	if (!key || key_size != sizeof(reader->past->hash_key))
		return -EINVAL;
	memcpy(&reader->past->hash_key, key, key_size);
	rc = sl_conf_parse(text, strlen(text), &conf, &errors);
	sl_conf_errors_fini(&errors);
	if (rc)
		return rc;
	image = sl_image_create(conf);
	return image ? sl_past_carry(reader->past, image) : -ENOMEM;
}

/* The index of a node that has left, which it gets now if nothing named it before. */
static int index_of_leaving(struct sl_past *past, const char *pool, const char *name,
			    uint32_t *index)
{
	int rc;

	*index = sl_gone_find(&past->gone, pool, name);
	if (*index)
		return 0;
	rc = sl_past_index_take(past, index);
	return rc ? rc : sl_gone_add(&past->gone, pool, name, *index, false);
}

/* Names and the indices they have: 0 nobody, else 1 + place in the list. */
static int read_names(struct reader *reader, const struct sl_image_pool *pool, uint64_t count,
		      bool marked, uint32_t **indices)
{
	struct sl_lookup lookup;
	uint32_t *list;
	int rc = 0;

	if (count > (uint64_t)(reader->unpack->end - reader->unpack->at))
		return -EINVAL;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	sl_lookup_init(&lookup, pool, pool->node_count, sl_past_name_at);
	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		const char *name = sl_unpack_text(reader->unpack);
		bool leaving = marked && sl_unpack_number(reader->unpack);
		int place = leaving ? -1 : sl_lookup_find(&lookup, name);

		if (leaving)
			rc = index_of_leaving(reader->past, pool->name, name, &list[i + 1]);
		else if (place >= 0)
			list[i + 1] = pool->nodes[place].index;
	}
	sl_lookup_fini(&lookup);
	if (rc)
		free(list);
	else
		*indices = list;
	return rc;
}

static int read_table(struct reader *reader, enum sl_past_op op)
{
	struct sl_unpack *unpack = reader->unpack;
	int p = read_pool(reader), rc;
	struct sl_table *table;
	uint32_t *indices;
	uint64_t names;

	names = sl_unpack_number(unpack);
	if (p < 0)
		return -EINVAL;
	rc = read_names(reader, reader->past->image->pools[p], names, true, &indices);
	if (rc)
		return rc;
	table = op == SL_PAST_HOME ? reader->past->image->pools[p]->home
				   : reader->past->image->pools[p]->former;
	if (sl_unpack_number(unpack) != table->count)
		unpack->failed = true;
	for (uint32_t s = 0; s < table->count && !unpack->failed; s++) {
		uint64_t number = sl_unpack_number(unpack);

		if (number > names)
			unpack->failed = true;
		else
			table->word[s] = indices[number];
	}
	free(indices);
	return unpack->failed ? -EINVAL : 0;
}

static void move_slot(struct sl_image_pool *pool, uint64_t slot, uint32_t index)
{
	uint32_t old = pool->home->word[slot];

	if (old && old != index)
		pool->former->word[slot] = old;
	pool->home->word[slot] = index;
}

static int read_moves(struct reader *reader)
{
	int p = read_pool(reader), rc;
	uint64_t names = sl_unpack_number(reader->unpack), count, slot = 0;
	const uint8_t *block;
	struct sl_unpack moves;
	struct sl_image_pool *pool;
	uint32_t *indices;
	size_t size;

	if (p < 0)
		return -EINVAL;
	pool = reader->past->image->pools[p];
	(void)sl_unpack_number(reader->unpack); /* size of the names */
	rc = read_names(reader, pool, names, false, &indices);
	if (rc)
		return rc;
	count = sl_unpack_number(reader->unpack);
	block = sl_unpack_block(reader->unpack, &size);
	moves = (struct sl_unpack){.at = block, .end = block + size, .failed = !block};
	for (uint64_t i = 0; i < count && !moves.failed; i++) {
		uint64_t number;

		slot += sl_unpack_number(&moves);
		number = sl_unpack_number(&moves);
		if (slot >= pool->home->count || number > names)
			moves.failed = true;
		else
			move_slot(pool, slot, indices[number]);
	}
	free(indices);
	return moves.failed || moves.at != moves.end ? -EINVAL : 0;
}

static int read_others(struct reader *reader)
{
	int p = read_pool(reader), rc = 0;
	uint64_t count = sl_unpack_number(reader->unpack);
	struct sl_image_pool *pool;
	struct sl_lookup lookup;

	if (p < 0)
		return -EINVAL;
	pool = reader->past->image->pools[p];
	sl_lookup_init(&lookup, pool, pool->node_count, sl_past_name_at);
	for (; count > 0 && rc == 0 && !reader->unpack->failed; count--) {
		int place = sl_lookup_find(&lookup, sl_unpack_text(reader->unpack));
		uint64_t flags = sl_unpack_number(reader->unpack);

		rc = place < 0 ? -EINVAL
			       : sl_past_renew(reader->past, pool, &pool->nodes[place], flags);
	}
	sl_lookup_fini(&lookup);
	return rc;
}

static int read_op(struct reader *reader, uint64_t op)
{
	switch (op) {
	case SL_PAST_WEIGHT:
		return read_weight(reader);
	case SL_PAST_ADD:
		return read_add(reader);
	case SL_PAST_REMOVE:
		return read_remove(reader);
	case SL_PAST_CUT:
		return read_cut(reader);
	case SL_PAST_OTHERS:
		return read_others(reader);
	case SL_PAST_SERVICE:
		return sl_past_read_service(reader->unpack, reader->past->image);
	case SL_PAST_HAND:
		return read_hand(reader);
	case SL_PAST_TEXT:
		return read_text(reader);
	case SL_PAST_MOVE:
		return read_moves(reader);
	case SL_PAST_HOME:
	case SL_PAST_FORMER:
		return read_table(reader, (enum sl_past_op)op);
	default:
		return -EINVAL;
	}
}

int sl_past_read_step(struct sl_unpack *unpack, const struct sl_past_clock *clock,
		      struct sl_past *past)
{
	struct reader reader = {.unpack = unpack, .clock = clock, .past = past};
	uint64_t op = sl_unpack_number(unpack);
	int rc = 0;

	while (rc == 0 && op != SL_PAST_END && !unpack->failed) {
		rc = read_op(&reader, op);
		op = sl_unpack_number(unpack);
	}
	return rc == 0 && unpack->failed ? -EINVAL : rc;
}

int sl_past_read_state(struct sl_unpack *unpack, const struct sl_past_clock *clock,
		       struct sl_past *past)
{
	int rc;

	*past = (struct sl_past){.index_next = 1};
	rc = sl_past_read_step(unpack, clock, past);
	if (rc == 0 && !past->image)
		rc = -EINVAL;
	if (rc)
		sl_past_fini(past);
	return rc;
}

void sl_past_fini(struct sl_past *past)
{
	sl_image_put(past->image);
	sl_gone_fini(&past->gone);
	past->image = NULL;
}
