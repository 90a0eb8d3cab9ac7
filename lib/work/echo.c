/* SPDX-License-Identifier: BSD-3-Clause */

/* Source: RFC 792, 4443 (echo), 9260 (SCTP's CRC32c,
 * which covers the ports; all other checksums do not mind an exchange). */

#include <errno.h>
#include <string.h>

#include <nmmintrin.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/host.h"
#include "pkt/parse.h"
#include "work/builtin.h"
#include "work/worker.h"

#define REPLY_TTL  64 /* an answer to an echo request starts a journey of its own */
#define SCTP_SUM   8
#define CRC_INVERT 0xffffffffu

static void exchange(uint8_t *a, uint8_t *b, size_t size)
{
	uint8_t kept[SL_ADDR6_SIZE];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

static void turn_ethernet(uint8_t *frame, const uint8_t *mac)
{
	bool group = (frame[0] & SL_ETH_GROUP_BIT) != 0;

	exchange(frame, frame + SL_ETH_SRC, SL_MAC_SIZE);
	if (group)
		memcpy(frame + SL_ETH_SRC, mac, SL_MAC_SIZE);
}

/* What comes back has one TTL less: between two that send everything back it ends. Only replies to echo
 * requests, which nobody answers, start anew. False: it has been round for long enough. */
static bool turn_ttl(uint8_t *ttl, bool fresh)
{
	if (fresh)
		*ttl = SL_MAX(*ttl, REPLY_TTL);
	else if (*ttl <= 1)
		return false;
	else
		--*ttl;
	return true;
}

static bool turn_ip4(uint8_t *l3, bool fresh)
{
	uint16_t before = sl_load16(l3 + SL_IP4_TTL);

	if (!turn_ttl(&l3[SL_IP4_TTL], fresh))
		return false;
	exchange(l3 + SL_IP4_SRC, l3 + SL_IP4_DST, SL_ADDR4_SIZE);
	sl_store16(l3 + SL_IP4_SUM, sl_csum_update16(sl_load16(l3 + SL_IP4_SUM), before,
						     sl_load16(l3 + SL_IP4_TTL)));
	return true;
}

static bool turn_ip6(uint8_t *l3, bool fresh)
{
	if (!turn_ttl(&l3[SL_IP6_HOPS], fresh))
		return false;
	exchange(l3 + SL_IP6_SRC, l3 + SL_IP6_DST, SL_ADDR6_SIZE);
	return true;
}

/* The CRC of a whole SCTP packet, with its field taken as zero. */
static void sctp_sum(uint8_t *l4, uint32_t size)
{
	uint32_t crc = CRC_INVERT;

	sl_store32(l4 + SCTP_SUM, 0);
	for (uint32_t i = 0; i < size; i++)
		crc = _mm_crc32_u8(crc, l4[i]);
	sl_store32(l4 + SCTP_SUM, ~crc);
}

static bool icmp_turn(uint8_t *l4, uint8_t request, uint8_t reply)
{
	uint16_t before = sl_load16(l4);

	if (l4[0] != request)
		return false;
	l4[0] = reply;
	sl_store16(l4 + SL_ICMP_SUM,
		   sl_csum_update16(sl_load16(l4 + SL_ICMP_SUM), before, sl_load16(l4)));
	return true;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == SL_PROTO_TCP || protocol == SL_PROTO_UDP || protocol == SL_PROTO_SCTP ||
	       protocol == SL_PROTO_DCCP || protocol == SL_PROTO_UDPLITE;
}

/* Whether the transport header is here: not in later fragments. */
static bool has_l4(const struct sl_pkt *pkt)
{
	return (pkt->fragment & SL_FRAGMENT_OFFSET) == 0;
}

/* The transport header; says whether the packet was an echo request. */
static bool turn_l4(uint8_t *frame, uint32_t size, const struct sl_pkt *pkt)
{
	uint8_t *l4 = frame + pkt->l4_off;
	uint32_t l4_off = pkt->l4_off, end = pkt->l3_off + pkt->l3_size;

	if (!has_l4(pkt) || l4_off + SL_L4_PORTS_SIZE > SL_MIN(size, end))
		return false;
	if (has_ports(pkt->protocol)) {
		exchange(l4, l4 + 2, 2);
		if (pkt->protocol == SL_PROTO_SCTP && end <= size && pkt->fragment == 0 &&
		    l4_off + SL_SCTP_SIZE <= end)
			sctp_sum(l4, end - l4_off);
		return false;
	}
	if (pkt->protocol == SL_PROTO_ICMP && !(pkt->flags & SL_PKT_IPV6))
		return icmp_turn(l4, SL_ICMP_ECHO, SL_ICMP_ECHO_REPLY);
	if (pkt->protocol == SL_PROTO_ICMPV6 && (pkt->flags & SL_PKT_IPV6))
		return icmp_turn(l4, SL_ICMP6_ECHO, SL_ICMP6_ECHO_REPLY);
	return false;
}

int sl_echo_turn(uint8_t *frame, uint32_t size, uint32_t frame_size, const uint8_t *mac)
{
	struct sl_addr target;
	struct sl_pkt pkt;
	bool fresh, turned;
	uint8_t *l3;

	sl_parse(frame, size, frame_size, 0, &pkt);
	if (pkt.status != SL_PKT_OK)
		return -EINVAL;
	l3 = frame + pkt.l3_off;
	target = sl_host_target(l3);
	if (!sl_host_may_answer(frame, l3) || !sl_host_is_single(&target))
		return -EINVAL;
	fresh = turn_l4(frame, size, &pkt);
	turned = pkt.flags & SL_PKT_IPV6 ? turn_ip6(l3, fresh) : turn_ip4(l3, fresh);
	turn_ethernet(frame, mac);
	return turned ? 0 : -EINVAL;
}

static int echo_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	(void)args;
	(void)err;
	*state = NULL;
	return 0;
}

static void echo_burst(void *state, const struct sl_handler_burst *burst)
{
	(void)state;
	for (uint32_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		const struct sl_mac *mac = sl_worker_mac(burst->worker, packet);

		if (sl_echo_turn(rte_pktmbuf_mtod(packet, uint8_t *), packet->data_len,
				 packet->pkt_len, mac->octets) == 0)
			sl_handler_send(burst, packet);
		else
			rte_pktmbuf_free(packet);
	}
}

const struct sl_handler_ops sl_handler_echo = {
	.name = "echo",
	.open = echo_open,
	.burst = echo_burst,
};
