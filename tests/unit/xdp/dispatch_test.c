/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's program gives every packet what the packet path gives it: the same verdict, node and
 * octets. Arguments: the seed, which is printed, how many mutated packets there are, and captures whose
 * packets both get, too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pcap/pcap.h>

#include "base/prng.h"
#include "pkt/hdr.h"
#include "pkt/left.h"
#include "pkt/parse.h"
#include "state/pool_memory.h"
#include "state/service.h"
#include "support/packet.h"
#include "twin.h"

#define NODES	 64
#define POOLS	 3
#define SLOTS	 256
#define MTU	 1500
#define CAPTURED 20000 /* packets of a capture at most */

static uint64_t seed = 1;
static uint32_t mutated = 100000; /* packets */
static char **captures;
static int capture_count;

static bool seldom(struct sl_prng *prng, uint32_t bound)
{
	return sl_prng_below(prng, bound) == 0;
}

/* ---- a world --------------------------------------------------------------------------------- */

static struct sl_addr addr(const char *text)
{
	struct sl_addr made = {0};

	assert_int_equal(sl_addr_parse(text, &made), 0);
	return made;
}

/* Nodes of every kind and encapsulation, by their number. */
static void node_make(uint32_t n, struct sl_node_view *view)
{
	static const enum sl_encap_type types[] = {SL_ENCAP_NONE, SL_ENCAP_IPIP, SL_ENCAP_GRE,
						   SL_ENCAP_GUE, SL_ENCAP_VXLAN};
	struct sl_encap_spec spec = {
		.type = types[n % SL_ARRAY_COUNT(types)],
		.outer_df = (enum sl_encap_df)(n / 5 % 3),
		.src_mac = {{2, 0, 0, 0, 0, 1}},
		.dst_mac = {{2, 0, 0, 0, 1, (uint8_t)n}},
		.src = addr(n % 2 ? "192.0.2.2" : "2001:db8:ffff::2"),
		.dst = addr(n % 2 ? "10.9.0.1" : "2001:db8:ffff::9"),
		.port = n % 5 == 3 ? SL_GUE_PORT : SL_VXLAN_PORT,
		.vni = 0x123456,
		.inner_src_mac = {{2, 0, 0, 0, 2, 1}},
		.inner_dst_mac = {{2, 0, 0, 0, 2, 2}},
		.udp6_sum = n / 10 % 2,
	};

	memset(view, 0, sizeof(*view));
	view->kind = n % 16 == 15 ? SL_NODE_WORKER : n % 32 == 30 ? SL_NODE_OUTPUT : SL_NODE_REMOTE;
	view->flags = SL_NODE_KEEPS | SL_NODE_TAKES | (n % 13 == 12 ? SL_NODE_NO_NEIGHBOR : 0) |
		      (n % 7 == 6 ? SL_NODE_SPLITS : 0);
	view->port = n % 11 == 10 ? 2 : n % 3 == 2 ? 1 : 0;
	assert_int_equal(sl_encap_build(&spec, &view->encap), 0);
	view->l3_size_max = (uint16_t)((n % 9 == 8 ? 600 : MTU) - view->encap.overhead);
	sl_node_view_seal(view);
}

static struct sl_slot_table *slots_make(struct sl_prng *prng, bool opens)
{
	struct sl_slot_table *slots;

	assert_int_equal(sl_slot_table_create(SLOTS, SLOTS, &slots), 0);
	slots->open_count = 0;
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint32_t node = 1 + sl_prng_below(prng, NODES);

		slots->word[i] = node | (seldom(prng, 8) ? SL_SLOT_LENT : 0);
		if (seldom(prng, 40))
			slots->word[i] = SL_NODE_NOBODY;
		if (!opens || !seldom(prng, 3))
			continue;
		slots->open[slots->open_count] = (struct sl_open_slot){
			.node = node,
			.prior = seldom(prng, 9) ? SL_NODE_NOBODY : 1 + sl_prng_below(prng, NODES),
			.open_until_ms = UINT64_MAX / 2,
			.slot = i,
		};
		slots->word[i] = SL_SLOT_OPEN | slots->open_count++;
	}
	return slots;
}

#define RULES 13
#define MANY  600

/* Services by whole addresses, prefixes, ports, ranges, protocols and VLANs; `many` more on addresses of
 * their own; and one of any packet. */
static void services_make(struct sl_snapshot *snapshot, uint32_t many, bool any)
{
	static const struct sl_port_range http = {80, 80}, dns = {53, 53}, some = {100, 2000},
					  low = {1, 1024};
	static const struct sl_port_range two[] = {{80, 80}, {443, 443}};
	struct {
		const char *prefix;
		int16_t protocol;
		const struct sl_port_range *ports;
		uint32_t count;
		uint16_t vlan;
	} rules[RULES] = {
		{"10.1.0.1/32", 6, &http, 1, 0},       {"10.1.0.1/32", 17, &dns, 1, 0},
		{"10.1.0.1/32", 17, &some, 1, 0},      {"10.1.0.0/24", -1, NULL, 0, 0},
		{"10.0.0.0/8", 6, &low, 1, 0},	       {"2001:db8::1/128", 6, two, 2, 0},
		{"2001:db8::1/128", 58, NULL, 0, 0},   {"2001:db8::/32", 17, NULL, 0, 0},
		{"10.1.0.3/32", 6, &http, 1, 7},       {"10.1.0.2/32", 1, NULL, 0, 0},
		{"2001:db8::/48", 17, &dns, 1, 7},     {"10.1.0.3/32", 6, &some, 1, 0},
		{"198.51.100.0/24", 132, &http, 1, 0},
	};
	struct sl_service_spec specs[RULES + MANY + 1] = {0};
	struct sl_service_table *table;
	uint32_t count = 0, first, second;

	for (; count < RULES; count++) {
		specs[count] = (struct sl_service_spec){.index = count,
							.protocol = rules[count].protocol,
							.vlan = rules[count].vlan,
							.ports = rules[count].ports,
							.port_count = rules[count].count};
		assert_int_equal(sl_prefix_parse(rules[count].prefix, &specs[count].prefix, NULL),
				 0);
	}
	for (uint32_t i = 0; i < many; i++, count++) {
		specs[count] = (struct sl_service_spec){.index = count,
							.protocol = i % 2 ? 6 : 17,
							.ports = i % 2 ? &http : &dns,
							.port_count = 1};
		specs[count].prefix.addr = addr(i % 3 ? "10.200.0.0" : "2001:db8:7::");
		specs[count].prefix.addr.octets[i % 3 ? 2 : 14] = (uint8_t)(i >> 8);
		specs[count].prefix.addr.octets[i % 3 ? 3 : 15] = (uint8_t)i;
		specs[count].prefix.length = i % 3 ? 32 : 128;
	}
	if (any) {
		specs[count] =
			(struct sl_service_spec){.index = count, .any = true, .protocol = -1};
		count++;
	}
	for (uint32_t i = 0; i < count; i++) {
		snapshot->services[i].pool = i % POOLS;
		snapshot->services[i].prior_pool = SL_SERVICE_NONE;
		snapshot->services[i].mss_clamp = i % 2 ? 0 : 1300;
	}
	assert_int_equal(sl_service_table_build(specs, count, &table, &first, &second), 0);
	sl_snapshot_set_services(snapshot, table);
}

static void twin_make(struct twin *twin, uint32_t many, bool any, bool opens)
{
	static const struct sl_key_mask masks[POOLS] = {
		{UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{0xff0000000000ull, UINT64_MAX, 0},
	};
	struct sl_prng prng = {seed};
	struct sl_snapshot *snapshot;

	assert_int_equal(sl_snapshot_create(NULL, POOLS, RULES + many + any, &snapshot), 0);
	for (uint32_t n = 1; n <= NODES; n++)
		node_make(n, sl_snapshot_node_edit(snapshot, n));
	for (uint32_t p = 0; p < POOLS; p++) {
		struct sl_pool_view *pool = &snapshot->pools[p];
		struct sl_pool_memory *memory;

		pool->mask = masks[p];
		pool->index = p;
		pool->flags = p == 1 ? SL_POOL_SYMMETRIC : 0;
		pool->tracking = opens ? SL_TRACKING_TRANSITION : SL_TRACKING_NONE;
		pool->idle_ms_tcp = pool->idle_ms_udp = pool->idle_ms_other = 60000;
		sl_pool_view_set_slots(pool, slots_make(&prng, opens));
		if (!opens)
			continue;
		assert_int_equal(sl_pool_memory_create(1, SLOTS, 65536, &memory), 0);
		sl_pool_view_set_memory(pool, memory);
	}
	snapshot->hash_key = (struct sl_hash_key){{0x0123456789abcdefull, 0xfedcba9876543210ull}};
	snapshot->flow_key = (struct sl_hash_key){{0x1123456789abcdefull, 0xf1dcba9876543210ull}};
	services_make(snapshot, many, any);
	snapshot->port_count = 3;
	for (uint32_t p = 0; p < 3; p++) {
		snapshot->ports[p].punt_port = SL_PUNT_DROP;
		snapshot->ports[p].mtu = MTU;
	}
	twin_open(twin, snapshot);
}

/* ---- packets --------------------------------------------------------------------------------- */

static const char *address_any(struct sl_prng *prng, bool v6, char *text)
{
	static const char *const known4[] = {"10.1.0.1", "10.1.0.2",  "10.1.0.3",    "10.1.0.77",
					     "10.7.7.7", "192.0.2.1", "198.51.100.3"};
	static const char *const known6[] = {"2001:db8::1", "2001:db8::2", "2001:db8:1::3",
					     "fe80::1"};

	if (v6 && seldom(prng, 4))
		(void)sprintf(text, "2001:db8:7::%x", sl_prng_below(prng, MANY + 9));
	else if (v6)
		return known6[sl_prng_below(prng, SL_ARRAY_COUNT(known6))];
	else if (seldom(prng, 4))
		(void)sprintf(text, "10.200.%u.%u", sl_prng_below(prng, 3),
			      sl_prng_below(prng, 256));
	else
		return known4[sl_prng_below(prng, SL_ARRAY_COUNT(known4))];
	return text;
}

static uint16_t port_any(struct sl_prng *prng)
{
	static const uint16_t known[] = {80, 53, 443, 100, 2000, 2001, 1, 1024};

	return seldom(prng, 3) ? (uint16_t)sl_prng_next(prng)
			       : known[sl_prng_below(prng, SL_ARRAY_COUNT(known))];
}

static void transport_any(struct sl_prng *prng, struct packet *packet, uint8_t protocol)
{
	static const uint8_t flags[] = {SL_TCP_SYN, SL_TCP_ACK, SL_TCP_SYN | SL_TCP_ACK,
					SL_TCP_FIN | SL_TCP_ACK, SL_TCP_RST};
	struct packet_tcp tcp = {.sport = (uint16_t)sl_prng_next(prng),
				 .dport = port_any(prng),
				 .seq = (uint32_t)sl_prng_next(prng),
				 .flags = flags[sl_prng_below(prng, SL_ARRAY_COUNT(flags))]};

	if (seldom(prng, 2))
		tcp.options = seldom(prng, 2) ? "020405b4" : "01 0204 05b4 01 01 01";
	if (protocol == SL_PROTO_TCP)
		packet_tcp(packet, &tcp);
	else if (protocol == SL_PROTO_UDP)
		packet_udp(packet, tcp.sport, tcp.dport);
	if (protocol == SL_PROTO_UDP && seldom(prng, 4))
		packet_hex(packet, "c000000001 08 0011223344556677");
	if (protocol == SL_PROTO_SCTP)
		packet_octets(packet, (uint8_t[12]){4, 5, 0, 80, 1}, 12);
	packet_pattern(packet, sl_prng_below(prng, seldom(prng, 5) ? 1490 : 90));
}

static void ip_any(struct sl_prng *prng, struct packet *packet, bool v6, bool quotes);

static void icmp_any(struct sl_prng *prng, struct packet *packet, bool v6)
{
	static const uint8_t types4[] = {0, 3, 4, 5, 8, 11, 12},
			     types6[] = {1, 2, 3, 4, 128, 135, 137};
	uint32_t pick = sl_prng_below(prng, SL_ARRAY_COUNT(types4));

	packet_icmp(packet, v6 ? 6 : 4, v6 ? types6[pick] : types4[pick], 0, 0);
	ip_any(prng, packet, v6 != seldom(prng, 40), false);
}

static void extensions_any(struct sl_prng *prng, struct packet *packet, uint8_t protocol)
{
	uint8_t header[8] = {protocol, 0, 0, (uint8_t)(seldom(prng, 2) ? 0 : sl_prng_next(prng))};

	for (uint32_t i = 0, count = sl_prng_below(prng, 9); i < count; i++) {
		uint8_t next[8] = {i + 1 < count ? 60 : 44, 0};

		packet_octets(packet, next, sizeof(next));
		if (i + 1 == count)
			packet_octets(packet, header, sizeof(header));
	}
}

/* Bits of the fragment field: the first, a later one, or any. */
static uint32_t fragment_any(struct sl_prng *prng)
{
	if (seldom(prng, 3))
		return (uint32_t)sl_prng_next(prng) & 0x3fff;
	return seldom(prng, 2) ? SL_IP4_MF : SL_IP4_MF | 2;
}

static void ip_any(struct sl_prng *prng, struct packet *packet, bool v6, bool quotes)
{
	static const uint8_t protocols[] = {
		SL_PROTO_TCP, SL_PROTO_TCP, SL_PROTO_UDP, SL_PROTO_UDP, SL_PROTO_SCTP, 47, 1, 58};
	uint8_t protocol = protocols[sl_prng_below(prng, SL_ARRAY_COUNT(protocols))];
	bool extends = v6 && seldom(prng, 6);
	char src[40], dst[40];
	struct packet_ip ip = {
		.src = address_any(prng, v6, src),
		.dst = address_any(prng, v6, dst),
		.protocol = extends ? 60 : protocol,
		.tos = (uint8_t)(seldom(prng, 3) ? sl_prng_next(prng) : 0),
		.ttl = seldom(prng, 20) ? 1 : 64,
		.id = (uint16_t)sl_prng_below(prng, 4),
		.fragment = (uint16_t)(seldom(prng, 8)	 ? fragment_any(prng)
				       : seldom(prng, 2) ? SL_IP4_DF
							 : 0),
		.options = seldom(prng, 10) ? "01010101 94040000" : NULL,
	};

	packet_ip(packet, &ip);
	if (extends)
		extensions_any(prng, packet, protocol);
	if (quotes && (protocol == 1 || protocol == 58))
		icmp_any(prng, packet, v6);
	else
		transport_any(prng, packet, protocol);
}

/* As a sender does whose device completes the checksum. */
static void leave_sum(struct packet *packet)
{
	uint32_t offset;
	struct sl_pkt pkt;

	sl_parse(packet->octets, packet->size, packet->size, 0, &pkt);
	offset = sl_sum_offset(pkt.protocol);
	if (pkt.status != SL_PKT_OK || offset == 0 || (pkt.flags & SL_PKT_FRAGMENT) ||
	    pkt.l4_off + offset + 2u > packet->size)
		return;
	sl_store16(packet->octets + pkt.l4_off + offset,
		   sl_csum_fold(sl_csum_pseudo(packet->octets + pkt.l3_off, pkt.protocol,
					       pkt.l3_size - (pkt.l4_off - pkt.l3_off))));
}

static void packet_any(struct sl_prng *prng, struct packet *packet)
{
	bool v6 = seldom(prng, 3);
	uint16_t type = v6 ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4;

	packet_init(packet);
	if (seldom(prng, 8)) {
		packet_eth(packet, SL_ETHERTYPE_VLAN);
		packet_vlan(packet, seldom(prng, 2) ? 7 : 9, type);
	} else {
		packet_eth(packet, type);
	}
	ip_any(prng, packet, v6, true);
	packet_finish(packet);
	if (seldom(prng, 9))
		leave_sum(packet);
	if (seldom(prng, 50))
		packet->octets[0] |= 1;
	if (seldom(prng, 6))
		packet_pattern(packet, sl_prng_below(prng, 20)); /* padding */
	packet->size = SL_MIN(packet->size, (uint32_t)TWIN_FRAME_MAX);
}

/* A few octets of the headers become others, or the end is cut. */
static void mutate(struct sl_prng *prng, struct packet *packet)
{
	for (uint32_t i = sl_prng_below(prng, 4); i > 0; i--) {
		uint32_t at = sl_prng_below(prng, SL_MIN(packet->size, 90u));

		packet->octets[at] = seldom(prng, 2)
					     ? (uint8_t)sl_prng_next(prng)
					     : packet->octets[at] ^ (uint8_t)(1u << (at & 7));
	}
	if (seldom(prng, 5) && packet->size > SL_ETH_SIZE)
		packet->size = SL_ETH_SIZE + sl_prng_below(prng, packet->size - SL_ETH_SIZE);
	/* So that most get past the sum. */
	if (seldom(prng, 2) && sl_load_be16(packet->octets + SL_ETH_TYPE) == SL_ETHERTYPE_IPV4 &&
	    packet->size >= SL_ETH_SIZE + SL_IP4_SIZE && packet->octets[SL_ETH_SIZE] == 0x45) {
		uint8_t *ip = packet->octets + SL_ETH_SIZE;

		sl_store16(ip + SL_IP4_SUM, 0);
		sl_store16(ip + SL_IP4_SUM, sl_csum(ip, SL_IP4_SIZE));
	}
}

/* ---- the cases ------------------------------------------------------------------------------- */

static void assert_random_agree(uint32_t count, bool mutates, uint32_t many, bool any)
{
	struct sl_prng prng = {seed + 1};
	struct packet packet;
	struct twin twin;

	twin_make(&twin, many, any, false);
	for (uint32_t i = 0; i < count; i++) {
		packet_any(&prng, &packet);
		if (mutates)
			mutate(&prng, &packet);
		twin_compare(&twin, packet.octets, packet.size);
	}
	printf("fragments followed %llu, segment sizes limited %llu, checksums completed %llu\n",
	       (unsigned long long)twin.followed, (unsigned long long)twin.clamped,
	       (unsigned long long)twin.completed);
	/* Not all of one kind. */
	assert_true(twin.served > count / 20 && twin.dropped > count / 50);
	assert_true(any || twin.passed > count / 20);
	assert_true(count < 10000 ||
		    (twin.followed > 20 && twin.clamped > 20 && twin.completed > 100));
	twin_close(&twin);
}

static void whole_packets_go_where_the_path_sends_them(void **state)
{
	assert_random_agree(30000, false, 0, false);
	assert_random_agree(30000, false, MANY, true);
}

static void mutated_packets_go_where_the_path_sends_them(void **state)
{
	assert_random_agree(mutated / 2, true, 0, true);
	assert_random_agree(mutated / 2, true, MANY, false);
}

/* In open slots: of flows that are seen once, and of connections that begin. */
static void unsettled_slots_are_as_in_the_path(void **state)
{
	struct sl_prng prng = {seed + 2};
	struct packet packet;
	struct twin twin;

	twin_make(&twin, 0, true, true);
	for (uint32_t i = 0; i < 20000; i++) {
		uint16_t sport = (uint16_t)(1024 + i % 60000);
		const char *src = i / 60000 ? "192.0.2.8" : "192.0.2.9";

		if (seldom(&prng, 2)) {
			packet_make_tcp(&packet, src, sport, "10.1.0.1", 80, SL_TCP_SYN, 0);
			twin_compare(&twin, packet.octets, packet.size);
		}
		packet_make_tcp(&packet, src, sport, "10.1.0.1", 80, SL_TCP_ACK, 100);
		twin_compare(&twin, packet.octets, packet.size);
	}
	assert_true(twin.served > 10000);
	twin_close(&twin);
}

/* A change is there with the store that puts it in force; a pool's slots may have another number. */
static void what_changes_is_mirrored(void **state)
{
	struct sl_prng prng = {seed + 3};
	struct sl_slot_table *slots;
	struct sl_snapshot *next;
	struct packet packet;
	struct twin twin;

	twin_make(&twin, 0, true, false);
	for (uint32_t round = 0; round < 20; round++) {
		assert_int_equal(sl_snapshot_create(twin.snapshot, POOLS, RULES + 1, &next), 0);
		node_make(1 + sl_prng_below(&prng, 200),
			  sl_snapshot_node_edit(next, 1 + sl_prng_below(&prng, NODES)));
		assert_int_equal(sl_slot_table_create(SLOTS << round % 3, 0, &slots), 0);
		for (uint32_t i = 0; i < slots->count; i++)
			slots->word[i] = 1 + sl_prng_below(&prng, NODES);
		sl_pool_view_set_slots(&next->pools[round % POOLS], slots);
		services_make(next, 0, true);
		next->hash_key = twin.snapshot->hash_key;
		next->port_count = 3;
		memcpy(next->ports, twin.snapshot->ports, sizeof(next->ports));
		assert_int_equal(sl_xdp_mirror_write(twin.mirror, next), 0);
		sl_snapshot_release(twin.snapshot);
		twin.snapshot = next;
		for (uint32_t i = 0; i < 500; i++) {
			packet_any(&prng, &packet);
			twin_compare(&twin, packet.octets, packet.size);
		}
	}
	twin_close(&twin);
}

/* What outgrows a set is refused, and what is in force stays. */
static void more_than_fits_is_refused(void **state)
{
	struct sl_snapshot *large;
	struct sl_slot_table *slots;
	struct packet packet;
	struct twin twin;

	twin_make(&twin, 0, true, false);
	assert_int_equal(sl_snapshot_create(twin.snapshot, POOLS, RULES + 1, &large), 0);
	assert_int_equal(sl_slot_table_create(SL_SLOTS_MAX, 0, &slots), 0);
	sl_pool_view_set_slots(&large->pools[0], slots);
	assert_int_equal(sl_xdp_mirror_write(twin.mirror, large), -E2BIG);
	sl_snapshot_release(large);
	packet_make_tcp(&packet, "192.0.2.1", 1024, "10.1.0.1", 80, SL_TCP_ACK, 10);
	twin_compare(&twin, packet.octets, packet.size);
	twin_close(&twin);
}

static void captured(struct twin *twin, const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, text);
	struct pcap_pkthdr *header;
	const u_char *octets;

	if (pcap && pcap_datalink(pcap) == DLT_EN10MB)
		for (uint32_t i = 0; i < CAPTURED && pcap_next_ex(pcap, &header, &octets) == 1; i++)
			if (header->caplen >= SL_ETH_SIZE)
				twin_compare(twin, octets,
					     SL_MIN(header->caplen, (uint32_t)TWIN_FRAME_MAX));
	if (pcap)
		pcap_close(pcap);
}

static void captures_go_where_the_path_sends_them(void **state)
{
	struct twin twin;

	if (capture_count == 0) {
		print_message("system/xdp_twin_test.py names captures\n");
		skip();
	}
	twin_make(&twin, 0, true, false);
	for (int i = 0; i < capture_count; i++)
		captured(&twin, captures[i]);
	printf("captures: %llu served, %llu dropped, %llu passed\n",
	       (unsigned long long)twin.served, (unsigned long long)twin.dropped,
	       (unsigned long long)twin.passed);
	twin_close(&twin);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_packets_go_where_the_path_sends_them),
		cmocka_unit_test(mutated_packets_go_where_the_path_sends_them),
		cmocka_unit_test(unsettled_slots_are_as_in_the_path),
		cmocka_unit_test(what_changes_is_mirrored),
		cmocka_unit_test(more_than_fits_is_refused),
		cmocka_unit_test(captures_go_where_the_path_sends_them),
	};
	const char *lacks = twin_lacks();

	if (lacks) {
		printf("skipped: %s\n", lacks);
		return 77;
	}
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		mutated = (uint32_t)strtoul(argv[2], NULL, 0);
	captures = argv + 3;
	capture_count = SL_MAX(argc - 3, 0);
	printf("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
