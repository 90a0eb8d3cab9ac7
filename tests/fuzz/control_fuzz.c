/* SPDX-License-Identifier: BSD-3-Clause */

/* Lines of any octets to control as it runs, with its real methods, model, history and publication,
 * but no packets.
 *
 * Each input begins with a fresh daemon's state: one pool of three nodes, one service. Its first octet
 * says by its lowest bit that who speaks may only read; lines follow. After each line: the answer is an
 * object that can be sent, with a result or an error; a refusal, a dry run and a reader have changed nothing;
 * packets see the generation and the slots that the model believes in.
 */

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/inside.h"
#include "unit/model/fixture.h"

#define LINES_MAX 64 /* of an input */

static const char text_format[] =
	"dataplane: {worker_cpus: [0, 0]}\n"
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24, \"2001:db8::2/64\"], gateway: "
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
	"control: {socket: \"/tmp/sluice-fuzz-%d.sock\"}\n"
	"services: [{name: http, address: 192.0.2.10, protocol: tcp, ports: [80], pool: web}]\n"
	"pools: [{name: web, slots: 256, flow_entries: 1024, nodes: [{name: a, worker: 0, handler: "
	"sink}, "
	"{name: b, address: 192.0.2.20, encap: ipip, port: p0}, {name: c, output: p0, weight: "
	"2.5}]}]\n";

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sl_conf *conf;
static struct event_base *base;
static int nice_before;

static void no_log(enum sl_log_level level, const char *line, void *context)
{
	(void)level;
	(void)line;
	(void)context;
}

static void must(bool fine)
{
	if (!fine)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char text[sizeof(text_format) + 16];

	(void)argc;
	(void)argv;
	(void)snprintf(text, sizeof(text), text_format, (int)getpid());
	sl_log_sink_set(no_log, NULL);
	nice_before = getpriority(PRIO_PROCESS, 0);
	base = event_base_new();
	conf = fixture_conf(text);
	return 0;
}

static struct sl_control *open_control(struct fixture *f)
{
	struct sl_control_spec spec = {.base = base, .model = f->model, .version = "", .file = ""};
	struct sl_restore restore = {.conf = conf};
	struct sl_control *control = NULL;

	must(sl_history_create(&restore.history) == 0);
	must(sl_control_create(&spec, &restore, &control, &f->err) == 0);
	(void)setpriority(PRIO_PROCESS, 0, nice_before); /* control raises it */
	return control;
}

/* Packets see what the model believes; a pool whose slots became fewer keeps the finer ones until all
 * have settled. */
static void check_slots(const struct sl_model *model)
{
	const struct sl_image *image = sl_model_image(model);
	const struct sl_snapshot *snapshot = sl_model_snapshot(model);

	must(snapshot->generation == image->generation);
	for (uint32_t p = 0; p < image->pool_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];
		const struct sl_pool_view *view = &snapshot->pools[pool->index];

		uint32_t share = view->slots->count / pool->target->count;

		must(share >= 1);
		for (uint32_t s = 0; s < view->slots->count; s++) {
			uint32_t word = view->words[s], node = word & SL_SLOT_NODE;

			if (word & SL_SLOT_OPEN)
				node = view->open[node].node;
			must(node == pool->target->word[s / share]);
			must(node == 0 || sl_snapshot_has_node(snapshot, node));
		}
	}
}

static void check_answer(const json_t *message, uint64_t before, uint64_t after)
{
	const json_t *result = json_object_get(message, "result");
	char *text = json_dumps(message, JSON_COMPACT);

	must(text != NULL);
	must(!result != !json_object_get(message, "error"));
	must(result || after == before);
	must(strchr(text, '\n') == NULL);
	free(text);
}

static void say(struct sl_control *control, struct fixture *f, const struct sl_peer *peer,
		const char *line, size_t length)
{
	uint64_t before = sl_model_generation(f->model), after;
	struct sl_rpc_answer got = {0};

	fixture_now_ms += 1000;
	sl_rpc_handle(&control->rpc, peer, line, length, &got);
	after = sl_model_generation(f->model);
	must(after == before || (after == before + 1 && peer->may_change));
	if (got.message)
		check_answer(got.message, before, after);
	json_decref(got.message);
	must(sl_model_flush(f->model, &f->err) == 0);
	sl_control_turn_ended(control);
	check_slots(f->model);
}

/* The line as a text of its own; SOCKET in it stands for the running socket's path, which inputs cannot
 * know and apply insists on. */
static char *copy_line(const uint8_t *at, size_t *length)
{
	static const char word[] = "SOCKET";
	const char *path = conf->control.socket;
	const uint8_t *found = memmem(at, *length, word, sizeof(word) - 1);
	size_t head = found ? (size_t)(found - at) : *length, more = found ? strlen(path) : 0;
	size_t rest = found ? *length - head - (sizeof(word) - 1) : 0;
	char *line = malloc(head + more + rest + 1);

	must(line != NULL);
	memcpy(line, at, head);
	memcpy(line + head, path, more);
	if (rest > 0)
		memcpy(line + head + more, at + *length - rest, rest);
	*length = head + more + rest;
	line[*length] = '\0';
	return line;
}

static void say_lines(struct sl_control *control, struct fixture *f, const uint8_t *data,
		      size_t size)
{
	const struct sl_peer peer = {.pid = 1, .may_change = !(data[0] & 1)};
	const uint8_t *at = data + 1, *end = data + size;

	for (uint32_t i = 0; i < LINES_MAX && at < end; i++) {
		const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
		size_t taken = (size_t)((newline ? newline : end) - at), length = taken;
		char *line = copy_line(at, &length);

		say(control, f, &peer, line, length);
		free(line);
		at += taken + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_control *control;
	struct fixture f;

	if (size == 0)
		return 0;
	fixture_open_conf(&f, conf, NULL);
	control = open_control(&f);
	say_lines(control, &f, data, size);
	for (int i = 0; i < 3; i++) { /* all that settles has settled, all that left has gone */
		fixture_now_ms += 7200000;
		sl_model_tick(f.model);
		must(sl_model_flush(f.model, &f.err) == 0);
		check_slots(f.model);
	}
	sl_control_destroy(control, false);
	fixture_close(&f);
	return 0;
}
