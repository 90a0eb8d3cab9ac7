/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket with a real libevent loop in this thread and clients that never block. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/server.h"

/* The clock is this much later than it is. */
static uint64_t later_ms;
uint64_t __real_sl_clock_ms(void);
uint64_t __wrap_sl_clock_ms(void);

uint64_t __wrap_sl_clock_ms(void)
{
	return __real_sl_clock_ms() + later_ms;
}

struct fixture {
	char folder[64], path[128];
	struct event_base *base;
	struct sl_server *server;
	struct sl_client *client; /* the last that spoke */
	uint32_t lines, too_long, closed;
	size_t last_length;
	bool hold;
};

static void on_line(struct sl_client *client, const char *line, size_t length, void *context)
{
	struct fixture *f = context;

	f->lines++;
	f->client = client;
	f->last_length = length;
	assert_int_equal(line[length], '\0');
	if (f->hold)
		sl_client_hold(client);
	else
		sl_client_send(client, line, length);
}

static void on_too_long(struct sl_client *client, void *context)
{
	struct fixture *f = context;

	f->too_long++;
	sl_client_send(client, "too long", 8);
}

static void on_closed(struct sl_client *client, void *context)
{
	struct fixture *f = context;

	(void)client;
	f->closed++;
}

static int server_start(struct fixture *f, struct sl_server **server, struct sl_err *err)
{
	struct sl_server_options options = {.path = f->path, .mode = 0660, .group = ""};
	struct sl_server_calls calls = {on_line, on_too_long, on_closed, f};

	return sl_server_create(f->base, &options, &calls, server, err);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sl_err err = {0};

	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/sluice-server-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof(f->path), "%s/run/control.sock", f->folder);
	f->base = event_base_new();
	assert_int_equal(server_start(f, &f->server, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char run[96];

	sl_server_destroy(f->server);
	event_base_free(f->base);
	assert_int_equal(access(f->path, F_OK), -1);
	(void)snprintf(run, sizeof(run), "%s/run", f->folder);
	(void)rmdir(run); /* of those that make it themselves */
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static int dial(struct fixture *f)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* Writes all of it, with turns of the loop in between. */
static void say(struct fixture *f, int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);

		if (sent > 0) {
			text += sent;
			length -= (size_t)sent;
		} else {
			assert_int_equal(errno, EAGAIN);
		}
		turn(f);
	}
}

/* What has come; -1 in *end when the connection still is open, 0 at its end. */
static size_t hear(struct fixture *f, int fd, char *text, size_t size, ssize_t *end)
{
	size_t got = 0;

	for (;;) {
		turn(f);
		*end = recv(fd, text + got, size - 1 - got, 0);
		if (*end <= 0)
			break;
		got += (size_t)*end;
	}
	if (*end < 0 && errno != EAGAIN)
		*end = 0;
	text[got] = '\0';
	return got;
}

static void lines_are_taken_one_by_one_whole_or_in_pieces(void **state)
{
	struct fixture *f = *state;
	char text[64];
	ssize_t end;
	int fd = dial(f);

	say(f, fd, "one\ntwo\nthr", 11);
	assert_int_equal(f->lines, 2);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_string_equal(text, "one\ntwo\n");
	say(f, fd, "ee\n", 3);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_string_equal(text, "three\n");
	assert_int_equal(end, -1);
	(void)close(fd);
	turn(f);
	assert_int_equal(f->closed, 1);
}

static void a_last_line_without_newline_is_answered_before_the_end(void **state)
{
	struct fixture *f = *state;
	char text[64];
	ssize_t end;
	int fd = dial(f);

	say(f, fd, "one\nlast", 8);
	(void)shutdown(fd, SHUT_WR);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_string_equal(text, "one\nlast\n");
	assert_int_equal(end, 0);
	assert_int_equal(f->closed, 1);
	(void)close(fd);
}

static void a_line_of_the_limit_is_taken_and_one_more_octet_is_not(void **state)
{
	struct fixture *f = *state;
	char *line = malloc(SL_SERVER_LINE_MAX + 2), *text = malloc(SL_SERVER_LINE_MAX + 3);
	ssize_t end;
	int fd = dial(f);

	memset(line, 'x', SL_SERVER_LINE_MAX + 2);
	line[SL_SERVER_LINE_MAX] = '\n';
	say(f, fd, line, SL_SERVER_LINE_MAX + 1);
	assert_int_equal(f->last_length, SL_SERVER_LINE_MAX);
	assert_int_equal(hear(f, fd, text, SL_SERVER_LINE_MAX + 3, &end), SL_SERVER_LINE_MAX + 1);
	line[SL_SERVER_LINE_MAX] = 'x';
	line[SL_SERVER_LINE_MAX + 1] = '\n';
	say(f, fd, line, SL_SERVER_LINE_MAX + 2);
	assert_int_equal(f->lines, 1);
	assert_int_equal(f->too_long, 1);
	(void)hear(f, fd, text, 100, &end);
	assert_string_equal(text, "too long\n");
	assert_int_equal(end, 0);
	(void)close(fd);
	free(line);
	free(text);
}

static void one_connection_more_than_the_limit_is_told_and_closed(void **state)
{
	struct fixture *f = *state;
	int fds[SL_SERVER_CLIENTS_MAX], fd;
	char text[256];
	ssize_t end;

	for (uint32_t i = 0; i < SL_SERVER_CLIENTS_MAX; i++) {
		fds[i] = dial(f);
		turn(f);
	}
	fd = dial(f);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_non_null(strstr(text, "too many connections"));
	assert_int_equal(end, 0);
	(void)close(fd);
	say(f, fds[SL_SERVER_CLIENTS_MAX - 1], "still\n", 6);
	assert_int_equal(f->lines, 1);
	for (uint32_t i = 0; i < SL_SERVER_CLIENTS_MAX; i++)
		(void)close(fds[i]);
	turn(f);
	assert_int_equal(f->closed, SL_SERVER_CLIENTS_MAX);
}

static void requests_in_flight_are_bounded(void **state)
{
	struct fixture *f = *state;
	char *lines = malloc(2 * (SL_SERVER_HELD_MAX + 10));
	int fd = dial(f);

	f->hold = true;
	for (uint32_t i = 0; i < SL_SERVER_HELD_MAX + 10; i++)
		memcpy(lines + 2 * i, "x\n", 2);
	say(f, fd, lines, 2 * (SL_SERVER_HELD_MAX + 10));
	turn(f);
	assert_int_equal(f->lines, SL_SERVER_HELD_MAX);
	for (uint32_t i = 0; i < SL_SERVER_HELD_MAX; i++)
		sl_client_release(f->client);
	turn(f);
	assert_int_equal(f->lines, SL_SERVER_HELD_MAX + 10);
	for (uint32_t i = 0; i < 10; i++)
		sl_client_release(f->client);
	(void)close(fd);
	turn(f);
	free(lines);
}

/* Several hundred lines of one client are not all handled before another one is heard. */
static void a_client_with_many_lines_lets_others_have_their_turn(void **state)
{
	struct fixture *f = *state;
	char lines[2 * SL_SERVER_HELD_MAX];
	int fd = dial(f), other = dial(f);
	struct sl_client *first;

	for (uint32_t i = 0; i < SL_SERVER_HELD_MAX; i++)
		memcpy(lines + 2 * i, "x\n", 2);
	turn(f);
	f->hold = true;
	assert_int_equal(send(fd, lines, sizeof(lines), 0), sizeof(lines));
	assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
	first = f->client;
	assert_true(f->lines > 0 && f->lines < SL_SERVER_HELD_MAX / 2);
	assert_int_equal(send(other, "y\n", 2, 0), 2);
	for (int i = 0; i < 2 && f->client == first; i++)
		assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
	assert_true(sl_client_is_held(first));
	assert_true(f->lines < SL_SERVER_HELD_MAX);
	turn(f);
	assert_int_equal(f->lines, SL_SERVER_HELD_MAX + 1);
	(void)close(fd);
	(void)close(other);
}

static void all_lines_of_a_client_that_has_gone_are_taken(void **state)
{
	struct fixture *f = *state;
	char lines[4 * SL_SERVER_HELD_MAX];
	int fd;

	for (uint32_t i = 0; i < sizeof(lines) / 2; i++)
		memcpy(lines + 2 * i, "x\n", 2);
	for (uint32_t gone = 1; gone <= 2; gone++) {
		fd = dial(f);
		turn(f);
		assert_int_equal(send(fd, lines, sizeof(lines), 0), sizeof(lines));
		if (gone == 2) { /* with answers that it has not read */
			assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
			assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
		}
		(void)close(fd);
		turn(f);
		assert_int_equal(f->lines, gone * sizeof(lines) / 2);
		assert_int_equal(f->closed, gone);
	}
}

static void what_was_said_is_sent_by_a_flush_and_at_the_end(void **state)
{
	struct fixture *f = *state;
	char text[64];
	int fd = dial(f), ended = dial(f);

	f->hold = true;
	say(f, fd, "a\n", 2);
	sl_client_send(f->client, "one", 3);
	sl_server_flush(f->server);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 4);
	say(f, ended, "b\n", 2);
	(void)shutdown(ended, SHUT_WR);
	turn(f);
	assert_int_equal(f->closed, 0);
	sl_client_send(f->client, "two", 3);
	sl_client_release(f->client);
	sl_server_flush(f->server);
	assert_int_equal(recv(ended, text, sizeof(text), 0), 4);
	assert_int_equal(f->closed, 1); /* it had ended and has everything */
	f->hold = false;
	assert_int_equal(send(fd, "three\n", 6, 0), 6);
	for (uint32_t lines = f->lines; f->lines == lines;)
		assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
	sl_server_destroy(f->server);
	f->server = NULL;
	assert_int_equal(recv(fd, text, sizeof(text), 0), 6);
	(void)close(fd);
	(void)close(ended);
}

static void a_client_that_does_not_read_is_not_read_from(void **state)
{
	struct fixture *f = *state;
	char line[10001];
	int fd = dial(f);

	memset(line, 'x', 10000);
	line[10000] = '\n';
	for (int i = 0; i < 1000; i++) {
		size_t sent = 0;

		for (int k = 0; k < 10 && sent < sizeof(line); k++) {
			ssize_t got = send(fd, line + sent, sizeof(line) - sent, MSG_NOSIGNAL);

			sent += got > 0 ? (size_t)got : 0;
			turn(f);
		}
		if (sent < sizeof(line))
			break;
	}
	assert_true(f->lines * sizeof(line) < 2 * SL_SERVER_OUTPUT_MAX);
	assert_int_equal(f->closed, 0);
	(void)close(fd);
	turn(f);
	assert_int_equal(f->closed, 1);
}

static void subscribers_are_told_and_closed_when_they_do_not_read(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(SL_SERVER_PUSH_MAX);
	ssize_t end;
	int fd = dial(f), other = dial(f);

	say(f, fd, "a\n", 2);
	sl_client_subscribe(f->client);
	sl_client_subscribe(f->client);
	assert_int_equal(sl_server_subscriber_count(f->server), 1);
	sl_server_push(f->server, "event", 5);
	(void)hear(f, fd, text, 100, &end);
	assert_string_equal(text, "a\nevent\n");
	assert_int_equal(hear(f, other, text, 100, &end), 0);
	memset(text, 'y', SL_SERVER_PUSH_MAX);
	sl_server_push(f->server, text, SL_SERVER_PUSH_MAX / 2);
	sl_server_push(f->server, text, SL_SERVER_PUSH_MAX / 2);
	assert_int_equal(f->closed, 1);
	assert_int_equal(sl_server_subscriber_count(f->server), 0);
	(void)close(fd);
	(void)close(other);
	turn(f);
	free(text);
}

static void the_socket_has_the_mode_that_was_asked(void **state)
{
	struct fixture *f = *state;
	struct stat status;

	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	assert_int_equal(status.st_gid, getegid());
}

static void a_peer_is_known_by_its_credentials(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "a\n", 2);
	assert_int_equal(sl_client_peer(f->client)->uid, geteuid());
	assert_int_equal(sl_client_peer(f->client)->pid, getpid());
	assert_true(sl_client_peer(f->client)->may_change);
	(void)close(fd);
	turn(f);
}

static void the_socket_of_a_living_daemon_is_refused(void **state)
{
	struct fixture *f = *state;
	struct sl_server *second;
	struct sl_err err = {0};

	assert_int_equal(server_start(f, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "another daemon serves it; stop that one"));
	turn(f);
}

static void folder_make(const struct fixture *f)
{
	char run[96];

	(void)snprintf(run, sizeof(run), "%s/run", f->folder);
	assert_int_equal(mkdir(run, 0700), 0);
}

static void a_folder_that_was_made_for_the_socket_goes_with_it_and_another_stays(void **state)
{
	struct fixture *f = *state;
	struct sl_err err = {0};

	sl_server_destroy(f->server);
	folder_make(f); /* so it was gone */
	assert_int_equal(server_start(f, &f->server, &err), 0);
	sl_server_destroy(f->server);
	assert_int_equal(server_start(f, &f->server, &err), 0); /* in the same */
}

static void the_socket_of_a_dead_daemon_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct sl_err err = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	sl_server_destroy(f->server);
	folder_make(f);
	memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)listen(fd, 1);
	(void)close(fd);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(server_start(f, &f->server, &err), 0);
	fd = dial(f);
	say(f, fd, "a\n", 2);
	assert_int_equal(f->lines, 1);
	(void)close(fd);
	turn(f);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct sl_err err = {0};
	FILE *file;

	sl_server_destroy(f->server);
	folder_make(f);
	file = fopen(f->path, "w");
	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(server_start(f, &f->server, &err), -EEXIST);
	assert_non_null(strstr(err.text, "a file that is no socket"));
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(server_start(f, &f->server, &err), 0);
}

/* As nobody, who may read; the peer that the kernel tells of is who connected. */
static int dial_as_guest(struct fixture *f)
{
	int fd;

	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = dial(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	return fd;
}

static void open_to_guests(struct fixture *f, const char *group)
{
	struct sl_server_options options = {.path = f->path, .mode = 0666, .group = group};
	struct sl_err err;

	assert_int_equal(chmod(f->folder, 0755), 0);
	assert_int_equal(sl_server_permit(f->server, &options, &err), 0);
}

static void guests_leave_room_for_those_who_may_change_things(void **state)
{
	struct fixture *f = *state;
	int fds[SL_SERVER_GUESTS_MAX], fd;
	char text[256];
	ssize_t end;

	if (geteuid() != 0)
		skip();
	open_to_guests(f, "");
	for (uint32_t i = 0; i < SL_SERVER_GUESTS_MAX; i++) {
		fds[i] = dial_as_guest(f);
		turn(f);
	}
	fd = dial_as_guest(f);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_non_null(strstr(text, "too many connections"));
	(void)close(fd);
	later_ms += SL_SERVER_IDLE_S * 1000 - 1000;
	say(f, fds[0], "a\n", 2);
	later_ms += 1000; /* the second one has been silent for longest now */
	fd = dial_as_guest(f);
	say(f, fd, "new\n", 4);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_string_equal(text, "new\n");
	assert_int_equal(recv(fds[0], text, sizeof(text), 0), 2);
	assert_int_equal(recv(fds[1], text, sizeof(text), 0), 0);
	(void)close(fd);
	for (int i = 0; i < 3; i++)
		turn(f);
	fd = dial(f);
	say(f, fd, "mine\n", 5);
	assert_true(sl_client_peer(f->client)->may_change);
	(void)close(fd);
	for (uint32_t i = 0; i < SL_SERVER_GUESTS_MAX; i++)
		(void)close(fds[i]);
	turn(f);
}

static void a_right_that_is_taken_away_is_gone_at_once(void **state)
{
	struct sl_server_options closed = {.mode = 0600, .group = ""};
	struct fixture *f = *state;
	struct sl_err err;
	char text[16];
	ssize_t end;
	int fd;

	if (geteuid() != 0)
		skip();
	open_to_guests(f, "65534");
	fd = dial_as_guest(f);
	say(f, fd, "a\n", 2);
	assert_true(sl_client_peer(f->client)->may_change);
	open_to_guests(f, "");
	assert_false(sl_client_peer(f->client)->may_change);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_int_equal(end, -1);
	closed.path = f->path;
	assert_int_equal(sl_server_permit(f->server, &closed, &err), 0);
	(void)hear(f, fd, text, sizeof(text), &end);
	assert_int_equal(end, 0);
	(void)close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(lines_are_taken_one_by_one_whole_or_in_pieces),
		CASE(a_last_line_without_newline_is_answered_before_the_end),
		CASE(a_line_of_the_limit_is_taken_and_one_more_octet_is_not),
		CASE(one_connection_more_than_the_limit_is_told_and_closed),
		CASE(requests_in_flight_are_bounded),
		CASE(a_client_with_many_lines_lets_others_have_their_turn),
		CASE(all_lines_of_a_client_that_has_gone_are_taken),
		CASE(what_was_said_is_sent_by_a_flush_and_at_the_end),
		CASE(a_client_that_does_not_read_is_not_read_from),
		CASE(subscribers_are_told_and_closed_when_they_do_not_read),
		CASE(the_socket_has_the_mode_that_was_asked),
		CASE(a_peer_is_known_by_its_credentials),
		CASE(the_socket_of_a_living_daemon_is_refused),
		CASE(the_socket_of_a_dead_daemon_is_taken_over),
		CASE(a_folder_that_was_made_for_the_socket_goes_with_it_and_another_stays),
		CASE(a_file_that_is_no_socket_is_left_alone),
		CASE(guests_leave_room_for_those_who_may_change_things),
		CASE(a_right_that_is_taken_away_is_gone_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
