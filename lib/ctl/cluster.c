/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "cluster/cluster.h"
#include "health/health.h"
#include "show/json.h"

#define HEX_SIZE 20

/* Who waits for what was submitted. */
struct sl_waiting {
	STAILQ_ENTRY(sl_waiting) link;
	uint64_t ticket;
	struct sl_client *client; /* NULL: it went */
	json_t *id;		  /* NULL: no answer is due */
	json_t *more;		  /* what it has beside; NULL: nothing */
	const struct sl_rpc_method *method;
};

/* ---- answers that come later ----------------------------------------------------------------- */

static int submit(void *context, const struct sl_change *change, uint64_t *ticket,
		  struct sl_change_result *result, struct sl_err *err)
{
	struct sl_control *control = context;

	return sl_cluster_submit(control->cluster, change, ticket, result, err);
}

void sl_control_cluster_wait(struct sl_control *control, struct sl_client *client,
			     const struct sl_rpc_answer *answer)
{
	struct sl_waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting) {
		json_decref(answer->id);
		json_decref(answer->more);
		return;
	}
	*waiting = (struct sl_waiting){.ticket = answer->ticket,
				       .client = client,
				       .id = answer->id,
				       .more = answer->more,
				       .method = answer->method};
	STAILQ_INSERT_TAIL(&control->waiting, waiting, link);
	sl_client_hold(client);
	sl_client_pause(client, true);
}

void sl_control_cluster_forget(struct sl_control *control, const struct sl_client *client)
{
	struct sl_waiting *waiting;

	STAILQ_FOREACH(waiting, &control->waiting, link)
	if (waiting->client == client)
		waiting->client = NULL;
}

static json_t *message_of(const struct sl_waiting *waiting, const struct sl_change *change,
			  const struct sl_change_result *result, const struct sl_err *err)
{
	json_t *made = err || !waiting->id ? NULL : sl_report_change(change, result, false);

	if (!waiting->id)
		return NULL;
	if (made && waiting->more)
		(void)json_object_update_missing(made, waiting->more);
	return sl_rpc_late(waiting->id, made, err);
}

static void waiting_free(struct sl_waiting *waiting)
{
	json_decref(waiting->id);
	json_decref(waiting->more);
	free(waiting);
}

/* The answer joins those that are sent when the turn's changes are kept. */
static void answer(struct sl_control *control, const struct sl_waiting *waiting, json_t *message)
{
	struct sl_held *held = message ? calloc(1, sizeof(*held)) : NULL;

	if (!held) {
		json_decref(message);
		sl_client_release(waiting->client);
	} else {
		held->client = waiting->client;
		held->message = message;
		held->method = waiting->method;
		held->change = json_object_get(message, "result") != NULL;
		STAILQ_INSERT_TAIL(&control->held, held, link);
	}
	sl_client_pause(waiting->client, false);
}

static void on_decided(void *context, uint64_t ticket, const struct sl_change *change,
		       const struct sl_change_result *result, const struct sl_err *err)
{
	struct sl_control *control = context;
	struct sl_waiting *waiting;

	STAILQ_FOREACH(waiting, &control->waiting, link)
	if (waiting->ticket == ticket)
		break;
	if (!waiting) {
		if (err)
			sl_log(SL_LOG_ERROR, "%s: not applied: %s", control->spec.file, err->text);
		return;
	}
	STAILQ_REMOVE(&control->waiting, waiting, sl_waiting, link);
	if (waiting->client)
		answer(control, waiting, message_of(waiting, change, result, err));
	waiting_free(waiting);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

/* History begins anew; the one before stays until it is known whether the cluster has it, too. */
static void on_joins(void *context)
{
	struct sl_control *control = context;
	struct sl_history *fresh;

	control->joining = true;
	if (control->aside || sl_history_create(&fresh))
		return;
	control->aside = control->scope.history;
	control->scope.history = fresh;
}

/* What only this member had gets a file of its own. */
static void set_aside(const struct sl_control *control)
{
	char path[PATH_MAX], when[32];
	struct sl_keep *keep = NULL;
	struct sl_err err = {0};
	time_t now = time(NULL);
	struct tm parts;

	(void)strftime(when, sizeof(when), "%Y%m%dT%H%M%S", gmtime_r(&now, &parts));
	if (snprintf(path, sizeof(path), "%s.aside-%s", sl_keep_path(control->keep), when) >=
	    (int)sizeof(path))
		return;
	if (sl_keep_begin(path, control->aside, &keep, &err)) {
		sl_log(SL_LOG_ERROR, "%s", err.text);
		return;
	}
	sl_keep_stand(keep);
	sl_keep_destroy(keep);
	sl_log(SL_LOG_WARNING,
	       "changes that this member kept and the cluster never saw are set aside, in %s",
	       path);
}

static void on_joined(void *context, bool known)
{
	struct sl_control *control = context;

	if (!known && control->kept && control->keep && control->aside)
		set_aside(control);
	sl_history_destroy(control->aside);
	control->aside = NULL;
	control->joining = false;
	control->kept = true;
	control->rewrite = true;
	control->unsaved = true;
}

/* ---- health ---------------------------------------------------------------------------------- */

static void on_found_by(void *context, const char *member, const char *text)
{
	const struct sl_control *control = context;

	if (control->health)
		sl_health_hear(control->health, member, text);
}

static int say_health(void *context, const char *text)
{
	const struct sl_control *control = context;

	return sl_cluster_say_health(control->cluster, text);
}

int sl_control_health_set(struct sl_control *control, struct sl_health *health)
{
	const struct sl_health_peers peers = {.say = say_health, .context = control};

	if (!control)
		return 0;
	control->health = NULL;
	if (!health || !control->cluster || control->own->cluster.health != SL_JUDGES_MAJORITY)
		return 0;
	control->health = health;
	return sl_health_join(health, &peers);
}

void sl_control_cluster_turn(struct sl_control *control)
{
	if (control->health)
		sl_health_together(control->health, sl_cluster_judges(control->cluster));
}

/* ---- methods --------------------------------------------------------------------------------- */

/* How many nodes the member says are down; null: it says nothing. */
static json_t *down_at(const struct sl_control *control, const char *member)
{
	uint32_t down = control->health ? sl_health_down_at(control->health, member) : UINT32_MAX;

	return down == UINT32_MAX ? json_null() : json_integer(down);
}

static json_t *members_json(const struct sl_control *control,
			    const struct sl_cluster_report *report)
{
	json_t *list = json_array();

	for (uint32_t m = 0; m < report->member_count; m++) {
		const struct sl_cluster_member *member = &report->members[m];
		char digest[HEX_SIZE];

		(void)snprintf(digest, sizeof(digest), "%016" PRIx64, member->digest);
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:o}", "name",
					member->name, "address", member->address, "state",
					member->state, "generation", (json_int_t)member->generation,
					"lag_ms", (json_int_t)member->lag_ms, "since",
					(json_int_t)member->since_ms, "version", member->version,
					"digest", digest, "down", down_at(control, member->name)));
	}
	return list;
}

static int method_cluster(struct sl_rpc_call *call)
{
	const struct sl_control *control = call->context;
	struct sl_cluster_report report = {0};
	const char *state = "off", *name = "", *member = "", *judges = "own";

	report.generation = sl_model_generation(control->model);
	if (control->cluster) {
		sl_cluster_report(control->cluster, &report);
		state = sl_cluster_state_name(report.state);
		name = control->own->cluster.name;
		member = control->own->cluster.member;
		if (control->health)
			judges = sl_cluster_judges(control->cluster) ? "majority" : "alone";
	}
	call->result = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "name", name, "member",
		member, "state", state, "why", report.why, "health", judges, "generation",
		(json_int_t)report.generation, "log", (json_int_t)report.log, "checkpoint",
		(json_int_t)report.checkpoint, "waiting", (json_int_t)report.waiting, "members",
		members_json(control, &report));
	return call->result ? 0 : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
}

static int done(struct sl_rpc_call *call, int rc)
{
	const struct sl_control *control = call->context;

	call->err.code = rc;
	if (rc)
		return sl_rpc_fail_err(call);
	call->result =
		json_pack("{s:I}", "generation", (json_int_t)sl_model_generation(control->model));
	return 0;
}

static int no_cluster(struct sl_rpc_call *call)
{
	return sl_rpc_fail(call, SL_RPC_NOT_FOUND,
			   "this daemon is in no cluster: its configuration has no `cluster`");
}

static int method_forget(struct sl_rpc_call *call)
{
	struct sl_control *control = call->context;

	if (!control->cluster)
		return no_cluster(call);
	return done(call, sl_cluster_forget(control->cluster, sl_rpc_string(call, "member", ""),
					    &call->err));
}

static int method_checkpoint(struct sl_rpc_call *call)
{
	struct sl_control *control = call->context;

	if (!control->cluster)
		return no_cluster(call);
	return done(call, sl_cluster_checkpoint(control->cluster, &call->err));
}

static const struct sl_rpc_method methods[] = {
	{"cluster", method_cluster, false, {{0}}},
	{"cluster.forget", method_forget, true, {{"member", SL_RPC_STRING, true}}},
	{"cluster.checkpoint", method_checkpoint, true, {{0}}},
};

/* ---- start and end --------------------------------------------------------------------------- */

int sl_control_cluster_open(struct sl_control *control, struct sl_err *err)
{
	const struct sl_conf *conf = sl_model_image(control->model)->conf;
	struct sl_cluster_spec spec = {
		.base = control->spec.base,
		.model = control->model,
		.engine = &sl_store_etcd,
		.version = control->spec.version,
		.calls = {.context = control,
			  .decided = on_decided,
			  .joins = on_joins,
			  .joined = on_joined,
			  .found = on_found_by},
	};
	int rc;

	sl_rpc_add(&control->rpc, methods, SL_ARRAY_COUNT(methods), control);
	if (!conf->cluster.name[0])
		return 0;
	control->own = sl_conf_copy(conf);
	if (!control->own)
		return sl_err_set(err, -ENOMEM, "no memory for the cluster");
	spec.conf = &control->own->cluster;
	if (spec.conf->health != SL_JUDGES_MAJORITY)
		spec.calls.found = NULL;
	rc = sl_cluster_create(&spec, &control->cluster, err);
	if (rc)
		return rc;
	control->scope.gate = (struct sl_rpc_gate){.submit = submit, .context = control};
	sl_log(SL_LOG_INFO, "cluster %s: this is member %s", conf->cluster.name,
	       conf->cluster.member);
	return 0;
}

void sl_control_cluster_close(struct sl_control *control)
{
	struct sl_waiting *waiting;

	sl_cluster_destroy(control->cluster);
	control->cluster = NULL;
	while ((waiting = STAILQ_FIRST(&control->waiting))) {
		STAILQ_REMOVE_HEAD(&control->waiting, link);
		waiting_free(waiting);
	}
	/* what was there before is of no use without what joined */
	sl_history_destroy(control->aside);
	control->aside = NULL;
	sl_conf_destroy(control->own);
}

int sl_control_change(struct sl_control *control, const struct sl_change *change,
		      struct sl_change_result *result, struct sl_err *err)
{
	uint64_t ticket;
	int rc;

	if (!control->cluster)
		return sl_model_change(control->model, change, false, result, err);
	rc = sl_cluster_submit(control->cluster, change, &ticket, result, err);
	return rc ? rc : 1;
}

bool sl_control_is_in_order(const struct sl_control *control)
{
	struct sl_cluster_report report;

	if (!control->cluster)
		return true;
	sl_cluster_report(control->cluster, &report);
	return report.state != SL_CLUSTER_JOINING || report.synced;
}
