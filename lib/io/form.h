/* SPDX-License-Identifier: BSD-3-Clause */

/* Device strings as DPDK takes them, from the short forms, and with what the MTU asks for.
 *
 * Why:     packet:IFACE says what is meant; names of drivers and sizes of their rings follow from it.
 * Shape:   packet:IFACE, xdp:IFACE, tap:NAME, vhost:PATH; all other strings stay as they are, but
 *          net_af_packet gets frames that hold the MTU unless the string gives it some.
 *          The configuration has looked at their names (conf/device.c).
 * Threads: any; pure.
 */

#ifndef SL_IO_FORM_H
#define SL_IO_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define SL_FORM_SIZE 1200

/* queues: receive cores. text has SL_FORM_SIZE octets. */
void sl_form_write(const char *device, uint16_t queues, uint16_t mtu, char *text);

/* Octets of a frame that the device wants to put into one packet buffer; 0: whatever there is. text
 * as sl_form_write() made it. */
uint32_t sl_form_room(const char *text);

/* The value of a key of a string of DPDK's, where it stands for the nth time, from 0; size octets at
 * most with its zero. False: it does not. */
bool sl_form_value(const char *text, const char *key, uint32_t nth, char *value, uint32_t size);

/* Makes the device's MAC address ours: a TAP is a link of two ends, of which the kernel's has the
 * device's address, and ours another one unless the string gives it. */
void sl_form_own_mac(const char *text, struct sl_mac *mac);

/* Whether the string names a device of that driver: "net_tap" in "net_tap0", "net_tap_x,iface=y". */
bool sl_form_is(const char *text, const char *driver);

#endif
