/* SPDX-License-Identifier: BSD-3-Clause */

/* Interfaces of the kernel that devices use: what is there, and what is asked of it.
 *
 * Why:     drivers join what they find under a name, cut names that are too long, switch flags of
 *          interfaces on for good.
 * Shape:   frames for any MAC address are asked for by a socket of our own: the kernel takes that
 *          back when we end, in whatever way, and leaves the interface's own flag alone.
 * Threads: control.
 * Errors:  negative errno.
 */

#ifndef SL_IO_INTERFACE_H
#define SL_IO_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#define SL_INTERFACE_NAME_SIZE 16 /* its zero included */

bool sl_interface_is_there(const char *name);
/* Receive queues; 0: not known. */
uint32_t sl_interface_rx_queues(const char *name);

/* What the kernel knows of an interface's link. False: there is no such interface any more. */
struct sl_interface_link {
	bool up;
	uint32_t speed_mbps; /* 0: unknown */
	uint32_t mtu;
};
bool sl_interface_link(uint32_t index, struct sl_interface_link *link);

/* Makes a name of prefix and name in text, SL_INTERFACE_NAME_SIZE octets. What does not fit is cut and
 * ends in a hash of the whole, so that two names stay two. */
void sl_interface_name(const char *prefix, const char *name, char *text);

/* A hash for names: of a text. */
uint32_t sl_interface_hash(const char *text);

/* What of an interface's flags DPDK clears with the start of a device; and to set it again. */
uint32_t sl_interface_flags(uint32_t index);
void sl_interface_flags_restore(uint32_t index, uint32_t flags);

/* Has the interface take frames for any MAC address until the descriptor that it returns is closed. */
int sl_interface_take_all(uint32_t index);

/* Frames that found no room in an AF_PACKET socket since the last call. */
uint64_t sl_interface_missed(int fd);

#endif
