/* SPDX-License-Identifier: BSD-3-Clause */

/* What listeners of the model are told: clients that follow events, history, the log. */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/inside.h"
#include "show/json.h"

/* Whether anybody wants to hear of events. */
static bool is_followed(const struct sl_control *control)
{
	return sl_server_subscriber_count(control->server) > 0 ||
	       sl_http_is_followed(control->http);
}

static void push_event(struct sl_control *control, json_t *params)
{
	json_t *message =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", "event", "params", params);
	char *text = message ? json_dumps(message, JSON_COMPACT | SL_REPORT_JSON) : NULL;

	if (text)
		sl_server_push(control->server, text, strlen(text));
	free(text);
	text = sl_http_is_followed(control->http)
		       ? json_dumps(params, JSON_COMPACT | SL_REPORT_JSON)
		       : NULL;
	if (text) {
		char *data = NULL;

		if (asprintf(&data, "data: %s", text) > 0)
			sl_http_push(control->http, data);
		free(data);
	}
	free(text);
	json_decref(message);
}

/* What was changed, in a few words. */
static void say_what(const struct sl_change *change, const struct sl_change_result *result,
		     char *what, size_t size)
{
	size_t used = 0;

	what[0] = '\0';
	if (change->begins_at)
		(void)snprintf(what, size, "the cluster's generation %llu",
			       (unsigned long long)change->begins_at);
	else if (change->kind == SL_CHANGE_ROLLBACK)
		(void)snprintf(what, size, "to generation %llu",
			       (unsigned long long)change->image->generation);
	else if (change->kind == SL_CHANGE_TABLE_SET)
		(void)snprintf(what, size, "pool %s: slots as given", change->pool);
	else
		for (uint32_t i = 0; i < result->sentence_count && used + 1 < size; i++)
			used += (size_t)snprintf(what + used, size - used, "%s%s", i ? "; " : "",
						 result->sentences[i]);
	if (!what[0])
		(void)snprintf(what, size, "nothing differs");
	used = strlen(what);
	if (change->at)
		(void)snprintf(what + used, size - used, " (at %s)", change->at);
}

static void change_line(const struct sl_control *control, const struct sl_model_event *event,
			struct sl_history_line *line)
{
	const struct sl_change *change = event->change;

	*line = (struct sl_history_line){
		.generation = event->generation,
		.wall_ms = event->wall_ms,
		.uid = change->uid,
		.pid = change->pid,
		.file_digest = control->scope.file_digest,
	};
	(void)snprintf(line->verb, sizeof(line->verb), "%s",
		       change->why ? change->why : sl_change_name(change->kind));
	say_what(change, event->result, line->what, sizeof(line->what));
}

static void on_change(struct sl_control *control, const struct sl_model_event *event)
{
	const struct sl_change *change = event->change;
	struct sl_history_line line;
	int rc;

	change_line(control, event, &line);
	rc = change->begins_at ? sl_history_begin(control->scope.history, &line, event->after,
						  sl_model_hash_key(control->model))
			       : sl_history_add(control->scope.history, &line, event,
						sl_model_hash_key(control->model));
	if (rc)
		(void)sl_change_warn(event->result, "history has no memory for this change");
	control->scope.daemon.changed_ms = line.wall_ms;
	control->unsaved = true;
	sl_log(SL_LOG_INFO, "generation %llu: %s by uid %u pid %d: %s",
	       (unsigned long long)line.generation, line.verb, line.uid, line.pid, line.what);
	if (is_followed(control))
		push_event(control, json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:s}", "kind",
					      "generation", "time_ms", (json_int_t)event->wall_ms,
					      "generation", (json_int_t)event->generation, "verb",
					      line.verb, "uid", (json_int_t)change->uid, "pid",
					      (json_int_t)change->pid, "text", line.what));
}

void sl_control_hear(void *context, const struct sl_model_event *event)
{
	struct sl_control *control = context;
	char text[512];

	if (event->kind == SL_EVENT_CHANGE) {
		on_change(control, event);
		return;
	}
	if (!is_followed(control))
		return;
	if (event->kind == SL_EVENT_NODE) {
		(void)snprintf(text, sizeof(text), "%s/%s is %s: %s", event->pool, event->node,
			       sl_node_state_name(event->state), event->why);
		push_event(control,
			   json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "kind", "node",
				     "time_ms", (json_int_t)event->wall_ms, "generation",
				     (json_int_t)event->generation, "pool", event->pool, "node",
				     event->node, "state", sl_node_state_name(event->state), "why",
				     event->why, "text", text));
		return;
	}
	if (event->kind == SL_EVENT_NOTE) {
		push_event(control,
			   json_pack("{s:s, s:I, s:I, s:s?, s:s?, s:s}", "kind", event->topic,
				     "time_ms", (json_int_t)event->wall_ms, "generation",
				     (json_int_t)event->generation, "pool", event->pool, "node",
				     event->node, "text", event->text));
		return;
	}
	push_event(control, json_pack("{s:s, s:I, s:I, s:s}", "kind", "warning", "time_ms",
				      (json_int_t)event->wall_ms, "generation",
				      (json_int_t)event->generation, "text", event->text));
}
