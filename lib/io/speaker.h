/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames that control sends of its own: questions and announcements of ARP and neighbour discovery.
 *
 * Why:     transmit queues belong to threads of the packet path.
 * Shape:   a sender like others (txbuf.h), by ring to a receive core, which counts what it sends.
 * Threads: control.
 * Memory:  the caller's; what was said and not flushed would be lost.
 * Errors:  a frame that finds no room is not taken.
 */

#ifndef SL_IO_SPEAKER_H
#define SL_IO_SPEAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/txbuf.h"

struct rte_mempool;

struct sl_speaker {
	const struct sl_tx_plan *plan;
	struct rte_mempool *pool;
	uint64_t nowhere; /* the receive core counts */
	struct sl_txbuf buf[SL_PORTS_MAX];
};

/* plan and pool outlive it. */
void sl_speaker_init(struct sl_speaker *speaker, const struct sl_tx_plan *plan,
		     struct rte_mempool *pool);

/* Takes a copy of the frame for a port that is spoken by. False: not now. */
bool sl_speaker_say(struct sl_speaker *speaker, uint32_t port, const uint8_t *frame, uint32_t size);
/* Hands over what was said. */
void sl_speaker_flush(struct sl_speaker *speaker);

#endif
