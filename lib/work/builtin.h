/* SPDX-License-Identifier: BSD-3-Clause */

/* The handlers that come with sluice; each stands in a file of its name.
 *
 * sink:    frees what comes; the worker has counted it.
 * echo:    turns each packet round and sends it back by the port it came in by: MAC addresses, IP
 *          addresses and ports exchanged, echo requests of ICMP turned into replies, checksums
 *          right. What cannot have an answer (to or from a group address, no IP) is freed.
 * capture: writes frames to a pcapng file with nanoseconds of the wall clock.
 * tally:   counts packets and octets by a key.
 * flows:   tells a collector of flows, by IPFIX.
 * plugin:  a shared object of the user's (sluice/handler.h).
 *
 * Threads: as the handler contract says (handler.h).
 */

#ifndef SL_WORK_BUILTIN_H
#define SL_WORK_BUILTIN_H

#include <stdint.h>

#include "work/handler.h"

extern const struct sl_handler_ops sl_handler_sink;
extern const struct sl_handler_ops sl_handler_echo;
extern const struct sl_handler_ops sl_handler_capture;
extern const struct sl_handler_ops sl_handler_tally;
extern const struct sl_handler_ops sl_handler_flows;
extern const struct sl_handler_ops sl_handler_plugin;

/* Whether a file is a shared object of the contract; opens no instance. */
int sl_plugin_check(const char *file, struct sl_err *err);

/* Turns a frame round in place. size: octets that are contiguous; frame_size: all of them. mac: of
 * the port it leaves by, for answers to frames that were sent to a group. 0, or -EINVAL when there
 * is no answer to it (the frame may be changed). */
int sl_echo_turn(uint8_t *frame, uint32_t size, uint32_t frame_size, const uint8_t *mac);

#endif
