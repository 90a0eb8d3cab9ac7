/* SPDX-License-Identifier: BSD-3-Clause */

/* Next hops that are asked for by ourselves, over a link of the test's, in a loop of events. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "unit/model/fixture.h"
#include "unit/neigh/fake_link.h"

#define MANY	      3000
#define TEXT_PER_NODE 80
#define HEAD                                                                                       \
	"dataplane: {worker_cpus: []}\n"                                                           \
	"ports: [{name: p0, device: \"tap:t0\", addresses: [10.0.0.2/8], gateway: 10.0.0.1}]\n"
#define SERVICES "services: [{name: one, address: 198.51.100.1, pool: web}]\n"
#define FEW                                                                                        \
	"pools: [{name: web, slots: 256, nodes: ["                                                 \
	"{name: near, address: 10.0.0.11, encap: ipip, weight: 1}, "                               \
	"{name: far, address: 203.0.113.5, encap: ipip, weight: 1}]}]\n"

static struct fixture f;
static struct fake_link fake;
static struct event_base *base;
static struct sl_neighbors *neighbors;

/* Allocations until one fails; negative: none does. */
static int fails_after = -1;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_after >= 0 && fails_after-- == 0 ? NULL : __real_calloc(count, size);
}

static void start(const char *text, bool silent)
{
	struct sl_neighbors_spec spec = {0};
	struct sl_err err = {0};

	fixture_open(&f, text, NULL);
	base = event_base_new();
	assert_non_null(base);
	spec.base = base;
	spec.model = f.model;
	fake_link_open(&fake, &f.core, &spec.link);
	fake.silent = silent;
	assert_int_equal(sl_neighbors_create(&spec, &neighbors, &err), 0);
}

static void end(void)
{
	sl_neighbors_destroy(neighbors);
	event_base_free(base);
	fixture_close(&f);
}

static void turn(void)
{
	assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
}

static uint32_t known(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sl_neighbors_count(neighbors); i++) {
		struct sl_neighbor_row row;

		count += sl_neighbors_row(neighbors, i, &row) && row.has_mac &&
			 strcmp(row.source, "own") == 0;
	}
	return count;
}

/* Whether packets reach the node, and where they go. */
static bool reaches(const char *node, const char *hop)
{
	const struct sl_node_view *view =
		sl_snapshot_node(sl_model_snapshot(f.model), fixture_index(&f, "web", node));
	struct sl_addr addr;
	struct sl_mac mac;

	assert_int_equal(sl_addr_parse(hop, &addr), 0);
	mac = fake_link_mac(&addr);
	return !(view->flags & SL_NODE_NO_NEIGHBOR) &&
	       memcmp(view->encap.octets, &mac, sizeof(mac)) == 0;
}

static void a_node_on_the_link_is_asked_for_and_one_behind_the_gateway_by_the_gateway(void **state)
{
	(void)state;
	start(HEAD SERVICES FEW, false);
	while (!reaches("near", "10.0.0.11") || !reaches("far", "10.0.0.1"))
		turn();
	assert_int_equal(fake.asked, 2);
	assert_int_equal(sl_neighbors_count(neighbors), 2);
	end();
}

static void many_are_each_asked_once_and_a_bounded_number_at_a_time(void **state)
{
	char *text = malloc(4096 + (size_t)MANY * TEXT_PER_NODE);
	int used = sprintf(text, "%s", HEAD SERVICES "pools: [{name: web, nodes: [\n");

	(void)state;
	for (uint32_t n = 0; n < MANY; n++)
		used += sprintf(text + used,
				"{name: n%u, address: 10.1.%u.%u, encap: ipip, weight: 1},\n", n,
				n / 250, n % 250 + 1);
	sprintf(text + used, "]}]\n");
	start(text, false);
	free(text);
	while (known() < MANY)
		turn();
	assert_in_range(fake.asked, MANY, MANY + MANY / 20); /* an answer may be lost */
	assert_in_range(fake.said_most, 1, 256);
	end();
}

/* Times that a timer was set. */
static uint32_t timers_set;

int __real_event_add(struct event *event, const struct timeval *wait);
int __wrap_event_add(struct event *event, const struct timeval *wait);

int __wrap_event_add(struct event *event, const struct timeval *wait)
{
	timers_set++;
	return __real_event_add(event, wait);
}

/* A timer that is set again and again never fires. */
static void what_comes_all_the_time_puts_nothing_off(void **state)
{
	(void)state;
	start(HEAD SERVICES FEW, false);
	timers_set = 0;
	for (uint32_t i = 0; i < 100; i++)
		sl_neighbors_link_up(neighbors, 0);
	assert_int_equal(timers_set, 0);
	end();
}

static void a_link_without_room_is_tried_again(void **state)
{
	(void)state;
	start(HEAD SERVICES FEW, false);
	fake.room = 0;
	for (uint32_t i = 0; i < 20; i++)
		turn();
	fake.room = 1;
	while (known() < 2)
		turn();
	end();
}

static void
what_is_answered_for_is_announced_twice_at_the_start_on_link_up_and_when_it_comes(void **state)
{
	struct sl_addr came;
	uint64_t begun_ms = sl_clock_ms();

	(void)state;
	start(HEAD SERVICES FEW, false);
	while (fake.announced < 4) /* the port's address, the service's */
		turn();
	assert_true(sl_clock_ms() - begun_ms >= 2000);
	assert_int_equal(fixture_apply(&f, HEAD FEW
				       "services: [{name: one, address: 198.51.100.1, pool: web}, "
				       "{name: two, address: 198.51.100.2, protocol: tcp, pool: "
				       "web}, {name: three, address: 198.51.100.2, protocol: udp, "
				       "pool: web}, {name: wide, address: 198.51.0.0/16, pool: "
				       "web}]\n"),
			 0);
	while (fake.announced < 6)
		turn();
	assert_int_equal(sl_addr_parse("198.51.100.2", &came), 0);
	assert_true(sl_addr_equal(&came, &fake.last_announced));
	sl_neighbors_link_up(neighbors, 0);
	sl_neighbors_link_up(neighbors, 0); /* not more often for that */
	while (fake.announced < 12)
		turn();
	begun_ms = sl_clock_ms();
	while (sl_clock_ms() - begun_ms < 2500)
		turn();
	assert_int_equal(fake.announced, 12);
	end();
}

static void captures_are_neither_asked_nor_told(void **state)
{
	static const char *const devices[] = {"net_pcap0,rx_pcap=a.pcap,tx_pcap=b.pcap",
					      "net_null0"};

	(void)state;
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(devices); i++) {
		char text[1024];

		(void)snprintf(text, sizeof(text),
			       "ports: [{name: p0, device: \"%s\", addresses: [10.0.0.2/8], "
			       "gateway: 10.0.0.1}]\n" SERVICES FEW,
			       devices[i]);
		start(text, false);
		for (uint32_t t = 0; t < 10; t++)
			turn();
		assert_int_equal(fake.asked + fake.announced, 0);
		end();
	}
}

static void without_memory_it_is_refused_with_a_sentence(void **state)
{
	struct sl_neighbors_spec spec = {0};
	uint32_t refused = 0;
	int rc;

	(void)state;
	fixture_open(&f, HEAD SERVICES FEW, NULL);
	base = event_base_new();
	spec.base = base;
	spec.model = f.model;
	fake_link_open(&fake, &f.core, &spec.link);
	do {
		struct sl_err err = {0};

		fails_after = (int)refused;
		rc = sl_neighbors_create(&spec, &neighbors, &err);
		fails_after = -1;
		refused += rc != 0;
		assert_int_equal(rc ? -ENOMEM : 0, rc);
		assert_int_equal(err.text[0] != 0, rc != 0);
	} while (rc);
	assert_in_range(refused, 4, 100);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_node_on_the_link_is_asked_for_and_one_behind_the_gateway_by_the_gateway),
		cmocka_unit_test(many_are_each_asked_once_and_a_bounded_number_at_a_time),
		cmocka_unit_test(what_comes_all_the_time_puts_nothing_off),
		cmocka_unit_test(a_link_without_room_is_tried_again),
		cmocka_unit_test(
			what_is_answered_for_is_announced_twice_at_the_start_on_link_up_and_when_it_comes),
		cmocka_unit_test(captures_are_neither_asked_nor_told),
		cmocka_unit_test(without_memory_it_is_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
