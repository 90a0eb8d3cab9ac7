/* SPDX-License-Identifier: BSD-3-Clause */

/* What others on the link say of next hops' MAC addresses, from receive cores to control.
 *
 * Why:     answers to our own questions come in among packets, and so do lies: whoever floods the link
 *          with claims must not keep the true ones from control.
 * Shape:   a ring a core; each address with each MAC may enter it SL_TOLD_RATE times in a window, so
 *          that a claim that is repeated leaves room for all others. Which pairs share a count is
 *          secret.
 * Threads: put: the core; take: control.
 * Memory:  the core's counters own it.
 * Errors:  none; what finds no room is lost, and asked for again.
 */

#ifndef SL_LCORE_TOLD_H
#define SL_LCORE_TOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/hash.h"

#define SL_TOLD_ROOM	  4096u /* a power of two */
#define SL_TOLD_COUNTS	  4096u /* a power of two */
#define SL_TOLD_WINDOW_MS 50u
#define SL_TOLD_RATE	  4u

struct sl_told {
	uint8_t port; /* index of the one it came in by */
	struct sl_mac mac;
	struct sl_addr addr;
};

struct sl_told_ring {
	uint32_t head; /* written: the core */
	uint32_t spare[15];
	uint32_t tail; /* written: control */
	uint32_t spare2[15];
	uint32_t counts[SL_TOLD_COUNTS]; /* the window's number, times 256, and how many in it */
	struct sl_told told[SL_TOLD_ROOM];
};

/* True if the pair of address and MAC may enter. */
static inline bool sl_told_is_rare(struct sl_told_ring *ring, const struct sl_told *told,
				   const struct sl_hash_key *key, uint64_t now_ms)
{
	uint32_t window = (uint32_t)(now_ms / SL_TOLD_WINDOW_MS) << 8, *count;
	uint64_t high, low, mac = told->port;

	memcpy(&high, told->addr.octets, sizeof(high));
	memcpy(&low, told->addr.octets + sizeof(high), sizeof(low));
	memcpy((uint8_t *)&mac + 1, &told->mac, sizeof(told->mac));
	count = &ring->counts[sl_hash2(key, high ^ mac, low) % SL_TOLD_COUNTS];
	if ((*count & ~0xffu) != window)
		*count = window;
	if ((*count & 0xff) == SL_TOLD_RATE)
		return false;
	(*count)++;
	return true;
}

static inline void sl_told_put(struct sl_told_ring *ring, const struct sl_told *told,
			       const struct sl_hash_key *key, uint64_t now_ms)
{
	if (ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == SL_TOLD_ROOM ||
	    !sl_told_is_rare(ring, told, key, now_ms))
		return;
	ring->told[ring->head % SL_TOLD_ROOM] = *told;
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/* False: there is nothing. */
static inline bool sl_told_take(struct sl_told_ring *ring, struct sl_told *told)
{
	if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail)
		return false;
	*told = ring->told[ring->tail % SL_TOLD_ROOM];
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
	return true;
}

#endif
