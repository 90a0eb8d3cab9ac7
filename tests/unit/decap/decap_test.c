/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "decap/address.h"
#include "decap/attach.h"
#include "pkt/encap.h"
#include "pkt/gue.h"
#include "pkt/parse.h"
#include "support/packet.h"

#define ROOM	  128
#define FRAME_MAX 2048
#define MUTATED	  20000
#define MARK_SIZE 4
#define ALL	  (1u << SL_ENCAP_IPIP | 1u << SL_ENCAP_GRE | 1u << SL_ENCAP_GUE | 1u << SL_ENCAP_VXLAN)

/* Outside: what dispatchers send from and to; inside: a client and the service. */
static const char *const outer_src[] = {"192.0.2.2", "2001:db8:1::2"};
static const char *const outer_dst[] = {"192.0.2.11", "2001:db8:1::11"};
static const char *const client[] = {"203.0.113.5", "2001:db8:2::5"};
static const char *const service[] = {"198.51.100.10", "2001:db8:3::10"};

static struct sl_decap_set set;
static int program;
static bool chance; /* of the next program */

struct frame {
	uint8_t octets[FRAME_MAX];
	uint32_t size;
};

struct answer {
	uint32_t verdict;
	struct frame frame;
};

/* ---- the program ----------------------------------------------------------------------------- */

static void add_local(const char *text)
{
	struct sl_decap_prefix key = {.length = 128};
	const uint32_t one = 1;
	struct sl_addr addr;

	assert_int_equal(sl_addr_parse(text, &addr), 0);
	if (addr.family == SL_FAMILY_IPV4) {
		memset(key.octets + 10, 0xff, 2);
		memcpy(key.octets + 12, addr.octets, SL_ADDR4_SIZE);
	} else {
		memcpy(key.octets, addr.octets, SL_ADDR6_SIZE);
	}
	assert_int_equal(bpf_map_update_elem(set.map[SL_DECAP_MAP_LOCAL], &key, &one, BPF_ANY), 0);
}

static int open_program(uint32_t tunnels, const char *from, struct sl_err *err)
{
	struct sl_addr own[2];
	struct sl_prefix prefix;
	struct sl_decap_spec spec = {.interface = "lo",
				     .tunnels = tunnels,
				     .gue_port = SL_GUE_PORT,
				     .second_chance = chance,
				     .addresses = own,
				     .address_count = 2,
				     .from = &prefix,
				     .from_count = from != NULL};
	int status;

	for (uint32_t f = 0; f < 2; f++)
		assert_int_equal(sl_addr_parse(outer_dst[f], &own[f]), 0);
	if (from)
		assert_int_equal(sl_prefix_parse(from, &prefix, NULL), 0);
	status = sl_decap_set_create(&spec, -1, &set, err);
	if (status < 0)
		return status;
	program = sl_decap_set_load(&set, err);
	if (program < 0) {
		sl_decap_set_close(&set);
		return program;
	}
	for (uint32_t f = 0; f < 2; f++)
		add_local(service[f]);
	return 0;
}

static void open_or_fail(uint32_t tunnels, const char *from)
{
	struct sl_err err;

	if (open_program(tunnels, from, &err) < 0)
		fail_msg("%s", err.text);
}

static void close_program(void)
{
	close(program);
	sl_decap_set_close(&set);
}

static void run(const struct frame *frame, struct answer *answer)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->octets,
		    .data_size_in = frame->size, .data_out = answer->frame.octets,
		    .data_size_out = sizeof(answer->frame.octets), .repeat = 1);

	if (bpf_prog_test_run_opts(program, &options) != 0)
		fail_msg("a frame of %u octets is not run: %s", frame->size, strerror(errno));
	answer->verdict = options.retval;
	answer->frame.size = options.data_size_out;
}

static uint64_t counted(enum sl_decap_counter counter)
{
	struct sl_decap_count sum;

	assert_int_equal(sl_decap_count_read(set.map[SL_DECAP_MAP_COUNTS], &sum), 0);
	return sum.value[counter];
}

/* ---- packets --------------------------------------------------------------------------------- */

static void make_inner(struct packet *inner, bool v6, uint8_t tos)
{
	packet_init(inner);
	packet_eth(inner, v6 ? 0x86dd : 0x0800);
	packet_ip(inner, &(struct packet_ip){.src = client[v6],
					     .dst = service[v6],
					     .protocol = 6,
					     .tos = tos,
					     .ttl = 9,
					     .fragment = 0x4000});
	packet_tcp(inner, &(struct packet_tcp){.sport = 1024, .dport = 80, .seq = 5, .flags = 16});
	packet_pattern(inner, 33);
	packet_finish(inner);
}

/* What a dispatcher makes of the packet, by its own functions. */
static void wrap(const struct packet *inner, enum sl_encap_type type, bool outer_v6, bool sum,
		 struct frame *frame)
{
	struct sl_encap_spec spec = {.type = type,
				     .port = type == SL_ENCAP_GUE ? SL_GUE_PORT : SL_VXLAN_PORT,
				     .vni = 77,
				     .udp6_sum = sum};
	struct sl_encap encap;
	struct sl_pkt pkt;

	assert_int_equal(sl_mac_parse("02:00:00:00:00:0a", &spec.src_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:0b", &spec.dst_mac), 0);
	assert_int_equal(sl_addr_parse(outer_src[outer_v6], &spec.src), 0);
	assert_int_equal(sl_addr_parse(outer_dst[outer_v6], &spec.dst), 0);
	assert_int_equal(sl_encap_build(&spec, &encap), 0);
	sl_parse(inner->octets, inner->size, inner->size, SL_PARSE_CHECK_SUM, &pkt);
	assert_int_equal(pkt.status, SL_PKT_OK);
	memset(frame, 0, sizeof(*frame));
	memcpy(frame->octets + encap.size, inner->octets + pkt.l3_off, pkt.l3_size);
	sl_encap_write(&encap, frame->octets + encap.size, &pkt, 0x0123456789abcdef, 7);
	frame->size = encap.size + pkt.l3_size;
}

/* Puts octets in at a place. */
static void insert(struct frame *frame, uint32_t off, const void *octets, uint32_t size)
{
	memmove(frame->octets + off + size, frame->octets + off, frame->size - off);
	memcpy(frame->octets + off, octets, size);
	frame->size += size;
}

/* The outer IPv4 header's checksum anew, after a change. */
static void sum_outer(struct frame *frame)
{
	uint8_t *ip = frame->octets + SL_ETH_SIZE;

	sl_store16(ip + SL_IP4_SUM, 0);
	sl_store16(ip + SL_IP4_SUM, sl_csum(ip, SL_IP4_SIZE));
}

/* Octets more in the tunnel's own header: lengths of the outer IPv4 and UDP headers. */
static void lengthen(struct frame *frame, uint32_t size)
{
	uint8_t *ip = frame->octets + SL_ETH_SIZE, *udp = ip + SL_IP4_SIZE;

	sl_store_be16(ip + SL_IP4_TOTAL, (uint16_t)(sl_load_be16(ip + SL_IP4_TOTAL) + size));
	if (ip[SL_IP4_PROTOCOL] == SL_PROTO_UDP)
		sl_store_be16(udp + SL_UDP_LENGTH,
			      (uint16_t)(sl_load_be16(udp + SL_UDP_LENGTH) + size));
	sum_outer(frame);
}

static void assert_opened(const struct frame *frame, const struct packet *inner, uint32_t tags,
			  enum sl_decap_counter counter)
{
	uint64_t before = counted(counter);
	struct frame wanted = {.size = SL_ETH_SIZE + 4 * tags + inner->size - SL_ETH_SIZE};
	struct answer answer;

	memcpy(wanted.octets, frame->octets, SL_ETH_SIZE + 4 * tags);
	memcpy(wanted.octets + SL_ETH_TYPE + 4 * tags, inner->octets + SL_ETH_TYPE,
	       inner->size - SL_ETH_TYPE);
	run(frame, &answer);
	assert_int_equal(answer.verdict, XDP_PASS);
	assert_true(
		packet_equal(wanted.octets, wanted.size, answer.frame.octets, answer.frame.size));
	assert_int_equal(counted(counter), before + 1);
}

static void assert_dropped(const struct frame *frame, enum sl_decap_counter counter)
{
	uint64_t before = counted(counter);
	struct answer answer;

	run(frame, &answer);
	assert_int_equal(answer.verdict, XDP_DROP);
	assert_int_equal(counted(counter), before + 1);
}

/* As it came; counter: SL_DECAP_COUNTER_COUNT for none. */
static void assert_left(const struct frame *frame, enum sl_decap_counter counter)
{
	struct sl_decap_count before, after;
	struct answer answer;

	assert_int_equal(sl_decap_count_read(set.map[SL_DECAP_MAP_COUNTS], &before), 0);
	run(frame, &answer);
	assert_int_equal(answer.verdict, XDP_PASS);
	/* What is passed on has a mark in front. */
	if (counter == SL_DECAP_PASSED_ON) {
		assert_int_equal(sl_load32(answer.frame.octets), SL_DECAP_PASS_ON);
		answer.frame.size -= MARK_SIZE;
		memmove(answer.frame.octets, answer.frame.octets + MARK_SIZE, answer.frame.size);
	}
	assert_int_equal(answer.frame.size, frame->size);
	assert_memory_equal(answer.frame.octets, frame->octets, frame->size);
	assert_int_equal(sl_decap_count_read(set.map[SL_DECAP_MAP_COUNTS], &after), 0);
	for (uint32_t c = 0; c < SL_DECAP_COUNTER_COUNT; c++)
		assert_int_equal(after.value[c], before.value[c] + (c == counter));
}

static enum sl_decap_counter counter_of(enum sl_encap_type type)
{
	return (enum sl_decap_counter)(SL_DECAP_IPIP + type - SL_ENCAP_IPIP);
}

/* ---- what is opened -------------------------------------------------------------------------- */

static void every_tunnel_of_a_dispatcher_is_opened(void **state)
{
	static const uint8_t tags[] = {0x81, 0x00, 0x00, 0x05, 0x81, 0x00, 0x00, 0x06};
	struct packet inner;
	struct frame frame;

	open_or_fail(ALL, NULL);
	for (uint32_t type = SL_ENCAP_IPIP; type <= SL_ENCAP_VXLAN; type++)
		for (uint32_t families = 0; families < 8; families++)
			for (uint32_t count = 0; count <= 2; count++) {
				make_inner(&inner, families & 1, 0x28);
				wrap(&inner, type, families & 2, families & 4, &frame);
				insert(&frame, SL_ETH_TYPE, tags, 4 * count);
				assert_opened(&frame, &inner, count, counter_of(type));
			}
	assert_int_equal(counted(SL_DECAP_BYTES), 4 * 2 * 3 * 2 * (20 + 40 + 2 * (20 + 33)));
	close_program();
}

static void keys_and_private_data_are_walked_over(void **state)
{
	static const uint8_t words[128] = {0};
	struct packet inner;
	struct frame frame;

	open_or_fail(ALL, NULL);
	make_inner(&inner, false, 0);
	for (uint16_t flags = 0; flags < 4; flags++) {
		uint32_t more = 4 * (flags & 1) + 2 * (flags & 2);

		wrap(&inner, SL_ENCAP_GRE, false, false, &frame);
		insert(&frame, SL_ETH_SIZE + SL_IP4_SIZE + SL_GRE_SIZE, words, more);
		sl_store_be16(frame.octets + SL_ETH_SIZE + SL_IP4_SIZE, (uint16_t)(flags << 12));
		lengthen(&frame, more);
		assert_opened(&frame, &inner, 0, SL_DECAP_GRE);
	}
	for (uint8_t count = 0; count < 32; count++) {
		wrap(&inner, SL_ENCAP_GUE, false, false, &frame);
		insert(&frame, SL_ETH_SIZE + SL_IP4_SIZE + SL_UDP_SIZE + SL_GUE_SIZE, words,
		       4u * count);
		frame.octets[SL_ETH_SIZE + SL_IP4_SIZE + SL_UDP_SIZE] = count;
		lengthen(&frame, 4u * count);
		assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
	}
	close_program();
}

static void congestion_is_told_inside(void **state)
{
	/* By the outer and the inner mark; 4: dropped. RFC 6040, figure 4. */
	static const uint8_t after[4][4] = {{0, 1, 2, 3}, {0, 1, 1, 3}, {0, 1, 2, 3}, {4, 3, 3, 3}};
	struct packet inner, wanted;
	struct frame frame;

	open_or_fail(ALL, NULL);
	for (uint8_t marks = 0; marks < 16; marks++)
		for (uint32_t families = 0; families < 4; families++) {
			uint8_t outer = marks >> 2, told = after[outer][marks & 3];

			make_inner(&inner, families & 1, 0x28 | (marks & 3));
			make_inner(&wanted, families & 1, 0x28 | (told & 3));
			wrap(&inner, SL_ENCAP_GUE, families & 2, false, &frame);
			if (families & 2) {
				frame.octets[SL_ETH_SIZE + 1] &= 0xcf;
				frame.octets[SL_ETH_SIZE + 1] |= (uint8_t)(outer << 4);
			} else {
				frame.octets[SL_ETH_SIZE + SL_IP4_TOS] = 0x28 | outer;
				sum_outer(&frame);
			}
			if (told > 3)
				assert_dropped(&frame, SL_DECAP_ECN);
			else
				assert_opened(&frame, &wanted, 0, SL_DECAP_GUE);
		}
	close_program();
}

/* ---- the second chance ----------------------------------------------------------------------- */

/* A frame whose header names a node, in a tunnel over either family. */
static void name_node(struct frame *frame, bool v6, const char *node, uint8_t hops)
{
	uint32_t base = SL_ETH_SIZE + (v6 ? SL_IP6_SIZE : SL_IP4_SIZE);
	uint32_t size = sl_gue_field_size(v6 ? SL_FAMILY_IPV6 : SL_FAMILY_IPV4);
	uint8_t field[SL_GUE_FIELD_MAX], *ip = frame->octets + SL_ETH_SIZE;
	struct sl_addr addr;

	assert_int_equal(sl_addr_parse(node, &addr), 0);
	sl_gue_field_write(field, addr.family, addr.octets);
	field[SL_GUE_FIELD_HOPS] = hops;
	insert(frame, base + SL_UDP_SIZE + SL_GUE_SIZE, field, size);
	frame->octets[base + SL_UDP_SIZE] = (uint8_t)(size / 4);
	if (v6) {
		sl_store_be16(ip + SL_IP6_PAYLOAD,
			      (uint16_t)(sl_load_be16(ip + SL_IP6_PAYLOAD) + size));
		sl_store_be16(frame->octets + base + SL_UDP_LENGTH,
			      sl_load_be16(ip + SL_IP6_PAYLOAD));
	} else {
		lengthen(frame, size);
	}
}

static const char *const other_node[] = {"192.0.2.12", "2001:db8:1::12"};

static void a_segment_without_a_socket_is_left_for_the_other_node(void **state)
{
	struct packet inner;
	struct frame frame;

	chance = true;
	open_or_fail(ALL, NULL);
	for (uint32_t families = 0; families < 4; families++) {
		bool v6 = families & 2;
		uint64_t before = counted(SL_DECAP_UNKNOWN);

		make_inner(&inner, families & 1, 0);
		wrap(&inner, SL_ENCAP_GUE, v6, false, &frame);
		name_node(&frame, v6, other_node[v6], 1);
		assert_left(&frame, SL_DECAP_PASSED_ON);
		/* No hop, or ourselves. */
		wrap(&inner, SL_ENCAP_GUE, v6, false, &frame);
		name_node(&frame, v6, other_node[v6], 0);
		assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
		wrap(&inner, SL_ENCAP_GUE, v6, false, &frame);
		name_node(&frame, v6, outer_dst[v6], 1);
		assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
		assert_int_equal(counted(SL_DECAP_UNKNOWN), before + 2);
		/* For somebody else inside: nobody's relay. */
		wrap(&inner, SL_ENCAP_GUE, v6, false, &frame);
		name_node(&frame, v6, other_node[v6], 1);
		frame.octets[frame.size - 33 - 20 - 1] ^= 1;
		assert_left(&frame, SL_DECAP_NOT_OURS);
	}
	close_program();
	/* Only where it is asked for, and to those who may send here. */
	open_or_fail(ALL, "192.0.2.0/29");
	make_inner(&inner, false, 0);
	wrap(&inner, SL_ENCAP_GUE, false, false, &frame);
	name_node(&frame, false, other_node[0], 1);
	assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
	close_program();
	chance = false;
	open_or_fail(ALL, NULL);
	assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
	assert_int_equal(counted(SL_DECAP_UNKNOWN), 0);
	close_program();
}

static void beginnings_and_other_protocols_stay_here(void **state)
{
	struct packet inner;
	struct frame frame;

	chance = true;
	open_or_fail(ALL, NULL);
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		packet_make_tcp(&inner, client[v6], 1024, service[v6], 80, SL_TCP_SYN, 0);
		wrap(&inner, SL_ENCAP_GUE, false, false, &frame);
		name_node(&frame, false, other_node[0], 1);
		assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
		packet_make_udp(&inner, client[v6], 1024, service[v6], 80, 9);
		wrap(&inner, SL_ENCAP_GUE, false, false, &frame);
		name_node(&frame, false, other_node[0], 1);
		assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
	}
	close_program();
	chance = false;
}

/* Of a connection over the loopback, the client's port; of a listener alone, another one. */
static void a_segment_of_a_connection_that_is_here_is_delivered(void **state)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t size = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = socket(AF_INET, SOCK_STREAM, 0);
	struct packet inner;
	struct frame frame;
	struct sockaddr_in there;

	assert_int_equal(bind(listener, (struct sockaddr *)&here, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &size), 0);
	assert_int_equal(connect(one, (struct sockaddr *)&here, size), 0);
	assert_int_equal(getsockname(one, (struct sockaddr *)&there, &size), 0);
	chance = true;
	open_or_fail(ALL, NULL);
	add_local("127.0.0.1");
	packet_make_tcp(&inner, "127.0.0.1", ntohs(there.sin_port), "127.0.0.1",
			ntohs(here.sin_port), SL_TCP_ACK, 5);
	wrap(&inner, SL_ENCAP_GUE, false, false, &frame);
	name_node(&frame, false, other_node[0], 1);
	assert_opened(&frame, &inner, 0, SL_DECAP_GUE);
	packet_make_tcp(&inner, "127.0.0.2", 9, "127.0.0.1", ntohs(here.sin_port), SL_TCP_ACK, 5);
	wrap(&inner, SL_ENCAP_GUE, false, false, &frame);
	name_node(&frame, false, other_node[0], 1);
	assert_left(&frame, SL_DECAP_PASSED_ON);
	close_program();
	chance = false;
	close(one);
	close(listener);
}

/* ---- what is not ----------------------------------------------------------------------------- */

static void what_is_for_others_is_left(void **state)
{
	struct packet inner;
	struct frame frame;

	open_or_fail(ALL, NULL);
	for (uint32_t type = SL_ENCAP_IPIP; type <= SL_ENCAP_VXLAN; type++)
		for (uint32_t families = 0; families < 4; families++) {
			bool v6 = families & 2;
			uint32_t last = SL_ETH_SIZE + (v6 ? SL_IP6_DST + 15 : SL_IP4_DST + 3);

			make_inner(&inner, families & 1, 0);
			wrap(&inner, type, v6, false, &frame);
			frame.octets[last] ^= 1;
			if (!v6)
				sum_outer(&frame);
			assert_left(&frame, SL_DECAP_NOT_OURS);
			wrap(&inner, type, v6, false, &frame);
			frame.octets[frame.size - 33 - 20 - 1] ^= 1; /* inner destination */
			assert_left(&frame, SL_DECAP_NOT_OURS);
		}
	close_program();
}

static void what_is_no_tunnel_is_left_uncounted(void **state)
{
	struct packet packet;
	struct frame frame;

	open_or_fail(ALL, NULL);
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		packet_make_udp(&packet, outer_src[v6], 1024, outer_dst[v6], 53, 10);
		memcpy(frame.octets, packet.octets, packet.size);
		for (frame.size = SL_ETH_SIZE; frame.size < packet.size; frame.size++)
			assert_left(&frame, SL_DECAP_COUNTER_COUNT);
	}
	close_program();
}

static void tunnels_that_are_not_asked_for_are_left(void **state)
{
	struct packet inner;
	struct frame frame;

	make_inner(&inner, false, 0);
	for (uint32_t only = SL_ENCAP_IPIP; only <= SL_ENCAP_VXLAN; only++) {
		open_or_fail(1u << only, NULL);
		for (uint32_t type = SL_ENCAP_IPIP; type <= SL_ENCAP_VXLAN; type++) {
			wrap(&inner, type, false, false, &frame);
			if (type == only)
				assert_opened(&frame, &inner, 0, counter_of(type));
			else
				assert_left(&frame, SL_DECAP_COUNTER_COUNT);
		}
		close_program();
	}
}

static void strangers_are_dropped_where_dispatchers_are_named(void **state)
{
	struct packet inner;
	struct frame frame;

	make_inner(&inner, false, 0);
	open_or_fail(ALL, "192.0.2.0/29");
	wrap(&inner, SL_ENCAP_IPIP, false, false, &frame);
	assert_opened(&frame, &inner, 0, SL_DECAP_IPIP);
	frame.octets[SL_ETH_SIZE + SL_IP4_SRC + 3] = 8;
	sum_outer(&frame);
	assert_dropped(&frame, SL_DECAP_SOURCE);
	wrap(&inner, SL_ENCAP_IPIP, true, false, &frame);
	assert_dropped(&frame, SL_DECAP_SOURCE);
	close_program();
}

static void fragments_of_tunnels_are_dropped(void **state)
{
	static const uint8_t last[] = {0, 0, 0, 0x10, 0, 0, 0, 9};
	struct packet inner;
	struct frame frame;

	open_or_fail(ALL, NULL);
	make_inner(&inner, false, 0);
	for (uint32_t type = SL_ENCAP_IPIP; type <= SL_ENCAP_VXLAN; type++) {
		bool udp = type >= SL_ENCAP_GUE;

		wrap(&inner, type, false, false, &frame);
		sl_store_be16(frame.octets + SL_ETH_SIZE + SL_IP4_FRAGMENT, SL_IP4_MF);
		sum_outer(&frame);
		assert_dropped(&frame, SL_DECAP_FRAGMENT);
		sl_store_be16(frame.octets + SL_ETH_SIZE + SL_IP4_FRAGMENT, 100);
		sum_outer(&frame);
		/* Later ones of UDP do not tell whose they are. */
		if (udp)
			assert_left(&frame, SL_DECAP_COUNTER_COUNT);
		else
			assert_dropped(&frame, SL_DECAP_FRAGMENT);
		wrap(&inner, type, true, false, &frame);
		insert(&frame, SL_ETH_SIZE + SL_IP6_SIZE, last, sizeof(last));
		frame.octets[SL_ETH_SIZE + SL_IP6_SIZE] = frame.octets[SL_ETH_SIZE + SL_IP6_NEXT];
		frame.octets[SL_ETH_SIZE + SL_IP6_NEXT] = SL_PROTO_FRAGMENT;
		if (udp)
			assert_left(&frame, SL_DECAP_COUNTER_COUNT);
		else
			assert_dropped(&frame, SL_DECAP_FRAGMENT);
		frame.octets[SL_ETH_SIZE + SL_IP6_SIZE + 2] = 0;
		frame.octets[SL_ETH_SIZE + SL_IP6_SIZE + 3] = 1;
		assert_dropped(&frame, SL_DECAP_FRAGMENT);
	}
	close_program();
}

/* Every octet from the tunnel's end backwards is missing once. */
static void packets_that_are_cut_off_are_dropped(void **state)
{
	struct packet inner;
	struct frame frame;

	open_or_fail(ALL, NULL);
	for (uint32_t type = SL_ENCAP_IPIP; type <= SL_ENCAP_VXLAN; type++)
		for (uint32_t families = 0; families < 4; families++) {
			bool v6 = families & 2;
			uint32_t least = SL_ETH_SIZE + (v6 ? SL_IP6_SIZE : SL_IP4_SIZE) +
					 (type >= SL_ENCAP_GUE ? SL_UDP_SIZE : 0);

			make_inner(&inner, families & 1, 0);
			wrap(&inner, type, v6, false, &frame);
			for (frame.size--; frame.size >= least; frame.size--)
				assert_dropped(&frame, SL_DECAP_BAD_HEADER);
		}
	close_program();
}

/* Octets of a frame from sluice, by their place behind the outer IPv4 header, and what becomes of it. */
static void fields_that_contradict_are_found(void **state)
{
	static const struct {
		enum sl_encap_type type;
		int off;
		uint8_t value;
		enum sl_decap_counter counter;
		bool left;
	} wrong[] = {
		{SL_ENCAP_IPIP, 0, 0x65, SL_DECAP_BAD_HEADER, false}, /* inner version */
		{SL_ENCAP_IPIP, 0, 0x44, SL_DECAP_BAD_HEADER, false}, /* its header too short */
		{SL_ENCAP_IPIP, 0, 0x4f, SL_DECAP_IPIP, true},	      /* options: none of ours */
		{SL_ENCAP_IPIP, 2, 0xff, SL_DECAP_BAD_HEADER,
		 false},					     /* longer than the outer one */
		{SL_ENCAP_IPIP, 3, 19, SL_DECAP_BAD_HEADER, false},  /* shorter than its header */
		{SL_ENCAP_GRE, 0, 0x80, SL_DECAP_OTHER, true},	     /* a checksum */
		{SL_ENCAP_GRE, 1, 0x01, SL_DECAP_OTHER, true},	     /* version 1 */
		{SL_ENCAP_GRE, 2, 0x65, SL_DECAP_OTHER, true},	     /* Ethernet */
		{SL_ENCAP_GUE, 4, 0xff, SL_DECAP_BAD_HEADER, false}, /* UDP length */
		{SL_ENCAP_GUE, 8, 0x40, SL_DECAP_OTHER, true},	     /* variant 1 */
		{SL_ENCAP_GUE, 8, 0x20, SL_DECAP_OTHER, true},	     /* control */
		{SL_ENCAP_GUE, 8, 0x1f, SL_DECAP_BAD_HEADER, false}, /* header beyond the end */
		{SL_ENCAP_GUE, 9, 17, SL_DECAP_OTHER, true},	     /* UDP */
		{SL_ENCAP_GUE, 9, 41, SL_DECAP_BAD_HEADER, false},   /* IPv6, which it is not */
		{SL_ENCAP_GUE, 11, 1, SL_DECAP_BAD_HEADER, false},  /* a flag that we do not know */
		{SL_ENCAP_VXLAN, 8, 0, SL_DECAP_BAD_HEADER, false}, /* no VNI */
		{SL_ENCAP_VXLAN, 28, 0x81, SL_DECAP_OTHER, true},   /* tags inside */
	};
	struct packet inner;
	struct frame frame;

	open_or_fail(ALL, NULL);
	make_inner(&inner, false, 0);
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(wrong); i++) {
		wrap(&inner, wrong[i].type, false, false, &frame);
		frame.octets[SL_ETH_SIZE + SL_IP4_SIZE + wrong[i].off] = wrong[i].value;
		if (wrong[i].counter == counter_of(wrong[i].type)) {
			struct answer answer;

			run(&frame, &answer);
			assert_int_equal(answer.frame.size, inner.size);
		} else if (wrong[i].left) {
			assert_left(&frame, wrong[i].counter);
		} else {
			assert_dropped(&frame, wrong[i].counter);
		}
	}
	wrap(&inner, SL_ENCAP_IPIP, false, false, &frame);
	frame.octets[SL_ETH_SIZE + SL_IP4_SUM] ^= 1;
	assert_dropped(&frame, SL_DECAP_BAD_HEADER);
	close_program();
}

/* Whatever comes is dropped, left as it came, or an inner packet that is whole. */
static void mutated_packets_are_whole_or_not_opened(void **state)
{
	struct sl_prng prng = {1};
	struct packet inner;
	struct frame frame;
	struct answer answer;
	uint32_t opened = 0;

	open_or_fail(ALL, NULL);
	for (uint32_t n = 0; n < MUTATED; n++) {
		uint64_t dice = sl_prng_next(&prng);
		const uint8_t *ip = answer.frame.octets + SL_ETH_SIZE;

		make_inner(&inner, dice & 1, 0);
		wrap(&inner, SL_ENCAP_IPIP + (dice >> 1 & 3), dice >> 3 & 1, dice >> 4 & 1, &frame);
		for (uint32_t i = 0; i < 1 + (dice >> 5 & 3); i++)
			frame.octets[sl_prng_next(&prng) % 100] = (uint8_t)sl_prng_next(&prng);
		frame.size -= (uint32_t)(dice >> 8 & 7);
		run(&frame, &answer);
		assert_true(answer.verdict == XDP_PASS || answer.verdict == XDP_DROP);
		if (answer.verdict == XDP_DROP)
			continue;
		if (answer.frame.size == frame.size) {
			assert_memory_equal(answer.frame.octets, frame.octets, frame.size);
			continue;
		}
		opened++;
		assert_true(answer.frame.size < frame.size);
		if (sl_load_be16(answer.frame.octets + SL_ETH_TYPE) == SL_ETHERTYPE_VLAN)
			continue;
		if (ip[0] >> 4 == 6)
			assert_in_range(sl_load_be16(ip + SL_IP6_PAYLOAD), 0,
					answer.frame.size - SL_ETH_SIZE - SL_IP6_SIZE);
		else
			assert_in_range(sl_load_be16(ip + SL_IP4_TOTAL), SL_IP4_SIZE,
					answer.frame.size - SL_ETH_SIZE);
	}
	assert_in_range(opened, MUTATED / 100, MUTATED);
	close_program();
}

/* ---- addresses ------------------------------------------------------------------------------- */

struct seen {
	uint32_t count, loopback;
};

static int see(void *context, const struct sl_prefix *prefix)
{
	struct seen *seen = context;

	seen->count++;
	seen->loopback += prefix->addr.family == SL_FAMILY_IPV4 && prefix->addr.octets[0] == 127;
	return 0;
}

static void the_loopbacks_addresses_are_not_for_packets_from_outside(void **state)
{
	struct seen own = {0}, local = {0};

	assert_int_equal(sl_decap_addresses_of("lo", see, &own), 0);
	assert_int_equal(sl_decap_addresses_local(see, &local), 0);
	assert_int_equal(local.loopback, 0);
	if (own.count == 0)
		skip();
	assert_true(own.loopback > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tunnel_of_a_dispatcher_is_opened),
		cmocka_unit_test(keys_and_private_data_are_walked_over),
		cmocka_unit_test(congestion_is_told_inside),
		cmocka_unit_test(a_segment_without_a_socket_is_left_for_the_other_node),
		cmocka_unit_test(beginnings_and_other_protocols_stay_here),
		cmocka_unit_test(a_segment_of_a_connection_that_is_here_is_delivered),
		cmocka_unit_test(what_is_for_others_is_left),
		cmocka_unit_test(what_is_no_tunnel_is_left_uncounted),
		cmocka_unit_test(tunnels_that_are_not_asked_for_are_left),
		cmocka_unit_test(strangers_are_dropped_where_dispatchers_are_named),
		cmocka_unit_test(fragments_of_tunnels_are_dropped),
		cmocka_unit_test(packets_that_are_cut_off_are_dropped),
		cmocka_unit_test(fields_that_contradict_are_found),
		cmocka_unit_test(mutated_packets_are_whole_or_not_opened),
		cmocka_unit_test(the_loopbacks_addresses_are_not_for_packets_from_outside),
	};
	struct sl_err err;
	int status = open_program(ALL, NULL, &err);

	if (status == -EPERM || status == -EACCES || status == -ENOSYS) {
		printf("skipped: %s\n", err.text);
		return 77;
	}
	if (status == 0)
		close_program();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
