/* SPDX-License-Identifier: BSD-3-Clause */

/* Device strings: what they name, and whether it is there, before DPDK is asked.
 *
 * Why:     drivers answer a missing or damaged file, interface or folder with a code and no name;
 *          people need the name and the remedy.
 * Shape:   "NAME[,KEY=VALUE]..." as DPDK takes it; files of net_pcap, interfaces of net_pcap and
 *          net_af_packet are looked at. An interface that net_tap would make must not be there.
 * Threads: control.
 * Errors:  negative errno and a sentence; outputs are written only on success.
 */

#ifndef SL_IO_DEVICE_H
#define SL_IO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SL_DEVICE_SIZE	    1024
#define SL_DEVICE_NAME_SIZE 64
#define SL_DEVICE_NOTE_SIZE 384
#define SL_DEVICE_FRAME_MAX 65535 /* octets of a frame that drivers count in 16 bits */
#define SL_DEVICE_CAPTURE_SCAN_MAX                                                                 \
	(1ll << 30) /* octets: larger captures are not looked through   \
						*/

struct sl_device {
	char name[SL_DEVICE_NAME_SIZE]; /* "net_pcap0" or the PCI address with its domain */
	bool is_pci;
	bool is_capture;		/* reads and writes files alone */
	uint32_t frame_max;		/* octets of a capture's longest frame, or what it may be */
	char note[SL_DEVICE_NOTE_SIZE]; /* a warning: a capture is cut or holds nothing; or empty */
};

int sl_device_check(const char *text, struct sl_device *device, struct sl_err *err);

/* Whether a device string names a PCI address, with or without its domain. address (16 octets at
 * least, or NULL) gets it with the domain. */
bool sl_device_is_pci(const char *text, char *address);

/* Whether a device string names a PCI address where the kernel sees no card. A driver of one that was
 * pulled reads what a bus says without it, ones or zeros, and waits for answers at its end. */
bool sl_device_is_unplugged(const char *text);

#endif
