/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/page.h"

#include <errno.h>
#include <event2/buffer.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/number.h"
#include "model/balance.h"
#include "rpc/request.h"
#include "show/cluster_metrics.h"
#include "show/json.h"

#define OK     "200 OK"
#define NOBODY 65534 /* uid of who asks over HTTP */

/* The text's memory goes with the buffer. */
static void free_text(const void *data, size_t size, void *text)
{
	(void)data;
	(void)size;
	free(text);
}

/* Takes the text over. */
static const char *give(struct evbuffer *out, char *text, size_t size, const char *status)
{
	if (text && evbuffer_add_reference(out, text, size, free_text, text) == 0)
		return status;
	free(text);
	return NULL;
}

/* ---- methods --------------------------------------------------------------------------------- */

static const char *give_json(struct evbuffer *out, json_t *object, const char *status)
{
	char *text = object ? json_dumps(object, JSON_COMPACT | SL_REPORT_JSON) : NULL;

	return give(out, text, text ? strlen(text) : 0, status);
}

/* Parameters of a query: numbers are such, the rest is text. */
static json_t *params_of(char *query)
{
	json_t *params = json_object();
	char *name, *value;
	uint64_t number;

	while (sl_request_pair(&query, &name, &value))
		(void)json_object_set_new(params, name,
					  sl_number_parse(value, &number) == 0
						  ? json_integer((json_int_t)number)
						  : json_string(value));
	return params;
}

static const char *status_of(json_int_t code)
{
	if (code == SL_RPC_NOT_FOUND)
		return "404 Not Found";
	return code == SL_RPC_INTERNAL ? "503 Service Unavailable" : "400 Bad Request";
}

/* What the control socket answers whoever asks, to be freed; NULL: no memory. */
static json_t *ask(const struct sl_page_source *source, const char *method, char *query)
{
	static const struct sl_peer anybody = {.uid = NOBODY, .gid = NOBODY};
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 0, "method",
				    method, "params", params_of(query));
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	struct sl_rpc_answer answer = {.message = NULL};

	if (line)
		sl_rpc_handle(source->rpc, &anybody, line, strlen(line), &answer);
	json_decref(request);
	free(line);
	return answer.message;
}

/* The answer of a method, or its error. */
static const char *write_method(const struct sl_page_source *source, const char *method,
				char *query, struct evbuffer *out)
{
	json_t *message = ask(source, method, query);
	const char *status = NULL;
	json_t *result, *error;

	result = json_object_get(message, "result");
	error = json_object_get(message, "error");
	if (result)
		status = give_json(out, result, OK);
	else if (error)
		status = give_json(out, error,
				   status_of(json_integer_value(json_object_get(error, "code"))));
	json_decref(message);
	return status;
}

/* Prometheus text of the present moment. */
static const char *write_metrics(const struct sl_page_source *source, char *query,
				 struct evbuffer *out)
{
	char *text = NULL, nothing[] = "";
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	json_t *cluster = ask(source, "cluster", nothing);
	int rc = stream ? sl_metrics_write(source->scope, stream) : -ENOMEM;

	(void)query;
	if (rc == 0)
		sl_cluster_metrics_write(stream, json_object_get(cluster, "result"));
	json_decref(cluster);
	if (stream && fclose(stream) == 0 && rc == 0)
		return give(out, text, size, OK);
	free(text);
	return NULL;
}

/* Those that only read, and tell nothing of who talks with whom. */
#define METHODS(X)                                                                                 \
	X(stats)                                                                                   \
	X(status)                                                                                  \
	X(pools)                                                                                   \
	X(nodes)                                                                                   \
	X(services)                                                                                \
	X(history)                                                                                 \
	X(neighbors)                                                                               \
	X(ring)                                                                                    \
	X(cluster)

#define X(name)                                                                                    \
	static const char *write_##name(const struct sl_page_source *source, char *query,          \
					struct evbuffer *out)                                      \
	{                                                                                          \
		return write_method(source, #name, query, out);                                    \
	}
METHODS(X)
#undef X

static const char *write_rates(const struct sl_page_source *source, char *query,
			       struct evbuffer *out)
{
	json_t *rates = sl_rates_json(source->rates);
	const char *status = give_json(out, rates, OK);

	(void)query;
	json_decref(rates);
	return status;
}

/* ---- health ---------------------------------------------------------------------------------- */

static bool serves(const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->listed_count; n++)
		if (pool->nodes[n].conf->weight > 0 &&
		    (sl_image_node_takes(&pool->nodes[n]) || pool->conf.no_node == SL_NO_NODE_ANY))
			return true;
	return false;
}

/* 200 while some service has a node for new flows: who asks may send packets here. */
static const char *write_health(const struct sl_page_source *source, char *query,
				struct evbuffer *out)
{
	const struct sl_image *image = sl_model_image(source->scope->model);
	const struct sl_conf *conf = image->conf;
	bool any = false;

	(void)query;
	for (uint32_t s = 0; s < image->service_count && !any; s++)
		any = serves(image->pools[sl_balance_serving(image, conf->services[s].pool)]);
	if (evbuffer_add_printf(out, any ? "serving\n" : "no_node\n") < 0)
		return NULL;
	return any ? OK : "503 Service Unavailable";
}

/* ---- files ----------------------------------------------------------------------------------- */

static const char *write_file(struct evbuffer *out, const struct sl_page_file *file)
{
	return evbuffer_add_reference(out, file->octets, file->size, NULL, NULL) ? NULL : OK;
}

#define FILE_PAGE(name)                                                                            \
	static const char *write_##name(const struct sl_page_source *source, char *query,          \
					struct evbuffer *out)                                      \
	{                                                                                          \
		(void)source;                                                                      \
		(void)query;                                                                       \
		return write_file(out, &sl_page_##name);                                           \
	}
FILE_PAGE(html)
FILE_PAGE(css)
FILE_PAGE(js)

#define JSON "application/json"
static const struct sl_page pages[] = {
	{"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
	{"/healthz", "text/plain; charset=utf-8", write_health},
	{"/", "text/html; charset=utf-8", write_html},
	{"/status.css", "text/css; charset=utf-8", write_css},
	{"/status.js", "text/javascript; charset=utf-8", write_js},
	{"/api/events", "text/event-stream", NULL},
	{"/api/rates", JSON, write_rates},
#define X(name) {"/api/" #name, JSON, write_##name},
	METHODS(X)
#undef X
};

const struct sl_page *sl_page_find(const char *path)
{
	for (size_t i = 0; i < SL_ARRAY_COUNT(pages); i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}
