/* SPDX-License-Identifier: BSD-3-Clause */

/* History over a real model: every generation reads back as it was, former tables included, and
 * octets that were damaged are refused without harm. */

#include "keep/history.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "unit/model/fixture.h"

#define HEAD                                                                                       \
	"dataplane: {worker_cpus: [0, 0]}\n"                                                       \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"                                     \
	"services: [{name: rest, address: any, pool: web}]\n"
#define NODE(name, last, weight)                                                                   \
	"{name: " name ", address: 10.0.0." last ", encap: ipip, port: p0, weight: " weight "}"
#define TEXT                                                                                       \
	HEAD "pools: [{name: web, slots: 256, nodes: [" NODE("a", "1", "1") "," NODE(              \
		"b", "2", "1.5") "]}, {name: dns, slots: 512, nodes: [" NODE("x", "9",             \
									     "1") "]}]\n"
#define OTHER                                                                                      \
	HEAD "pools: [{name: web, slots: 512, nodes: [" NODE("a", "1", "2") "," NODE("z", "26",    \
										     "1") "]}]\n"

struct watch {
	struct fixture f;
	struct sl_history *history;
	struct sl_model_listener listener;
	struct sl_image *images[SL_HISTORY_MAX + 64]; /* by generation */
	uint64_t last;
};

static void on_event(void *context, const struct sl_model_event *event)
{
	struct watch *watch = context;
	struct sl_history_line line = {.generation = event->generation, .verb = "test"};

	if (event->kind != SL_EVENT_CHANGE)
		return;
	assert_int_equal(
		sl_history_add(watch->history, &line, event, sl_model_hash_key(watch->f.model)), 0);
	watch->last = event->generation;
	watch->images[watch->last] = sl_image_get(event->after);
}

static void watch_open(struct watch *watch)
{
	struct sl_history_line line = {.generation = 1, .verb = "start"};

	memset(watch, 0, sizeof(*watch));
	fixture_open(&watch->f, TEXT, NULL);
	assert_int_equal(sl_history_create(&watch->history), 0);
	assert_int_equal(sl_history_begin(watch->history, &line, sl_model_image(watch->f.model),
					  sl_model_hash_key(watch->f.model)),
			 0);
	watch->last = 1;
	watch->images[1] = sl_image_get(sl_model_image(watch->f.model));
	watch->listener = (struct sl_model_listener){.event = on_event, .context = watch};
	sl_model_listen(watch->f.model, &watch->listener);
}

static void watch_close(struct watch *watch)
{
	for (uint64_t g = 1; g <= watch->last; g++)
		sl_image_put(watch->images[g]);
	sl_history_destroy(watch->history);
	fixture_close(&watch->f);
}

static const char *name_of(const struct sl_image_pool *pool, uint32_t index)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (pool->nodes[n].index == index && !pool->nodes[n].leaving)
			return pool->nodes[n].name;
	return "";
}

static void pools_equal(const struct sl_image_pool *got, const struct sl_image_pool *wanted)
{
	assert_int_equal(got->home->count, wanted->home->count);
	for (uint32_t s = 0; s < wanted->home->count; s++)
		assert_string_equal(name_of(got, got->home->word[s]),
				    name_of(wanted, wanted->home->word[s]));
}

static void generation_equals(const struct watch *watch, uint64_t generation)
{
	const struct sl_image *wanted = watch->images[generation];
	struct sl_past past;
	struct sl_err err = {0};
	struct sl_conf *conf[2];
	char *a, *b;

	assert_int_equal(sl_history_state(watch->history, generation, &past, &err), 0);
	assert_int_equal(past.image->generation, generation);
	conf[0] = sl_image_conf(past.image);
	conf[1] = sl_image_conf(wanted);
	a = sl_conf_format(conf[0]);
	b = sl_conf_format(conf[1]);
	assert_string_equal(a, b);
	for (uint32_t p = 0; p < wanted->listed_count; p++) {
		pools_equal(past.image->pools[p], wanted->pools[p]);
		for (uint32_t n = 0; n < wanted->pools[p]->listed_count; n++)
			assert_int_equal(past.image->pools[p]->nodes[n].hand,
					 wanted->pools[p]->nodes[n].hand);
	}
	free(a);
	free(b);
	sl_image_conf_free(conf[0]);
	sl_image_conf_free(conf[1]);
	sl_past_fini(&past);
}

/* A service comes or goes; one that was there before is changed. */
static void change_service(struct watch *watch, uint64_t choice)
{
	static const char *const pairs[] = {"address=192.0.2.10", "protocol=tcp",
					    "ports=80,8000-8099", "pool=web"};
	static const char *const other[] = {"address=192.0.2.20/32", "pool=web"};
	struct sl_conf *conf = sl_image_names(sl_model_image(watch->f.model));
	struct sl_change change = {.kind = SL_CHANGE_REMOVE_SERVICE, .service = "http"};
	struct sl_conf_errors errors = {0};
	struct sl_conf_service service;

	if (choice) {
		bool there = sl_image_find_service(sl_model_image(watch->f.model), "http") >= 0;

		assert_int_equal(sl_conf_service_parse(conf, NULL, "http", there ? other : pairs,
						       there ? 2 : 4, &service, &errors),
				 0);
		change.kind = there ? SL_CHANGE_SET_SERVICE : SL_CHANGE_ADD_SERVICE;
		change.wanted = &service;
	}
	(void)fixture_change(&watch->f, &change, false);
	if (choice)
		sl_conf_service_fini(&service);
	sl_conf_errors_fini(&errors);
	sl_image_names_free(conf);
}

static void change_some(struct watch *watch, struct sl_prng *prng)
{
	static const char *const pairs[] = {"address=10.0.0.77", "encap=gue", "port=p0",
					    "weight=2.5"};
	const char *node = sl_prng_next(prng) & 1 ? "a" : "b";
	enum sl_change_kind hands[] = {SL_CHANGE_DRAIN, SL_CHANGE_ENABLE, SL_CHANGE_DISABLE};

	switch (sl_prng_next(prng) % 8) {
	case 0:
		(void)fixture_add(&watch->f, "web", "new", pairs, 4);
		break;
	case 1:
		(void)fixture_node(&watch->f, SL_CHANGE_REMOVE_NODE, "web", "new");
		break;
	case 2:
		(void)fixture_node(&watch->f, hands[sl_prng_next(prng) % 3], "web", node);
		break;
	case 3:
		(void)fixture_apply(&watch->f, sl_prng_next(prng) & 1 ? TEXT : OTHER);
		break;
	case 4:
		change_service(watch, sl_prng_next(prng) % 3);
		break;
	default:
		(void)fixture_weight(&watch->f, "web", node, sl_prng_next(prng) % 9);
		break;
	}
	sl_change_result_fini(&watch->f.result);
	memset(&watch->f.result, 0, sizeof(watch->f.result));
}

static void every_generation_reads_back_as_it_was(void **state)
{
	struct watch watch;
	struct sl_prng prng = {0};

	(void)state;
	prng.state = 7;
	watch_open(&watch);
	while (watch.last < 300)
		change_some(&watch, &prng);
	for (uint64_t g = 1; g <= watch.last; g++)
		generation_equals(&watch, g);
	watch_close(&watch);
}

static void folding_keeps_the_last_generations_exactly(void **state)
{
	struct watch watch;
	struct sl_prng prng = {0};
	struct sl_past past;
	struct sl_err err = {0};

	(void)state;
	prng.state = 8;
	watch_open(&watch);
	assert_false(sl_history_fold(watch.history));
	while (sl_history_count(watch.history) <= SL_HISTORY_MAX)
		change_some(&watch, &prng);
	assert_true(sl_history_fold(watch.history));
	assert_int_equal(sl_history_count(watch.history), SL_HISTORY_KEEP);
	for (uint64_t g = watch.last - SL_HISTORY_KEEP + 1; g <= watch.last; g += 37)
		generation_equals(&watch, g);
	assert_int_equal(sl_history_state(watch.history, watch.last - SL_HISTORY_KEEP, &past, &err),
			 -ENOENT);
	watch_close(&watch);
}

/* A pool whose slots tell as little of one another as can be. */
static const char *text_of_many(void)
{
	static char text[16384];
	size_t used = (size_t)snprintf(text, sizeof(text),
				       HEAD "pools: [{name: web, scheduler: rendezvous, slots: "
					    "524288, nodes: [");

	for (uint32_t n = 0; n < 120; n++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s{name: n%u, address: 10.0.0.%u, encap: ipip, port: p0, "
					 "weight: 1}",
					 n ? ", " : "", n, n + 5);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "]}]\n");
	assert_true(used < sizeof(text));
	return text;
}

/* Steps of a quarter MiB and more, squeezed: what is promised stays, and little more. */
static void steps_that_weigh_much_are_folded_early(void **state)
{
	struct watch watch;
	struct sl_model_event event;
	struct sl_change change = {.kind = SL_CHANGE_APPLY};
	struct sl_image *wide;

	(void)state;
	watch_open(&watch);
	assert_int_equal(fixture_apply(&watch.f, text_of_many()), 0);
	wide = sl_model_image(watch.f.model);
	event = (struct sl_model_event){
		.change = &change, .before = watch.images[1], .after = wide};
	for (uint64_t g = watch.last + 1; g < 320; g++) {
		struct sl_history_line line = {.generation = g, .verb = "test"};
		uint32_t count;

		assert_int_equal(sl_history_add(watch.history, &line, &event,
						sl_model_hash_key(watch.f.model)),
				 0);
		(void)sl_history_fold(watch.history);
		count = sl_history_count(watch.history);
		assert_true(count <= SL_HISTORY_LEAST + SL_HISTORY_MORE);
		assert_true(g <= SL_HISTORY_LEAST || count > SL_HISTORY_LEAST);
	}
	watch_close(&watch);
}

/* A step with thousands of nodes and their slots is a third of its text, and is read back. */
static void large_steps_are_squeezed(void **state)
{
	static char text[1 << 20];
	struct sl_past past;
	struct sl_err err = {0};
	struct watch watch;
	size_t used;

	(void)state;
	used = (size_t)snprintf(text, sizeof(text),
				HEAD "pools: [{name: web, slots: 8192, nodes: [");
	for (uint32_t n = 0; n < 5000; n++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s{name: node%u, address: 10.0.%u.%u, encap: ipip, "
					 "port: p0, weight: 1}",
					 n ? ", " : "", n, n / 200, 5 + n % 200);
	(void)snprintf(text + used, sizeof(text) - used, "]}]\n");
	watch_open(&watch);
	assert_int_equal(fixture_apply(&watch.f, text), 0);
	assert_true(sl_history_record(watch.history, 1)->size < used / 3);
	assert_int_equal(sl_history_state(watch.history, watch.last, &past, &err), 0);
	assert_int_equal(past.image->pools[0]->node_count, 5000);
	sl_past_fini(&past);
	generation_equals(&watch, watch.last);
	watch_close(&watch);
}

static void damaged_octets_are_refused_without_harm(void **state)
{
	struct watch watch;
	struct sl_prng prng = {0};
	uint32_t refused = 0;

	(void)state;
	prng.state = 9;
	watch_open(&watch);
	while (watch.last < 12)
		change_some(&watch, &prng);
	for (int round = 0; round < 3000; round++) {
		uint32_t place = (uint32_t)(sl_prng_next(&prng) % sl_history_count(watch.history));
		const struct sl_history_record *record = sl_history_record(watch.history, place);
		size_t at = sl_prng_next(&prng) % record->size;
		uint8_t kept = record->data[at];
		struct sl_past past;
		struct sl_err err = {0};

		record->data[at] = (uint8_t)sl_prng_next(&prng);
		if (sl_history_state(watch.history, watch.last, &past, &err) == 0)
			sl_past_fini(&past);
		else
			refused++;
		record->data[at] = kept;
	}
	assert_true(refused > 100);
	generation_equals(&watch, watch.last);
	watch_close(&watch);
}

static void records_out_of_turn_are_refused(void **state)
{
	struct watch watch;
	struct sl_prng prng = {0};
	struct sl_history *other;
	const struct sl_history_record *record;

	(void)state;
	prng.state = 10;
	watch_open(&watch);
	while (watch.last < 4)
		change_some(&watch, &prng);
	assert_int_equal(sl_history_create(&other), 0);
	record = sl_history_record(watch.history, 1);
	assert_int_equal(sl_history_take(other, record->data, record->size), -EINVAL);
	record = sl_history_record(watch.history, 0);
	assert_int_equal(sl_history_take(other, record->data, record->size), 0);
	assert_int_equal(sl_history_take(other, record->data, record->size), -EINVAL);
	record = sl_history_record(watch.history, 2);
	assert_int_equal(sl_history_take(other, record->data, record->size), -EINVAL);
	record = sl_history_record(watch.history, 1);
	assert_int_equal(sl_history_take(other, record->data, record->size), 0);
	assert_int_equal(sl_history_count(other), 2);
	sl_history_destroy(other);
	watch_close(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_generation_reads_back_as_it_was),
		cmocka_unit_test(folding_keeps_the_last_generations_exactly),
		cmocka_unit_test(large_steps_are_squeezed),
		cmocka_unit_test(steps_that_weigh_much_are_folded_early),
		cmocka_unit_test(damaged_octets_are_refused_without_harm),
		cmocka_unit_test(records_out_of_turn_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
