/* SPDX-License-Identifier: BSD-3-Clause */

/* What others say of next hops: who is heard, and that a flood of claims leaves room for others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "lcore/others.h"
#include "lcore/told.h"
#include "pkt/hdr.h"
#include "state/claim.h"
#include "support/packet.h"

#define OURS  "02:00:00:00:00:0a"
#define THEIR "02:00:00:00:00:77"

static const struct sl_hash_key key = {{5, 7}};

static struct sl_addr addr(const char *text)
{
	struct sl_addr made;

	assert_int_equal(sl_addr_parse(text, &made), 0);
	return made;
}

static struct sl_mac mac(const char *text)
{
	struct sl_mac made;

	assert_int_equal(sl_mac_parse(text, &made), 0);
	return made;
}

/* ---- the ring --------------------------------------------------------------------------------- */

static void a_claim_that_is_repeated_leaves_room_for_others(void **state)
{
	struct sl_told_ring *ring = calloc(1, sizeof(*ring));
	struct sl_told lie = {.addr = addr("10.0.0.1"), .mac = mac(THEIR)};
	struct sl_told truth = {.addr = addr("10.0.0.1"), .mac = mac(OURS)}, told;
	uint32_t lies = 0;

	for (uint32_t i = 0; i < 10 * SL_TOLD_ROOM; i++)
		sl_told_put(ring, &lie, &key, 1000);
	sl_told_put(ring, &truth, &key, 1000);
	while (sl_told_take(ring, &told) && memcmp(&told, &lie, sizeof(lie)) == 0)
		lies++;
	assert_int_equal(lies, SL_TOLD_RATE);
	assert_memory_equal(&told, &truth, sizeof(truth));
	assert_false(sl_told_take(ring, &told));
	sl_told_put(ring, &lie, &key, 1000 + SL_TOLD_WINDOW_MS);
	assert_true(sl_told_take(ring, &told)); /* in the next window again */
	free(ring);
}

static void a_full_ring_loses_what_comes_then(void **state)
{
	struct sl_told_ring *ring = calloc(1, sizeof(*ring));
	struct sl_told told = {.addr = addr("10.0.0.1")};
	uint32_t count = 0;

	for (uint64_t i = 0; i < 2 * SL_TOLD_ROOM; i++) {
		memcpy(told.mac.octets, &i, sizeof(told.mac.octets));
		sl_told_put(ring, &told, &key, i * SL_TOLD_WINDOW_MS);
	}
	while (sl_told_take(ring, &told))
		count++;
	assert_int_equal(count, SL_TOLD_ROOM);
	free(ring);
}

/* ---- who is heard ----------------------------------------------------------------------------- */

static struct sl_snapshot *snapshot;
static struct packet packet;
static struct sl_told told;
static bool ends;

static int open_snapshot(void **state)
{
	const struct sl_addr list[] = {addr("192.0.2.11"), addr("2001:db8::11")};
	struct sl_others *others;

	assert_int_equal(sl_snapshot_create(NULL, 0, 0, &snapshot), 0);
	assert_int_equal(sl_others_create(list, SL_ARRAY_COUNT(list), &others), 0);
	sl_snapshot_set_others(snapshot, others);
	snapshot->port_count = 1;
	snapshot->ports[0].asks = true;
	snapshot->ports[0].answer = SL_ANSWER_OFF;
	snapshot->ports[0].punt_port = SL_PUNT_DROP;
	return 0;
}

static int close_snapshot(void **state)
{
	sl_snapshot_release(snapshot);
	return 0;
}

static bool tells(void)
{
	struct sl_pkt pkt;

	sl_parse(packet.octets, packet.size, packet.size, SL_PARSE_CHECK_SUM, &pkt);
	return sl_claim_tells(snapshot, 0, &pkt, packet.octets, packet.size, &told, &ends);
}

static void make_arp(const char *body)
{
	packet_init(&packet);
	packet_eth_macs(&packet, OURS, THEIR, 0x0806);
	packet_hex(&packet, body);
}

static void make_na(const char *options)
{
	struct sl_addr target = addr("2001:db8::11");

	packet_init(&packet);
	packet_eth_macs(&packet, OURS, THEIR, 0x86dd);
	packet_ip(&packet,
		  &(struct packet_ip){
			  .src = "2001:db8::11", .dst = "2001:db8::2", .protocol = 58, .ttl = 255});
	packet_icmp(&packet, 6, 136, 0, 0x40000000);
	packet_octets(&packet, target.octets, 16);
	packet_hex(&packet, options);
	packet_finish(&packet);
}

static void expect_told(const char *address, const char *at, bool ended)
{
	struct sl_addr wanted = addr(address);
	struct sl_mac wanted_mac = mac(at);

	assert_true(tells());
	assert_true(sl_addr_equal(&told.addr, &wanted));
	assert_memory_equal(&told.mac, &wanted_mac, sizeof(wanted_mac));
	assert_int_equal(ends, ended);
}

static void answers_and_questions_of_next_hops_are_heard(void **state)
{
	make_arp("0001 0800 06 04 0002 020000000011 c000020b 02000000000a c0000202");
	expect_told("192.0.2.11", "02:00:00:00:00:11", true);
	make_arp("0001 0800 06 04 0001 020000000011 c000020b 000000000000 c0000202");
	expect_told("192.0.2.11", "02:00:00:00:00:11", false);
	make_arp("0001 0800 06 04 0002 01005e000001 c000020b 02000000000a c0000202");
	expect_told("192.0.2.11", "01:00:5e:00:00:01", true); /* to be refused with a word */
	make_na("0201 020000000011");
	expect_told("2001:db8::11", "02:00:00:00:00:11", true);
	make_na("");
	expect_told("2001:db8::11", THEIR, true);
	snapshot->ports[0].punt_port = 1;
	expect_told("2001:db8::11", THEIR, false);
}

static void strangers_other_networks_and_ports_that_do_not_ask_are_not(void **state)
{
	make_arp("0001 0800 06 04 0002 020000000011 c000020c 02000000000a c0000202");
	assert_false(tells());
	packet_init(&packet);
	packet_eth_macs(&packet, OURS, THEIR, 0x8100);
	packet_hex(&packet, "0005 0806 0001 0800 06 04 0002 020000000011 c000020b 02000000000a "
			    "c0000202");
	assert_false(tells());
	make_arp("0001 0800 06 04 0002 020000000011 c000020b 02000000000a c0000202");
	snapshot->ports[0].asks = false;
	assert_false(tells());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_that_is_repeated_leaves_room_for_others),
		cmocka_unit_test(a_full_ring_loses_what_comes_then),
		cmocka_unit_test_setup_teardown(answers_and_questions_of_next_hops_are_heard,
						open_snapshot, close_snapshot),
		cmocka_unit_test_setup_teardown(
			strangers_other_networks_and_ports_that_do_not_ask_are_not, open_snapshot,
			close_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
