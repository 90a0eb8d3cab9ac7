/* SPDX-License-Identifier: BSD-3-Clause */

/* Octets made fewer, and back.
 *
 * Why:     a text of tens of thousands of nodes is a record of megabytes, and takes a tenth of that.
 * Shape:   a number, the size before, then zlib's stream (RFC 1950) up to the end.
 * Threads: any.
 * Memory:  packs are the caller's.
 * Errors:  0, -ENOMEM, -EINVAL for octets that are no such stream or not of the size that they say.
 */

#ifndef SL_KEEP_SQUEEZE_H
#define SL_KEEP_SQUEEZE_H

#include "keep/pack.h"

/* Appends what the octets become. */
int sl_squeeze(struct sl_pack *pack, const uint8_t *octets, size_t size);

/* What the octets up to end were; appended to pack. */
int sl_unsqueeze(struct sl_unpack *unpack, struct sl_pack *pack);

#endif
