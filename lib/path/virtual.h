/* SPDX-License-Identifier: BSD-3-Clause */

/* What a receive queue of a virtual device needs beside others: private to path.
 *
 * Why:     behind such a device the sender's kernel leaves checksums and the cutting of large segments
 *          to a NIC that is not there.
 * Shape:   a burst is taken from the device, and packets from it, one by one, as many as a burst of
 *          the path has room for: large ones segment by segment, as a link would have brought them.
 *          So all that comes after sees packets of at most the link's MTU, and the balance counts
 *          those. Checksums are completed when it is decided that somebody gets the packet.
 * Threads: the core.
 * Memory:  one a queue, allocated with the core.
 */

#ifndef SL_PATH_VIRTUAL_H
#define SL_PATH_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "io/packet.h"
#include "pkt/segment.h"

struct rte_mbuf;
struct sl_port;

#define SL_PATH_LARGE_SIZE (65535 + 64) /* octets of a frame before it is cut */

struct sl_path_virtual {
	struct sl_packet_ring *ring; /* tells of each frame; NULL: octets must tell */
	uint32_t mtu;
	uint32_t at, count; /* of what the device gave, `at` comes next */
	struct rte_mbuf *given[SL_BURST_MAX];
	struct sl_packet_mark marks[SL_BURST_MAX];
	bool is_cutting; /* given[at] */
	struct sl_segments segments;
	/* Of the burst under way: where the packet's checksum is, a mark each. */
	struct sl_packet_mark sums[SL_BURST_MAX];
	uint8_t frame[SL_PATH_LARGE_SIZE]; /* of what is cut */
};

/* Of a queue of an open port. */
int sl_path_virtual_create(const struct sl_port *port, uint32_t queue,
			   struct sl_path_virtual **virtual);
/* Frees what it holds. Takes NULL. */
void sl_path_virtual_destroy(struct sl_path_virtual *virtual);

#endif
