/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/csum.h"

#include "pkt/hdr.h"

uint64_t sl_csum_partial(const void *octets, uint32_t size)
{
	return sl_csum_inline(octets, size);
}

uint16_t sl_csum_transport(const uint8_t *l3, uint8_t protocol, const uint8_t *l4, uint32_t size)
{
	return (uint16_t)~sl_csum_fold(sl_csum_partial(l4, size) +
				       sl_csum_pseudo(l3, protocol, size));
}
