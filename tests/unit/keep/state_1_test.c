/* SPDX-License-Identifier: BSD-3-Clause */

/* A state file of version 1, as the last build that wrote it left it at an orderly end, is read with
 * the generation, history, tables, nodes, open slots and flows that the build itself told.
 *
 * state-1/: the state, the configuration of its last generation, and what was told, a sorted line
 * each: "flow POOL KEY NODE KIND", "home POOL NODES" (a letter a slot), "open POOL SLOTS" and so on.
 * Two of the nodes have left under a name that came back; a pool has left with its flows.
 *
 * Usage: state_1_test FOLDER. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "carry/carry.h"
#include "keep/file.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"
#include "unit/model/fixture.h"

static const char *folder;

struct lines {
	char **list;
	size_t count, room;
};

__attribute__((format(printf, 2, 3))) static void add(struct lines *lines, const char *format, ...)
{
	va_list args;

	if (lines->count == lines->room) {
		lines->room = 2 * lines->room + 64;
		lines->list = realloc(lines->list, lines->room * sizeof(*lines->list));
		assert_non_null(lines->list);
	}
	va_start(args, format);
	assert_true(vasprintf(&lines->list[lines->count++], format, args) >= 0);
	va_end(args);
}

static int order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *read_text(const char *name)
{
	char path[4096];
	FILE *file;
	char *text = calloc(1, 1 << 20);

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	(void)fclose(file);
	return text;
}

/* Compares the lines, sorted, with what was told, and frees them. */
static void lines_equal(struct lines *lines)
{
	char *told = read_text("expected.txt"), *rest = told;

	qsort(lines->list, lines->count, sizeof(*lines->list), order);
	for (size_t i = 0; i < lines->count; i++) {
		assert_string_equal(lines->list[i], strsep(&rest, "\n"));
		free(lines->list[i]);
	}
	assert_string_equal(rest, "");
	free(lines->list);
	free(told);
}

/* ---- what there is, in lines ----------------------------------------------------------------- */

static const struct sl_image_node *node_of(const struct sl_image *image, uint32_t index)
{
	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			if (image->pools[p]->nodes[n].index == index)
				return &image->pools[p]->nodes[n];
	return NULL;
}

static void add_history(struct lines *lines, const struct sl_history *history)
{
	struct sl_history_line line;

	for (uint32_t i = 0; i < sl_history_count(history); i++) {
		sl_history_line(history, i, &line);
		add(lines, "change %" PRIu64 " %s %s", line.generation, line.verb, line.what);
	}
	add(lines, "generation %" PRIu64, line.generation);
}

static void add_image(struct lines *lines, const struct sl_image *image)
{
	for (uint32_t p = 0; p < image->pool_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];
		char home[SL_SLOTS_MIN * 4 + 1] = "";

		if (pool->leaving)
			continue;
		for (uint32_t n = 0; n < pool->node_count; n++) {
			const struct sl_image_node *node = &pool->nodes[n];
			const struct sl_conf_node *conf = pool->nodes[n].conf;

			add(lines, "node %s %s %s %g", pool->name, node->name,
			    sl_node_state_name(sl_image_node_state(node)),
			    node->leaving ? 0 : (double)conf->weight / SL_WEIGHT_UNIT);
		}
		for (uint32_t s = 0; s < pool->home->count; s++)
			home[s] = node_of(image, pool->home->word[s])->name[0];
		add(lines, "home %s %s", pool->name, home);
	}
}

static void add_flows(struct lines *lines, const struct sl_image *image,
		      const struct sl_image_pool *pool, const struct sl_pool_view *view)
{
	static const char *const kinds[] = {
		[SL_FLOW_BEGUN] = "begun", [SL_FLOW_LIVE] = "live", [SL_FLOW_CLOSING] = "closing"};
	uint32_t tables = view->flow_tables ? view->memory->table_count : 0;
	struct sl_flow_entry entry;

	for (uint32_t t = 0; t < tables; t++)
		for (uint32_t i = 0; i < sl_flow_table_capacity(view->flow_tables[t]); i++)
			if (sl_flow_table_at(view->flow_tables[t], i, &entry))
				add(lines, "flow %s %016" PRIx64 " %s %s", pool->name, entry.tag,
				    node_of(image, sl_flow_node(entry.word))->name,
				    kinds[sl_flow_kind(entry.word)]);
}

static void add_cores(struct lines *lines, const struct fixture *f)
{
	const struct sl_image *image = sl_model_image(f->model);
	const struct sl_snapshot *snapshot = sl_model_snapshot(f->model);

	for (uint32_t p = 0; p < image->pool_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];
		const struct sl_pool_view *view = &snapshot->pools[pool->index];

		if (!pool->leaving)
			add(lines, "open %s %" PRIu32, pool->name, view->slots->open_count);
		add_flows(lines, image, pool, view);
	}
}

/* ---- the test -------------------------------------------------------------------------------- */

static void copy_state(const char *to)
{
	char from[4096], octets[65536];
	FILE *file;
	size_t size;

	(void)snprintf(from, sizeof(from), "%s/state", folder);
	file = fopen(from, "rb");
	assert_non_null(file);
	size = fread(octets, 1, sizeof(octets), file);
	(void)fclose(file);
	file = fopen(to, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(octets, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void conf_equal(const struct sl_conf *conf)
{
	char *told = read_text("config.yaml");
	struct sl_conf *wanted = fixture_conf(told);
	char *a = sl_conf_format(conf), *b = sl_conf_format(wanted);

	assert_string_equal(a, b);
	free(a);
	free(b);
	free(told);
	sl_conf_destroy(wanted);
}

static void a_state_of_version_1_is_read_as_it_was(void **state)
{
	char temporary[] = "/tmp/sluice-state-1.XXXXXX";
	struct sl_keep_found found;
	struct sl_history *history;
	struct sl_err err = {0};
	struct lines lines = {0};
	struct sl_keep *keep;
	struct sl_conf *conf;
	struct fixture f;

	(void)state;
	assert_true(mkstemp(temporary) >= 0);
	copy_state(temporary);
	assert_int_equal(sl_history_create(&history), 0);
	assert_int_equal(sl_keep_create(temporary, history, &keep, &found, &err), 0);
	assert_true(found.state);
	assert_string_equal(found.note, "");
	add_history(&lines, history);
	conf = sl_image_conf(found.past.image);
	conf_equal(conf);
	/* the fixture's clock is behind the one of the state: no time has passed since */
	fixture_open_conf(&f, conf, found.past.image);
	sl_image_conf_free(conf);
	assert_true(sl_carry_read(f.model, sl_keep_rest(keep)) > 0);
	add_image(&lines, sl_model_image(f.model));
	add_cores(&lines, &f);
	lines_equal(&lines);
	fixture_close(&f);
	sl_past_fini(&found.past);
	sl_keep_destroy(keep);
	sl_history_destroy(history);
	(void)unlink(temporary);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_of_version_1_is_read_as_it_was),
	};

	if (argc != 2)
		return 2;
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
