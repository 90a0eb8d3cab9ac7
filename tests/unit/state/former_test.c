/* SPDX-License-Identifier: BSD-3-Clause */

/* Services whose packets become another's: what is remembered of them, and where a packet was. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "state/former.h"
#include "state/origin.h"
#include "state/service.h"
#include "state/slots.h"

#define NOW_MS	1000000
#define IDLE_MS 60000
#define OPEN_MS (IDLE_MS + SL_SETTLE_MARGIN_MS)
#define VIEWS	16

/* Services of one configuration; the index of each is its serial, and its place in views. */
struct setting {
	struct sl_service_table *table;
	struct sl_service_view views[VIEWS];
};

struct world {
	struct setting now;
	struct sl_former *formers[SL_FORMERS_MAX];
	uint32_t count, source4; /* of packets that are asked for */
	uint64_t now_ms, idle_ms;
};

static struct sl_prefix prefix_of(const char *text)
{
	struct sl_prefix prefix;

	assert_int_equal(sl_prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static struct sl_service_spec spec_of(uint32_t index, const char *prefix)
{
	struct sl_service_spec spec = {.index = index, .any = !prefix, .protocol = -1};

	if (prefix)
		assert_int_equal(sl_prefix_parse(prefix, &spec.prefix, NULL), 0);
	return spec;
}

static struct sl_service_table *build(const struct sl_service_spec *specs, uint32_t count)
{
	struct sl_service_table *table = NULL;
	uint32_t first, second;

	assert_int_equal(sl_service_table_build(specs, count, &table, &first, &second), 0);
	return table;
}

static struct sl_service_view view_of(uint32_t index, uint32_t pool)
{
	return (struct sl_service_view){
		.pool = pool, .prior_pool = SL_SERVICE_NONE, .serial = index};
}

/* One service for all packets, at pool 1. */
static int start(void **state)
{
	static struct world world;
	struct sl_service_spec any = spec_of(1, NULL);

	world = (struct world){.now_ms = NOW_MS, .idle_ms = IDLE_MS};
	world.now.table = build(&any, 1);
	world.now.views[1] = view_of(1, 1);
	*state = &world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	for (uint32_t i = 0; i < world->count; i++)
		sl_former_put(world->formers[i]);
	sl_service_table_put(world->now.table);
	return 0;
}

/* Other services take their place; views of those that are new are settled, at the pool of their
 * index. */
static int move(struct world *world, const struct sl_service_spec *specs, uint32_t count,
		bool force)
{
	struct setting next = world->now;
	struct sl_former *after[SL_FORMERS_MAX];
	struct sl_former_move what = {.before = world->formers,
				      .before_count = world->count,
				      .from = world->now.table,
				      .was = world->now.views,
				      .is = next.views,
				      .now_ms = world->now_ms,
				      .open_ms = OPEN_MS,
				      .idle_ms = world->idle_ms,
				      .force = force};
	uint32_t after_count;
	int rc;

	next.table = what.to = build(specs, count);
	for (uint32_t i = 0; i < count; i++)
		if (!next.views[specs[i].index].serial)
			next.views[specs[i].index] = view_of(specs[i].index, specs[i].index);
	rc = sl_former_move(&what, after, &after_count);
	if (rc < 0) {
		sl_service_table_put(next.table);
		return rc;
	}
	for (uint32_t i = 0; i < world->count; i++)
		sl_former_put(world->formers[i]);
	memcpy(world->formers, after, sizeof(*after) * after_count);
	world->count = after_count;
	sl_service_table_put(world->now.table);
	world->now = next;
	return 0;
}

/* Where a packet to 192.0.2.last was, whose service is that of the index. */
static struct sl_origin origin_of(const struct world *world, uint32_t index, uint8_t last)
{
	struct sl_snapshot snapshot = {.former_count = world->count};
	struct sl_pkt pkt = {.status = SL_PKT_OK, .protocol = 6};
	struct sl_origin origin;

	memcpy(snapshot.formers, world->formers, sizeof(snapshot.formers));
	pkt.key.family = SL_FAMILY_IPV4;
	pkt.key.protocol = 6;
	pkt.key.dst4 = sl_be32(0xc0000200u | last);
	pkt.key.src4 = world->source4;
	sl_origin_find(&snapshot, &world->now.views[index], &pkt, world->now_ms, &origin);
	return origin;
}

static void packets_of_a_service_that_comes_go_by_the_one_before(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.1")};
	struct world *world = *state;
	struct sl_origin origin;

	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(world->count, 1);
	assert_true(world->now.views[2].flags & SL_SERVICE_GAINED);
	assert_int_not_equal(world->now.views[2].prior_pool, SL_SERVICE_NONE);
	assert_int_equal(world->now.views[1].prior_pool, SL_SERVICE_NONE); /* it only lost some */
	assert_true(sl_former_goes_by(world->formers[0], 1));
	assert_false(sl_former_goes_by(world->formers[0], 2));
	origin = origin_of(world, 2, 1);
	assert_int_equal(origin.pool, 1);
	assert_int_equal(origin.until_ms, NOW_MS + OPEN_MS);
	assert_int_equal(origin.since_ms, NOW_MS);
	assert_int_equal(origin.via_count, 1);
	assert_int_equal(origin.via[0], 1);
	assert_false(sl_former_is_over(world->formers[0], NOW_MS + OPEN_MS + IDLE_MS));
	assert_true(sl_former_is_over(world->formers[0],
				      NOW_MS + OPEN_MS + IDLE_MS + SL_SETTLE_MARGIN_MS));
}

static void packets_of_a_service_that_goes_too(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.1")};
	struct world *world = *state;

	assert_int_equal(move(world, specs, 2, false), 0);
	world->now_ms += 2 * OPEN_MS;
	world->now.views[2] = view_of(2, 2); /* it has settled */
	assert_int_equal(move(world, specs, 1, false), 0);
	assert_int_equal(origin_of(world, 1, 1).pool, 2);
	assert_int_equal(origin_of(world, 1, 1).until_ms, world->now_ms + OPEN_MS);
	assert_int_equal(origin_of(world, 1, 2).until_ms, 0); /* it had that all the time */
}

static void nothing_is_remembered_where_nothing_moves(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.1")};
	struct world *world = *state;

	assert_int_equal(move(world, specs, 1, false), 0);
	assert_int_equal(world->count, 0);
	world->now.views[2] = view_of(2, 1); /* another service, to the same pool */
	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(world->count, 0);
	world->now.views[2] = (struct sl_service_view){0};
	specs[0] = spec_of(3, "198.51.100.0/24"); /* packets that nobody had */
	specs[1] = spec_of(4, "192.0.2.0/24");
	assert_int_equal(move(world, specs, 0, false), 0);
	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(world->count, 0);
}

static void another_name_of_an_unsettled_service_is_a_move(void **state)
{
	struct sl_service_spec renamed = spec_of(2, NULL);
	struct world *world = *state;
	struct sl_origin origin;

	assert_int_equal(sl_service_view_point(&world->now.views[1], 5, NOW_MS - 10, OPEN_MS), 0);
	world->now.views[2] = view_of(2, 5);
	assert_int_equal(move(world, &renamed, 1, false), 0);
	assert_int_equal(world->count, 1);
	origin = origin_of(world, 2, 1);
	assert_int_equal(origin.pool, 1);
	assert_int_equal(origin.via_count, 2);
	assert_int_equal(origin.since_ms, NOW_MS - 10);
}

static void regions_that_move_for_the_first_time_melt_into_one_former(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.2"),
					  spec_of(3, "192.0.2.3"), spec_of(4, "192.0.2.4")};
	struct world *world = *state;

	for (uint32_t count = 2; count <= 4; count++) {
		assert_int_equal(move(world, specs, count, false), 0);
		world->now_ms += 1000;
	}
	assert_int_equal(world->count, 1);
	assert_int_equal(world->formers[0]->since_ms, NOW_MS);
	assert_int_equal(origin_of(world, 2, 2).until_ms, NOW_MS + 2000 + OPEN_MS);
	world->now_ms += OPEN_MS; /* what is closed takes no more */
	specs[3] = spec_of(5, "192.0.2.5");
	assert_int_equal(move(world, specs, 4, false), 0);
	assert_int_equal(world->count, 2);
}

static void regions_that_move_again_are_known_by_every_pool_they_had(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.1")};
	struct world *world = *state;
	struct sl_origin origin;

	for (uint32_t n = 2; n < 2 + SL_FORMERS_MAX; n++) {
		specs[1].index = n;
		assert_int_equal(move(world, specs, 2, false), 0);
		assert_int_equal(world->count, n - 1);
		world->now_ms += 1000;
	}
	origin = origin_of(world, 1 + SL_FORMERS_MAX, 1);
	assert_int_equal(origin.pool, 1); /* it was open all the time */
	assert_int_equal(origin.via_count, SL_FORMERS_MAX);
	specs[1].index = 2 + SL_FORMERS_MAX;
	assert_int_equal(move(world, specs, 2, false), -EBUSY);
	assert_int_equal(move(world, specs, 2, true), 0);
	assert_int_equal(world->count, SL_FORMERS_MAX);
	world->now_ms += 3 * OPEN_MS;
	specs[1].index++;
	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(world->count, 1);
}

/* Those of a service that gained some go where they were, the others of it into the same former. */
static void a_region_of_a_service_that_gained_melts_unless_it_moved(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.2"),
					  spec_of(3, "192.0.2.3")};
	struct world *world = *state;

	assert_int_equal(move(world, specs, 2, false), 0);
	world->now_ms += 2 * OPEN_MS;
	world->now.views[2] = view_of(2, 2);
	assert_int_equal(move(world, specs, 1, false), 0); /* 2 leaves its packets to 1 */
	assert_int_equal(world->count, 1);
	world->now_ms += 1000;
	specs[1] = spec_of(3, "192.0.2.3");
	assert_int_equal(move(world, specs, 2, false), 0); /* 1 leaves others to 3 */
	assert_int_equal(world->formers[0]->since_ms, world->now_ms - 1000);
	assert_int_equal(origin_of(world, 3, 3).pool, 1);
	specs[2] = spec_of(4, "192.0.2.2");
	assert_int_equal(move(world, specs, 3, false), 0); /* 1 leaves those of 2 to 4 */
	assert_int_equal(world->formers[0]->since_ms, world->now_ms);
	assert_int_equal(origin_of(world, 4, 2).pool, 2);
}

static void open_regions_are_open_for_another_idle_timeout(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.1")};
	struct world *world = *state;
	struct sl_former *longer;

	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(sl_former_prolong(world->formers[0], NOW_MS, 5000, &longer), 0);
	assert_int_equal(longer->open_until_ms, NOW_MS + OPEN_MS + 5000);
	assert_int_equal(longer->idle_ms, IDLE_MS + 5000);
	assert_true(sl_former_goes_by(longer, 1));
	sl_former_put(longer);
}

/* That of the longest idle timeout counts, whichever region it is of. */
static void what_melts_is_asked_for_the_longest_idle_timeout(void **state)
{
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, "192.0.2.2"),
					  spec_of(3, "192.0.2.3"), spec_of(4, "192.0.2.4")};
	struct world *world = *state;

	assert_int_equal(move(world, specs, 2, false), 0);
	world->idle_ms = 3 * IDLE_MS;
	assert_int_equal(move(world, specs, 3, false), 0);
	world->idle_ms = IDLE_MS;
	assert_int_equal(move(world, specs, 4, false), 0);
	assert_int_equal(world->count, 1);
	assert_int_equal(world->formers[0]->idle_ms, 3 * IDLE_MS);
}

/* A service that was pointed at other pools twice while it was open, then renamed. */
static void all_pools_of_an_unsettled_service_stay_concerned(void **state)
{
	struct sl_service_spec renamed = spec_of(2, NULL);
	struct world *world = *state;
	struct sl_former *longer;

	assert_int_equal(sl_service_view_point(&world->now.views[1], 5, NOW_MS - 10, OPEN_MS), 0);
	assert_int_equal(sl_service_view_point(&world->now.views[1], 6, NOW_MS - 5, OPEN_MS), 0);
	assert_int_equal(move(world, &renamed, 1, false), 0);
	assert_int_equal(world->count, 1);
	assert_true(sl_former_goes_by(world->formers[0], 1));
	assert_true(sl_former_goes_by(world->formers[0], 5));
	assert_true(sl_former_goes_by(world->formers[0], 6));
	assert_false(sl_former_goes_by(world->formers[0], 2));
	assert_int_equal(sl_former_prolong(world->formers[0], NOW_MS, 5000, &longer), 0);
	assert_int_equal(longer->view[1].open_until_ms,
			 world->formers[0]->view[1].open_until_ms + 5000);
	sl_former_put(longer);
}

/* One service takes the place of another: how many formers there are then. */
static uint32_t formers_between(void **state, const struct sl_service_spec *was,
				const struct sl_service_spec *is)
{
	struct world *world = *state;

	assert_int_equal(move(world, was, 0, false), 0);
	world->now.views[1] = view_of(1, 1);
	world->now.views[2] = (struct sl_service_view){0};
	assert_int_equal(move(world, was, 1, false), 0);
	assert_int_equal(world->count, 0);
	assert_int_equal(move(world, is, 1, false), 0);
	if (world->count == 0)
		return 0;
	sl_former_put(world->formers[0]);
	return world->count--;
}

static void only_services_that_share_packets_have_a_region(void **state)
{
	static const struct sl_port_range low = {10, 20}, next = {20, 30}, high = {21, 30};
	const struct sl_prefix far[] = {prefix_of("12.0.0.0/8"), prefix_of("9.0.0.0/8")},
			       near[] = {prefix_of("10.0.0.0/8"), prefix_of("13.0.0.0/8")},
			       inside[] = {prefix_of("12.1.0.0/16")};
	struct sl_service_spec was = spec_of(1, NULL), is = spec_of(2, NULL);

	was.protocol = is.protocol = 6;
	was.port_count = is.port_count = 1;
	was.ports = &low;
	is.ports = &next;
	assert_int_equal(formers_between(state, &was, &is), 1);
	is.ports = &high;
	assert_int_equal(formers_between(state, &was, &is), 0);
	was.ports = &next;
	is.ports = &low;
	assert_int_equal(formers_between(state, &was, &is), 1);
	is.ports = &next;
	was.vlan = 5;
	assert_int_equal(formers_between(state, &was, &is), 1);
	is.vlan = 6;
	assert_int_equal(formers_between(state, &was, &is), 0);
	is.vlan = 5;
	assert_int_equal(formers_between(state, &was, &is), 1);
	is.protocol = 17;
	assert_int_equal(formers_between(state, &was, &is), 0);
	is.protocol = 6;
	was.sources = far;
	was.source_count = 2;
	assert_int_equal(formers_between(state, &was, &is), 1);
	is.sources = near;
	is.source_count = 2;
	assert_int_equal(formers_between(state, &was, &is), 0);
	is.sources = inside;
	is.source_count = 1;
	assert_int_equal(formers_between(state, &was, &is), 1);
}

/* The same service for some sources comes, and takes others. */
static void sources_that_become_another_services_are_a_region(void **state)
{
	const struct sl_prefix ten[] = {prefix_of("10.0.0.0/8")},
			       both[] = {prefix_of("10.0.0.0/8"), prefix_of("11.0.0.0/8")};
	struct sl_service_spec specs[] = {spec_of(1, NULL), spec_of(2, NULL)};
	struct world *world = *state;

	specs[1].sources = ten;
	specs[1].source_count = 1;
	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(world->count, 1);
	assert_true(world->now.views[2].flags & SL_SERVICE_GAINED);
	assert_false(world->now.views[1].flags & SL_SERVICE_GAINED);
	world->source4 = sl_be32(0x0a000001);
	assert_int_equal(origin_of(world, 2, 1).pool, 1);
	/* 11.0.0.0/8 goes, too; 10.0.0.0/8 has been there before */
	world->now_ms += 2 * OPEN_MS;
	world->now.views[2] = view_of(2, 2);
	specs[1].sources = both;
	specs[1].source_count = 2;
	assert_int_equal(move(world, specs, 2, false), 0);
	assert_int_equal(origin_of(world, 2, 1).until_ms, 0);
	world->source4 = sl_be32(0x0b000001);
	assert_int_equal(origin_of(world, 2, 1).pool, 1);
	assert_int_equal(origin_of(world, 2, 1).until_ms, world->now_ms + OPEN_MS);
	/* the same sources in another order are no change */
	specs[1].sources = (const struct sl_prefix[]){both[1], both[0]};
	world->now.views[2] = view_of(2, 2);
	assert_int_equal(move(world, specs, 2, false), 0);
	assert_false(world->now.views[2].flags & SL_SERVICE_GAINED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(packets_of_a_service_that_comes_go_by_the_one_before),
		CASE(packets_of_a_service_that_goes_too),
		CASE(nothing_is_remembered_where_nothing_moves),
		CASE(another_name_of_an_unsettled_service_is_a_move),
		CASE(regions_that_move_for_the_first_time_melt_into_one_former),
		CASE(regions_that_move_again_are_known_by_every_pool_they_had),
		CASE(a_region_of_a_service_that_gained_melts_unless_it_moved),
		CASE(open_regions_are_open_for_another_idle_timeout),
		CASE(what_melts_is_asked_for_the_longest_idle_timeout),
		CASE(all_pools_of_an_unsettled_service_stay_concerned),
		CASE(sources_that_become_another_services_are_a_region),
		CASE(only_services_that_share_packets_have_a_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
