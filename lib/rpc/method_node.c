/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods that change nodes, and what all changing methods share. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/guess.h"
#include "base/number.h"
#include "rpc/method.h"
#include "show/json.h"

/* ---- shared ---------------------------------------------------------------------------------- */

/* After -ENOENT: the pool, node or service that was meant, perhaps. */
static void guess_name(struct sl_rpc_call *call, const struct sl_change *change)
{
	const struct sl_rpc_scope *scope = call->context;
	const struct sl_image *image = sl_model_image(scope->model);
	bool all = change->pool && strcmp(change->pool, "*") == 0;
	uint32_t count = 0;
	const char **names, *guess = NULL;
	int place = change->pool && !all ? sl_image_find_pool(image, change->pool) : -1;
	const char *word = change->service ? change->service
			   : place < 0	   ? change->pool
					   : change->node;
	size_t used = strlen(call->err.text);

	if (!word || all)
		return;
	names = calloc(SL_NODES_MAX, sizeof(*names));
	for (uint32_t s = 0; names && change->service && s < image->service_count; s++)
		names[count++] = image->conf->services[s].name;
	for (uint32_t p = 0; names && !change->service && place < 0 && p < image->listed_count; p++)
		names[count++] = image->pools[p]->name;
	for (uint32_t n = 0; names && place >= 0 && n < image->pools[place]->listed_count; n++)
		names[count++] = image->pools[place]->nodes[n].name;
	if (names)
		guess = sl_guess(word, names, count);
	if (guess)
		(void)snprintf(call->err.text + used, sizeof(call->err.text) - used,
			       ", did you mean '%s'?", guess);
	free(names);
}

static json_t *errors_json(const struct sl_conf_error *errors, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:i, s:i, s:s}", "line", (int)errors[i].line, "column",
					(int)errors[i].column, "message", errors[i].message));
	return json_pack("{s:o}", "errors", list);
}

int sl_rpc_change_make(struct sl_rpc_call *call, struct sl_change *change, bool dry_run,
		       bool sentences)
{
	struct sl_rpc_scope *scope = call->context;
	struct sl_change_result result;
	int rc;

	change->uid = call->peer->uid;
	change->pid = call->peer->pid;
	change->guest = !call->peer->may_change;
	change->force = sl_rpc_boolean(call, "force");
	change->if_generation_set = sl_rpc_has(call, "if_generation");
	change->if_generation = sl_rpc_integer(call, "if_generation", 0);
	if (scope->gate.submit && !dry_run)
		rc = scope->gate.submit(scope->gate.context, change, &call->ticket, &result,
					&call->err);
	else
		rc = sl_model_change(scope->model, change, dry_run, &result, &call->err);
	if (rc == 0 && !call->ticket) {
		call->result = sl_report_change(change, &result, sentences);
		call->held = !dry_run;
	}
	if (rc && change->kind == SL_CHANGE_APPLY && result.refusal_count > 0)
		call->data = errors_json(result.refusals, result.refusal_count);
	sl_change_result_fini(&result);
	if (rc == 0)
		return call->result || call->ticket
			       ? 0
			       : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory");
	call->err.code = rc;
	if (rc == -ENOENT && change->kind != SL_CHANGE_TABLE_SET)
		guess_name(call, change);
	return sl_rpc_fail_err(call);
}

int sl_rpc_fail_conf(struct sl_rpc_call *call, const struct sl_conf_errors *errors)
{
	const struct sl_conf_error *first = &errors->list[0];

	call->data = errors_json(errors->list, errors->count);
	if (errors->count == 0)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for the configuration");
	if (errors->count == 1)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "line %" PRIu32 ", column %" PRIu32 ": %s", first->line,
				   first->column, first->message);
	return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
			   "%" PRIu32 " errors, the first in line %" PRIu32 ", column %" PRIu32
			   ": %s",
			   errors->count, first->line, first->column, first->message);
}

/* ---- add ------------------------------------------------------------------------------------- */

static int add_node(struct sl_rpc_call *call, const struct sl_rpc_pairs *pairs)
{
	struct sl_rpc_scope *scope = call->context;
	const char *name = sl_rpc_string(call, "node", "");
	struct sl_change change = {.kind = SL_CHANGE_ADD_NODE,
				   .pool = sl_rpc_string(call, "pool", "")};
	struct sl_conf_errors errors;
	const struct sl_image *image = sl_model_image(scope->model);
	int p = sl_rpc_find_pool(call, change.pool), rc;
	struct sl_conf_node node;

	if (p < 0)
		return -1;
	rc = sl_conf_node_parse(image->conf, &image->pools[p]->conf, name,
				(const char *const *)pairs->list, pairs->count, &node, &errors);
	if (rc == 0) {
		change.add = &node;
		change.conf_warnings = &errors;
		change.node = name;
		rc = sl_rpc_change_make(call, &change, sl_rpc_boolean(call, "dry_run"), false);
		sl_conf_node_fini(&node);
	} else {
		rc = sl_rpc_fail_pairs(call, &errors);
	}
	sl_conf_errors_fini(&errors);
	return rc;
}

static int method_add(struct sl_rpc_call *call)
{
	struct sl_rpc_pairs pairs;
	int rc = sl_rpc_pairs_read(call, sl_conf_node_key, &pairs);

	if (rc == 0)
		rc = add_node(call, &pairs);
	sl_rpc_pairs_fini(&pairs);
	return rc;
}

/* ---- the others ------------------------------------------------------------------------------ */

static int change_node(struct sl_rpc_call *call, struct sl_change *change)
{
	change->pool = sl_rpc_string(call, "pool", "");
	change->node = sl_rpc_string(call, "node", "");
	return sl_rpc_change_make(call, change, sl_rpc_boolean(call, "dry_run"), false);
}

static int method_set_weight(struct sl_rpc_call *call)
{
	struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT};
	const char *why = "is no weight";
	double weight = sl_rpc_number(call, "weight", 0);
	char text[SL_RPC_DECIMAL_SIZE];

	if (sl_weight_parse(sl_rpc_decimal(weight, text), &change.weight, &why))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "weight %.15g %s", weight, why);
	return change_node(call, &change);
}

static int method_remove(struct sl_rpc_call *call)
{
	struct sl_change change = {.kind = SL_CHANGE_REMOVE_NODE,
				   .now = sl_rpc_boolean(call, "now")};

	return change_node(call, &change);
}

static int method_drain(struct sl_rpc_call *call)
{
	struct sl_change change = {.kind = SL_CHANGE_DRAIN};

	if (sl_rpc_duration(call, "deadline", &change.deadline_ms))
		return -1;
	return change_node(call, &change);
}

static int method_enable(struct sl_rpc_call *call)
{
	struct sl_change change = {.kind = SL_CHANGE_ENABLE};

	return change_node(call, &change);
}

static int method_disable(struct sl_rpc_call *call)
{
	struct sl_change change = {.kind = SL_CHANGE_DISABLE};

	return change_node(call, &change);
}

#define NODE                                                                                       \
	{"pool", SL_RPC_STRING, true}, {"node", SL_RPC_STRING, true},                              \
		{"dry_run", SL_RPC_BOOLEAN, false},                                                \
	{                                                                                          \
		"if_generation", SL_RPC_INTEGER, false                                             \
	}

static const struct sl_rpc_method methods[] = {
	{"node.set_weight", method_set_weight, true, {NODE, {"weight", SL_RPC_NUMBER, true}}},
	{"node.remove", method_remove, true, {NODE, {"now", SL_RPC_BOOLEAN, false}}},
	{"node.drain", method_drain, true, {NODE, {"deadline", SL_RPC_DURATION, false}}},
	{"node.enable", method_enable, true, {NODE}},
	{"node.disable", method_disable, true, {NODE}},
};

/* Gets the keys of nodes as parameters when it is added. */
static struct sl_rpc_method add_method = {
	"node.add", method_add, true, {NODE, {"keys", SL_RPC_OBJECT, false}}};

void sl_rpc_change_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_pairs_parameters(&add_method, sl_conf_node_key);
	sl_rpc_add(rpc, &add_method, 1, scope);
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
