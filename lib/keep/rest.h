/* SPDX-License-Identifier: BSD-3-Clause */

/* What an end in good order carries over to the next start stands behind the records: its first two numbers.
 *
 * Why:     the file is read before there is a model to take the rest up, and says itself how old it is.
 * Shape:   the form of the octets (SL_REST_FORM, or one before that is read, too), and the wall-clock time
 *          in milliseconds at which they were written; the others are the room carry's.
 * Threads: any.
 * Memory:  octets stay the caller's.
 */

#ifndef SL_KEEP_REST_H
#define SL_KEEP_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "keep/pack.h"

/* Those before have no former services, the first no udp6_checksum of pools. */
#define SL_REST_FORM	      5
#define SL_REST_FORM_SERVICES 4
#define SL_REST_FORM_UDP6     3
#define SL_REST_FORM_FIRST    2

static inline bool sl_rest_is_known(uint64_t form)
{
	return form >= SL_REST_FORM_FIRST && form <= SL_REST_FORM;
}

/* When the octets were written; 0: they make no sense. */
static inline uint64_t sl_rest_written_ms(const struct sl_pack *pack)
{
	struct sl_unpack unpack = {.at = pack->data, .end = pack->data + pack->size};
	bool known = sl_rest_is_known(sl_unpack_number(&unpack));
	uint64_t written_ms = sl_unpack_number(&unpack);

	return known && !unpack.failed ? written_ms : 0;
}

#endif
