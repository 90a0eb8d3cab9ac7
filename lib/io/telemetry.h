/* SPDX-License-Identifier: BSD-3-Clause */

/* Commands of DPDK's telemetry under /sluice/, for dpdk-telemetry.py.
 *
 * Why:     who watches DPDK programs finds ours where they look for them.
 * Shape:   a command is a name, a line of help and a function that adds numbers under names.
 * Threads: registering: control, before there is traffic; the functions run in threads of
 *          libdpdk's own, one at a time.
 * Errors:  0 or negative errno.
 */

#ifndef SL_IO_TELEMETRY_H
#define SL_IO_TELEMETRY_H

#include <stdint.h>

#define SL_TELEMETRY_COMMANDS_MAX 16

struct sl_telemetry;

/* params is what stood behind the comma, or "". Returns 0, or negative errno when there is no such
 * thing. */
typedef int sl_telemetry_fill(const void *context, const char *params, struct sl_telemetry *out);

/* name and help are borrowed for ever. */
int sl_telemetry_add(const char *name, const char *help, sl_telemetry_fill *fill,
		     const void *context);

/* After this commands answer nothing more: what they read is about to go. */
void sl_telemetry_end(void);

/* DPDK takes letters, digits, `_` and `/` in names: whatever else stands there becomes `_`. */
void sl_telemetry_number(struct sl_telemetry *out, const char *name, uint64_t value);
void sl_telemetry_text(struct sl_telemetry *out, const char *name, const char *text);

#endif
