/* SPDX-License-Identifier: BSD-3-Clause */

#include "cluster/ask.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/transfer.h"

#define URL_SIZE     1280
#define HEADER_SIZE  320
#define LAST_WORD_MS 500
#define ROOM_MIN     4096

struct sl_ask {
	struct sl_ask_spec spec;
	struct sl_transfers *transfers;
	struct sl_transfer transfer;
	struct curl_slist *headers;
	struct event *news; /* of streams: lines wait */
	char *text;
	size_t used, taken, room; /* taken: lines that were given out */
	char why[CURL_ERROR_SIZE];
	bool started;
};

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct sl_ask *ask = context;
	size_t room = ask->room ? ask->room : ROOM_MIN;
	char *text;

	size *= count;
	if (ask->taken > 0) {
		memmove(ask->text, ask->text + ask->taken, ask->used - ask->taken);
		ask->used -= ask->taken;
		ask->taken = 0;
	}
	if (ask->used + size > SL_ASK_ANSWER_MAX)
		return 0;
	while (room < ask->used + size + 1)
		room *= 2;
	text = room > ask->room ? realloc(ask->text, room) : ask->text;
	if (!text)
		return 0;
	ask->text = text;
	ask->room = room;
	memcpy(ask->text + ask->used, data, size);
	ask->used += size;
	ask->text[ask->used] = '\0';
	/* libcurl may not be asked anything from here */
	if (ask->news)
		event_active(ask->news, 0, 0);
	return size;
}

static void on_news(int fd, short what, void *context)
{
	struct sl_ask *ask = context;

	(void)fd;
	(void)what;
	ask->spec.lines(ask->spec.context, ask);
}

static void on_ended(void *context, int code)
{
	struct sl_ask *ask = context;
	const char *why = ask->why[0] ? ask->why : curl_easy_strerror((CURLcode)code);
	long status = 0;

	if (code == CURLE_OK)
		(void)curl_easy_getinfo(ask->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	ask->spec.ended(ask->spec.context, ask, status, ask->text ? ask->text : "", ask->used, why);
}

static bool set_secrets(CURL *easy, const struct sl_conf_store *conf)
{
	CURLcode rc = CURLE_OK;

	if (conf->ca[0])
		rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca);
	if (conf->cert[0])
		rc |= curl_easy_setopt(easy, CURLOPT_SSLCERT, conf->cert);
	if (conf->key[0])
		rc |= curl_easy_setopt(easy, CURLOPT_SSLKEY, conf->key);
	return rc == CURLE_OK;
}

static bool set_options(struct sl_ask *ask, CURL *easy)
{
	const struct sl_ask_spec *spec = &ask->spec;
	char url[URL_SIZE], header[HEADER_SIZE];
	struct curl_slist *more;
	CURLcode rc;

	(void)snprintf(url, sizeof(url), "%s%s", spec->endpoint, spec->path);
	(void)snprintf(header, sizeof(header), "Authorization: %s", spec->token);
	ask->headers = curl_slist_append(NULL, "Content-Type: application/json");
	more = spec->token[0] ? curl_slist_append(ask->headers, header) : ask->headers;
	if (!ask->headers || !more || !set_secrets(easy, spec->conf))
		return false;
	rc = curl_easy_setopt(easy, CURLOPT_URL, url);
	rc |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, ask->headers);
	rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, spec->body);
	rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(spec->body));
	rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	rc |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	rc |= curl_easy_setopt(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)SL_ASK_MS);
	if (!spec->stream)
		rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)SL_ASK_MS);
	rc |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice-cluster");
	rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, ask->why);
	rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, ask);
	return rc == CURLE_OK;
}

/* Takes the body over, also on failure. */
static struct sl_ask *make(const struct sl_ask_spec *spec)
{
	struct sl_ask *ask = calloc(1, sizeof(*ask));

	if (!ask) {
		free(spec->body);
		return NULL;
	}
	ask->spec = *spec;
	ask->transfer.easy = spec->body ? curl_easy_init() : NULL;
	if (ask->transfer.easy && set_options(ask, ask->transfer.easy))
		return ask;
	sl_ask_destroy(ask);
	return NULL;
}

int sl_ask_create(struct sl_transfers *transfers, struct event_base *base,
		  const struct sl_ask_spec *spec, struct sl_ask **out)
{
	struct sl_ask *ask = make(spec);

	if (!ask)
		return -ENOMEM;
	ask->transfers = transfers;
	ask->transfer.ended = on_ended;
	ask->transfer.context = ask;
	if (spec->stream)
		ask->news = event_new(base, -1, 0, on_news, ask);
	if (spec->stream && !ask->news) {
		sl_ask_destroy(ask);
		return -ENOMEM;
	}
	ask->started = sl_transfer_start(transfers, &ask->transfer) == 0;
	if (!ask->started) {
		sl_ask_destroy(ask);
		return -ENOMEM;
	}
	*out = ask;
	return 0;
}

void sl_ask_destroy(struct sl_ask *ask)
{
	if (!ask)
		return;
	if (ask->started)
		sl_transfer_stop(ask->transfers, &ask->transfer);
	if (ask->transfer.easy)
		curl_easy_cleanup(ask->transfer.easy);
	if (ask->news)
		event_free(ask->news);
	curl_slist_free_all(ask->headers);
	free(ask->spec.body);
	free(ask->text);
	free(ask);
}

const char *sl_ask_line(struct sl_ask *ask, size_t *length)
{
	char *line = ask->text ? ask->text + ask->taken : NULL, *end;

	end = line ? memchr(line, '\n', ask->used - ask->taken) : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	*length = (size_t)(end - line);
	ask->taken += *length + 1;
	return line;
}

void sl_ask_address(const struct sl_ask *ask, char address[SL_ASK_ADDRESS_SIZE])
{
	char *text = NULL;

	(void)curl_easy_getinfo(ask->transfer.easy, CURLINFO_LOCAL_IP, &text);
	(void)snprintf(address, SL_ASK_ADDRESS_SIZE, "%s", text ? text : "");
}

void sl_ask_and_wait(const struct sl_ask_spec *spec)
{
	struct sl_ask *ask = make(spec);

	if (!ask)
		return;
	(void)curl_easy_setopt(ask->transfer.easy, CURLOPT_TIMEOUT_MS, (long)LAST_WORD_MS);
	(void)curl_easy_perform(ask->transfer.easy);
	sl_ask_destroy(ask);
}
