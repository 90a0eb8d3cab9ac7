/* SPDX-License-Identifier: BSD-3-Clause */

/* The metrics listener with a real loop in this thread: answers, bounds, and moving house. */

#include "talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/http.h"

struct place {
	struct talk talk;
	struct event_base *base;
	struct sl_http *http;
	uint16_t port;
};

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	(void)close(fd);
	return ntohs(addr.sin_port);
}

static void listen_at(struct place *place, const char *host, struct sl_err *err)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s:%u", host, place->port);
	assert_int_equal(sl_http_listen(place->http, text, err), 0);
}

static void place_open(struct place *place)
{
	struct sl_err err;

	talk_open(&place->talk, TALK_TEXT);
	place->base = event_base_new();
	assert_int_equal(
		sl_http_create(place->base, &place->talk.scope, &place->talk.rpc, &place->http), 0);
	place->port = free_port();
	listen_at(place, "127.0.0.1", &err);
}

static void place_close(struct place *place)
{
	sl_http_destroy(place->http);
	event_base_free(place->base);
	talk_close(&place->talk);
}

static void turn(struct place *place)
{
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(place->base, EVLOOP_NONBLOCK);
}

static int dial(struct place *place)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(place->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EINPROGRESS) {
		(void)close(fd);
		return -1;
	}
	turn(place);
	return fd;
}

/* What has come on fd, and in *open whether more may come. */
static const char *hear(struct place *place, int fd, bool *open)
{
	static char text[262144];
	size_t got = 0;
	ssize_t more = -1;

	for (int i = 0; i < 50; i++) {
		turn(place);
		more = recv(fd, text + got, sizeof(text) - 1 - got, 0);
		got += more > 0 ? (size_t)more : 0;
		if (more == 0)
			break;
		(void)usleep(more < 0 && got == 0 ? 1000 : 0);
	}
	text[got] = '\0';
	*open = more < 0 && errno == EAGAIN;
	return text;
}

static const char *get(struct place *place, const char *request, bool *open)
{
	int fd = dial(place);
	const char *text;

	(void)send(fd, request, strlen(request), MSG_NOSIGNAL);
	text = hear(place, fd, open);
	(void)close(fd);
	turn(place);
	return text;
}

static void requests_are_answered(void **state)
{
	static const struct {
		const char *request, *starts, *holds;
		bool open;
	} cases[] = {
		{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n",
		 "\nsluice_generation 1\n", true},
		{"GET /metrics HTTP/1.1\nHost: x\n\n", "HTTP/1.1 200", "\nsluice_", true},
		{"GET /metrics?x=1 HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200",
		 "Connection: close\r\n", false},
		{"GET http://x/metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "version=0.0.4", false},
		{"GET /metrics HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "HTTP/1.1 200", "",
		 true},
		{"GET /x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "metrics at /metrics", true},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "<title>sluice</title>", true},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "frame-ancestors 'none'", true},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "X-Frame-Options: DENY", true},
		{"GET /status.css HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "text/css", true},
		{"GET /status.js HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "text/javascript", true},
		{"GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "serving\n", true},
		{"GET /api/stats HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "\"balance\":{", true},
		{"GET /api/status HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "\"generation\":1", true},
		{"GET /api/pools HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "\"why\":", true},
		{"GET /api/rates HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "\"received\":[]", true},
		{"GET /api/history?limit=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "\"verb\":", true},
		{"GET /api/history?limit=x HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "limit", true},
		{"GET /api/ring?pool=%77eb HTTP/1.1\r\n\r\n", "HTTP/1.1 200", "\"slots\":256",
		 true},
		{"GET /api/ring?pool=wbe HTTP/1.1\r\n\r\n", "HTTP/1.1 404", "did you mean", true},
		{"GET /api/config.get HTTP/1.1\r\n\r\n", "HTTP/1.1 404", "", true},
		{"GET /api/rollback?generation=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 404", "", true},
		{"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ",
		 "Allow: GET, HEAD", false},
		{"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200", "",
		 false},
		{"GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 ", "", false},
		{"\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 ", "", false},
		{"\r\n\r\n", "HTTP/1.1 400 ", "", false},
	};
	struct place place;
	bool open;

	(void)state;
	place_open(&place);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = get(&place, cases[i].request, &open);

		if (strncmp(text, cases[i].starts, strlen(cases[i].starts)) != 0 ||
		    !strstr(text, cases[i].holds) || open != cases[i].open)
			fail_msg("%s: %.200s (%d)", cases[i].request, text, open);
	}
	place_close(&place);
}

static void a_head_is_as_long_as_the_answer_would_be(void **state)
{
	static const char request[] = "HEAD /metrics HTTP/1.0\r\n\r\n";
	struct place place;
	const char *text;
	bool open;

	(void)state;
	place_open(&place);
	text = get(&place, request, &open);
	assert_non_null(strstr(text, "Content-Length: "));
	assert_null(strstr(text, "Content-Length: 0"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	place_close(&place);
}

static void requests_in_a_pipeline_are_answered_in_turn(void **state)
{
	static const char lines[] = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"
				    "GET /metrics HTTP/1.0\r\n\r\n";
	struct place place;
	const char *text;
	bool open;

	(void)state;
	place_open(&place);
	text = get(&place, lines, &open);
	assert_non_null(strstr(text, "404"));
	text = strstr(strstr(text, "404") + 1, "404");
	assert_non_null(text);
	assert_non_null(strstr(text, "200 OK"));
	assert_false(open);
	place_close(&place);
}

static void a_head_too_long_is_refused(void **state)
{
	char request[8192];
	struct place place;
	bool open;

	(void)state;
	place_open(&place);
	memset(request, 'x', sizeof(request));
	request[sizeof(request) - 1] = '\0';
	assert_non_null(strstr(get(&place, request, &open), "HTTP/1.1 431 "));
	assert_false(open);
	place_close(&place);
}

/* However many connect and ask nothing, the next one that asks is answered. */
static void those_that_ask_nothing_make_room(void **state)
{
	int fds[SL_HTTP_CONNECTIONS_MAX + 3];
	struct place place;
	char text[8];
	bool open;

	(void)state;
	place_open(&place);
	for (uint32_t i = 0; i < SL_HTTP_CONNECTIONS_MAX + 3; i++)
		fds[i] = dial(&place);
	turn(&place);
	for (uint32_t i = 0; i < SL_HTTP_CONNECTIONS_MAX + 3; i++) {
		ssize_t got = recv(fds[i], text, sizeof(text), 0);

		assert_int_equal(got, i < 3 ? 0 : -1);
	}
	assert_non_null(strstr(get(&place, "GET /metrics HTTP/1.0\r\n\r\n", &open), "200 OK"));
	for (uint32_t i = 0; i < SL_HTTP_CONNECTIONS_MAX + 3; i++)
		(void)close(fds[i]);
	place_close(&place);
}

/* Where few descriptors are allowed, few connections are; and when none is left, accepting rests. */
static void descriptors_are_left_for_others(void **state)
{
	struct rlimit before, few = {.rlim_cur = 64, .rlim_max = 64};
	struct place place;
	int fds[16], spent[80], kept = 0;
	char text[8];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	place_open(&place);
	for (int i = 0; i < 16; i++)
		fds[i] = dial(&place);
	turn(&place);
	for (int i = 0; i < 16; i++)
		kept += recv(fds[i], text, sizeof(text), 0) < 0;
	assert_int_equal(kept, 64 / 16);
	for (int i = 0; i < 80; i++)
		spent[i] = dup(0);
	(void)close(spent[0]);
	spent[0] = -1;
	for (int i = 79; i > 0 && spent[0] < 0; i--)
		if (spent[i] >= 0) {
			(void)close(spent[i]);
			spent[i] = -1;
			break;
		}
	spent[0] = dial(&place);
	for (int i = 0; i < 80; i++)
		if (spent[i] >= 0)
			(void)close(spent[i]);
	for (int i = 0; i < 16; i++)
		(void)close(fds[i]);
	place_close(&place);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void it_moves_to_another_address_of_its_own_port(void **state)
{
	struct place place;
	struct sl_err err = {0};
	char text[64];
	bool open;

	(void)state;
	place_open(&place);
	(void)snprintf(text, sizeof(text), "0.0.0.0:%u", place.port);
	assert_int_equal(sl_http_check(place.http, text, &err), 0);
	listen_at(&place, "0.0.0.0", &err);
	assert_non_null(strstr(get(&place, "GET /metrics HTTP/1.0\r\n\r\n", &open), "200 OK"));
	listen_at(&place, "127.0.0.1", &err);
	assert_non_null(strstr(get(&place, "GET /metrics HTTP/1.0\r\n\r\n", &open), "200 OK"));
	(void)snprintf(text, sizeof(text), "203.0.113.77:%u", place.port);
	assert_int_equal(sl_http_listen(place.http, text, &err), -EADDRNOTAVAIL);
	assert_non_null(strstr(err.text, "Cannot assign requested address"));
	assert_non_null(strstr(get(&place, "GET /metrics HTTP/1.0\r\n\r\n", &open), "200 OK"));
	assert_int_equal(sl_http_listen(place.http, "", &err), 0);
	assert_int_equal(strlen(get(&place, "GET /metrics HTTP/1.0\r\n\r\n", &open)), 0);
	place_close(&place);
}

static void what_cannot_be_is_said(void **state)
{
	struct place place;
	struct sl_err err = {0};
	char text[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t size = sizeof(addr);

	(void)state;
	place_open(&place);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(addr.sin_port));
	assert_int_equal(sl_http_check(place.http, text, &err), -EADDRINUSE);
	assert_int_equal(sl_http_listen(place.http, text, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "Address already in use; name another"));
	assert_int_equal(sl_http_check(place.http, "localhost:9464", &err), -EINVAL);
	assert_int_equal(sl_http_check(place.http, "", &err), 0);
	(void)close(fd);
	place_close(&place);
}

/* A client that has said all it will, as `nc` does at the end of its input, gets a long answer whole. */
static void who_sends_no_more_gets_its_answer(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n";
	struct place place;
	const char *text;
	int fd, small = 2048;
	bool open;

	(void)state;
	place_open(&place);
	fd = dial(&place);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	(void)send(fd, request, strlen(request), MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	text = hear(&place, fd, &open);
	assert_non_null(strstr(text, "\nsluice_generation 1\n"));
	assert_non_null(strstr(text, "404 Not Found"));
	assert_false(open);
	(void)close(fd);
	place_close(&place);
}

static void events_are_streamed_to_who_follows_them(void **state)
{
	static const char request[] = "GET /api/events HTTP/1.1\r\n\r\n";
	int fds[SL_HTTP_CONNECTIONS_MAX / 2];
	struct place place;
	bool open;

	(void)state;
	place_open(&place);
	assert_false(sl_http_is_followed(place.http));
	for (uint32_t i = 0; i < SL_HTTP_CONNECTIONS_MAX / 2; i++) {
		fds[i] = dial(&place);
		(void)send(fds[i], request, strlen(request), MSG_NOSIGNAL);
		assert_non_null(strstr(hear(&place, fds[i], &open), "text/event-stream"));
		assert_true(open);
	}
	assert_non_null(strstr(get(&place, request, &open), "503 "));
	sl_http_push(place.http, "data: {}");
	assert_string_equal(hear(&place, fds[0], &open), "data: {}\n\n");
	for (uint32_t i = 0; i < SL_HTTP_CONNECTIONS_MAX / 2; i++)
		(void)close(fds[i]);
	turn(&place);
	turn(&place);
	assert_false(sl_http_is_followed(place.http));
	place_close(&place);
}

static void nobody_to_serve_is_not_healthy(void **state)
{
	struct place place;
	bool open;

	(void)state;
	place_open(&place);
	(void)talk_ask(&place.talk, &place.talk.root, "node.disable",
		       "{'pool': 'web', 'node': 'a'}");
	assert_non_null(strstr(get(&place, "GET /healthz HTTP/1.1\r\n\r\n", &open), " 200 "));
	(void)talk_ask(&place.talk, &place.talk.root, "node.drain", "{'pool': 'web', 'node': 'b'}");
	assert_non_null(strstr(get(&place, "GET /healthz HTTP/1.1\r\n\r\n", &open), " 503 "));
	assert_non_null(strstr(get(&place, "GET /healthz HTTP/1.1\r\n\r\n", &open), "\nno_node\n"));
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_answered),
		cmocka_unit_test(a_head_is_as_long_as_the_answer_would_be),
		cmocka_unit_test(requests_in_a_pipeline_are_answered_in_turn),
		cmocka_unit_test(a_head_too_long_is_refused),
		cmocka_unit_test(those_that_ask_nothing_make_room),
		cmocka_unit_test(descriptors_are_left_for_others),
		cmocka_unit_test(it_moves_to_another_address_of_its_own_port),
		cmocka_unit_test(what_cannot_be_is_said),
		cmocka_unit_test(who_sends_no_more_gets_its_answer),
		cmocka_unit_test(events_are_streamed_to_who_follows_them),
		cmocka_unit_test(nobody_to_serve_is_not_healthy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
