/* SPDX-License-Identifier: BSD-3-Clause */

/* Parsing a burst: what the plain and the wide way share. Private to path.
 *
 * Shape:   begin, then every packet of the burst once in any order, then end.
 * Threads: the core.
 */

#ifndef SL_PATH_PARSE_H
#define SL_PATH_PARSE_H

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "path/stage.h"
#include "pkt/parse.h"
#include "state/known.h"

static inline void sl_path_parse_begin(struct sl_path_core *core, uint32_t count)
{
	struct sl_burst *burst = &core->burst;

	_Static_assert(SL_VERDICT_NODE == 0, "verdicts are cleared");
	memset(burst->verdict, 0, sizeof(burst->verdict));
	memset(burst->reason, 0, sizeof(burst->reason));
	burst->count = count;
	burst->plain = burst->ipv4 = burst->ipv6 = true;
	burst->special = 0;
	core->burst_flags = 0;
	burst->tagged = core->core.ahead.buckets != NULL;
}

static inline void sl_path_parse_end(struct sl_path_core *core)
{
	struct sl_burst *burst = &core->burst;
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < burst->count; i++)
		bytes += burst->frame_size[i];
	burst->bytes = bytes;
}

/* The flows of packets first to end - 1, if they are in a fully tracked pool. */
static inline void sl_path_parse_ahead(struct sl_path_core *core, uint32_t first, uint32_t end)
{
	if (sl_likely(!core->burst.tagged))
		return;
	for (uint32_t i = first; i < end; i++)
		sl_known_ahead(&core->core.ahead, &core->burst, i);
}

/* One packet, whatever it is. */
static inline void sl_path_parse_one(struct sl_path_core *core, uint32_t i, bool checksum)
{
	struct sl_burst *burst = &core->burst;
	struct rte_mbuf *packet = core->packets[i];
	struct sl_pkt *pkt = &burst->pkt[i];
	uint32_t options = SL_PARSE_CHECK_SUM, size = packet->pkt_len;

	if (checksum &&
	    (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		options = 0;
	burst->frame_size[i] = size;
	if (sl_unlikely(packet->data_len != size) ||
	    sl_unlikely(!sl_parse_plain(rte_pktmbuf_mtod(packet, const uint8_t *), size, size,
					options, pkt))) {
		sl_path_parse_odd(core, i, options);
		return;
	}
	sl_burst_note(burst, i);
}

#endif
