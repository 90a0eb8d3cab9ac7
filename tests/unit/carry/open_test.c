/* SPDX-License-Identifier: BSD-3-Clause */

/* Changes at random; now and then a second model starts from the records alone, as after a crash. Its
 * slots are open as those of the first, to the same nodes, for as long.
 *
 * Usage: carry_open_test [SEED [STEPS]] */

#include "carry/carry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "model/inside.h"
#include "state/slots.h"
#include "unit/model/fixture.h"

#define IDLE_MS 10000u
#define NODES	6u
#define REST_STEPS                                                                                 \
	12u /* all slots settle now and then: only so many idle timeouts are looked back */
#define TEXT_ROOM 4096

static uint64_t seed = 1, steps = 1000;
static struct sl_prng prng;

struct watch {
	struct fixture f;
	struct sl_history *history;
	struct sl_model_listener listener;
};

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static void on_event(void *context, const struct sl_model_event *event)
{
	struct watch *watch = context;
	struct sl_history_line line = {
		.generation = event->generation, .wall_ms = fixture_now_ms, .verb = "test"};

	if (event->kind == SL_EVENT_CHANGE)
		assert_int_equal(sl_history_add(watch->history, &line, event,
						sl_model_hash_key(watch->f.model)),
				 0);
}

/* Nodes whose bit is set; a second pool comes and goes, and while it is there the service may be at it. */
static const char *text_of(uint32_t nodes, uint32_t slots, bool second)
{
	static char text[TEXT_ROOM];
	size_t used = (size_t)snprintf(
		text, sizeof(text),
		"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {address: "
		"192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
		"services: [{name: rest, address: any, pool: %s}]\n"
		"pools: [%s{name: web, slots: %u, idle_timeout: {tcp: 10s, udp: 10s, other: 10s}, "
		"nodes: [",
		second && below(2) ? "dns" : "web",
		second ? "{name: dns, slots: 256, idle_timeout: {tcp: 10s, udp: 10s, other: 10s}, "
			 "nodes: [{name: d, address: 10.0.1.1, encap: ipip, port: p0}]}, "
		       : "",
		slots);
	const char *separator = "";

	for (uint32_t n = 0; n < NODES; n++) {
		if (!(nodes >> n & 1))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s{name: n%u, address: 10.0.0.%u, encap: ipip, port: p0, "
					 "weight: %u}",
					 separator, n, n + 1, 1 + below(9));
		separator = ", ";
	}
	(void)snprintf(text + used, sizeof(text) - used, "]}]\n");
	return text;
}

static void watch_open(struct watch *watch)
{
	struct sl_history_line line = {.generation = 1, .wall_ms = fixture_now_ms, .verb = "start"};

	memset(watch, 0, sizeof(*watch));
	fixture_open(&watch->f, text_of(0x3f, 256, false), NULL);
	assert_int_equal(sl_history_create(&watch->history), 0);
	assert_int_equal(sl_history_begin(watch->history, &line, sl_model_image(watch->f.model),
					  sl_model_hash_key(watch->f.model)),
			 0);
	watch->listener = (struct sl_model_listener){.event = on_event, .context = watch};
	sl_model_listen(watch->f.model, &watch->listener);
}

/* Two changes of one turn of the control loop: no packet sees what is between them. */
static void change_twice(struct watch *watch, const char *name)
{
	static const enum sl_change_kind kinds[] = {SL_CHANGE_DISABLE, SL_CHANGE_ENABLE};

	for (uint32_t i = 0; i < 2; i++) {
		struct sl_change change = {.kind = kinds[i], .pool = "web", .node = name};
		struct sl_change_result result;

		(void)sl_model_change(watch->f.model, &change, false, &result, NULL);
		sl_change_result_fini(&result);
	}
	assert_int_equal(sl_model_flush(watch->f.model, NULL), 0);
}

static void step(struct watch *watch)
{
	static const enum sl_change_kind hands[] = {SL_CHANGE_DRAIN, SL_CHANGE_ENABLE,
						    SL_CHANGE_DISABLE, SL_CHANGE_ENABLE};
	char name[8], address[32];
	const char *pairs[] = {address, "encap=ipip", "port=p0", "weight=3"};
	struct sl_change change = {.kind = SL_CHANGE_REMOVE_NODE, .pool = "web", .node = name};
	uint32_t n = below(NODES);

	fixture_now_ms++;
	(void)snprintf(name, sizeof(name), "n%u", n);
	(void)snprintf(address, sizeof(address), "address=10.0.0.%u", n + 1);
	switch (below(13)) {
	case 0:
	case 1:
	case 2:
		(void)fixture_weight(&watch->f, "web", name, below(9));
		break;
	case 3:
		change.now = below(3) == 0;
		(void)fixture_change(&watch->f, &change, false);
		break;
	case 4:
		(void)fixture_add(&watch->f, "web", name, pairs, 4);
		break;
	case 5:
	case 6:
		(void)fixture_node(&watch->f, hands[below(4)], "web", name);
		break;
	case 7:
		(void)fixture_apply(&watch->f, text_of(1 + below(63), 256, below(2)));
		break;
	case 8:
		change_twice(watch, name);
		break;
	default:
		fixture_now_ms += below(IDLE_MS / 2);
	}
}

/* ---- comparing ------------------------------------------------------------------------------- */

static const struct sl_image_pool *web_of(const struct fixture *f)
{
	const struct sl_image *image = sl_model_image(f->model);

	return image->pools[sl_image_find_pool(image, "web")];
}

static const struct sl_image_node *node_of(const struct fixture *f, uint32_t index)
{
	const struct sl_image_pool *pool = web_of(f);

	for (uint32_t n = 0; n < pool->node_count; n++)
		if (pool->nodes[n].index == index)
			return &pool->nodes[n];
	return NULL;
}

/* The node that live flows of the slot are at beside its own, until when; NULL: it is closed. */
static const struct sl_image_node *prior_of(const struct fixture *f, uint32_t slot,
					    uint64_t *until_ms)
{
	const struct sl_snapshot *snapshot = sl_model_snapshot(f->model);
	const struct sl_slot_table *table = snapshot->pools[web_of(f)->index].slots;
	const struct sl_open_slot *open;

	if (!(table->word[slot] & SL_SLOT_OPEN))
		return NULL;
	open = &table->open[table->word[slot] & SL_SLOT_NODE];
	*until_ms = open->open_until_ms;
	if (fixture_now_ms >= open->open_until_ms || open->prior == open->node ||
	    !(sl_snapshot_node_flags(snapshot, open->prior) & SL_NODE_KEEPS))
		return NULL;
	return node_of(f, open->prior);
}

/* The pool that live flows of the service are at beside its own, until when; NULL: it is closed. */
static const struct sl_image_pool *prior_pool_of(const struct fixture *f, uint64_t *until_ms)
{
	const struct sl_image *image = sl_model_image(f->model);
	const struct sl_service_view *view =
		&sl_model_snapshot(f->model)->services[image->service_index[0]];

	if (view->prior_pool == SL_SERVICE_NONE || fixture_now_ms >= view->open_until_ms)
		return NULL;
	*until_ms = view->open_until_ms;
	for (uint32_t p = 0; p < image->pool_count; p++)
		if (image->pools[p]->index == view->prior_pool)
			return image->pools[p];
	return NULL;
}

static bool compare_service(const struct fixture *was, const struct fixture *is)
{
	uint64_t a_ms = 0, b_ms = 0;
	const struct sl_image_pool *a = prior_pool_of(was, &a_ms), *b = prior_pool_of(is, &b_ms);

	if (a && a->leaving) /* what is not in the file any more does not come back */
		return false;
	assert_true(!a == !b);
	if (a)
		assert_string_equal(a->name, b->name);
	assert_int_equal(a_ms, b_ms);
	return a;
}

static uint32_t compare(const struct fixture *was, const struct fixture *is)
{
	uint32_t open = 0;

	for (uint32_t s = 0; s < 256; s++) {
		uint64_t a_ms = 0, b_ms = 0;
		const struct sl_image_node *a = prior_of(was, s, &a_ms),
					   *b = prior_of(is, s, &b_ms);

		if (!a) {
			assert_null(b);
			continue;
		}
		open++;
		assert_non_null(b);
		assert_string_equal(a->name, b->name);
		assert_int_equal(a_ms, b_ms);
	}
	return open;
}

static uint32_t crash(const struct watch *watch, uint32_t *services)
{
	struct sl_past past;
	struct sl_conf *conf;
	struct fixture f;
	uint64_t octets;
	uint32_t open;

	assert_int_equal(sl_history_read_back(watch->history, 0, &past, &octets), 0);
	assert_int_equal(octets, 0);
	conf = sl_image_conf(past.image);
	fixture_open_conf(&f, conf, past.image);
	assert_true(sl_carry_reopen(f.model, watch->history) >= 0);
	open = compare(&watch->f, &f);
	*services += compare_service(&watch->f, &f);
	fixture_close(&f);
	sl_image_conf_free(conf);
	sl_past_fini(&past);
	return open;
}

static void slots_are_open_again_after_a_crash(void **state)
{
	uint32_t open = 0, services = 0, crashes = 0;
	struct watch watch;

	(void)state;
	prng.state = seed;
	print_message("seed %llu, %llu steps\n", (unsigned long long)seed,
		      (unsigned long long)steps);
	watch_open(&watch);
	for (uint64_t i = 0; i < steps; i++) {
		if (i % REST_STEPS == 0)
			fixture_now_ms += IDLE_MS + SL_SETTLE_MARGIN_MS;
		step(&watch);
		(void)sl_history_fold(watch.history);
		if (below(5) == 0) {
			open += crash(&watch, &services);
			crashes++;
		}
	}
	print_message("%u open slots, %u open services after %u crashes\n", open, services,
		      crashes);
	assert_true(open > 10 * crashes && services > crashes / 20);
	sl_history_destroy(watch.history);
	fixture_close(&watch.f);
}

/* With a second pool, and the service at the one that is named. */
static const char *text_at(const char *pool)
{
	char wanted[64];
	const char *text;

	(void)snprintf(wanted, sizeof(wanted), "address: any, pool: %s}", pool);
	do
		text = text_of(0x3f, 256, true);
	while (!strstr(text, wanted));
	return text;
}

static void a_service_is_open_that_the_file_points_elsewhere_after_a_crash(void **state)
{
	const struct sl_image_pool *prior;
	struct watch watch;
	struct sl_past past;
	struct fixture f;
	uint64_t octets, until_ms;

	(void)state;
	prng.state = seed;
	watch_open(&watch);
	fixture_now_ms++;
	assert_int_equal(fixture_apply(&watch.f, text_at("web")), 0);
	fixture_now_ms++;
	assert_int_equal(sl_history_read_back(watch.history, 0, &past, &octets), 0);
	fixture_open(&f, text_at("dns"), past.image);
	assert_true(sl_carry_reopen(f.model, watch.history) > 0);
	prior = prior_pool_of(&f, &until_ms);
	assert_non_null(prior);
	assert_string_equal(prior->name, "web");
	assert_int_equal(until_ms, fixture_now_ms + IDLE_MS + SL_SETTLE_MARGIN_MS);
	fixture_close(&f);
	sl_past_fini(&past);
	sl_history_destroy(watch.history);
	fixture_close(&watch.f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_open_again_after_a_crash),
		cmocka_unit_test(a_service_is_open_that_the_file_points_elsewhere_after_a_crash),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		steps = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
