/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/squeeze.h"

#include <errno.h>
#include <zlib.h>

#define LEVEL	   1	   /* the control thread waits for it */
#define RATIO_MOST 1032ull /* of the format: more is no stream of it */

int sl_squeeze(struct sl_pack *pack, const uint8_t *octets, size_t size)
{
	uLongf room = compressBound(size);
	uint8_t *at;

	sl_pack_number(pack, size);
	at = sl_pack_reserve(pack, room);
	if (!at || compress2(at, &room, octets, size, LEVEL) != Z_OK) {
		pack->failed = true;
		return -ENOMEM;
	}
	pack->size += room;
	return 0;
}

int sl_unsqueeze(struct sl_unpack *unpack, struct sl_pack *pack)
{
	uint64_t size = sl_unpack_number(unpack), length = (uint64_t)(unpack->end - unpack->at);
	uLongf made = size;
	uint8_t *at;
	int rc;

	if (unpack->failed || size / RATIO_MOST > length)
		return -EINVAL;
	at = sl_pack_reserve(pack, size + 1);
	if (!at)
		return -ENOMEM;
	rc = uncompress(at, &made, unpack->at, length);
	if (rc == Z_MEM_ERROR)
		return -ENOMEM;
	if (rc != Z_OK || made != size)
		return -EINVAL;
	pack->size += size;
	unpack->at = unpack->end;
	return 0;
}
