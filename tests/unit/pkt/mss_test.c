/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/mss.h"
#include "pkt/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/packet.h"

static struct packet packet, wanted;

static void make(struct packet *made, bool v6, uint8_t flags, const char *options)
{
	packet_init(made);
	packet_eth(made, v6 ? 0x86dd : 0x0800);
	packet_ip(made, &(struct packet_ip){.src = v6 ? "2001:db8::1" : "192.0.2.1",
					    .dst = v6 ? "2001:db8::2" : "192.0.2.2",
					    .protocol = 6});
	packet_tcp(made,
		   &(struct packet_tcp){
			   .sport = 1, .dport = 80, .seq = 5, .flags = flags, .options = options});
	packet_finish(made);
}

static bool clamp(uint32_t cut)
{
	struct sl_pkt pkt;

	sl_parse(packet.octets, packet.size, packet.size, 0, &pkt);
	assert_int_equal(pkt.status, SL_PKT_OK);
	return sl_mss_clamp(packet.octets + 14, packet.size - 14 - cut, &pkt, 1360);
}

static void assert_clamped(uint8_t flags, const char *before, const char *after)
{
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		make(&packet, v6, flags, before);
		make(&wanted, v6, flags, after);
		assert_true(clamp(0));
		assert_true(packet_equal(wanted.octets, wanted.size, packet.octets, packet.size));
	}
}

static void assert_untouched(uint8_t flags, const char *options, uint32_t cut)
{
	make(&packet, false, flags, options);
	wanted = packet;
	assert_false(clamp(cut));
	assert_true(packet_equal(wanted.octets, wanted.size, packet.octets, packet.size));
}

static void a_larger_segment_size_is_lowered_with_the_checksum(void **state)
{
	(void)state;
	assert_clamped(SL_TCP_SYN, "020405b4", "02040550");
	assert_clamped(SL_TCP_SYN | SL_TCP_ACK, "0101080a0000000100000002020405b4",
		       "0101080a000000010000000202040550");
}

static void an_option_at_an_odd_offset_keeps_the_checksum_right(void **state)
{
	(void)state;
	assert_clamped(SL_TCP_SYN, "01020405b4000000", "0102040550000000");
	assert_clamped(SL_TCP_SYN, "030307020423280000000000", "030307020405500000000000");
}

static void what_is_low_enough_absent_or_malformed_stays(void **state)
{
	(void)state;
	assert_untouched(SL_TCP_SYN, "02040550", 0);
	assert_untouched(SL_TCP_SYN, "02040100", 0);
	assert_untouched(SL_TCP_SYN, NULL, 0);
	assert_untouched(SL_TCP_SYN, "00000000020405b4", 0); /* after the end */
	assert_untouched(SL_TCP_SYN, "08000000020405b4", 0); /* no length */
	assert_untouched(SL_TCP_SYN, "02030000", 0);
	assert_untouched(SL_TCP_SYN, "01010204", 0); /* cut */
	assert_untouched(SL_TCP_SYN, "010101ff", 0);
	assert_untouched(SL_TCP_ACK, "020405b4", 0); /* no SYN */
	assert_untouched(SL_TCP_SYN, "020405b4", 1); /* not all readable */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_larger_segment_size_is_lowered_with_the_checksum),
		cmocka_unit_test(an_option_at_an_odd_offset_keeps_the_checksum_right),
		cmocka_unit_test(what_is_low_enough_absent_or_malformed_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
