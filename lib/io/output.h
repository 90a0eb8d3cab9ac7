/* SPDX-License-Identifier: BSD-3-Clause */

/* Captures that a port writes: whether they hold what was sent.
 *
 * Why:     net_pcap writes by libpcap, which is not asked whether a write succeeded: of a full disk
 *          nobody hears.
 * Shape:   the device is stopped, which completes the files; their sizes are compared with what the
 *          device counted. A file that is short is cut back to its last whole frame.
 * Threads: control, when no core uses the port.
 */

#ifndef SL_IO_OUTPUT_H
#define SL_IO_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/port.h"

struct sl_output_loss {
	uint64_t packets, bytes; /* sent and in no file */
	char path[256];		 /* a file that is short */
};

/* False: everything is there, or the port writes no regular file. */
bool sl_output_finish(const struct sl_port *port, struct sl_output_loss *loss);

#endif
