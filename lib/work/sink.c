/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "work/builtin.h"

static int sink_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	(void)args;
	(void)err;
	*state = NULL;
	return 0;
}

static void sink_burst(void *state, const struct sl_handler_burst *burst)
{
	(void)state;
	rte_pktmbuf_free_bulk(burst->packets, burst->count);
}

const struct sl_handler_ops sl_handler_sink = {
	.name = "sink",
	.open = sink_open,
	.burst = sink_burst,
};
