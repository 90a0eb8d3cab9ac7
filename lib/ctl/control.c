/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "carry/carry.h"
#include "carry/estate.h"
#include "ctl/cluster.h"
#include "ctl/inside.h"
#include "show/json.h"

#define RETRY_MS 1000 /* before a state file that could not be written is tried again */

/* ---- clients --------------------------------------------------------------------------------- */

/* No line is longer than those that are taken: what would be is refused with the remedy. */
static void send_message(struct sl_client *client, const json_t *message,
			 const struct sl_rpc_method *method)
{
	char *text = json_dumps(message, JSON_COMPACT | SL_REPORT_JSON);
	json_t *refusal;

	if (text && strlen(text) > SL_SERVER_LINE_MAX) {
		refusal = sl_rpc_too_long(message, method, strlen(text));
		free(text);
		text = json_dumps(refusal, JSON_COMPACT);
		json_decref(refusal);
	}
	if (text)
		sl_client_send(client, text, strlen(text));
	free(text);
}

/* Answers come in the order of their requests: behind one that is held all wait. */
static void on_line(struct sl_client *client, const char *line, size_t length, void *context)
{
	struct sl_control *control = context;
	struct sl_rpc_answer answer;
	struct sl_held *held;

	sl_rpc_handle(&control->rpc, sl_client_peer(client), line, length, &answer);
	if (answer.subscribe)
		sl_client_subscribe(client);
	if (control->scope.tracer == sl_client_peer(client) && !control->tracing)
		sl_control_trace_begin(control, client);
	if (answer.ticket)
		sl_control_cluster_wait(control, client, &answer);
	if (!answer.message)
		return;
	held = answer.held || sl_client_is_held(client) ? calloc(1, sizeof(*held)) : NULL;
	if (!held) {
		send_message(client, answer.message, answer.method);
		json_decref(answer.message);
		return;
	}
	held->client = client;
	held->message = answer.message;
	held->method = answer.method;
	held->change = answer.held;
	sl_client_hold(client);
	STAILQ_INSERT_TAIL(&control->held, held, link);
}

static void on_too_long(struct sl_client *client, void *context)
{
	char sentence[96];
	json_t *message;

	(void)context;
	(void)snprintf(sentence, sizeof(sentence), "a line has at most %u octets",
		       SL_SERVER_LINE_MAX);
	message = sl_rpc_error(SL_RPC_INVALID_REQUEST, sentence);
	send_message(client, message, NULL);
	json_decref(message);
}

static void on_closed(struct sl_client *client, void *context)
{
	struct sl_control *control = context;
	struct sl_held *held;

	STAILQ_FOREACH(held, &control->held, link)
	if (held->client == client)
		held->client = NULL;
	if (control->tracing == client)
		sl_control_trace_end(control);
	sl_control_cluster_forget(control, client);
	sl_rpc_scope_forget(&control->scope, sl_client_peer(client));
}

/* ---- the end of a turn ----------------------------------------------------------------------- */

/* Answers of changes that are not in the file say so. */
static void warn_held(struct sl_control *control, const char *sentence)
{
	struct sl_held *held;

	STAILQ_FOREACH(held, &control->held, link)
	{
		json_t *result = json_object_get(held->message, "result");

		if (held->change)
			(void)json_array_append_new(json_object_get(result, "warnings"),
						    json_string(sentence));
	}
}

/* The last that a file gets which is left: whoever starts from it again goes on from there. */
void sl_control_save_former(struct sl_control *control)
{
	struct sl_err err = {0};

	if (control->former && sl_keep_sync(control->former, control->scope.history, &err))
		sl_log(SL_LOG_ERROR, "%s", err.text);
	sl_keep_destroy(control->former);
	control->former = NULL;
}

/* The file does not have the present state; said once. */
static void note_failed(struct sl_control *control, struct sl_err *err)
{
	if (!control->failing)
		sl_log(SL_LOG_ERROR, "%s: changes are made, but would not survive a restart",
		       err->text);
	control->scope.daemon.state_failures++;
	control->scope.daemon.state_unsaved = true;
	control->failing = true;
	control->failed_ms = sl_clock_ms();
	control->unsaved = true;
	(void)sl_err_prefix(err, "made, but not kept over a restart");
}

/* True if nobody waits to be answered, and the last failure was just now. */
static bool may_wait(const struct sl_control *control)
{
	const struct sl_held *held;

	STAILQ_FOREACH(held, &control->held, link)
	if (held->change)
		return false;
	return control->failing && sl_clock_ms() - control->failed_ms < RETRY_MS;
}

static void save(struct sl_control *control)
{
	struct sl_err err = {0};

	if (control->joining || may_wait(control))
		return;
	sl_control_save_former(control);
	if (!control->keep) {
		(void)sl_history_fold(control->scope.history);
		control->unsaved = false;
		return;
	}
	if ((control->rewrite ? sl_keep_rewrite(control->keep, control->scope.history, NULL, &err)
			      : sl_keep_sync(control->keep, control->scope.history, &err)) == 0) {
		if (control->failing)
			sl_log(SL_LOG_NOTICE, "control.state %s: written again",
			       sl_keep_path(control->keep));
		control->unsaved = false;
		control->scope.daemon.state_unsaved = false;
		control->failing = false;
		control->rewrite = false;
		return;
	}
	note_failed(control, &err);
	warn_held(control, err.text);
}

void sl_control_turn_ended(struct sl_control *control)
{
	struct sl_held *held;

	sl_control_cluster_turn(control);
	sl_keep_stand(control->keep);
	if (control->unsaved)
		save(control);
	while ((held = STAILQ_FIRST(&control->held))) {
		STAILQ_REMOVE_HEAD(&control->held, link);
		if (held->client) {
			send_message(held->client, held->message, held->method);
			sl_client_release(held->client);
		}
		json_decref(held->message);
		free(held);
	}
	sl_server_flush(control->server);
}

void sl_control_second(struct sl_control *control)
{
	for (uint32_t i = 0; i < control->spec.core_count; i++) {
		const struct sl_control_core *core = &control->spec.cores[i];
		struct sl_busy *busy = &control->busy[i];
		uint64_t now_busy = __atomic_load_n(core->busy_cycles, __ATOMIC_RELAXED);
		uint64_t now_all = __atomic_load_n(core->all_cycles, __ATOMIC_RELAXED);

		control->cores[i].busy = now_all > busy->all_before
						 ? (double)(now_busy - busy->busy_before) /
							   (double)(now_all - busy->all_before)
						 : 0;
		busy->busy_before = now_busy;
		busy->all_before = now_all;
	}
	sl_http_second(control->http);
	sl_log_tick();
}

void sl_control_reloaded(struct sl_control *control, bool good)
{
	struct sl_show_daemon *daemon = &control->scope.daemon;

	daemon->reload_failed = !good;
	if (good)
		daemon->reloaded_ms = sl_clock_wall_ms();
}

uint64_t sl_control_file_set(struct sl_control *control, uint64_t digest)
{
	uint64_t before = control->scope.file_digest;

	control->scope.file_digest = digest;
	return before;
}

/* ---- start and end --------------------------------------------------------------------------- */

/* What a daemon left that was killed; false: nothing, or nothing to go by. */
static bool take_estate(struct sl_control *control, bool file_wins)
{
	/* where the file wins the generation is one more than that of what was kept */
	uint64_t generation = sl_model_generation(control->model) - file_wins;
	struct sl_estate_found found;
	struct sl_err err = {0};
	int rc;

	if (!control->spec.estate)
		return false;
	rc = sl_estate_take(control->spec.estate, control->model, generation, &found, &err);
	if (rc == -ENOENT)
		return false;
	if (rc) {
		sl_log(SL_LOG_WARNING, "no orderly end: what is left in memory is not taken up: %s",
		       err.text);
		return false;
	}
	control->scope.daemon.flows_taken_up = found.flows;
	sl_log(SL_LOG_NOTICE,
	       "no orderly end: %llu flows taken up from memory, of generation %llu%s",
	       (unsigned long long)found.flows, (unsigned long long)found.generation,
	       found.lost ? "; some flow tables were gone" : "");
	return true;
}

/* What the packet path knew when the daemon ended in good order, or when it was killed; else what the
 * records tell of it. */
static void take_up(struct sl_control *control, const struct sl_restore *restore)
{
	const struct sl_pack *rest = control->keep ? sl_keep_rest(control->keep) : NULL;
	const char *path = control->keep ? sl_keep_path(control->keep) : "";
	int64_t taken = 0;

	if (rest)
		taken = sl_carry_read(control->model, rest);
	else if (take_estate(control, restore->file_wins))
		return;
	else if (restore->image)
		taken = sl_carry_reopen(control->model, control->scope.history);
	if (rest && taken > 0)
		control->scope.daemon.flows_taken_up = (uint64_t)taken;
	if (taken < 0)
		sl_log(SL_LOG_WARNING, "control.state %s: its flows make no sense: left out", path);
	else if (rest)
		sl_log(SL_LOG_INFO, "control.state %s: %lld flows taken up", path,
		       (long long)taken);
	else if (taken > 0)
		sl_log(SL_LOG_INFO,
		       "control.state %s: no orderly end: %lld slots and services that moved "
		       "lately are open "
		       "again",
		       path, (long long)taken);
}

/* In the end: history, and what the packet path knows. */
static int save_all(struct sl_control *control)
{
	struct sl_pack rest = {0};
	struct sl_err err = {0};
	int rc;

	sl_carry_write(control->model, &rest);
	rc = sl_keep_rewrite(control->keep, control->scope.history, rest.failed ? NULL : &rest,
			     &err);
	if (rc)
		sl_log(SL_LOG_ERROR, "%s: the state is not kept", err.text);
	sl_pack_fini(&rest);
	return rc;
}

/* History begins with the present state when there was none, or when the file had its say. */
static int begin_history(struct sl_control *control, const struct sl_restore *restore,
			 struct sl_err *err)
{
	const struct sl_image *image = sl_model_image(control->model);
	struct sl_history_line line = {
		.generation = image->generation,
		.uid = getuid(),
		.pid = getpid(),
		.verb = "start",
		.file_digest = restore->file_digest,
	};
	const struct sl_change change = {.kind = SL_CHANGE_APPLY};
	struct sl_change_result none = {0};
	struct sl_model_event event = {.change = &change, .result = &none};
	int rc = 0;

	line.wall_ms = sl_clock_wall_ms();
	(void)snprintf(line.what, sizeof(line.what), "%s%s", control->spec.file,
		       restore->file_wins ? " changed: its word wins" : "");
	event.before = restore->past.image;
	event.after = sl_model_image(control->model);
	if (!restore->image)
		rc = sl_history_begin(control->scope.history, &line, image,
				      sl_model_hash_key(control->model));
	else if (restore->file_wins)
		rc = sl_history_add(control->scope.history, &line, &event,
				    sl_model_hash_key(control->model));
	return rc ? sl_err_set(err, rc, "no memory for history") : 0;
}

/* Packets go on without a place for the state, at the start as later. */
static void begin_keep(struct sl_control *control)
{
	struct sl_err err = {0};

	if (control->keep && sl_keep_rewrite(control->keep, control->scope.history, NULL, &err))
		note_failed(control, &err);
}

static int open_server(struct sl_control *control, struct sl_err *err)
{
	const struct sl_conf_control *conf = &sl_model_image(control->model)->conf->control;
	struct sl_server_options options = {
		.path = conf->socket, .mode = conf->mode, .group = conf->group};
	struct sl_server_calls calls = {
		.line = on_line, .too_long = on_too_long, .closed = on_closed, .context = control};
	int rc = sl_http_create(control->spec.base, &control->scope, &control->rpc, &control->http);

	if (rc)
		return sl_err_set(err, rc, "no memory for metrics");
	rc = sl_http_listen(control->http, conf->metrics, err);
	if (rc)
		return rc;
	/* before anybody can ask */
	begin_keep(control);
	return sl_server_create(control->spec.base, &options, &calls, &control->server, err);
}

/* What methods and metrics show of the daemon. */
static void show_daemon(struct sl_control *control)
{
	struct sl_rpc_scope *scope = &control->scope;

	for (uint32_t i = 0; i < control->spec.core_count; i++) {
		control->cores[i].cpu = control->spec.cores[i].cpu;
		memcpy(control->cores[i].name, control->spec.cores[i].name, SL_CORE_NAME_SIZE);
	}
	scope->model = control->model;
	scope->neighbors = control->spec.neighbors;
	scope->file = control->spec.file;
	scope->results = control->spec.results;
	scope->trace = control->spec.trace;
	scope->daemon = (struct sl_show_daemon){.version = control->spec.version,
						.cores = control->cores,
						.core_count = control->spec.core_count,
						.fill = control->spec.fill,
						.rx_cores = control->spec.rx_cores};
}

int sl_control_create(const struct sl_control_spec *spec, struct sl_restore *restore,
		      struct sl_control **out, struct sl_err *err)
{
	struct sl_control *control = calloc(1, sizeof(*control));
	int rc;

	if (!control)
		return sl_err_set(err, -ENOMEM, "no memory for control");
	control->spec = *spec;
	control->model = spec->model;
	show_daemon(control);
	STAILQ_INIT(&control->held);
	STAILQ_INIT(&control->waiting);
	control->kept = restore->image != NULL;
	control->scope.file_digest = restore->file_digest;
	control->scope.history = restore->history;
	control->keep = restore->keep;
	restore->history = NULL;
	restore->keep = NULL;
	sl_rpc_scope_add(&control->rpc, &control->scope);
	take_up(control, restore);
	if (control->spec.estate)
		sl_estate_begin(control->spec.estate, control->model);
	rc = begin_history(control, restore, err);
	if (rc == 0)
		rc = open_server(control, err);
	if (rc) {
		(void)sl_control_destroy(control, false);
		return rc;
	}
	control->listener = (struct sl_model_listener){
		.event = sl_control_hear, .prepare = sl_live_prepare, .context = control};
	sl_model_listen(control->model, &control->listener);
	rc = sl_control_cluster_open(control, err);
	*out = control;
	return rc;
}

int sl_control_destroy(struct sl_control *control, bool in_good_order)
{
	int rc = 0;

	if (!control)
		return 0;
	if (in_good_order)
		sl_control_turn_ended(control);
	sl_control_trace_end(control);
	/* a state that is half joined is not kept: the file has the one before */
	in_good_order = in_good_order && !control->joining;
	sl_control_cluster_close(control);
	sl_http_destroy(control->http);
	sl_server_destroy(control->server);
	if (in_good_order && control->keep)
		rc = save_all(control);
	sl_rpc_scope_fini(&control->scope);
	sl_keep_destroy(control->keep);
	sl_keep_destroy(control->former);
	sl_history_destroy(control->scope.history);
	free(control);
	return rc;
}
