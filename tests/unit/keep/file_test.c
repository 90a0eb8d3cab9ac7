/* SPDX-License-Identifier: BSD-3-Clause */

/* The state file: what it keeps over an end, over a wall clock that was set, over damage at every
 * octet, and when an allocation fails. */

#include "keep/file.h"
#include "keep/rest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "unit/model/fixture.h"

#define DAY_MS (24 * 3600 * 1000ull)
#define TEXT                                                                                       \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24]}]\n"                              \
	"services: [{name: rest, address: any, pool: web}]\n"                                      \
	"pools: [{name: web, slots: 256, nodes: [{name: a, worker: 0}, {name: b, worker: 0}]}]\n"

static bool counts;
static uint32_t until; /* allocations that still succeed */
static uint64_t wall_ms = 1000 * DAY_MS;

static bool fails(void)
{
	return counts && until-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
uint64_t __real_sl_clock_wall_ms(void);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
uint64_t __wrap_sl_clock_wall_ms(void);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

uint64_t __wrap_sl_clock_wall_ms(void)
{
	return wall_ms;
}

/* ---- a daemon without packets ---------------------------------------------------------------- */

static char folder[] = "/tmp/sluice-keep.XXXXXX";
static char path[PATH_MAX];

struct world {
	struct fixture f;
	struct sl_history *history;
	struct sl_keep *keep;
	struct sl_model_listener listener;
};

static void on_event(void *context, const struct sl_model_event *event)
{
	struct world *world = context;
	struct sl_history_line line = {
		.generation = event->generation, .verb = "test", .wall_ms = wall_ms};

	if (event->kind == SL_EVENT_CHANGE)
		assert_int_equal(sl_history_add(world->history, &line, event,
						sl_model_hash_key(world->f.model)),
				 0);
}

/* A new state with so many changes of a weight. */
static void world_open(struct world *world, uint32_t changes)
{
	struct sl_history_line line = {.generation = 1, .verb = "start", .wall_ms = wall_ms};
	struct sl_keep_found found;
	struct sl_err err = {0};

	memset(world, 0, sizeof(*world));
	(void)unlink(path);
	fixture_open(&world->f, TEXT, NULL);
	assert_int_equal(sl_history_create(&world->history), 0);
	assert_int_equal(sl_keep_create(path, world->history, &world->keep, &found, &err), 0);
	assert_false(found.state);
	assert_int_equal(sl_history_begin(world->history, &line, sl_model_image(world->f.model),
					  sl_model_hash_key(world->f.model)),
			 0);
	assert_int_equal(sl_keep_rewrite(world->keep, world->history, NULL, &err), 0);
	sl_keep_stand(world->keep);
	world->listener = (struct sl_model_listener){.event = on_event, .context = world};
	sl_model_listen(world->f.model, &world->listener);
	for (uint32_t i = 0; i < changes; i++) {
		assert_int_equal(fixture_weight(&world->f, "web", "a", 2 + i), 0);
		assert_int_equal(sl_keep_sync(world->keep, world->history, &err), 0);
	}
}

static void world_close(struct world *world)
{
	sl_keep_destroy(world->keep);
	sl_history_destroy(world->history);
	fixture_close(&world->f);
}

/* What a start finds; history is destroyed. */
static int find(struct sl_keep_found *found, struct sl_keep **keep, struct sl_history **history)
{
	struct sl_err err = {0};
	int rc = sl_history_create(history);

	if (rc)
		return rc;
	rc = sl_keep_create(path, *history, keep, found, &err);
	if (rc)
		sl_history_destroy(*history);
	return rc;
}

static uint64_t found_generation(struct sl_keep_found *found)
{
	struct sl_history *history;
	struct sl_keep *keep;
	uint64_t generation;

	assert_int_equal(find(found, &keep, &history), 0);
	generation = found->state ? found->past.image->generation : 0;
	sl_keep_destroy(keep);
	sl_history_destroy(history);
	sl_past_fini(&found->past);
	return generation;
}

static uint8_t *read_file(size_t *size)
{
	uint8_t *octets = __real_malloc(1 << 20);
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	*size = fread(octets, 1, 1 << 20, file);
	(void)fclose(file);
	return octets;
}

static void write_file(const uint8_t *octets, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(octets, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void what_was_synced_is_found(void **state)
{
	struct world world;
	struct sl_keep_found found;

	(void)state;
	world_open(&world, 7);
	world_close(&world);
	assert_int_equal(found_generation(&found), 8);
	assert_string_equal(found.note, "");
}

static void a_file_in_use_is_refused(void **state)
{
	struct world world;
	struct sl_keep_found found;
	struct sl_history *history;
	struct sl_keep *keep;

	(void)state;
	world_open(&world, 1);
	assert_int_equal(find(&found, &keep, &history), -EBUSY);
	world_close(&world);
}

/* Any octet of a file that ended with a kill may be wrong, and any end of it missing. */
static void damage_anywhere_keeps_what_stands_before_it(void **state)
{
	struct world world;
	struct sl_keep_found found;
	uint64_t last = 0, got;
	uint8_t *octets;
	size_t size;

	(void)state;
	world_open(&world, 5);
	world_close(&world);
	octets = read_file(&size);
	while (octets[size - 1] == 0)
		size--;
	for (size_t at = 0; at < size; at++) {
		octets[at] ^= 0x41;
		write_file(octets, size + 1);
		octets[at] ^= 0x41;
		got = found_generation(&found);
		/* the first line is not needed, but for the version in it */
		if (at < 15)
			assert_int_equal(got, at == 13 ? 0 : 6);
		else
			assert_true(got >= last && got < 6);
		assert_true(found.note[0]);
		last = at < 15 ? 0 : got;
	}
	assert_int_equal(last, 5);
	for (size_t end = size; end > 15; end -= 7) {
		write_file(octets, end - 1);
		got = found_generation(&found);
		assert_true(got <= last);
		last = got;
	}
	assert_int_equal(last, 0);
	free(octets);
}

/* Zeros as large as no file of ours: a hole costs nothing. */
static void a_file_of_five_gigabytes_is_read(void **state)
{
	struct world world;
	struct sl_keep_found found;

	(void)state;
	world_open(&world, 3);
	world_close(&world);
	assert_int_equal(truncate(path, 5ll << 30), 0);
	assert_int_equal(found_generation(&found), 4);
	assert_string_equal(found.note, "");
}

static void drain_for(struct world *world, uint64_t ms)
{
	struct sl_change change = {
		.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "a", .deadline_ms = ms};

	assert_int_equal(fixture_change(&world->f, &change, false), 0);
}

/* How long the drain of the first node has left for who starts now. */
static uint64_t left_ms(void)
{
	struct sl_history *history;
	struct sl_keep_found found;
	struct sl_keep *keep;
	uint64_t now, at;

	assert_int_equal(find(&found, &keep, &history), 0);
	assert_true(found.state);
	at = found.past.image->pools[0]->nodes[0].deadline_ms;
	sl_keep_destroy(keep);
	sl_history_destroy(history);
	sl_past_fini(&found.past);
	/* whatever time that took is not what a drain gained */
	now = sl_clock_ms();
	return at > now ? at - now : 0;
}

/* The fixture's clock stands still: what is left is reckoned from it. */
static void a_clock_that_was_set_gives_no_drain_more_time(void **state)
{
	uint64_t start = wall_ms, written;
	struct sl_pack rest = {0};
	struct sl_err err = {0};
	struct world world;

	(void)state;
	fixture_now_ms = sl_clock_ms();
	world_open(&world, 1);
	drain_for(&world, 3600 * 1000);
	assert_int_equal(sl_keep_sync(world.keep, world.history, &err), 0);
	/* 59 minutes later it ends in good order */
	written = wall_ms = start + 59 * 60 * 1000;
	sl_pack_number(&rest, 2);
	sl_pack_number(&rest, written);
	assert_int_equal(sl_rest_written_ms(&rest), written);
	assert_int_equal(sl_keep_rewrite(world.keep, world.history, &rest, &err), 0);
	sl_pack_fini(&rest);
	world_close(&world);
	assert_in_range(left_ms(), 20 * 1000, 60 * 1000 + 1);
	for (int days = 1; days < 4000; days += 3649) {
		wall_ms = written - (uint64_t)days * DAY_MS / 4;
		assert_in_range(left_ms(), 20 * 1000, 60 * 1000 + 1);
	}
	wall_ms = written + 10 * 1000;
	assert_in_range(left_ms(), 10 * 1000, 50 * 1000 + 1);
	wall_ms = written + 3650 * DAY_MS;
	assert_in_range(left_ms(), 0, 1);
	wall_ms = start;
}

static void a_kill_gives_no_drain_more_time_either(void **state)
{
	uint64_t start = wall_ms;
	struct sl_err err = {0};
	struct world world;

	(void)state;
	fixture_now_ms = sl_clock_ms();
	world_open(&world, 0);
	drain_for(&world, 60 * 1000);
	assert_int_equal(sl_keep_sync(world.keep, world.history, &err), 0);
	world_close(&world);
	wall_ms = start - DAY_MS;
	assert_in_range(left_ms(), 20 * 1000, 60 * 1000 + 1);
	wall_ms = start;
}

static void an_allocation_that_fails_is_no_damage(void **state)
{
	struct world world;
	struct sl_keep_found found;
	struct sl_history *history;
	struct sl_keep *keep;
	struct stat before, after;
	int rc = -ENOMEM;

	(void)state;
	world_open(&world, 3);
	world_close(&world);
	assert_int_equal(stat(path, &before), 0);
	for (uint32_t n = 0; rc == -ENOMEM; n++) {
		assert_true(n < 10000);
		until = n;
		counts = true;
		rc = find(&found, &keep, &history);
		counts = false;
	}
	assert_int_equal(rc, 0);
	assert_true(found.state);
	assert_int_equal(found.past.image->generation, 4);
	assert_string_equal(found.note, "");
	sl_keep_destroy(keep);
	sl_history_destroy(history);
	sl_past_fini(&found.past);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
}

static int open_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

static int close_folder(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_synced_is_found),
		cmocka_unit_test(a_file_in_use_is_refused),
		cmocka_unit_test(damage_anywhere_keeps_what_stands_before_it),
		cmocka_unit_test(a_file_of_five_gigabytes_is_read),
		cmocka_unit_test(a_clock_that_was_set_gives_no_drain_more_time),
		cmocka_unit_test(a_kill_gives_no_drain_more_time_either),
		cmocka_unit_test(an_allocation_that_fails_is_no_damage),
	};

	return cmocka_run_group_tests(tests, open_folder, close_folder);
}
