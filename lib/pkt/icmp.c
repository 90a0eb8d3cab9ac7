/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/icmp.h"

#include <string.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/host.h"

#define ERROR_SIZE_MAX_4 576
#define ERROR_TOS_4	 0xc0 /* internetwork control, RFC 1812 section 4.3.2.5 */
#define TTL		 64

_Static_assert(SL_ICMP_ERROR_SIZE_MAX == SL_IP6_MTU_MIN, "every link takes it whole");

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
static bool may_answer(const struct sl_icmp_error_spec *spec, const uint8_t *l3,
		       const struct sl_pkt *pkt)
{
	struct sl_addr source = sl_host_source(l3), target = sl_host_target(l3);
	bool v6 = pkt->flags & SL_PKT_IPV6;

	if (pkt->flags & (SL_PKT_ICMP_ERROR | SL_PKT_ICMP_STRANGE))
		return false;
	if (pkt->fragment & SL_FRAGMENT_OFFSET)
		return false;
	if (spec->src.family != (v6 ? SL_FAMILY_IPV6 : SL_FAMILY_IPV4))
		return false;
	if (!sl_host_is_single(&source) || sl_addr_equal(&source, &target))
		return false;
	if (v6 && spec->error == SL_ICMP_ERROR_TOO_BIG)
		return true; /* also to senders to groups, so that their path MTU is found */
	return !(pkt->flags & SL_PKT_GROUP) && sl_host_is_single(&target);
}

static void write_ipv4(const struct sl_icmp_error_spec *spec, const uint8_t *l3, uint32_t size,
		       uint8_t *ip)
{
	ip[0] = 0x45;
	ip[SL_IP4_TOS] = ERROR_TOS_4;
	sl_store_be16(ip + SL_IP4_TOTAL, (uint16_t)size);
	sl_store_be16(ip + SL_IP4_FRAGMENT, SL_IP4_DF);
	ip[SL_IP4_TTL] = TTL;
	ip[SL_IP4_PROTOCOL] = SL_PROTO_ICMP;
	memcpy(ip + SL_IP4_SRC, spec->src.octets, SL_ADDR4_SIZE);
	memcpy(ip + SL_IP4_DST, l3 + SL_IP4_SRC, SL_ADDR4_SIZE);
	sl_store16(ip + SL_IP4_SUM, sl_csum(ip, SL_IP4_SIZE));
}

static void write_ipv6(const struct sl_icmp_error_spec *spec, const uint8_t *l3, uint32_t size,
		       uint8_t *ip)
{
	ip[0] = 0x60;
	sl_store_be16(ip + SL_IP6_PAYLOAD, (uint16_t)(size - SL_IP6_SIZE));
	ip[SL_IP6_NEXT] = SL_PROTO_ICMPV6;
	ip[SL_IP6_HOPS] = TTL;
	memcpy(ip + SL_IP6_SRC, spec->src.octets, SL_ADDR6_SIZE);
	memcpy(ip + SL_IP6_DST, l3 + SL_IP6_SRC, SL_ADDR6_SIZE);
}

/* Type, code and the second word; the checksum is still zero. */
static void write_icmp(const struct sl_icmp_error_spec *spec, bool v6, uint8_t *icmp)
{
	bool big = spec->error == SL_ICMP_ERROR_TOO_BIG;

	if (v6) {
		icmp[0] = big ? SL_ICMP6_TOO_BIG : SL_ICMP6_TIME;
		sl_store_be32(icmp + 4, big ? SL_MAX(spec->mtu, (uint32_t)SL_IP6_MTU_MIN) : 0);
	} else {
		icmp[0] = big ? SL_ICMP_UNREACHABLE : SL_ICMP_TIME;
		icmp[1] = big ? SL_ICMP_CODE_FRAGMENTATION : 0;
		sl_store_be16(icmp + 6, big ? (uint16_t)SL_MIN(spec->mtu, UINT16_MAX) : 0);
	}
}

uint32_t sl_icmp_error_build(const struct sl_icmp_error_spec *spec, const uint8_t *l3,
			     uint32_t readable, const struct sl_pkt *pkt, uint8_t *out)
{
	bool v6 = pkt->flags & SL_PKT_IPV6;
	uint32_t header = v6 ? SL_IP6_SIZE : SL_IP4_SIZE;
	uint32_t room = (v6 ? SL_ICMP_ERROR_SIZE_MAX : ERROR_SIZE_MAX_4) - header - SL_ICMP_SIZE;
	uint32_t quote = SL_MIN(SL_MIN(pkt->l3_size, readable), room);
	uint32_t size = header + SL_ICMP_SIZE + quote;
	uint8_t *icmp = out + header;

	if (readable < header || !may_answer(spec, l3, pkt))
		return 0;
	memset(out, 0, header + SL_ICMP_SIZE);
	memcpy(icmp + SL_ICMP_SIZE, l3, quote);
	write_icmp(spec, v6, icmp);
	if (v6) {
		write_ipv6(spec, l3, size, out);
		sl_store16(icmp + SL_ICMP_SUM,
			   sl_csum_transport(out, SL_PROTO_ICMPV6, icmp, size - header));
	} else {
		write_ipv4(spec, l3, size, out);
		sl_store16(icmp + SL_ICMP_SUM, sl_csum(icmp, size - header));
	}
	return size;
}

bool sl_icmp_is_echo(const uint8_t *l3, const struct sl_pkt *pkt)
{
	const uint8_t *icmp = l3 + (pkt->l4_off - pkt->l3_off);
	bool v6 = pkt->flags & SL_PKT_IPV6;

	if (pkt->status != SL_PKT_OK || (pkt->flags & SL_PKT_FRAGMENT))
		return false;
	if (pkt->protocol != (v6 ? SL_PROTO_ICMPV6 : SL_PROTO_ICMP))
		return false;
	if (pkt->l4_off + (uint32_t)SL_ICMP_SIZE > pkt->l3_off + pkt->l3_size)
		return false;
	return icmp[0] == (v6 ? SL_ICMP6_ECHO : SL_ICMP_ECHO) && icmp[1] == 0;
}

/* The first octet of the ICMP header and the sum over it. */
static void set_type(uint8_t *icmp, uint8_t type)
{
	uint16_t before = sl_load16(icmp);

	icmp[0] = type;
	sl_store16(icmp + SL_ICMP_SUM,
		   sl_csum_update16(sl_load16(icmp + SL_ICMP_SUM), before, sl_load16(icmp)));
}

void sl_icmp_echo_turn(uint8_t *l3, const struct sl_pkt *pkt)
{
	uint8_t *icmp = l3 + (pkt->l4_off - pkt->l3_off);
	uint8_t src[SL_ADDR6_SIZE];

	if (pkt->flags & SL_PKT_IPV6) {
		memcpy(src, l3 + SL_IP6_SRC, SL_ADDR6_SIZE);
		memcpy(l3 + SL_IP6_SRC, l3 + SL_IP6_DST, SL_ADDR6_SIZE);
		memcpy(l3 + SL_IP6_DST, src, SL_ADDR6_SIZE);
		l3[SL_IP6_HOPS] = TTL;
		set_type(icmp, SL_ICMP6_ECHO_REPLY);
	} else {
		uint16_t before = sl_load16(l3 + SL_IP4_TTL), after;

		memcpy(src, l3 + SL_IP4_SRC, SL_ADDR4_SIZE);
		memcpy(l3 + SL_IP4_SRC, l3 + SL_IP4_DST, SL_ADDR4_SIZE);
		memcpy(l3 + SL_IP4_DST, src, SL_ADDR4_SIZE);
		l3[SL_IP4_TTL] = TTL;
		after = sl_load16(l3 + SL_IP4_TTL);
		sl_store16(l3 + SL_IP4_SUM,
			   sl_csum_update16(sl_load16(l3 + SL_IP4_SUM), before, after));
		set_type(icmp, SL_ICMP_ECHO_REPLY);
	}
}
