/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods about a pool's slots: table.get, table.set. Both go in parts, since a line holds at most
 * 1 MiB: table.set with "more" keeps a part until the last one comes. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rpc/method.h"

#define PART_COUNT 65536u /* slots of an answer unless asked otherwise */

/* The nodes that the table names, in the pool's order; place[] gets 1 + where each stands. */
static json_t *names_json(const struct sl_image_pool *pool, const struct sl_table *table,
			  uint32_t *place)
{
	json_t *names = json_array();

	for (uint32_t s = 0; s < table->count; s++)
		place[table->word[s]] = 1;
	for (uint32_t n = 0; names && n < pool->node_count; n++)
		if (place[pool->nodes[n].index]) {
			(void)json_array_append_new(names, json_string(pool->nodes[n].name));
			place[pool->nodes[n].index] = (uint32_t)json_array_size(names);
		}
	place[SL_NODE_NOBODY] = 0;
	return names;
}

/* Words as places in the list of names; -1: nobody. */
static int add_words(json_t *result, const struct sl_image_pool *pool, const struct sl_table *table,
		     uint32_t from, uint32_t end)
{
	uint32_t *place = calloc(SL_NODE_INDEX_MAX, sizeof(*place));
	json_t *list = json_array();

	if (!place || !list) {
		free(place);
		json_decref(list);
		return -ENOMEM;
	}
	(void)json_object_set_new(result, "nodes", names_json(pool, table, place));
	for (uint32_t s = from; s < end; s++)
		(void)json_array_append_new(list,
					    json_integer((json_int_t)place[table->word[s]] - 1));
	(void)json_object_set_new(result, "table", list);
	free(place);
	return 0;
}

static int method_get(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	const struct sl_image *image = sl_model_image(scope->model);
	const char *kind = sl_rpc_string(call, "kind", "home");
	int p = sl_rpc_find_pool(call, sl_rpc_string(call, "pool", ""));
	uint64_t from = sl_rpc_integer(call, "from", 0), end;
	const struct sl_table *table;

	if (p < 0)
		return -1;
	if (strcmp(kind, "home") != 0 && strcmp(kind, "used") != 0)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "kind \"%.64s\" is none: home, used",
				   kind);
	table = kind[0] == 'h' ? image->pools[p]->home : image->pools[p]->target;
	if (from >= table->count)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "from %" PRIu64 " is beyond the pool's %" PRIu32 " slots", from,
				   table->count);
	end = SL_MIN(sl_rpc_integer(call, "count", PART_COUNT), (uint64_t)table->count - from) +
	      from;
	call->result = json_pack("{s:s, s:I, s:i, s:i}", "pool", image->pools[p]->name,
				 "generation", (json_int_t)image->generation, "slots",
				 (int)table->count, "from", (int)from);
	if (!call->result ||
	    add_words(call->result, image->pools[p], table, (uint32_t)from, (uint32_t)end))
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
	if (end < table->count)
		(void)json_object_set_new(call->result, "next", json_integer((json_int_t)end));
	return 0;
}

/* ---- table.set ------------------------------------------------------------------------------- */

static int fail_word(struct sl_rpc_call *call, size_t slot, size_t names)
{
	if (names == 0)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "slot %zu: must be -1, since nodes names nobody", slot);
	return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
			   "slot %zu: must be a place in nodes (0 to %zu), or -1", slot, names - 1);
}

/* The part's words behind those that are staged. */
static int stage(struct sl_rpc_call *call, struct sl_stage *staged)
{
	json_t *list = json_object_get(call->params, "table"), *word;
	size_t count = json_array_size(list), names = json_array_size(staged->names), i;
	uint32_t *words;

	if (staged->count + count > SL_SLOTS_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "a table has at most %d slots",
				   SL_SLOTS_MAX);
	words = realloc(staged->words, (staged->count + count + 1) * sizeof(*words));
	if (!words)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for the table");
	staged->words = words;
	json_array_foreach(list, i, word)
	{
		json_int_t value = json_is_integer(word) ? json_integer_value(word) : -2;

		if (value < -1 || value >= (json_int_t)names)
			return fail_word(call, staged->count + i, names);
		words[staged->count + i] = (uint32_t)(value + 1);
	}
	staged->count += (uint32_t)count;
	return 0;
}

static int set_staged(struct sl_rpc_call *call, const struct sl_stage *staged)
{
	size_t count = json_array_size(staged->names);
	const char **names = calloc(count + 1, sizeof(*names));
	struct sl_change_table table = {.words = staged->words,
					.count = staged->count,
					.names = names,
					.name_count = (uint32_t)count};
	struct sl_change change = {
		.kind = SL_CHANGE_TABLE_SET, .pool = staged->pool, .table = &table};
	int rc = 0;

	for (size_t i = 0; names && i < count; i++) {
		names[i] = json_string_value(json_array_get(staged->names, i));
		if (!names[i])
			rc = sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "nodes must be names");
	}
	if (!names)
		rc = sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for the table");
	if (rc == 0)
		rc = sl_rpc_change_make(call, &change, sl_rpc_boolean(call, "dry_run"), false);
	free(names);
	return rc;
}

/* Whether this part goes on where the staged ones end. */
static bool goes_on(const struct sl_rpc_call *call, const struct sl_stage *staged)
{
	return staged->names && strcmp(staged->pool, sl_rpc_string(call, "pool", "")) == 0 &&
	       staged->count == sl_rpc_integer(call, "from", 0) &&
	       json_equal(staged->names, json_object_get(call->params, "nodes"));
}

static int method_set(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	int p = sl_rpc_find_pool(call, sl_rpc_string(call, "pool", "")), rc;
	struct sl_stage *staged = p < 0 ? NULL : sl_stage_find(call);

	if (!staged)
		return -1;
	if (sl_rpc_integer(call, "from", 0) == 0) {
		memcpy(staged->pool, sl_model_image(scope->model)->pools[p]->name,
		       sizeof(staged->pool));
		staged->names = json_incref(json_object_get(call->params, "nodes"));
	} else if (!goes_on(call, staged)) {
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "from %" PRIu64 " does not go on where a part before it ended",
				   sl_rpc_integer(call, "from", 0));
	}
	rc = stage(call, staged);
	if (rc == 0 && sl_rpc_boolean(call, "more")) {
		call->result = json_pack("{s:i}", "staged", (int)staged->count);
		return 0;
	}
	if (rc == 0)
		rc = set_staged(call, staged);
	sl_stage_drop(staged);
	return rc;
}

static const struct sl_rpc_method methods[] = {
	{"table.get",
	 method_get,
	 false,
	 {{"pool", SL_RPC_STRING, true},
	  {"kind", SL_RPC_STRING, false},
	  {"from", SL_RPC_INTEGER, false},
	  {"count", SL_RPC_COUNT, false}}},
	{"table.set",
	 method_set,
	 true,
	 {{"pool", SL_RPC_STRING, true},
	  {"nodes", SL_RPC_ARRAY, true},
	  {"table", SL_RPC_ARRAY, true},
	  {"from", SL_RPC_INTEGER, false},
	  {"more", SL_RPC_BOOLEAN, false},
	  {"dry_run", SL_RPC_BOOLEAN, false},
	  {"if_generation", SL_RPC_INTEGER, false}}},
};

void sl_rpc_table_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
