/* SPDX-License-Identifier: BSD-3-Clause */

/* What the methods share: their tables, and what clients send in parts. */

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "rpc/method.h"

void sl_rpc_scope_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_read_add(rpc, scope);
	sl_rpc_change_add(rpc, scope);
	sl_rpc_service_add(rpc, scope);
	sl_rpc_config_add(rpc, scope);
	sl_rpc_table_add(rpc, scope);
	sl_rpc_ring_add(rpc, scope);
	sl_rpc_trace_add(rpc, scope);
	sl_rpc_flow_add(rpc, scope);
	sl_rpc_results_add(rpc, scope);
	sl_rpc_neighbor_add(rpc, scope);
}

void sl_stage_drop(struct sl_stage *stage)
{
	free(stage->text);
	free(stage->words);
	json_decref(stage->names);
	*stage = (struct sl_stage){0};
}

struct sl_stage *sl_stage_find(struct sl_rpc_call *call)
{
	struct sl_rpc_scope *scope = call->context;
	uint64_t from = sl_rpc_integer(call, "from", 0);
	struct sl_stage *stage = NULL;

	for (uint32_t i = 0; i < SL_STAGES_MAX; i++)
		if (scope->stages[i].peer == call->peer || (!stage && !scope->stages[i].peer))
			stage = &scope->stages[i];
	if (!stage)
		(void)sl_rpc_fail(call, SL_RPC_CONFLICT,
				  "%u clients are sending something in parts: try again later",
				  SL_STAGES_MAX);
	else if (from > 0 && !stage->peer)
		(void)sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				  "from %" PRIu64 " does not go on where a part before it ended",
				  from);
	if (!stage || (from > 0 && !stage->peer))
		return NULL;
	if (from == 0)
		sl_stage_drop(stage);
	stage->peer = call->peer;
	return stage;
}

void sl_rpc_scope_forget(struct sl_rpc_scope *scope, const struct sl_peer *peer)
{
	for (uint32_t i = 0; i < SL_STAGES_MAX; i++)
		if (scope->stages[i].peer == peer)
			sl_stage_drop(&scope->stages[i]);
}

void sl_rpc_scope_fini(struct sl_rpc_scope *scope)
{
	for (uint32_t i = 0; i < SL_STAGES_MAX; i++)
		sl_stage_drop(&scope->stages[i]);
}
