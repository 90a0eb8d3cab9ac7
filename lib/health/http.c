/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks by HTTP and HTTPS: libcurl's transfers on the prober's loop.
 *
 * Each check is a connection of its own, so that what is tested is what a new client meets. Nothing of
 * the environment counts: no proxy, no redirect, no credentials.
 */

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "health/probe.h"

#define URL_SIZE 2400
#define HEAD_MAX 32768u /* octets of headers */

/* ---- how it ended ---------------------------------------------------------------------------- */

static void end_transfer(struct sl_probe *probe, CURLcode code)
{
	const struct sl_health_spec *spec = probe->spec;
	long status = 0, errors = 0, verified = 0;

	(void)curl_easy_getinfo(probe->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(probe->transfer.easy, CURLINFO_OS_ERRNO, &errors);
	(void)curl_easy_getinfo(probe->transfer.easy, CURLINFO_SSL_VERIFYRESULT, &verified);
	/* CURLE_WRITE_ERROR: a body was cut where it is long enough; headers without end are no answer. */
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && status && probe->sent <= HEAD_MAX)) {
		if (probe->lost[0])
			sl_probe_end(probe, SL_HEALTH_CANNOT, "%s", probe->lost);
		else if (code == CURLE_COULDNT_CONNECT && errors)
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

static void on_ended(void *probe, int code)
{
	end_transfer(probe, (CURLcode)code);
}

/* ---- a check --------------------------------------------------------------------------------- */

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

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *at)
{
	int fd = sl_probe_socket(context, at->socktype);

	(void)purpose;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
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
	rc |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	rc |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, probe);
	if (conf->ca)
		rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca);
	probe->options = where;
	return rc == CURLE_OK;
}

static void start(struct sl_probe *probe)
{
	struct sl_probe_bench *bench = probe->bench;

	if (!bench->http)
		(void)sl_transfers_create(bench->base, &bench->http);
	probe->transfer.easy = bench->http ? curl_easy_init() : NULL;
	probe->transfer.ended = on_ended;
	probe->transfer.context = probe;
	probe->sent = 0;
	if (!probe->transfer.easy || !set_options(probe, probe->transfer.easy) ||
	    sl_transfer_start(bench->http, &probe->transfer))
		sl_probe_end(probe, SL_HEALTH_CANNOT, "no memory");
}

static void stop(struct sl_probe *probe)
{
	if (probe->transfer.easy) {
		sl_transfer_stop(probe->bench->http, &probe->transfer);
		curl_easy_cleanup(probe->transfer.easy);
	}
	curl_slist_free_all(probe->options);
	probe->transfer.easy = NULL;
	probe->options = NULL;
	sl_probe_clear(probe);
}

const struct sl_probe_ops sl_probe_http = {.start = start, .stop = stop};
