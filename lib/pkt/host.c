/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/host.h"

#include <string.h>

#include "base/bytes.h"
#include "pkt/hdr.h"

#define CLASS_D_FIRST_OCTET 224 /* multicast, reserved and broadcast from here on */
#define LOOPBACK_OCTET	    127
#define GROUP_OCTET_6	    0xff
#define MAPPED		    0xffffu /* the third quarter of ::ffff:0:0/96 */

static bool is_single6(const uint8_t *octets)
{
	uint64_t high = sl_load64(octets), low = sl_load64(octets + 8);

	if (octets[0] == GROUP_OCTET_6)
		return false;
	if (high)
		return true;
	return low && low != sl_be64(1) && sl_load_be32(octets + 8) != MAPPED;
}

bool sl_host_is_single(const struct sl_addr *addr)
{
	if (addr->family == SL_FAMILY_IPV6)
		return is_single6(addr->octets);
	return addr->family == SL_FAMILY_IPV4 && addr->octets[0] != 0 &&
	       addr->octets[0] != LOOPBACK_OCTET && addr->octets[0] < CLASS_D_FIRST_OCTET;
}

bool sl_host_is_mac(const uint8_t *mac)
{
	return !(mac[0] & SL_ETH_GROUP_BIT) && (sl_load32(mac) || sl_load16(mac + 4));
}

static struct sl_addr addr_at(const uint8_t *l3, uint32_t off4, uint32_t off6)
{
	struct sl_addr addr = {.family = SL_FAMILY_IPV4};

	if (l3[0] >> 4 == 6) {
		addr.family = SL_FAMILY_IPV6;
		memcpy(addr.octets, l3 + off6, SL_ADDR6_SIZE);
	} else {
		memcpy(addr.octets, l3 + off4, SL_ADDR4_SIZE);
	}
	return addr;
}

struct sl_addr sl_host_source(const uint8_t *l3)
{
	return addr_at(l3, SL_IP4_SRC, SL_IP6_SRC);
}

struct sl_addr sl_host_target(const uint8_t *l3)
{
	return addr_at(l3, SL_IP4_DST, SL_IP6_DST);
}

bool sl_host_may_answer(const uint8_t *frame, const uint8_t *l3)
{
	struct sl_addr source = sl_host_source(l3), target = sl_host_target(l3);

	return sl_host_is_mac(frame + SL_ETH_SRC) && sl_host_is_single(&source) &&
	       !sl_addr_equal(&source, &target);
}
