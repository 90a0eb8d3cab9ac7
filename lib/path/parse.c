/* SPDX-License-Identifier: BSD-3-Clause */

#include "path/parse.h"

/* Headers are fetched this many packets ahead of parsing. */
#define AHEAD 4

void sl_path_parse(struct sl_path_core *core, uint32_t count, bool checksum)
{
	struct rte_mbuf **packets = core->packets;

	sl_path_parse_begin(core, count);
	for (uint32_t i = 0; i < SL_MIN(count, AHEAD); i++)
		rte_prefetch0(rte_pktmbuf_mtod(packets[i], const void *));
	for (uint32_t i = 0; i < count; i++) {
		if (i + AHEAD < count)
			rte_prefetch0(rte_pktmbuf_mtod(packets[i + AHEAD], const void *));
		sl_path_parse_one(core, i, checksum);
		sl_path_parse_ahead(core, i, i + 1);
	}
	sl_path_parse_end(core);
}
