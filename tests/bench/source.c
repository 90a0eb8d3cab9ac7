/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/source.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"

static const uint8_t ADDRESS6[4] = {0x20, 0x01, 0x0d, 0xb8}; /* 2001:db8::, the last octets count */

/* `octets` is a frame whose addresses' sum does not depend on the flow. */
static struct {
	uint8_t octets[SOURCE_SIZE6] __attribute__((aligned(SL_CACHE_LINE)));
	uint64_t random;
	uint32_t flows, src_off, port_off;
	uint32_t next; /* while in_turn */
	bool v6, in_turn;
} source;

static inline uint32_t src_of(uint32_t flow)
{
	return (flow & 0xffff) | (~flow << 16);
}

static inline uint16_t port_of(uint32_t flow)
{
	return (uint16_t)(1024 + (flow >> 16));
}

static inline __attribute__((always_inline)) void write_frame(struct rte_mbuf *packet,
							      uint32_t flow, const uint32_t size)
{
	uint8_t *frame = rte_pktmbuf_mtod(packet, uint8_t *);

	memcpy(frame, source.octets, size);
	sl_store32(frame + source.src_off, src_of(flow));
	sl_store16(frame + source.port_off, port_of(flow));
}

static inline __attribute__((always_inline)) uint16_t
write_frames(struct rte_mbuf **packets, uint16_t count, const uint32_t size)
{
	uint64_t random = source.random;

	for (uint32_t i = 0; i < count; i++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		write_frame(packets[i], (uint32_t)(((random >> 32) * source.flows) >> 32), size);
	}
	source.random = random;
	return count;
}

/* Every flow in its turn. */
static uint16_t write_in_turn(struct rte_mbuf **packets, uint16_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		write_frame(packets[i], source.next, source.v6 ? SOURCE_SIZE6 : SOURCE_SIZE);
		source.next = (source.next + 1) % source.flows;
	}
	return count;
}

static uint16_t write_headers(uint16_t port, uint16_t queue, struct rte_mbuf **packets,
			      uint16_t count, uint16_t room, void *context)
{
	(void)port;
	(void)queue;
	(void)room;
	(void)context;
	if (sl_unlikely(source.in_turn))
		return write_in_turn(packets, count);
	if (source.v6)
		return write_frames(packets, count, SOURCE_SIZE6);
	return write_frames(packets, count, SOURCE_SIZE);
}

void source_in_turn(bool in_turn)
{
	source.in_turn = in_turn;
}

void source_init(uint32_t flows, bool v6)
{
	uint8_t *l3 = source.octets + SL_ETH_SIZE;
	uint32_t l4_off = SL_ETH_SIZE + (v6 ? SL_IP6_SIZE : SL_IP4_SIZE);

	memset(&source, 0, sizeof(source));
	source.v6 = v6;
	source.octets[0] = 2;
	source.octets[6] = 2;
	if (v6) {
		sl_store_be16(source.octets + SL_ETH_TYPE, SL_ETHERTYPE_IPV6);
		l3[0] = 0x60;
		l3[SL_IP6_NEXT] = SL_PROTO_UDP;
		sl_store_be16(l3 + SL_IP6_PAYLOAD, SOURCE_SIZE6 - SL_ETH_SIZE - SL_IP6_SIZE);
		l3[SL_IP6_HOPS] = 64;
		memcpy(l3 + SL_IP6_SRC, ADDRESS6, sizeof(ADDRESS6));
		memcpy(l3 + SL_IP6_DST, ADDRESS6, sizeof(ADDRESS6));
		source.src_off = SL_ETH_SIZE + SL_IP6_SRC + 12;
	} else {
		sl_store_be16(source.octets + SL_ETH_TYPE, SL_ETHERTYPE_IPV4);
		l3[0] = 0x45;
		sl_store_be16(l3 + SL_IP4_TOTAL, SOURCE_SIZE - SL_ETH_SIZE);
		l3[SL_IP4_TTL] = 64;
		l3[SL_IP4_PROTOCOL] = SL_PROTO_UDP;
		sl_store_be32(l3 + SL_IP4_SRC, 0x0000ffff);
		sl_store_be32(l3 + SL_IP4_DST, 0x0a010000);
		sl_store16(l3 + SL_IP4_SUM, sl_csum(l3, SL_IP4_SIZE));
		source.src_off = SL_ETH_SIZE + SL_IP4_SRC;
	}
	sl_store_be16(source.octets + l4_off + 2, 53);
	sl_store_be16(source.octets + l4_off + SL_UDP_LENGTH,
		      (uint16_t)((v6 ? SOURCE_SIZE6 : SOURCE_SIZE) - l4_off));
	source.port_off = l4_off;
	source.flows = flows;
	source.random = 1;
}

void source_begin_flows(void)
{
	uint8_t *l3 = source.octets + SL_ETH_SIZE, *tcp = l3 + SL_IP4_SIZE;

	l3[SL_IP4_PROTOCOL] = SL_PROTO_TCP;
	sl_store16(l3 + SL_IP4_SUM, 0);
	sl_store16(l3 + SL_IP4_SUM, sl_csum(l3, SL_IP4_SIZE));
	memset(tcp, 0, SL_TCP_SIZE);
	sl_store_be16(tcp + 2, 80);
	tcp[SL_TCP_OFFSET] = 5 << 4;
	tcp[SL_TCP_FLAGS] = SL_TCP_SYN;
}

bool source_attach(uint16_t port_id)
{
	return rte_eth_add_rx_callback(port_id, 0, write_headers, NULL) != NULL;
}

struct source_tuple source_tuple_of(uint32_t flow)
{
	return (struct source_tuple){.src = src_of(flow),
				     .dst = 0x0000010a,
				     .ports = port_of(flow) | (uint32_t)sl_be16(53) << 16,
				     .protocol = SL_PROTO_UDP};
}

struct source_tuple source_tuple_read(const struct rte_mbuf *packet)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(packet, const uint8_t *, SL_ETH_SIZE);

	return (struct source_tuple){.src = sl_load32(ip + SL_IP4_SRC),
				     .dst = sl_load32(ip + SL_IP4_DST),
				     .ports = sl_load32(ip + SL_IP4_SIZE),
				     .protocol = ip[SL_IP4_PROTOCOL]};
}
