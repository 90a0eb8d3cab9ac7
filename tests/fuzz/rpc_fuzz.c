/* SPDX-License-Identifier: BSD-3-Clause */

/* Lines of any octets to the request handler: every one is answered with an object or is a
 * notification, and a handler sees parameters of the types it asked for only. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int answer(struct sl_rpc_call *call)
{
	uint64_t ms = 0;

	if (sl_rpc_duration(call, "deadline", &ms) != 0)
		return -1;
	if (sl_rpc_string(call, "node", NULL) == NULL)
		abort();
	call->result = json_pack("{s:f, s:I, s:b}", "weight", sl_rpc_number(call, "weight", 1.0),
				 "if", (json_int_t)sl_rpc_integer(call, "if_generation", 0), "now",
				 sl_rpc_boolean(call, "now"));
	return 0;
}

static const struct sl_rpc_method methods[] = {
	{.name = "node.drain",
	 .handler = answer,
	 .changes = true,
	 .parameters = {{"node", SL_RPC_STRING, true},
			{"weight", SL_RPC_NUMBER, false},
			{"if_generation", SL_RPC_INTEGER, false},
			{"now", SL_RPC_BOOLEAN, false},
			{"deadline", SL_RPC_DURATION, false}}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sl_rpc rpc;
	const struct sl_peer peer = {.may_change = size % 2 == 0};
	struct sl_rpc_answer got = {0};
	char *line = malloc(size + 1);

	if (line == NULL)
		return 0;
	if (rpc.table_count == 0)
		sl_rpc_add(&rpc, methods, 1, NULL);
	memcpy(line, data, size);
	line[size] = '\0';
	sl_rpc_handle(&rpc, &peer, line, size, &got);
	if (got.message != NULL) {
		if (!json_is_object(got.message))
			abort();
		if (!json_object_get(got.message, "result") ==
		    !json_object_get(got.message, "error"))
			abort();
		json_decref(got.message);
	}
	free(line);
	return 0;
}
