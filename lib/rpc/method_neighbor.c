/* SPDX-License-Identifier: BSD-3-Clause */

/* The method neighbors: next hops and their MAC addresses. */

#include <jansson.h>

#include "base/bytes.h"
#include "neigh/neigh.h"
#include "rpc/method.h"

#define ROWS_MAX 4000u /* of an answer, which is one line */

static json_t *row_json(const struct sl_neighbor_row *row)
{
	char addr[SL_ADDR_TEXT_SIZE], mac[SL_MAC_TEXT_SIZE] = "";

	if (row->has_mac)
		sl_mac_format(&row->mac, mac);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f}", "port", row->port, "address",
			 sl_addr_format(&row->addr, addr), "mac", mac, "state", row->state,
			 "source", row->source, "age_seconds", row->age_s);
}

static int method_neighbors(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	uint64_t from = sl_rpc_integer(call, "from", 0);
	uint64_t count = sl_rpc_integer(call, "count", UINT64_MAX), next;
	uint32_t all = scope->neighbors ? sl_neighbors_count(scope->neighbors) : 0;
	json_t *rows = json_array();

	count = SL_MIN(count, (uint64_t)ROWS_MAX);
	for (next = from; next < all && next - from < count; next++) {
		struct sl_neighbor_row row;

		if (sl_neighbors_row(scope->neighbors, (uint32_t)next, &row))
			(void)json_array_append_new(rows, row_json(&row));
	}
	call->result = json_pack("{s:o}", "neighbors", rows);
	if (!call->result)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
	if (next < all)
		(void)json_object_set_new(call->result, "next", json_integer((json_int_t)next));
	return 0;
}

static const struct sl_rpc_method methods[] = {
	{"neighbors",
	 method_neighbors,
	 false,
	 {{"from", SL_RPC_INTEGER, false}, {"count", SL_RPC_COUNT, false}}},
};

void sl_rpc_neighbor_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
