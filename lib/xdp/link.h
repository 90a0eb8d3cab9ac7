/* SPDX-License-Identifier: BSD-3-Clause */

/* A program on an interface, and what outlives the process: a link with a pin.
 *
 * Why:     a pinned link keeps program and maps when the process is gone, and exchanges the program in
 *          one step. DPDK's AF_XDP driver knows another way: it loads a program and attaches it by
 *          netlink. So bpf_xdp_attach() and bpf_xdp_detach() of the whole program are here: of
 *          interfaces that are announced the driver's program is not attached; its map of sockets,
 *          which the driver fills, becomes ours. All others go their usual way.
 * Shape:   pins are files of bpffs, /sys/fs/bpf/sluice/INSTANCE/NAME.
 * Threads: control.
 * Errors:  negative errno and a sentence with the remedy.
 */

#ifndef SL_XDP_LINK_H
#define SL_XDP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SL_XDP_PATH_SIZE 256

enum sl_xdp_mode { SL_XDP_AUTO = 0, SL_XDP_NATIVE = 1, SL_XDP_GENERIC = 2 };

/* ---- pins ------------------------------------------------------------------------------------ */

#define SL_XDP_PINS "/sys/fs/bpf/sluice"

/* Where an instance's pins are. */
void sl_xdp_pins_folder(const char *instance, char *folder);
/* The same: made, and bpffs mounted when it is not. */
int sl_xdp_pins_open(const char *instance, char *folder, struct sl_err *err);
/* Removes every pin of the instance, and the folder. Returns how many there were. */
int sl_xdp_pins_remove(const char *instance);
/* Pins the descriptor under the name, in place of what has it. */
int sl_xdp_pin(const char *folder, const char *name, int fd);

/* ---- programs on interfaces ------------------------------------------------------------------ */

/* -EBUSY: the interface has a program that is not that of the instance's pin. folder NULL: there are no
 * pins. *ours: there is a pin. */
int sl_xdp_link_check(const char *folder, const char *interface, bool *ours, struct sl_err *err);

/* Whether the interface of that index has a program in generic mode. */
bool sl_xdp_is_generic(uint32_t index);
/* Takes the program of a pinned link off its interface, and its pin away. True: there was one. */
bool sl_xdp_link_detach(const char *folder, const char *interface);

/* Puts the program on the interface, by the pinned link where there is one. *link: a descriptor, to be
 * closed; as long as it is open, or pinned, the program is there. *generic: in which mode. */
int sl_xdp_link_attach(const char *folder, const char *interface, enum sl_xdp_mode mode,
		       int program, int *link, bool *generic, struct sl_err *err);

/* ---- the driver's ---------------------------------------------------------------------------- */

/* From here on the driver's programs are not attached to the interface. */
int sl_xdp_sockets_expect(uint32_t interface);
/* The map of sockets of what the driver would have attached; -1: it has not come. */
int sl_xdp_sockets_of(uint32_t interface);
/* Forgets all interfaces. */
void sl_xdp_sockets_forget(void);

#endif
