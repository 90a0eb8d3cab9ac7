/* SPDX-License-Identifier: BSD-3-Clause */

/* sluiced: reads the configuration, starts the data plane, and is the control thread until the end.
 */

#include <errno.h>
#include <jansson.h>
#include <rte_version.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "carry/estate.h"
#include "counters.h"
#include "ctl/control.h"
#include "ctl/loop.h"
#include "file.h"
#include "handlers.h"
#include "health/health.h"
#include "lines.h"
#include "links.h"
#include "neigh/neigh.h"
#include "neigh/vip.h"
#include "options.h"
#include "results.h"
#include "rpc/server.h"
#include "show/json.h"
#include "signals.h"
#include "trace.h"
#include "understudy.h"
#include "watch.h"
#include "wire.h"
#include "xdp/kernel.h"

/* Exit status of the contract. */
enum { EXIT_FINE = 0, EXIT_CONFIGURATION = 1, EXIT_MACHINE = 2 };

#define ESTATE "flows" /* the folder of what a killed process leaves */

struct daemon {
	struct options options;
	struct lines *lines;
	struct sl_notify manager;
	struct sl_conf *file; /* what the configuration file says */
	struct sl_restore restore;
	const struct sl_conf *conf; /* what runs: the file's, or what was kept */
	struct wire wire;
	struct wire_idle idle;
	struct sl_model *model;
	struct sl_loop *loop;
	struct sl_estate *estate; /* NULL: nothing outlives the process */
	struct sl_control *control;
	struct sl_health *health;
	struct results results;
	struct trace trace;
	struct sl_neighbors *neighbors;
	struct sl_vips *vips; /* NULL: nothing is announced */
	struct sl_model_listener listener;
	bool reads_file;	/* its warnings were said with their places */
	uint32_t warnings_said; /* of the change that is being told: so many are the file's */
	char *report;
};

/* What a status of the rooms below means to whoever started us. */
static int exit_status(int status)
{
	return status == -EINVAL ? EXIT_CONFIGURATION : EXIT_MACHINE;
}

/* ---- the loop's hooks ------------------------------------------------------------------------ */

static void tell_ready(const struct daemon *daemon)
{
	int status = sl_notify_ready(&daemon->manager, "packets flow");

	if (status < 0)
		sl_log(SL_LOG_WARNING, "the service manager cannot be told that packets flow: %s",
		       strerror(-status));
}

static void apply_file(struct daemon *daemon)
{
	struct sl_change change = {
		.kind = SL_CHANGE_APPLY, .why = "reload", .uid = getuid(), .pid = 0};
	struct sl_change_result result;
	struct sl_err err = {0};
	struct sl_conf *conf;
	uint64_t before;
	int status;

	if (file_read(daemon->options.file, true, &conf) < 0) {
		sl_log(SL_LOG_ERROR, "%s: not applied; everything goes on as before",
		       daemon->options.file);
		sl_control_reloaded(daemon->control, false);
		return;
	}
	change.conf = conf;
	daemon->reads_file = true;
	before = sl_control_file_set(daemon->control, sl_conf_digest(conf));
	status = sl_control_change(daemon->control, &change, &result, &err);
	if (status < 0) {
		(void)sl_control_file_set(daemon->control, before);
		sl_control_reloaded(daemon->control, false);
		for (uint32_t i = 0; i < result.refusal_count; i++)
			sl_log(SL_LOG_ERROR, "%s:%u:%u: %s", daemon->options.file,
			       result.refusals[i].line, result.refusals[i].column,
			       result.refusals[i].message);
		sl_log(SL_LOG_ERROR, "%s: not applied%s%s", daemon->options.file,
		       result.refusal_count ? "" : ": ", result.refusal_count ? "" : err.text);
	} else if (status > 0) {
		sl_log(SL_LOG_NOTICE, "%s: given to the cluster", daemon->options.file);
	} else {
		sl_control_reloaded(daemon->control, true);
		sl_log(SL_LOG_NOTICE, "%s: applied, generation %llu", daemon->options.file,
		       (unsigned long long)result.generation);
	}
	daemon->reads_file = false;
	sl_change_result_fini(&result);
	sl_conf_destroy(conf);
}

static void reload(void *context)
{
	struct daemon *daemon = context;

	(void)sl_notify_reloading(&daemon->manager);
	apply_file(daemon);
	tell_ready(daemon);
}

static void each_second(void *context)
{
	struct daemon *daemon = context;

	(void)sl_notify_alive(&daemon->manager);
	signals_say();
	wire_tick(&daemon->wire, sl_clock_ms());
	links_look(&daemon->wire, daemon->model, daemon->neighbors);
	sl_control_second(daemon->control);
	results_tick(&daemon->results);
	sl_vips_second(daemon->vips);
}

static void turn_ended(void *context)
{
	struct daemon *daemon = context;

	sl_health_turn_ended(daemon->health);
	sl_control_turn_ended(daemon->control);
	sl_vips_turn_ended(daemon->vips);
}

static bool is_idle(void *context)
{
	struct daemon *daemon = context;

	return wire_is_idle(&daemon->wire, &daemon->idle, sl_clock_ms(), daemon->options.idle_ms);
}

static void on_event(void *context, const struct sl_model_event *event)
{
	struct daemon *daemon = context;

	/* What other listeners add comes behind the file's own warnings. */
	if (event->kind == SL_EVENT_CHANGE)
		daemon->warnings_said = daemon->reads_file ? event->result->warning_count : 0;
	if (event->kind == SL_EVENT_WARNING) {
		if (daemon->warnings_said > 0)
			daemon->warnings_said--;
		else
			sl_log(SL_LOG_WARNING, "%s", event->text);
	}
	if (event->kind == SL_EVENT_NODE)
		sl_log(SL_LOG_NOTICE, "pool %s: node %s is %s: %s", event->pool, event->node,
		       sl_node_state_name(event->state), event->why);
}

static void on_wire_warning(void *context, const char *sentence)
{
	struct daemon *daemon = context;

	sl_model_warn(daemon->model, sentence);
}

/* ---- start and end --------------------------------------------------------------------------- */

/* Packets go on without it. */
static void open_estate(struct daemon *daemon)
{
	const char *instance = daemon->conf->dataplane.instance;
	char *folder = sl_conf_run_path(instance, ESTATE);
	struct sl_err err = {0};

	if (!folder || sl_estate_create(folder, instance, &daemon->estate, &err) < 0)
		sl_log(SL_LOG_NOTICE, "flow tables end with the process: %s", err.text);
	free(folder);
}

static int start_model(struct daemon *daemon, struct sl_err *err)
{
	struct sl_model_options options;
	struct sl_change_result result;
	int status;

	open_estate(daemon);
	wire_model_options(&daemon->wire, &options);
	options.hash_key = daemon->restore.hash_key;
	status = sl_model_create(&options, daemon->conf, daemon->restore.image, &result,
				 &daemon->model, err);
	sl_change_result_fini(&result);
	if (status < 0)
		return status;
	daemon->listener.event = on_event;
	daemon->listener.context = daemon;
	sl_model_listen(daemon->model, &daemon->listener);
	status = sl_model_flush(daemon->model, err);
	return status == 0 ? sl_xdp_start(daemon->wire.xdp, false, err) : status;
}

static int start_neighbors(struct daemon *daemon, struct sl_err *err)
{
	struct sl_neighbors_spec spec = {.base = sl_loop_base(daemon->loop),
					 .model = daemon->model};

	wire_neighbors(&daemon->wire, &spec);
	return sl_neighbors_create(&spec, &daemon->neighbors, err);
}

static int start_control(struct daemon *daemon, struct sl_err *err)
{
	struct sl_control_spec spec = {
		.base = sl_loop_base(daemon->loop),
		.model = daemon->model,
		.estate = daemon->estate,
		.neighbors = daemon->neighbors,
		.version = SLUICE_VERSION,
		.file = daemon->options.file,
	};

	wire_control_cores(&daemon->wire, &spec);
	daemon->results = (struct results){.wire = &daemon->wire, .model = daemon->model};
	results_source(&daemon->results, &spec.results);
	daemon->trace = (struct trace){.wire = &daemon->wire};
	trace_source(&daemon->trace, &spec.trace);
	return sl_control_create(&spec, &daemon->restore, &daemon->control, err);
}

static int restore(struct daemon *daemon, struct sl_err *err)
{
	int status = sl_restore_open(daemon->file, &daemon->restore, err);

	daemon->conf = daemon->restore.conf;
	return status == 0 ? sl_server_probe(daemon->conf->control.socket, err) : status;
}

static int open_wire(struct daemon *daemon, struct sl_err *err)
{
	return wire_open(&daemon->wire, daemon->conf, err);
}

static int start_loop(struct daemon *daemon, struct sl_err *err)
{
	struct sl_loop_hooks hooks = {
		.context = daemon,
		.reload = reload,
		.second = each_second,
		.look = watch_workers,
		.look_context = &daemon->wire,
		.turn_ended = turn_ended,
		.idle = daemon->options.idle_set ? is_idle : NULL,
	};

	(void)err;
	return sl_loop_create(daemon->model, &hooks, &daemon->loop);
}

static int start_health(struct daemon *daemon, struct sl_err *err)
{
	struct sl_way_link way;
	int status;

	wire_way(&daemon->wire, &way);
	status = sl_health_create(sl_loop_base(daemon->loop), daemon->model, &way, &daemon->health,
				  err);
	if (status < 0)
		return status;
	sl_model_health_set(daemon->model, sl_health_show, daemon->health);
	if (sl_control_health_set(daemon->control, daemon->health) < 0)
		return sl_err_set(err, -ENOMEM, "no memory for what other members find");
	if (counters_offer(&daemon->wire, daemon->model, daemon->loop) < 0)
		sl_log(SL_LOG_WARNING, "no /sluice commands in DPDK's telemetry");
	return 0;
}

static bool is_in_order(void *context)
{
	const struct daemon *daemon = context;

	return sl_control_is_in_order(daemon->control);
}

static int start_announcing(struct daemon *daemon, struct sl_err *err)
{
	const struct sl_vips_spec spec = {.model = daemon->model,
					  .interface = daemon->conf->announce.interface,
					  .in_order = is_in_order,
					  .context = daemon};

	return spec.interface ? sl_vips_create(&spec, &daemon->vips, err) : 0;
}

/* Routes go before packets are served no more. */
static void withdraw(struct daemon *daemon)
{
	const uint32_t grace_ms = daemon->vips ? daemon->conf->announce.grace_ms : 0;
	const struct timespec grace = {grace_ms / 1000, (grace_ms % 1000) * 1000000};

	if (sl_vips_withdraw(daemon->vips) > 0)
		(void)nanosleep(&grace, NULL);
	sl_vips_destroy(daemon->vips);
	daemon->vips = NULL;
}

static int launch(struct daemon *daemon, struct sl_err *err)
{
	int status = wire_launch(&daemon->wire, err);

	return status == 0 ? sl_xdp_start(daemon->wire.xdp, true, err) : status;
}

/* -ECANCELED: asked to end, between two steps. Not once control has the state file: what was kept is
 * in memory alone then, and the loop's end saves it. */
static int start(struct daemon *daemon, struct sl_err *err)
{
	static int (*const steps[])(struct daemon * daemon, struct sl_err * err) = {
		restore,       open_wire,    start_model,      start_loop, start_neighbors,
		start_control, start_health, start_announcing, launch,
	};
	int status = 0;

	for (size_t i = 0; i < SL_ARRAY_COUNT(steps) && status == 0; i++)
		status = !daemon->control && signals_ask_for_the_end() ? -ECANCELED
								       : steps[i](daemon, err);
	return status;
}

/* The report is made while ports are open, and written when all files are complete. Without a model
 * nothing was received. */
static void make_report(struct daemon *daemon)
{
	static const struct sl_model_report nothing;
	struct sl_model_report *report = NULL;
	json_t *json;

	if (!daemon->options.report ||
	    (daemon->model && sl_model_report_build(daemon->model, &report) < 0))
		return;
	json = sl_report_stats(report ? report : &nothing);
	daemon->report = json ? json_dumps(json, JSON_INDENT(1) | SL_REPORT_JSON) : NULL;
	json_decref(json);
	sl_model_report_destroy(report);
}

static int write_report(struct daemon *daemon)
{
	int status;

	if (!daemon->options.report)
		return 0;
	status = daemon->report ? file_write(daemon->options.report, daemon->report) : -ENOMEM;
	if (status < 0)
		sl_log(SL_LOG_ERROR, "%s: the report cannot be written: %s", daemon->options.report,
		       strerror(-status));
	return status;
}

/* Threads that do not end keep using what they have: nothing is freed, and the process goes. */
static __attribute__((noreturn)) void leave(struct daemon *daemon)
{
	(void)write_report(daemon);
	wire_leave(&daemon->wire);
	_exit(EXIT_MACHINE);
}

/* Gives everything back. What of it is others' code may hang: the guard bounds that. */
static int end(struct daemon *daemon, int status)
{
	bool drained, reports = daemon->model || status == EXIT_FINE;

	signals_end();
	(void)sl_notify_stopping(&daemon->manager);
	counters_end();
	withdraw(daemon);
	understudy_yield(&daemon->wire);
	drained = wire_drain(&daemon->wire);
	wire_finish_captures(&daemon->wire);
	if (reports)
		make_report(daemon);
	signals_guard(daemon->options.report, daemon->report);
	(void)sl_control_health_set(daemon->control, NULL);
	sl_health_destroy(daemon->health);
	if (sl_control_destroy(daemon->control, status == EXIT_FINE) < 0)
		status = EXIT_MACHINE;
	/* what is in the state file now need not be found in memory */
	sl_estate_destroy(daemon->estate, daemon->control && status == EXIT_FINE);
	if (!drained)
		leave(daemon);
	sl_neighbors_destroy(daemon->neighbors);
	signals_loop_ends();
	sl_loop_destroy(daemon->loop);
	signals_end();
	sl_model_destroy(daemon->model);
	if (status == EXIT_FINE && daemon->wire.failed)
		status = EXIT_MACHINE;
	wire_close(&daemon->wire);
	understudy_close(&daemon->wire, !daemon->options.detach_on_exit);
	sl_restore_fini(&daemon->restore);
	if (reports && write_report(daemon) < 0)
		status = SL_MAX(status, EXIT_MACHINE);
	signals_guard_end();
	free(daemon->report);
	return status;
}

static int run(struct daemon *daemon)
{
	struct sl_err err = {0};
	int status = start(daemon, &err);

	if (status == -ECANCELED) {
		sl_log(SL_LOG_NOTICE, "asked to end while it starts: no packet was received");
		status = EXIT_FINE;
	} else if (status < 0) {
		sl_log(SL_LOG_ERROR, "%s", err.text[0] ? err.text : strerror(-status));
		status = exit_status(status);
	} else {
		lines_run(daemon->lines);
		sl_log(SL_LOG_NOTICE, "sluiced %s: running, configuration %s, socket %s, %s",
		       SLUICE_VERSION, daemon->options.file, daemon->conf->control.socket,
		       rte_version());
		tell_ready(daemon);
		signals_loop();
		daemon->wire.warn = on_wire_warning;
		daemon->wire.warn_context = daemon;
		status = sl_loop_run(daemon->loop) < 0 ? EXIT_MACHINE : EXIT_FINE;
		daemon->wire.warn = NULL;
		signals_loop_ends();
	}
	return end(daemon, status);
}

static int detach(const struct sl_conf *conf)
{
	struct sl_err err = {0};
	int status = understudy_detach(conf, &err);
	char *folder = sl_conf_run_path(conf->dataplane.instance, ESTATE);

	if (status < 0)
		sl_log(SL_LOG_ERROR, "%s", err.text);
	else if (folder && sl_estate_remove(folder, conf->dataplane.instance))
		sl_log(SL_LOG_NOTICE, "instance %s: its flow tables are taken away",
		       conf->dataplane.instance);
	free(folder);
	return status < 0 ? EXIT_MACHINE : EXIT_FINE;
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	static struct lines lines;
	int status;

	signals_begin();
	sl_notify_init(&daemon.manager);
	lines_begin(&lines);
	daemon.lines = &lines;
	status = options_parse(argc, argv, &daemon.options);
	lines.json = daemon.options.json;
	if (status != 0)
		return status > 0 ? EXIT_FINE : EXIT_CONFIGURATION;
	sl_log_level_set(daemon.options.level);
	handlers_offer();
	if (file_read(daemon.options.file, false, &daemon.file) < 0)
		return EXIT_CONFIGURATION;
	if (daemon.options.detach)
		status = detach(daemon.file);
	else if (!daemon.options.check)
		status = run(&daemon);
	sl_conf_destroy(daemon.file);
	return status;
}
