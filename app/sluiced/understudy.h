/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's side of the data plane: XDP programs on the interfaces of ports `xdp:`.
 *
 * Threads: control.
 * Memory:  wire->xdp; NULL where no port asks for it, or the kernel lacks what it takes.
 * Errors:  negative errno and a sentence.
 */

#ifndef SLUICED_UNDERSTUDY_H
#define SLUICED_UNDERSTUDY_H

#include <stdbool.h>

#include "wire.h"

/* Before ports are opened. Without what it takes the driver's own program does, and that is said. */
int understudy_open(struct wire *wire, struct sl_err *err);
/* For the model's hooks; context is the wire. */
void understudy_write(void *context, const struct sl_snapshot *snapshot);
void understudy_report(void *context, struct sl_understudy *report);
/* Before cores stop: lets them run what is in the sockets. */
void understudy_yield(struct wire *wire);
/* When ports are closed. stays: it goes on serving where it may, and that is said. */
void understudy_close(struct wire *wire, bool stays);

/* `sluiced --detach`: takes away what a daemon before has left. */
int understudy_detach(const struct sl_conf *conf, struct sl_err *err);

#endif
