/* SPDX-License-Identifier: BSD-3-Clause */

#include "pcapng.h"

#include <string.h>

#define SECTION		 0x0a0d0d0au
#define INTERFACE	 1u
#define FRAME		 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define VERSION		 1u /* 1.0 */
#define ETHERNET	 1u
#define OPT_COMMENT	 1u
#define OPT_TSRESOL	 9u
#define NANOSECONDS	 9u

static void put32(FILE *out, uint32_t value)
{
	(void)fwrite(&value, sizeof(value), 1, out);
}

static uint32_t padded(uint32_t size)
{
	return (size + 3) & ~3u;
}

/* Octets, and zeros up to the next word. */
static void put_padded(FILE *out, const void *octets, uint32_t size)
{
	static const uint8_t zeros[4];

	(void)fwrite(octets, 1, size, out);
	(void)fwrite(zeros, 1, padded(size) - size, out);
}

static void put_option(FILE *out, uint16_t code, const void *value, uint16_t size)
{
	put32(out, code | (uint32_t)size << 16);
	put_padded(out, value, size);
}

void pcapng_begin(FILE *out)
{
	static const uint8_t resolution = NANOSECONDS;

	put32(out, SECTION);
	put32(out, 28);
	put32(out, BYTE_ORDER_MAGIC);
	put32(out, VERSION);
	put32(out, UINT32_MAX); /* the section's length is not said */
	put32(out, UINT32_MAX);
	put32(out, 28);
	put32(out, INTERFACE);
	put32(out, 32);
	put32(out, ETHERNET);
	put32(out, 0);
	put_option(out, OPT_TSRESOL, &resolution, sizeof(resolution));
	put32(out, 0);
	put32(out, 32);
}

void pcapng_frame(FILE *out, uint64_t wall_ns, const uint8_t *octets, uint32_t kept, uint32_t size,
		  const char *comment)
{
	uint16_t length = (uint16_t)strnlen(comment, 4096);
	uint32_t total = 32 + padded(kept) + 4 + padded(length) + 4;

	put32(out, FRAME);
	put32(out, total);
	put32(out, 0);
	put32(out, (uint32_t)(wall_ns >> 32));
	put32(out, (uint32_t)wall_ns);
	put32(out, kept);
	put32(out, size);
	put_padded(out, octets, kept);
	put_option(out, OPT_COMMENT, comment, length);
	put32(out, 0);
	put32(out, total);
}
