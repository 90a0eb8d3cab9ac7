/* SPDX-License-Identifier: BSD-3-Clause */

/* <string.h> of the kernel's programs: what clang makes itself of copies of a known size.
 *
 * Why:     sources that are compiled twice include <string.h>; there is no C library under -target bpf.
 * Threads: any.
 */

#ifndef SL_XDP_FREESTANDING_STRING_H
#define SL_XDP_FREESTANDING_STRING_H

/* clang takes what has no alignment octet by octet; the kernel's x86-64 has no such need. */
#define SL_ALIGNED(at)		__builtin_assume_aligned(at, 8)
#define memcpy(to, from, size)	__builtin_memcpy(SL_ALIGNED(to), SL_ALIGNED(from), size)
#define memset(to, value, size) __builtin_memset(SL_ALIGNED(to), value, size)

#endif
