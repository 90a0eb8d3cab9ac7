/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/extension.h"

#include "base/bytes.h"
#include "pkt/hdr.h"

#define EXTENSION_UNIT	  8
#define AH_UNIT		  4
#define AH_SIZE_MIN	  12
#define FRAGMENT_RESERVED 0x0006

bool sl_extension_is(uint8_t protocol)
{
	switch (protocol) {
	case SL_PROTO_HOP_BY_HOP:
	case SL_PROTO_ROUTING:
	case SL_PROTO_FRAGMENT:
	case SL_PROTO_AH:
	case SL_PROTO_DESTINATION:
	case SL_PROTO_MOBILITY:
		return true;
	default:
		return false;
	}
}

static uint32_t header_size(uint8_t protocol, const uint8_t *header)
{
	if (protocol == SL_PROTO_FRAGMENT)
		return EXTENSION_UNIT;
	if (protocol == SL_PROTO_AH)
		return (header[1] + 2u) * AH_UNIT;
	return (header[1] + 1u) * EXTENSION_UNIT;
}

enum sl_pkt_status sl_extension_walk(const uint8_t *octets, uint32_t limit,
				     struct sl_extensions *walk)
{
	while (sl_extension_is(walk->protocol)) {
		const uint8_t *header = octets + walk->off;
		uint8_t protocol = walk->protocol;
		uint32_t size;

		if (walk->count == SL_PARSE_EXTENSIONS_MAX)
			return SL_PKT_BAD_HEADER;
		if (walk->off + EXTENSION_UNIT > limit)
			return SL_PKT_TRUNCATED;
		size = header_size(protocol, header);
		if (protocol == SL_PROTO_AH && size < AH_SIZE_MIN)
			return SL_PKT_BAD_HEADER;
		if (walk->off + size > limit)
			return SL_PKT_TRUNCATED;
		if (protocol == SL_PROTO_FRAGMENT) {
			if (walk->has_fragment)
				return SL_PKT_BAD_HEADER;
			walk->has_fragment = true;
			walk->fragment_off = walk->off;
			walk->fragment = sl_load_be16(header + 2) & (uint16_t)~FRAGMENT_RESERVED;
		}
		walk->protocol = header[0];
		walk->off += size;
		walk->count++;
		if (protocol == SL_PROTO_FRAGMENT && (walk->fragment & SL_FRAGMENT_OFFSET))
			break;
	}
	return SL_PKT_OK;
}
