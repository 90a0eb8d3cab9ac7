/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks against servers of the test's own, on loopback. Nothing here depends on how fast they are:
 * each case waits for the finding that it wants. */

#include "health/prober.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_S 60

/* A server that takes one connection after the other, says something and closes. */
struct server {
	int fd, type;
	uint16_t port;
	const char *says; /* NULL: nothing, and it keeps the connection */
	pthread_t thread;
	bool stopping; /* written: the test */
};

static void *serve(void *context)
{
	struct server *server = context;
	char heard[4096];

	for (;;) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int fd;

		if (server->type == SOCK_DGRAM) {
			if (recvfrom(server->fd, heard, sizeof(heard), 0, (struct sockaddr *)&from,
				     &size) < 0 ||
			    __atomic_load_n(&server->stopping, __ATOMIC_ACQUIRE))
				return NULL;
			if (server->says)
				(void)sendto(server->fd, server->says, strlen(server->says), 0,
					     (struct sockaddr *)&from, size);
			continue;
		}
		fd = accept(server->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		if (server->says) {
			(void)!recv(fd, heard, sizeof(heard), MSG_DONTWAIT);
			(void)send(fd, server->says, strlen(server->says), MSG_NOSIGNAL);
			(void)shutdown(fd, SHUT_WR);
			(void)!recv(fd, heard, sizeof(heard), 0);
		} else {
			while (recv(fd, heard, sizeof(heard), 0) > 0)
				;
		}
		(void)close(fd);
	}
}

static void server_start(struct server *server, int type, const char *says)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	*server = (struct server){.type = type, .says = says};
	server->fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&at, &size), 0);
	server->port = ntohs(at.sin_port);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(server->fd, 16), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(server->port)};

	__atomic_store_n(&server->stopping, true, __ATOMIC_RELEASE);
	if (server->type == SOCK_DGRAM) /* it waits for one more */
		(void)sendto(server->fd, "", 1, 0, (struct sockaddr *)&at, sizeof(at));
	else
		(void)shutdown(server->fd, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->fd);
}

/* The control side: a loop that ends with the first finding. */
struct fixture {
	struct event_base *base;
	struct sl_prober *prober;
	struct sl_finding finding;
	bool found;
};

static void on_found(void *context, const struct sl_finding *finding)
{
	struct fixture *f = context;

	if (!f->found)
		f->finding = *finding;
	f->found = true;
	(void)event_base_loopbreak(f->base);
}

static void open_fixture(struct fixture *f)
{
	struct sl_prober_calls calls = {.found = on_found, .context = f};

	*f = (struct fixture){.base = event_base_new()};
	assert_int_equal(sl_prober_create(f->base, &calls, &f->prober, NULL), 0);
}

static void close_fixture(struct fixture *f)
{
	sl_prober_destroy(f->prober);
	event_base_free(f->base);
}

/* The first finding of a check at 127.0.0.1 (or ::1). */
static const struct sl_finding *check(struct fixture *f, const struct sl_conf_health *wanted,
				      const char *address)
{
	struct timeval wait = {WAIT_S, 0};
	struct sl_conf_health conf = *wanted;
	struct sl_target target = {.id = 1, .pool = "web", .node = "w0"};

	conf.interval_ms = 20;
	conf.rise = conf.fall = 1;
	conf.timeout_ms = conf.timeout_ms ? conf.timeout_ms : WAIT_S * 1000;
	assert_int_equal(sl_addr_parse(address, &target.address), 0);
	assert_int_equal(sl_health_spec_create(&conf, &target.spec, NULL), 0);
	target.port = conf.port;
	target.serial++;
	f->found = false;
	assert_int_equal(sl_prober_set(f->prober, &target), 0);
	sl_prober_ring(f->prober);
	sl_health_spec_put(target.spec);
	(void)event_base_loopexit(f->base, &wait);
	(void)event_base_loop(f->base, EVLOOP_NO_EXIT_ON_EMPTY);
	assert_true(f->found);
	assert_int_equal(sl_prober_drop(f->prober, 1, false), 0);
	sl_prober_ring(f->prober);
	return &f->finding;
}

static void expect(const struct sl_conf_health *conf, enum sl_health_result result)
{
	struct fixture f;
	const struct sl_finding *finding;

	open_fixture(&f);
	finding = check(&f, conf, "127.0.0.1");
	if (finding->result != result)
		print_message("# %s\n", finding->say);
	assert_int_equal(finding->result, result);
	assert_int_equal(finding->state, result == SL_HEALTH_CANNOT ? SL_HEALTH_UNKNOWN
					 : result == SL_HEALTH_OK   ? SL_HEALTH_UP
								    : SL_HEALTH_DOWN);
	assert_int_equal(finding->checks, 1);
	assert_true(finding->say[0] != '\0');
	close_fixture(&f);
}

static void tcp_connects_and_perhaps_talks(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_TCP};
	struct server server;

	(void)state;
	server_start(&server, SOCK_STREAM, "220 ready\r\n");
	conf.port = server.port;
	expect(&conf, SL_HEALTH_OK);
	conf.send = (char *)(uintptr_t) "EHLO\r\n";
	conf.expect_body = (char *)(uintptr_t) "^220 ";
	expect(&conf, SL_HEALTH_OK);
	conf.expect_body = (char *)(uintptr_t) "^5";
	expect(&conf, SL_HEALTH_BODY);
	server_stop(&server);
	conf.expect_body = NULL;
	expect(&conf, SL_HEALTH_REFUSED);
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_TCP, .timeout_ms = 50};
	struct server server;

	(void)state;
	server_start(&server, SOCK_STREAM, NULL);
	conf.port = server.port;
	conf.expect_body = (char *)(uintptr_t) "x";
	expect(&conf, SL_HEALTH_TIMEOUT);
	conf.type = SL_HEALTH_TYPE_HTTP;
	expect(&conf, SL_HEALTH_TIMEOUT);
	server_stop(&server);
}

static void udp_wants_an_answer(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_UDP};
	struct server server;

	(void)state;
	server_start(&server, SOCK_DGRAM, "pong");
	conf.port = server.port;
	conf.send = (char *)(uintptr_t) "ping";
	expect(&conf, SL_HEALTH_OK);
	conf.expect_body = (char *)(uintptr_t) "pang";
	expect(&conf, SL_HEALTH_BODY);
	server_stop(&server);
	expect(&conf, SL_HEALTH_REFUSED);
}

static void http_looks_at_status_and_body(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_HTTP};
	struct server server;

	(void)state;
	server_start(&server, SOCK_STREAM, "HTTP/1.1 204 No Content\r\n\r\n");
	conf.port = server.port;
	expect(&conf, SL_HEALTH_OK);
	conf.expect_status = (char *)(uintptr_t) "200, 300-399";
	expect(&conf, SL_HEALTH_STATUS);
	server.says = "HTTP/1.0 200 OK\r\n\r\nall is well";
	expect(&conf, SL_HEALTH_OK);
	conf.expect_body = (char *)(uintptr_t) "well$";
	expect(&conf, SL_HEALTH_OK);
	conf.expect_body = (char *)(uintptr_t) "bad";
	expect(&conf, SL_HEALTH_BODY);
	server.says = "this is no HTTP";
	expect(&conf, SL_HEALTH_STATUS);
	server_stop(&server);
	expect(&conf, SL_HEALTH_REFUSED);
}

static void agents_are_heard(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_AGENT};
	struct server server;
	struct fixture f;

	(void)state;
	server_start(&server, SOCK_STREAM, "50% drain\n");
	conf.port = server.port;
	open_fixture(&f);
	(void)check(&f, &conf, "127.0.0.1");
	assert_int_equal(f.finding.result, SL_HEALTH_OK);
	assert_int_equal(f.finding.agent.percent, 50);
	assert_true(f.finding.agent.drain);
	close_fixture(&f);
	server.says = "down # tired\n";
	expect(&conf, SL_HEALTH_AGENT);
	server.says = "what?\n";
	expect(&conf, SL_HEALTH_AGENT);
	server_stop(&server);
}

static void programs_end_with_a_status(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_EXTERNAL};

	(void)state;
	conf.command = (char *)(uintptr_t) "/bin/true";
	expect(&conf, SL_HEALTH_OK);
	conf.command = (char *)(uintptr_t) "/bin/false now";
	expect(&conf, SL_HEALTH_EXIT);
	conf.command = (char *)(uintptr_t) "/none/such";
	expect(&conf, SL_HEALTH_CANNOT);
	conf.command = (char *)(uintptr_t) "/bin/sleep 1000";
	conf.timeout_ms = 50;
	expect(&conf, SL_HEALTH_TIMEOUT);
}

static void echo_requests_are_answered(void **state)
{
	struct sl_conf_health conf = {.type = SL_HEALTH_TYPE_ICMP};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct fixture f;

	(void)state;
	if (fd < 0) {
		print_message("# raw sockets need CAP_NET_RAW\n");
		skip();
	}
	(void)close(fd);
	expect(&conf, SL_HEALTH_OK);
	open_fixture(&f);
	(void)check(&f, &conf, "::1");
	assert_int_equal(f.finding.result, SL_HEALTH_OK);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_connects_and_perhaps_talks),
		cmocka_unit_test(a_server_that_says_nothing_is_given_up),
		cmocka_unit_test(udp_wants_an_answer),
		cmocka_unit_test(http_looks_at_status_and_body),
		cmocka_unit_test(agents_are_heard),
		cmocka_unit_test(programs_end_with_a_status),
		cmocka_unit_test(echo_requests_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
