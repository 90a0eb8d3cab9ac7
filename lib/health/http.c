/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks by HTTP and HTTPS: libcurl's transfers on the prober's loop.
 *
 * Each check is a connection of its own, so that what is tested is what a new client meets. Nothing of
 * the environment counts: no proxy, no redirect, no credentials.
 */

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "health/probe.h"

#define URL_SIZE 2400
#define HEAD_MAX 32768u /* octets of headers */

struct sl_http_probes {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
};

/* ---- curl on the loop ---------------------------------------------------------------------------
 */

static void end_transfer(struct sl_probe *probe, CURLcode code)
{
	const struct sl_health_spec *spec = probe->spec;
	long status = 0, errors = 0, verified = 0;

	(void)curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &errors);
	(void)curl_easy_getinfo(probe->easy, CURLINFO_SSL_VERIFYRESULT, &verified);
	/* CURLE_WRITE_ERROR: a body was cut where it is long enough; headers without end are no answer. */
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && status && probe->sent <= HEAD_MAX)) {
		if (code == CURLE_COULDNT_CONNECT && errors)
			sl_probe_end_errno(probe, (int)errors);
		else if (code == CURLE_OUT_OF_MEMORY)
			sl_probe_end(probe, SL_HEALTH_CANNOT, "no memory");
		else if (code == CURLE_PEER_FAILED_VERIFICATION ||
			 code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CERTPROBLEM ||
			 code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CIPHER || verified)
			sl_probe_end(probe, SL_HEALTH_TLS, "%s", curl_easy_strerror(code));
		else if (code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
			 code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE)
			sl_probe_end(probe, SL_HEALTH_RESET, "%s", curl_easy_strerror(code));
		else if (code == CURLE_OPERATION_TIMEDOUT)
			sl_probe_end(probe, SL_HEALTH_TIMEOUT, "%s", curl_easy_strerror(code));
		else
			sl_probe_end(probe, SL_HEALTH_STATUS, "%s", curl_easy_strerror(code));
		return;
	}
	for (uint32_t i = 0; i < spec->statuses.count; i++) {
		if (status < spec->statuses.first[i] || status > spec->statuses.last[i])
			continue;
		if (sl_health_spec_body_fits(spec, probe->text ? probe->text : ""))
			sl_probe_end(probe, SL_HEALTH_OK, "status %ld", status);
		else
			sl_probe_end(probe, SL_HEALTH_BODY,
				     "status %ld, and `%.30s` is not in the %u octets that came",
				     status, spec->conf.expect_body, probe->length);
		return;
	}
	sl_probe_end(probe, SL_HEALTH_STATUS, "status %ld", status);
}

static void end_transfers(struct sl_http_probes *http)
{
	CURLMsg *message;
	char *private;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		end_transfer((struct sl_probe *)private, code);
	}
}

static void on_socket_event(int fd, short what, void *context)
{
	struct sl_http_probes *http = context;
	int running, bits = ((what & EV_READ) ? CURL_CSELECT_IN : 0) |
			    ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(http->multi, fd, bits, &running);
	end_transfers(http);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
	struct sl_http_probes *http = context;
	struct event *event = known;
	short bits = (short)(((what & CURL_POLL_IN) ? EV_READ : 0) |
			     ((what & CURL_POLL_OUT) ? EV_WRITE : 0));

	(void)easy;
	if (event)
		event_free(event);
	event = what == CURL_POLL_REMOVE ? NULL
					 : event_new(http->base, fd, (short)(bits | EV_PERSIST),
						     on_socket_event, http);
	if (event)
		(void)event_add(event, NULL);
	(void)curl_multi_assign(http->multi, fd, event);
	return 0;
}

static void on_time(int fd, short what, void *context)
{
	struct sl_http_probes *http = context;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	end_transfers(http);
}

static int on_timer(CURLM *multi, long ms, void *context)
{
	struct sl_http_probes *http = context;
	struct timeval wait = {ms / 1000, (ms % 1000) * 1000};

	(void)multi;
	if (ms < 0)
		(void)event_del(http->timer);
	else
		(void)event_add(http->timer, &wait);
	return 0;
}

static struct sl_http_probes *make(struct event_base *base)
{
	struct sl_http_probes *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->base = base;
	http->multi = curl_multi_init();
	http->timer = evtimer_new(base, on_time, http);
	if (!http->multi || !http->timer) {
		sl_http_probes_destroy(http);
		return NULL;
	}
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	return http;
}

void sl_http_probes_destroy(struct sl_http_probes *http)
{
	if (!http)
		return;
	if (http->multi)
		(void)curl_multi_cleanup(http->multi);
	if (http->timer)
		event_free(http->timer);
	free(http);
}

/* ---- a check ------------------------------------------------------------------------------------
 */

/* Takes what is looked at, and ends the transfer there. */
static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct sl_probe *probe = context;

	size *= count;
	if (!probe->spec->body_set || sl_probe_append(probe, data, size))
		return 0;
	return size;
}

/* Headers without end are no answer. */
static size_t on_head(char *data, size_t size, size_t count, void *context)
{
	struct sl_probe *probe = context;

	(void)data;
	probe->sent += (uint32_t)SL_MIN(size * count, (size_t)HEAD_MAX);
	return probe->sent > HEAD_MAX ? 0 : size * count;
}

static bool set_options(struct sl_probe *probe, CURL *easy)
{
	const struct sl_conf_health *conf = &probe->spec->conf;
	bool secure = conf->type == SL_HEALTH_TYPE_HTTPS,
	     is_v6 = probe->address.family == SL_FAMILY_IPV6;
	char url[URL_SIZE], to[SL_ADDR_TEXT_SIZE + 16], address[SL_ADDR_TEXT_SIZE];
	const char *host = conf->host, *path = conf->path ? conf->path : "/";
	struct curl_slist *where;
	CURLcode rc;

	(void)sl_addr_format(&probe->address, address);
	(void)snprintf(url, sizeof(url), "%s://%s%s%s:%u%s", secure ? "https" : "http",
		       !host && is_v6 ? "[" : "", host ? host : address, !host && is_v6 ? "]" : "",
		       probe->port, path);
	(void)snprintf(to, sizeof(to), is_v6 ? "::[%s]:%u" : "::%s:%u", address, probe->port);
	where = curl_slist_append(NULL, to);
	if (!where)
		return false;
	probe->text = NULL;
	rc = curl_easy_setopt(easy, CURLOPT_URL, url);
	rc |= curl_easy_setopt(easy, CURLOPT_CONNECT_TO, where);
	rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
	rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	rc |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	rc |= curl_easy_setopt(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)conf->timeout_ms);
	rc |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice-health");
	rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	rc |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	rc |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
	rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, conf->tls_verify ? 1L : 0L);
	rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, conf->tls_verify ? 2L : 0L);
	if (conf->ca)
		rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca);
	probe->options = where;
	return rc == CURLE_OK;
}

static void start(struct sl_probe *probe)
{
	struct sl_probe_bench *bench = probe->bench;

	if (!bench->http)
		bench->http = make(bench->base);
	probe->easy = bench->http ? curl_easy_init() : NULL;
	probe->sent = 0;
	if (!probe->easy || !set_options(probe, probe->easy) ||
	    curl_multi_add_handle(bench->http->multi, probe->easy) != CURLM_OK)
		sl_probe_end(probe, SL_HEALTH_CANNOT, "no memory");
}

static void stop(struct sl_probe *probe)
{
	if (probe->easy) {
		(void)curl_multi_remove_handle(probe->bench->http->multi, probe->easy);
		curl_easy_cleanup(probe->easy);
	}
	curl_slist_free_all(probe->options);
	probe->easy = NULL;
	probe->options = NULL;
	sl_probe_clear(probe);
}

const struct sl_probe_ops sl_probe_http = {.start = start, .stop = stop};
