/* SPDX-License-Identifier: BSD-3-Clause */

/* Who traces: takes what receive cores keep for it to the client, and ends with it. */

#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/inside.h"
#include "show/json.h"

#define LOOK_MS	    50
#define RECORDS_MAX 500u /* of a line */
#define UNREAD_MAX                                                                                 \
	262144u /* octets that the client may leave unread: then records wait, and are lost */
#define QUIET_LOOKS 20 /* without a packet: how things stand is told all the same */

static void send_line(struct sl_control *control, json_t *params)
{
	json_t *message =
		json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", "trace", "params", params);
	char *text = message ? json_dumps(message, JSON_COMPACT | SL_REPORT_JSON) : NULL;

	if (text)
		sl_client_send(control->tracing, text, strlen(text));
	free(text);
	json_decref(message);
}

static void look(evutil_socket_t fd, short what, void *context)
{
	struct sl_control *control = context;
	json_t *params;

	(void)fd;
	(void)what;
	if (sl_client_unsent(control->tracing) > UNREAD_MAX)
		return;
	params = sl_rpc_trace_take(&control->scope, RECORDS_MAX);
	if (json_array_size(json_object_get(params, "packets")) > 0 ||
	    ++control->trace_quiet >= QUIET_LOOKS) {
		control->trace_quiet = 0;
		send_line(control, params);
	}
	json_decref(params);
}

void sl_control_trace_begin(struct sl_control *control, struct sl_client *client)
{
	const struct timeval each = {.tv_usec = LOOK_MS * 1000};

	control->tracing = client;
	control->trace_timer = event_new(control->spec.base, -1, EV_PERSIST, look, control);
	if (control->trace_timer)
		(void)event_add(control->trace_timer, &each);
}

void sl_control_trace_end(struct sl_control *control)
{
	if (control->trace_timer)
		event_free(control->trace_timer);
	control->trace_timer = NULL;
	control->tracing = NULL;
	sl_rpc_trace_end(&control->scope);
}
