/* SPDX-License-Identifier: BSD-3-Clause */

/* What receive cores hear that control must know: errors about our own tunnel packets, and others that
 * claim an address of ours.
 *
 * Why:     cores write no log and change no snapshot; whoever sends packets as a host listens as one.
 * Shape:   a ring a core. A full one loses what comes then, so that a flood costs nobody anything.
 * Threads: put: the core; take: control.
 * Memory:  the core's counters own it.
 * Errors:  none.
 */

#ifndef SL_LCORE_HEARD_H
#define SL_LCORE_HEARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"

#define SL_HEARD_ROOM 32 /* a power of two */

enum sl_heard_kind {
	SL_HEARD_TOO_BIG = 0,	  /* a tunnel packet did not fit a link on its way */
	SL_HEARD_UNREACHABLE = 1, /* it did not arrive for another reason */
	SL_HEARD_CLAIM = 2,	  /* somebody says that it has an address of ours */
};

struct sl_heard {
	uint8_t kind;	      /* enum sl_heard_kind */
	uint8_t protocol;     /* of the quoted packet */
	uint8_t port;	      /* index of the one it came in by */
	struct sl_mac mac;    /* CLAIM: whose */
	uint16_t dport;	      /* of the quoted packet's UDP header; 0: none */
	uint32_t mtu;	      /* TOO_BIG: what is told; 0: nothing */
	uint32_t size;	      /* TOO_BIG: octets of the quoted packet */
	struct sl_addr ours;  /* the quoted packet's source; CLAIM: the address */
	struct sl_addr other; /* its destination */
};

struct sl_heard_ring {
	uint32_t head; /* written: the core */
	uint32_t spare[15];
	uint32_t tail; /* written: control */
	uint32_t spare2[15];
	struct sl_heard heard[SL_HEARD_ROOM];
};

static inline void sl_heard_put(struct sl_heard_ring *ring, const struct sl_heard *heard)
{
	if (ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == SL_HEARD_ROOM)
		return;
	ring->heard[ring->head % SL_HEARD_ROOM] = *heard;
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/* False: there is nothing. */
static inline bool sl_heard_take(struct sl_heard_ring *ring, struct sl_heard *heard)
{
	if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail)
		return false;
	*heard = ring->heard[ring->tail % SL_HEARD_ROOM];
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
	return true;
}

#endif
