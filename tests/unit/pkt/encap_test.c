/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/encap.h"
#include "pkt/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"
#include "support/packet.h"

#define ROOM  160
#define FLOWS 0x0123456789abcdefull
#define LABEL 0x56789 /* bits 24 to 43 of it */
#define SPORT (0xc000 | (0x56789 & 0x3fff))
#define ID    0xbeef

static uint8_t room[ROOM + PACKET_SIZE_MAX];
static struct packet inner, wanted;
static struct sl_pkt pkt;

static struct sl_encap_spec spec_of(enum sl_encap_type type, const char *src, const char *dst)
{
	struct sl_encap_spec spec = {.type = type, .port = SL_GUE_PORT, .vni = 0xabcdef};

	assert_int_equal(sl_mac_parse("02:00:00:00:00:0a", &spec.src_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:0b", &spec.dst_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:1a", &spec.inner_src_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:1b", &spec.inner_dst_mac), 0);
	if (type == SL_ENCAP_VXLAN)
		spec.port = SL_VXLAN_PORT;
	if (src) {
		assert_int_equal(sl_addr_parse(src, &spec.src), 0);
		assert_int_equal(sl_addr_parse(dst, &spec.dst), 0);
	}
	return spec;
}

static void make_inner(bool v6, bool df, uint8_t tos)
{
	packet_init(&inner);
	packet_eth(&inner, v6 ? 0x86dd : 0x0800);
	packet_ip(&inner, &(struct packet_ip){.src = v6 ? "2001:db8::1" : "192.0.2.1",
					      .dst = v6 ? "2001:db8::2" : "192.0.2.2",
					      .protocol = 6,
					      .ttl = 9,
					      .id = 0x7777,
					      .tos = tos,
					      .fragment = df ? 0x4000 : 0});
	packet_tcp(&inner, &(struct packet_tcp){.sport = 1, .dport = 80, .seq = 5, .flags = 2});
	packet_pattern(&inner, 13);
	packet_finish(&inner);
	packet_hex(&inner, "ffff"); /* padding, which stays behind */
}

/* What leaves: the frame from its new start to the inner packet's end. Everything before stays. */
static void assert_leaves(const struct sl_encap_spec *spec)
{
	struct sl_encap encap;
	uint8_t *frame = room + ROOM, *start;

	assert_int_equal(sl_encap_build(spec, &encap), 0);
	memset(room, 0xa5, sizeof(room));
	memcpy(frame, inner.octets, inner.size);
	sl_parse(frame, inner.size, inner.size, SL_PARSE_CHECK_SUM, &pkt);
	assert_int_equal(pkt.status, SL_PKT_OK);
	start = frame + pkt.l3_off - encap.size;
	sl_encap_write(&encap, frame + pkt.l3_off, &pkt, FLOWS, ID);
	assert_true(packet_equal(wanted.octets, wanted.size, start, encap.size + pkt.l3_size));
	assert_int_equal(encap.overhead, wanted.size - 14 - pkt.l3_size);
	for (uint8_t *before = room; before < start && before < frame; before++)
		assert_int_equal(*before, 0xa5);
	assert_memory_equal(frame + inner.size - 2, "\xff\xff", 2);
}

static void want_outer(bool v6, uint8_t protocol, uint8_t tos, uint16_t df)
{
	packet_init(&wanted);
	packet_eth_macs(&wanted, "02:00:00:00:00:0b", "02:00:00:00:00:0a", v6 ? 0x86dd : 0x0800);
	packet_ip(&wanted, &(struct packet_ip){.src = v6 ? "2001:db8:1::1" : "198.51.100.1",
					       .dst = v6 ? "2001:db8:1::2" : "203.0.113.77",
					       .protocol = protocol,
					       .id = df ? 0 : ID,
					       .fragment = df,
					       .tos = tos,
					       .flow_label = LABEL});
}

static void want_inner(void)
{
	packet_octets(&wanted, inner.octets + 14, inner.size - 16);
	packet_finish(&wanted);
}

static struct sl_encap_spec outer_spec(enum sl_encap_type type, bool v6)
{
	return spec_of(type, v6 ? "2001:db8:1::1" : "198.51.100.1",
		       v6 ? "2001:db8:1::2" : "203.0.113.77");
}

/* Bits of `which`: outer IPv6, inner IPv6, inner DF. */
static void want_tunnel(enum sl_encap_type type, uint32_t which)
{
	bool outer6 = which & 1, inner6 = which & 2, df = which & 4;
	uint16_t ethertype = inner6 ? 0x86dd : 0x0800;
	uint8_t protocol = inner6 ? 41 : 4, tos = (uint8_t)(0x2e << 2 | (which & 3));
	struct sl_encap_spec spec = outer_spec(type, outer6);

	make_inner(inner6, df, tos);
	if (type == SL_ENCAP_GRE)
		protocol = 47;
	if (type >= SL_ENCAP_GUE)
		protocol = 17;
	want_outer(outer6, protocol, tos, df || inner6 ? 0x4000 : 0);
	if (type == SL_ENCAP_GRE)
		packet_gre(&wanted, ethertype);
	if (type >= SL_ENCAP_GUE)
		packet_udp_zero_sum(&wanted, SPORT, type == SL_ENCAP_GUE ? 6080 : 4789);
	if (type == SL_ENCAP_GUE)
		packet_gue(&wanted, inner6 ? 41 : 4);
	if (type == SL_ENCAP_VXLAN) {
		packet_vxlan(&wanted, 0xabcdef);
		packet_eth_macs(&wanted, "02:00:00:00:00:1b", "02:00:00:00:00:1a", ethertype);
	}
	want_inner();
	assert_leaves(&spec);
}

static void ipip_carries_both_families_over_both(void **state)
{
	(void)state;
	for (uint32_t which = 0; which < 8; which++)
		want_tunnel(SL_ENCAP_IPIP, which);
}

static void gre_carries_both_families_over_both(void **state)
{
	(void)state;
	for (uint32_t which = 0; which < 8; which++)
		want_tunnel(SL_ENCAP_GRE, which);
}

static void gue_carries_both_families_over_both(void **state)
{
	(void)state;
	for (uint32_t which = 0; which < 8; which++)
		want_tunnel(SL_ENCAP_GUE, which);
}

static void vxlan_carries_both_families_over_both(void **state)
{
	(void)state;
	for (uint32_t which = 0; which < 8; which++)
		want_tunnel(SL_ENCAP_VXLAN, which);
}

static void a_gue_packet_octet_by_octet(void **state)
{
	struct sl_encap_spec spec = outer_spec(SL_ENCAP_GUE, false);

	(void)state;
	packet_init(&inner);
	packet_hex(&inner, "020000000002 020000000001 0800"
			   "4501001e 7777 0000 40 11 7f53 c0000201 c0000202"
			   "0001 0035 000a c3c3 6869"
			   "ffff");
	packet_init(&wanted);
	packet_hex(&wanted, "02000000000b 02000000000a 0800"
			    "4501003e beef 0000 40 11 553c c6336401 cb00714d"
			    "e789 17c0 002a 0000"
			    "00 04 0000"
			    "4501001e 7777 0000 40 11 7f53 c0000201 c0000202"
			    "0001 0035 000a c3c3 6869");
	assert_leaves(&spec);
}

static void outer_df_is_as_the_setting_says(void **state)
{
	static const struct {
		enum sl_encap_df setting;
		bool inner_df, inner6;
		uint16_t df;
	} cases[] = {
		{SL_ENCAP_DF_COPY, false, false, 0},	 {SL_ENCAP_DF_COPY, true, false, 0x4000},
		{SL_ENCAP_DF_COPY, false, true, 0x4000}, {SL_ENCAP_DF_SET, false, false, 0x4000},
		{SL_ENCAP_DF_SET, true, false, 0x4000},	 {SL_ENCAP_DF_CLEAR, true, false, 0},
		{SL_ENCAP_DF_CLEAR, false, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		struct sl_encap_spec spec = outer_spec(SL_ENCAP_IPIP, false);

		spec.outer_df = cases[i].setting;
		make_inner(cases[i].inner6, cases[i].inner_df, 0);
		want_outer(false, cases[i].inner6 ? 41 : 4, 0, cases[i].df);
		want_inner();
		assert_leaves(&spec);
	}
}

static void without_a_tunnel_only_macs_and_ttl_change(void **state)
{
	(void)state;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		struct sl_encap_spec spec = spec_of(SL_ENCAP_NONE, NULL, NULL);

		make_inner(v6, true, 3);
		packet_init(&wanted);
		packet_eth_macs(&wanted, "02:00:00:00:00:0b", "02:00:00:00:00:0a",
				v6 ? 0x86dd : 0x0800);
		packet_octets(&wanted, inner.octets + 14, inner.size - 16);
		wanted.octets[v6 ? 21 : 22] = 8;
		if (!v6) {
			wanted.octets[24] = wanted.octets[25] = 0;
			uint16_t sum = packet_sum(wanted.octets + 14, 20, 0);

			wanted.octets[24] = (uint8_t)(sum >> 8);
			wanted.octets[25] = (uint8_t)sum;
		}
		assert_leaves(&spec);
	}
}

static void the_ttl_s_checksum_is_right_for_every_identification(void **state)
{
	const struct sl_encap_spec spec = spec_of(SL_ENCAP_NONE, NULL, NULL);
	uint8_t *ip = room + ROOM + 14;
	struct sl_encap encap;

	(void)state;
	assert_int_equal(sl_encap_build(&spec, &encap), 0);
	make_inner(false, false, 0);
	for (uint32_t id = 0; id < 65536; id++) {
		memcpy(room + ROOM, inner.octets, inner.size);
		sl_store16(ip + SL_IP4_ID, (uint16_t)id);
		sl_store16(ip + SL_IP4_SUM, 0);
		sl_store16(ip + SL_IP4_SUM, sl_csum(ip, 20));
		sl_parse(room + ROOM, inner.size, inner.size, 0, &pkt);
		sl_encap_write(&encap, ip, &pkt, FLOWS, ID);
		assert_int_equal(ip[SL_IP4_TTL], 8);
		assert_int_equal(packet_sum(ip, 20, 0), 0);
		assert_int_not_equal(sl_load16(ip + SL_IP4_SUM), 0xffff);
	}
}

static void a_vlan_tag_stays_behind(void **state)
{
	struct sl_encap_spec spec = outer_spec(SL_ENCAP_IPIP, false);

	(void)state;
	make_inner(false, true, 0);
	want_outer(false, 4, 0, 0x4000);
	want_inner();
	memmove(inner.octets + 18, inner.octets + 14, inner.size - 14);
	memcpy(inner.octets + 12, "\x81\x00\x00\x07\x08\x00", 6);
	inner.size += 4;
	assert_leaves(&spec);
}

static void outer_headers_are_right_for_any_address_size_and_hash(void **state)
{
	struct sl_prng prng = {1};
	struct sl_encap_spec spec;
	uint32_t wrong = 0;

	(void)state;
	spec = outer_spec(SL_ENCAP_GUE, false);
	for (uint32_t round = 0; round < 400000; round++) {
		uint8_t *l3 = room + ROOM + 14, *ip = l3 - 32;
		uint64_t hash = sl_prng_next(&prng);
		struct sl_encap encap;

		sl_store64(spec.src.octets, sl_prng_next(&prng));
		sl_store64(spec.dst.octets, sl_prng_next(&prng));
		wrong += sl_encap_build(&spec, &encap) != 0;
		pkt = (struct sl_pkt){.l3_size = sl_prng_below(&prng, 65504),
				      .flags = (uint16_t)(sl_prng_next(&prng) & SL_PKT_DF),
				      .tos = (uint8_t)sl_prng_next(&prng)};
		sl_encap_write(&encap, l3, &pkt, hash, (uint16_t)hash);
		wrong += packet_sum(ip, 20, 0) != 0;
		wrong += sl_load_be16(ip + SL_IP4_TOTAL) != pkt.l3_size + 32;
		wrong += sl_load_be16(ip + 20) < 49152;
		wrong += sl_load_be16(ip + 20 + SL_UDP_LENGTH) != pkt.l3_size + 12;
	}
	assert_int_equal(wrong, 0);
}

static void over_ipv6_the_udp_checksum_is_right_or_left_out(void **state)
{
	static const uint8_t fronts[] = {
		[SL_ENCAP_GUE] = 14 + 40 + 8 + 4, [SL_ENCAP_VXLAN] = 14 + 40 + 8 + 8 + 14};
	struct sl_prng prng = {1};
	uint32_t wrong = 0;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		enum sl_encap_type type = round & 1 ? SL_ENCAP_GUE : SL_ENCAP_VXLAN;
		struct sl_encap_spec spec = outer_spec(type, true);
		uint8_t *l3 = room + ROOM + 14, *ip = l3 - fronts[type] + 14, *udp = ip + 40;
		uint32_t size = sl_prng_below(&prng, 200);
		struct sl_encap encap;

		spec.udp6_sum = round & 2;
		sl_store64(spec.src.octets, sl_prng_next(&prng));
		sl_store64(spec.dst.octets + 8, sl_prng_next(&prng));
		wrong += sl_encap_build(&spec, &encap) != 0;
		pkt = (struct sl_pkt){.l3_size = size,
				      .flags = round & 4 ? SL_PKT_IPV6 | SL_PKT_DF : 0};
		for (uint32_t i = 0; i < size; i++)
			l3[i] = (uint8_t)sl_prng_next(&prng);
		sl_encap_write(&encap, l3, &pkt, sl_prng_next(&prng), 0);
		wrong += sl_encap_sums(&encap) != spec.udp6_sum;
		if (sl_encap_sums(&encap))
			sl_encap_finish_udp6(l3 - encap.size, l3, sl_csum_partial(l3, size));
		if (!spec.udp6_sum)
			wrong += sl_load16(udp + SL_UDP_SUM) != 0;
		else
			wrong += sl_load16(udp + SL_UDP_SUM) == 0 ||
				 sl_csum_transport(ip, SL_PROTO_UDP, udp,
						   (uint32_t)(l3 - udp) + size) != 0;
	}
	assert_int_equal(wrong, 0);
}

static void a_flow_label_is_never_zero(void **state)
{
	(void)state;
	assert_int_equal(sl_encap_flow_label(0), 1);
	assert_int_equal(sl_encap_flow_label(0xfff0000000ffffffull), 1);
	assert_int_equal(sl_encap_flow_label(~0ull), 0xfffff);
	assert_int_equal(sl_encap_sport(0), 49152);
	assert_int_equal(sl_encap_sport(~0ull), 65535);
}

static void assert_refused(struct sl_encap_spec spec)
{
	struct sl_encap encap, before;

	memset(&encap, 0xa5, sizeof(encap));
	before = encap;
	assert_int_equal(sl_encap_build(&spec, &encap), -EINVAL);
	assert_memory_equal(&encap, &before, sizeof(encap));
}

static void impossible_templates_are_refused(void **state)
{
	struct sl_encap_spec spec = outer_spec(SL_ENCAP_VXLAN, false);
	struct sl_encap encap;

	(void)state;
	spec.vni = SL_VNI_MAX;
	assert_int_equal(sl_encap_build(&spec, &encap), 0);
	spec.vni++;
	assert_refused(spec);
	spec = outer_spec(SL_ENCAP_GUE, true);
	spec.port = 0;
	assert_refused(spec);
	assert_refused(spec_of(SL_ENCAP_IPIP, "192.0.2.1", "2001:db8::1"));
	assert_refused(spec_of(SL_ENCAP_IPIP, NULL, NULL));
	spec = outer_spec(SL_ENCAP_IPIP, true);
	spec.outer_df = 3;
	assert_refused(spec);
	spec = outer_spec(SL_ENCAP_IPIP, true);
	spec.type = 5;
	assert_refused(spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipip_carries_both_families_over_both),
		cmocka_unit_test(gre_carries_both_families_over_both),
		cmocka_unit_test(gue_carries_both_families_over_both),
		cmocka_unit_test(vxlan_carries_both_families_over_both),
		cmocka_unit_test(a_gue_packet_octet_by_octet),
		cmocka_unit_test(outer_df_is_as_the_setting_says),
		cmocka_unit_test(without_a_tunnel_only_macs_and_ttl_change),
		cmocka_unit_test(the_ttl_s_checksum_is_right_for_every_identification),
		cmocka_unit_test(a_vlan_tag_stays_behind),
		cmocka_unit_test(outer_headers_are_right_for_any_address_size_and_hash),
		cmocka_unit_test(over_ipv6_the_udp_checksum_is_right_or_left_out),
		cmocka_unit_test(a_flow_label_is_never_zero),
		cmocka_unit_test(impossible_templates_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
