/* SPDX-License-Identifier: BSD-3-Clause */

/* Sources that are compiled twice: for every x86-64 CPU that DPDK runs on (SSE4.2), and for those
 * with AVX2, BMI2 and MOVBE, which the machine decides at run time.
 *
 * Why:     the same text in fewer instructions, with the plain variant as the twin to test against.
 * Shape:   a function of such a source is defined as SL_VARIANT(name) and declared as name and
 *          name_wide. Each wing's meson.build names its sources, wide_args in lib/meson.build are
 *          what path/core.c asks the CPU for.
 * Threads: any; pure.
 */

#ifndef SL_BASE_WIDE_H
#define SL_BASE_WIDE_H

#include <stdint.h>
#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#define SL_VARIANT(name) name##_wide
#else
#define SL_VARIANT(name) name
#endif

/* At the end of a variant that calls functions of its own: gcc 12 leaves upper halves of registers dirty
 * then, and what is compiled for SSE waits for them, 17 cycles a packet in dispatch to workers. */
static inline void sl_wide_end(void)
{
#ifdef __AVX2__
	_mm256_zeroupper();
#endif
}

/* 32 octets, in as few pieces as there are registers for. */
static inline void sl_wide_copy32(void *to, const void *from)
{
#ifdef __AVX2__
	_mm256_storeu_si256((__m256i *)to, _mm256_loadu_si256((const __m256i *)from));
#else
	memcpy(to, from, 32);
#endif
}

#endif
