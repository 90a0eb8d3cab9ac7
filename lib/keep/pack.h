/* SPDX-License-Identifier: BSD-3-Clause */

/* Octets of kept state: numbers, texts and blocks one after the other, written and read back.
 *
 * Shape:   numbers in groups of seven bits, low ones first; texts and blocks with their length
 *          before them. A failure sticks: writers and readers are checked once, at the end.
 * Threads: the control thread.
 * Memory:  a struct sl_pack owns its octets (sl_pack_fini); a struct sl_unpack borrows.
 * Errors:  failed: no memory, or octets that end early or make no sense.
 */

#ifndef SL_KEEP_PACK_H
#define SL_KEEP_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SL_PACK_NUMBER_SIZE_MAX 10
#define SL_PACK_ROOM_MIN	256

struct sl_pack {
	uint8_t *data;
	size_t size, room;
	bool failed;
};

struct sl_unpack {
	const uint8_t *at, *end;
	bool failed;
};

static inline void sl_pack_fini(struct sl_pack *pack)
{
	free(pack->data);
	*pack = (struct sl_pack){0};
}

/* Room for more octets behind the last. Returns where, or NULL. */
static inline uint8_t *sl_pack_reserve(struct sl_pack *pack, size_t more)
{
	size_t room = pack->room ? pack->room : SL_PACK_ROOM_MIN;
	uint8_t *data;

	while (room < pack->size + more)
		room *= 2;
	if (room > pack->room && !pack->failed) {
		data = realloc(pack->data, room);
		pack->failed = !data;
		pack->data = data ? data : pack->data;
		pack->room = data ? room : pack->room;
	}
	return pack->failed ? NULL : pack->data + pack->size;
}

static inline void sl_pack_number(struct sl_pack *pack, uint64_t value)
{
	uint8_t *at = sl_pack_reserve(pack, SL_PACK_NUMBER_SIZE_MAX);

	if (!at)
		return;
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	pack->size = (size_t)(at - pack->data);
}

/* As they are, without their length. */
static inline void sl_pack_octets(struct sl_pack *pack, const void *octets, size_t size)
{
	uint8_t *at = sl_pack_reserve(pack, size);

	if (!at || size == 0)
		return;
	memcpy(at, octets, size);
	pack->size += size;
}

static inline void sl_pack_block(struct sl_pack *pack, const void *octets, size_t size)
{
	sl_pack_number(pack, size);
	sl_pack_octets(pack, octets, size);
}

/* With its final zero, so that readers may use it in place. */
static inline void sl_pack_text(struct sl_pack *pack, const char *text)
{
	sl_pack_block(pack, text, strlen(text) + 1);
}

static inline uint64_t sl_unpack_number(struct sl_unpack *unpack)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && unpack->at < unpack->end; shift += 7) {
		uint8_t octet = *unpack->at++;

		value |= (uint64_t)(octet & 0x7f) << shift;
		if (!(octet & 0x80))
			return value;
	}
	unpack->failed = true;
	return 0;
}

/* size octets, or NULL. */
static inline const uint8_t *sl_unpack_block(struct sl_unpack *unpack, size_t *size)
{
	uint64_t length = sl_unpack_number(unpack);
	const uint8_t *block = unpack->at;

	*size = 0;
	if (unpack->failed || length > (uint64_t)(unpack->end - unpack->at)) {
		unpack->failed = true;
		return NULL;
	}
	unpack->at += length;
	*size = (size_t)length;
	return block;
}

/* Never NULL: "" on failure. */
static inline const char *sl_unpack_text(struct sl_unpack *unpack)
{
	size_t size;
	const char *text = (const char *)sl_unpack_block(unpack, &size);

	if (text && size > 0 && text[size - 1] == '\0')
		return text;
	unpack->failed = true;
	return "";
}

#endif
