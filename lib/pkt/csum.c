/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/csum.h"

#include "pkt/hdr.h"

uint64_t sl_csum_partial(const void *octets, uint32_t size)
{
	const uint8_t *at = octets;
	uint64_t sum = 0, odd = 0;

	for (; size >= 16; size -= 16, at += 16) {
		uint64_t a = sl_load64(at), b = sl_load64(at + 8);

		sum += (uint32_t)a + (a >> 32);
		odd += (uint32_t)b + (b >> 32);
	}
	sum += odd;
	for (; size >= 4; size -= 4, at += 4)
		sum += sl_load32(at);
	if (size >= 2) {
		sum += sl_load16(at);
		at += 2;
		size -= 2;
	}
	if (size)
		sum += *at;
	return sum;
}

uint64_t sl_csum_pseudo(const uint8_t *l3, uint8_t protocol, uint32_t size)
{
	uint64_t sum = l3[0] >> 4 == 4 ? sl_csum_partial(l3 + SL_IP4_SRC, 8)
				       : sl_csum_partial(l3 + SL_IP6_SRC, 32);

	return sum + sl_be32(size) + sl_be16(protocol);
}

uint16_t sl_csum_transport(const uint8_t *l3, uint8_t protocol, const uint8_t *l4, uint32_t size)
{
	return (uint16_t)~sl_csum_fold(sl_csum_partial(l4, size) +
				       sl_csum_pseudo(l3, protocol, size));
}
