/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/speaker.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

void sl_speaker_init(struct sl_speaker *speaker, const struct sl_tx_plan *plan,
		     struct rte_mempool *pool)
{
	struct sl_tx_counters counters = {&speaker->nowhere, &speaker->nowhere, &speaker->nowhere,
					  &speaker->nowhere, &speaker->nowhere};

	memset(speaker, 0, sizeof(*speaker));
	speaker->plan = plan;
	speaker->pool = pool;
	for (uint32_t p = 0; p < plan->port_count; p++)
		if (plan->ports[p].spoken)
			sl_txbuf_init(&speaker->buf[p], plan, p, sl_tx_control(plan), SL_TX_OWN,
				      false, &counters);
}

bool sl_speaker_say(struct sl_speaker *speaker, uint32_t port, const uint8_t *frame, uint32_t size)
{
	struct sl_txbuf *buf = &speaker->buf[port];
	struct rte_mbuf *packet;
	char *octets;

	if (buf->ring == NULL || rte_ring_free_count(buf->ring) <= buf->count)
		return false;
	packet = rte_pktmbuf_alloc(speaker->pool);
	if (packet == NULL)
		return false;
	octets = rte_pktmbuf_append(packet, (uint16_t)size);
	if (octets == NULL) {
		rte_pktmbuf_free(packet);
		return false;
	}
	memcpy(octets, frame, size);
	sl_txbuf_add(buf, packet, size);
	return true;
}

void sl_speaker_flush(struct sl_speaker *speaker)
{
	for (uint32_t p = 0; p < speaker->plan->port_count; p++)
		sl_txbuf_flush(&speaker->buf[p]);
}
