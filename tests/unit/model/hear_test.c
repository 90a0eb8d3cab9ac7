/* SPDX-License-Identifier: BSD-3-Clause */

/* What cores heard, and what becomes of nodes by it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "lcore/heard.h"
#include "pkt/hdr.h"
#include "unit/model/fixture.h"

#define CONF                                                                                       \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24, \"2001:db8::2/64\"], gateway: "   \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"                                     \
	"services: [{name: rest, address: any, pool: web}]\n"                                      \
	"pools:\n"                                                                                 \
	"  - name: web\n"                                                                          \
	"    nodes:\n"                                                                             \
	"      - {name: four, address: 10.0.0.1, encap: ipip, weight: 1}\n"                        \
	"      - {name: six, address: \"2001:db8::1\", encap: gue, weight: 1, mac: "               \
	"\"02:00:00:00:00:01\"}\n"                                                                 \
	"      - {name: cut, address: 10.0.0.2, encap: gre, outer_df: clear, weight: 1}\n"

#define MINUTES(n) ((n)*60000ull)

static struct fixture f;
static uint32_t notes;
static char last_topic[32];

static void count_note(void *context, const struct sl_model_event *event)
{
	(void)context;
	if (event->kind != SL_EVENT_NOTE)
		return;
	notes++;
	(void)snprintf(last_topic, sizeof(last_topic), "%s", event->topic);
}

static struct sl_model_listener listener = {.event = count_note};

static int setup(void **state)
{
	(void)state;
	fixture_open(&f, CONF, NULL);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
	listener.next = NULL;
	sl_model_listen(f.model, &listener);
	notes = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

static struct sl_heard big(const char *ours, const char *other, uint8_t protocol, uint32_t mtu,
			   uint32_t size)
{
	struct sl_heard heard = {
		.kind = SL_HEARD_TOO_BIG, .protocol = protocol, .mtu = mtu, .size = size};

	assert_int_equal(sl_addr_parse(ours, &heard.ours), 0);
	assert_int_equal(sl_addr_parse(other, &heard.other), 0);
	return heard;
}

static void hear(const struct sl_heard *heard)
{
	sl_heard_put(f.core->heard, heard);
	sl_model_hear(f.model);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
}

/* The largest inner packet that packets see. */
static uint32_t room(const char *node)
{
	return sl_snapshot_node(sl_model_snapshot(f.model), fixture_index(&f, "web", node))
		->l3_size_max;
}

static void a_path_mtu_is_believed_for_ten_minutes(void **state)
{
	struct sl_heard heard = big("192.0.2.2", "10.0.0.1", SL_PROTO_IPIP, 1400, 1500);

	(void)state;
	assert_int_equal(room("four"), 1480);
	hear(&heard);
	assert_int_equal(room("four"), 1380);
	assert_int_equal(room("six"), 1500 - 52);
	assert_int_equal(notes, 1);
	assert_string_equal(last_topic, "path-mtu");
	fixture_now_ms += MINUTES(6);
	sl_model_tick(f.model);
	hear(&heard); /* makes it last, and is no news */
	assert_int_equal(notes, 1);
	fixture_now_ms += MINUTES(6);
	sl_model_tick(f.model);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
	assert_int_equal(room("four"), 1380);
	fixture_now_ms += MINUTES(4);
	sl_model_tick(f.model);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
	assert_int_equal(room("four"), 1480);
}

static void it_is_never_raised_nor_below_the_least_that_links_take(void **state)
{
	struct sl_heard heard = big("192.0.2.2", "10.0.0.1", SL_PROTO_IPIP, 1400, 1500);
	struct sl_heard heard6 = big("2001:db8::2", "2001:db8::1", SL_PROTO_UDP, 1000, 1500);

	(void)state;
	hear(&heard);
	heard.mtu = 1450;
	hear(&heard);
	assert_int_equal(room("four"), 1380);
	heard.mtu = 68;
	hear(&heard);
	assert_int_equal(room("four"), 576 - 20);
	heard6.dport = SL_GUE_PORT;
	hear(&heard6);
	assert_int_equal(room("six"), 1280 - 52);
}

static void a_router_that_does_not_say_what_fits_is_met_by_the_next_plateau(void **state)
{
	struct sl_heard heard = big("192.0.2.2", "10.0.0.1", SL_PROTO_IPIP, 0, 1500);

	(void)state;
	hear(&heard);
	assert_int_equal(room("four"), 1492 - 20);
	heard.size = 1492;
	hear(&heard);
	assert_int_equal(room("four"), 1006 - 20);
}

static void what_we_could_not_have_sent_is_not_believed(void **state)
{
	struct sl_heard heards[] = {
		big("192.0.2.3", "10.0.0.1", SL_PROTO_IPIP, 1400, 1500),
		big("192.0.2.2", "10.0.0.3", SL_PROTO_IPIP, 1400, 1500),
		big("192.0.2.2", "10.0.0.1", SL_PROTO_GRE, 1400, 1500),
		big("192.0.2.2", "10.0.0.1", SL_PROTO_UDP, 1400, 1500),
		big("192.0.2.2", "10.0.0.1", SL_PROTO_IPIP, 1400, 1501),
		big("192.0.2.2", "10.0.0.1", SL_PROTO_IPIP, 1400, 1400),
		big("192.0.2.2", "10.0.0.2", SL_PROTO_GRE, 1400, 1500),
		big("2001:db8::2", "2001:db8::1", SL_PROTO_UDP, 1400, 1500),
	};

	(void)state;
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(heards); i++)
		hear(&heards[i]);
	assert_int_equal(room("four"), 1480);
	assert_int_equal(room("six"), 1500 - 52);
	assert_int_equal(room("cut"), 1500 - 24);
	assert_int_equal(notes, 0);
}

static void unreachables_are_counted_by_node(void **state)
{
	struct sl_heard heard = big("192.0.2.2", "10.0.0.2", SL_PROTO_GRE, 0, 0);
	struct sl_model_report *report;

	(void)state;
	heard.kind = SL_HEARD_UNREACHABLE;
	hear(&heard);
	sl_heard_put(f.core->heard, &heard);
	assert_int_equal(sl_model_report_build(f.model, &report), 0);
	assert_int_equal(report->pools[0].nodes[0].unreachable, 0);
	assert_int_equal(report->pools[0].nodes[2].unreachable, 2);
	sl_model_report_destroy(report);
}

static void a_claim_is_told_once_a_minute_and_a_flood_of_them_hardly_more(void **state)
{
	struct sl_heard heard = big("192.0.2.2", "0.0.0.0", 0, 0, 0);

	(void)state;
	heard.kind = SL_HEARD_CLAIM;
	hear(&heard);
	hear(&heard);
	assert_int_equal(notes, 1);
	assert_string_equal(last_topic, "conflict");
	fixture_now_ms += MINUTES(2);
	hear(&heard);
	assert_int_equal(notes, 2);
	for (uint32_t i = 1; i < 200; i++) {
		heard.mac.octets[5] = (uint8_t)i;
		hear(&heard);
	}
	assert_in_range(notes, 3, 20);
}

static void a_full_ring_loses_what_comes_then(void **state)
{
	static struct sl_heard_ring ring;
	struct sl_heard heard = {.mtu = 0};

	(void)state;
	for (uint32_t turn = 0; turn < 3; turn++) {
		for (uint32_t i = 0; i < SL_HEARD_ROOM + 5; i++) {
			heard.mtu = i;
			sl_heard_put(&ring, &heard);
		}
		for (uint32_t i = 0; i < SL_HEARD_ROOM; i++) {
			assert_true(sl_heard_take(&ring, &heard));
			assert_int_equal(heard.mtu, i);
		}
		assert_false(sl_heard_take(&ring, &heard));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_path_mtu_is_believed_for_ten_minutes),
		TEST(it_is_never_raised_nor_below_the_least_that_links_take),
		TEST(a_router_that_does_not_say_what_fits_is_met_by_the_next_plateau),
		TEST(what_we_could_not_have_sent_is_not_believed),
		TEST(unreachables_are_counted_by_node),
		TEST(a_claim_is_told_once_a_minute_and_a_flood_of_them_hardly_more),
		cmocka_unit_test(a_full_ring_loses_what_comes_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
