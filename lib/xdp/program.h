/* SPDX-License-Identifier: BSD-3-Clause */

/* A compiled program, loaded with maps that are there already.
 *
 * Why:     maps outlive programs: what is exchanged on an interface is the program alone.
 * Threads: control.
 * Errors:  negative errno and a sentence.
 */

#ifndef SL_XDP_PROGRAM_H
#define SL_XDP_PROGRAM_H

#include <stdint.h>

#include "base/err.h"

/* A map of the program, by its name there, and the descriptor that takes its place. */
struct sl_xdp_map_use {
	const char *name;
	int fd;
};

/* Returns a descriptor of the object's first program, the caller's to close. */
int sl_xdp_program_load(const uint8_t *octets, uint32_t size, const struct sl_xdp_map_use *maps,
			uint32_t count, struct sl_err *err);

/* What errno says about something that the kernel would not do, with the remedy. Returns -errno. */
int sl_xdp_refuse(struct sl_err *err, const char *what);

#endif
