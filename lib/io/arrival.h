/* SPDX-License-Identifier: BSD-3-Clause */

/* Which descriptor becomes readable when a receive queue has packets.
 *
 * Why:     a core that waits for them in the kernel costs nothing while nothing comes and is there at
 *          once; short sleeps cost a twentieth of a CPU where timers are dear.
 * Shape:   devices with receive interrupts (NICs, virtio, net_tap) give their descriptors.
 *          net_af_packet and net_af_xdp do not, but poll their sockets' rings, and sockets can be
 *          waited for: they are found among the process's descriptors, those that came with the
 *          port, in the order they were made, which is that of the queues. A number of them that
 *          is not the queues' is not understood, and the port is polled as one that cannot tell.
 * Threads: control, which opens one port after the other.
 */

#ifndef SL_IO_ARRIVAL_H
#define SL_IO_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#define SL_ARRIVAL_QUEUES_MAX 128
#define SL_ARRIVAL_FDS_MAX    4096 /* higher ones are not looked at */

/* How the receive queues of a port are waited for. */
struct sl_arrival {
	uint16_t count;	 /* queues that can be: all of the port's, or 0 */
	bool interrupts; /* enabled before the wait, disabled after it */
	bool counters;	 /* what is read from the descriptors is how often they rang */
	int fd[SL_ARRIVAL_QUEUES_MAX]; /* the device's, not to be closed */
};

/* The descriptors there were before a port was opened. */
struct sl_arrival_mark {
	uint64_t open[SL_ARRIVAL_FDS_MAX / 64];
};

void sl_arrival_mark(struct sl_arrival_mark *mark);

/* Whether the driver is to be configured with receive interrupts to be waited for. */
bool sl_arrival_wants_interrupts(const char *driver);

/* Of a started port with so many receive queues of those that the device has. */
void sl_arrival_find(const struct sl_arrival_mark *mark, uint16_t port_id, const char *driver,
		     uint16_t queues, uint16_t device_queues, struct sl_arrival *arrival);

#endif
