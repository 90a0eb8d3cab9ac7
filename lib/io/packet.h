/* SPDX-License-Identifier: BSD-3-Clause */

/* Sockets of AF_PACKET as DPDK's net_af_packet opens them, and what it does not tell of their frames.
 *
 * Why:     the kernel hands segments over before it has cut them, or after it has merged them, and
 *          without their checksums; the driver shows neither, and loses what its slots do not hold.
 * Shape:   setsockopt() of the whole program is here: it sees the driver make its sockets and asks
 *          for more. Frames then have a virtio_net_hdr before them in the ring, which is read before
 *          the driver takes them; what a slot does not hold waits whole in the socket's queue.
 *          Such a socket wants the header before frames that are sent, too.
 *          IPv4 fragments are left as they came: the driver's fanout would reassemble them.
 * Threads: open and close: control; the rest: the queue's receive core.
 * Memory:  open maps the driver's ring a second time.
 * Errors:  negative errno.
 * Source:  packet(7); the virtio specification 1.2, section 5.1.6.
 */

#ifndef SL_IO_PACKET_H
#define SL_IO_PACKET_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct sl_packet_ring;

#define SL_PACKET_HEAD 10 /* octets of the header before a frame that is sent */

/* What the kernel knows of a frame. */
struct sl_packet_mark {
	uint32_t size;	     /* octets of the frame in its slot */
	uint16_t segment;    /* octets of payload in each segment; 0: it is one */
	uint16_t sum_start;  /* offset in the frame from which on the checksum is, ... */
	uint16_t sum_offset; /* ... of the field, from there */
	bool partial;	     /* the field holds the pseudo header's sum alone */
	bool is_copied;	     /* the whole frame waits in the socket's queue */
};

/* Of the receive queue whose socket this is. -ENOTSUP: the kernel or the driver does not play. */
int sl_packet_ring_open(int fd, struct sl_packet_ring **ring);
void sl_packet_ring_close(struct sl_packet_ring *ring); /* takes NULL */

/* Marks of the frames that the driver would take next, count at most. Returns how many there are: the
 * driver must then be asked for no more. */
uint32_t sl_packet_ring_look(const struct sl_packet_ring *ring, struct sl_packet_mark *marks,
			     uint32_t count);
/* The driver took so many of them. False: not those that were looked at, marks mean nothing from now
 * on and there will be none. */
bool sl_packet_ring_took(struct sl_packet_ring *ring, const struct sl_packet_mark *marks,
			 struct rte_mbuf *const *packets, uint32_t count);

/* Reads the whole frame of a copied one into frame of `room` octets; head: first octets of its IP header
 * or whatever follows the EtherType at octet 12. Returns its size, 0: it is lost. */
uint32_t sl_packet_read(struct sl_packet_ring *ring, const uint8_t *head, uint32_t head_size,
			uint8_t *frame, uint32_t room);

/* Whether the sockets that the driver made last want the header. */
bool sl_packet_wants_heads(void);

/* Puts an empty header before each frame. */
void sl_packet_prepend(struct rte_mbuf *const *packets, uint32_t count);

#endif
