/* SPDX-License-Identifier: BSD-3-Clause */

/* The program behind the driver's, in the kernel's traffic control: pass.bpf.c on an interface.
 *
 * Why:     passing a segment on takes a route and a neighbour, which the kernel finds there alone.
 * Shape:   a filter of the qdisc clsact, of a priority and handle of ours; it needs no pin. The qdisc
 *          stays, since others may use it.
 * Threads: the command's.
 * Errors:  negative errno and a sentence with the remedy.
 */

#ifndef SL_DECAP_BEHIND_H
#define SL_DECAP_BEHIND_H

#include "decap/attach.h"

/* In place of our own; -EBUSY: another filter has the place. */
int sl_decap_behind_attach(const char *interface, const struct sl_decap_set *set,
			   struct sl_err *err);
/* Takes ours away, if it is there. */
void sl_decap_behind_detach(const char *interface);

#endif
