/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pkt/csum.h"
#include "support/packet.h"

#define LARGE  5000 /* octets of payload */
#define PIECE  1448
#define TIMES  "0101080a0000000100000002" /* an option of 12 octets */
#define CWR    0x80
#define ENDING (SL_TCP_ACK | SL_TCP_PSH | SL_TCP_FIN)

static struct packet packet, wanted;
static uint8_t payload[LARGE];

static void make_head(struct packet *made, bool v6, uint8_t protocol, uint16_t id)
{
	packet_init(made);
	packet_eth(made, 0x8100);
	packet_vlan(made, 7, v6 ? 0x86dd : 0x0800);
	packet_ip(made, &(struct packet_ip){.src = v6 ? "2001:db8::1" : "192.0.2.1",
					    .dst = v6 ? "2001:db8::2" : "192.0.2.2",
					    .protocol = protocol,
					    .id = id,
					    .tos = 2,
					    .fragment = 0x4000});
}

static void make_tcp(struct packet *made, bool v6, uint32_t off, uint32_t size, uint8_t flags)
{
	make_head(made, v6, 6, (uint16_t)(0xffff + off / PIECE));
	packet_tcp(made, &(struct packet_tcp){.sport = 1000,
					      .dport = 80,
					      .seq = 0xfffffff0u + off,
					      .ack = 9,
					      .flags = flags,
					      .options = TIMES});
	packet_octets(made, payload + off, size);
	packet_finish(made);
}

static void make_udp(struct packet *made, bool v6, uint32_t off, uint32_t size)
{
	make_head(made, v6, 17, (uint16_t)(0xffff + off / PIECE));
	packet_udp(made, 1000, 443);
	packet_octets(made, payload + off, size);
	packet_finish(made);
}

static struct sl_pkt parsed(const struct packet *what)
{
	struct sl_pkt pkt;

	sl_parse_slow(what->octets, what->size, what->size, 0, &pkt);
	return pkt;
}

static void assert_next(struct sl_segments *segments)
{
	uint32_t size = sl_segments_size(segments);
	uint8_t out[PACKET_SIZE_MAX];

	sl_segments_write(segments, out);
	assert_true(packet_equal(wanted.octets, wanted.size, out, size));
}

static void fill(void)
{
	for (uint32_t i = 0; i < LARGE; i++)
		payload[i] = (uint8_t)(i * 7 + i / 251);
}

static void tcp_is_cut_as_its_sender_would_have_sent_it(void **state)
{
	struct sl_segments segments;
	struct sl_pkt pkt;

	(void)state;
	fill();
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		make_tcp(&packet, v6, 0, LARGE, ENDING | CWR);
		pkt = parsed(&packet);
		assert_true(sl_segments_init(&segments, packet.octets, &pkt, PIECE, 9000));
		for (uint32_t off = 0; off < LARGE; off += PIECE) {
			uint32_t size = SL_MIN(LARGE - off, (uint32_t)PIECE);
			uint8_t flags = off + size == LARGE ? ENDING : SL_TCP_ACK;

			make_tcp(&wanted, v6, off, size, flags | (off == 0 ? CWR : 0));
			assert_next(&segments);
		}
		assert_int_equal(sl_segments_size(&segments), 0);
	}
}

static void udp_is_cut_where_its_sender_said(void **state)
{
	struct sl_segments segments;
	struct sl_pkt pkt;

	(void)state;
	fill();
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		make_udp(&packet, v6, 0, LARGE);
		pkt = parsed(&packet);
		assert_true(sl_segments_init(&segments, packet.octets, &pkt, PIECE, 9000));
		for (uint32_t off = 0; off < LARGE; off += PIECE) {
			make_udp(&wanted, v6, off, SL_MIN(LARGE - off, (uint32_t)PIECE));
			assert_next(&segments);
		}
		assert_int_equal(sl_segments_size(&segments), 0);
		assert_false(sl_segments_init(&segments, packet.octets, &pkt, 0, 1518));
		assert_false(sl_segments_init(&segments, packet.octets, &pkt, PIECE, 1400));
	}
}

static void without_a_size_tcp_fills_the_frames_that_the_link_carries(void **state)
{
	struct sl_segments segments;
	struct sl_pkt pkt;

	(void)state;
	make_tcp(&packet, false, 0, LARGE, SL_TCP_ACK);
	pkt = parsed(&packet);
	assert_true(sl_segments_init(&segments, packet.octets, &pkt, 0, 1518));
	assert_int_equal(sl_segments_size(&segments), 1518);
	assert_true(sl_segments_init(&segments, packet.octets, &pkt, 4000, 1518));
	assert_int_equal(sl_segments_size(&segments), 1518);
}

static void what_is_small_a_fragment_or_of_another_protocol_is_not_cut(void **state)
{
	struct sl_segments segments;
	struct sl_pkt pkt;

	(void)state;
	make_tcp(&packet, false, 0, PIECE, SL_TCP_ACK);
	pkt = parsed(&packet);
	assert_false(sl_segments_init(&segments, packet.octets, &pkt, PIECE, 9000));
	assert_false(sl_segments_init(&segments, packet.octets, &pkt, 0, 1518));
	assert_false(sl_segments_init(&segments, packet.octets, &pkt, 100, 60));
	assert_true(sl_segments_init(&segments, packet.octets, &pkt, PIECE - 1, 9000));
	pkt.flags |= SL_PKT_FRAGMENT;
	assert_false(sl_segments_init(&segments, packet.octets, &pkt, PIECE - 1, 9000));
	make_head(&packet, false, 50, 1);
	packet_pattern(&packet, 3000);
	packet_finish(&packet);
	pkt = parsed(&packet);
	assert_false(sl_segments_init(&segments, packet.octets, &pkt, 1000, 9000));
}

/* Leaves the sum of the pseudo header in the field. */
static void leave(uint32_t offset)
{
	struct sl_pkt pkt = parsed(&packet);
	uint32_t size = pkt.l3_size - (uint32_t)(pkt.l4_off - pkt.l3_off);
	uint64_t sum = sl_csum_pseudo(packet.octets + pkt.l3_off, pkt.protocol, size);

	sl_store16(packet.octets + pkt.l4_off + offset, sl_csum_fold(sum));
}

static bool is_left(void)
{
	struct sl_pkt pkt = parsed(&packet);

	return sl_sum_is_left(packet.octets, &pkt);
}

static void a_checksum_that_is_left_to_do_is_told_from_one_that_is_there(void **state)
{
	(void)state;
	fill();
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		for (uint32_t size = 0; size < 40; size++) {
			make_tcp(&packet, v6, 0, size, SL_TCP_SYN);
			assert_false(is_left());
			leave(16);
			assert_true(is_left());
			make_udp(&packet, v6, 0, size);
			assert_false(is_left());
			leave(6);
			assert_true(is_left());
		}
	}
	make_head(&packet, false, 17, 1);
	packet_udp_zero_sum(&packet, 1, 2);
	packet_finish(&packet);
	assert_false(is_left());
}

static void sctp_leaves_a_field_of_zero_and_other_protocols_nothing(void **state)
{
	(void)state;
	make_head(&packet, false, 132, 1);
	packet_pattern(&packet, 20);
	packet_finish(&packet);
	assert_false(is_left());
	memset(packet.octets + 18 + 20 + 8, 0, 4);
	assert_true(is_left());
	make_head(&packet, false, 50, 1);
	packet_octets(&packet, (uint8_t[40]){0}, 40);
	packet_finish(&packet);
	assert_false(is_left());
}

static void crc32c_is_that_of_the_standard_in_whatever_pieces(void **state)
{
	const uint8_t *octets = (const uint8_t *)"123456789";

	(void)state;
	for (uint32_t part = 0; part <= 9; part++) {
		uint32_t crc = sl_crc32c(UINT32_MAX, octets, part);

		assert_int_equal(~sl_crc32c(crc, octets + part, 9 - part), 0xe3069283u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_is_cut_as_its_sender_would_have_sent_it),
		cmocka_unit_test(udp_is_cut_where_its_sender_said),
		cmocka_unit_test(without_a_size_tcp_fills_the_frames_that_the_link_carries),
		cmocka_unit_test(what_is_small_a_fragment_or_of_another_protocol_is_not_cut),
		cmocka_unit_test(a_checksum_that_is_left_to_do_is_told_from_one_that_is_there),
		cmocka_unit_test(sctp_leaves_a_field_of_zero_and_other_protocols_nothing),
		cmocka_unit_test(crc32c_is_that_of_the_standard_in_whatever_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
