/* SPDX-License-Identifier: BSD-3-Clause */

/* What a service manager hears, through a socket of this test's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/notify.h"

#define TEXT_SIZE 256

struct manager {
	int fd;
	char name[64]; /* as NOTIFY_SOCKET has it */
};

static void open_manager(struct manager *manager, char kind)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length;

	(void)snprintf(manager->name, sizeof(manager->name), "%csluice-notify-%ld", kind,
		       (long)getpid());
	if (kind == '/')
		(void)snprintf(manager->name, sizeof(manager->name), "/tmp/sluice-notify-%ld",
			       (long)getpid());
	length = strlen(manager->name);
	memcpy(address.sun_path, manager->name, length);
	if (kind == '@')
		address.sun_path[0] = '\0';
	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(manager->fd >= 0);
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
			 0);
	(void)setenv("NOTIFY_SOCKET", manager->name, 1);
}

static void close_manager(const struct manager *manager)
{
	(void)close(manager->fd);
	if (manager->name[0] == '/')
		(void)unlink(manager->name);
}

static const char *heard(const struct manager *manager)
{
	static char text[TEXT_SIZE];
	ssize_t size = recv(manager->fd, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void every_word_is_one_datagram(const char kind)
{
	struct sl_notify notify;
	struct manager manager;

	(void)unsetenv("WATCHDOG_USEC");
	open_manager(&manager, kind);
	sl_notify_init(&notify);
	assert_int_equal(sl_notify_ready(&notify, "packets flow"), 0);
	assert_string_equal(heard(&manager), "READY=1\nSTATUS=packets flow");
	assert_int_equal(sl_notify_reloading(&notify), 0);
	assert_int_equal(strncmp(heard(&manager), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	assert_int_equal(sl_notify_stopping(&notify), 0);
	assert_string_equal(heard(&manager), "STOPPING=1");
	assert_int_equal(sl_notify_alive(&notify), 0);
	assert_string_equal(heard(&manager), "");
	close_manager(&manager);
}

static void a_socket_with_a_path_hears(void **state)
{
	(void)state;
	every_word_is_one_datagram('/');
}

static void a_socket_with_an_abstract_name_hears(void **state)
{
	(void)state;
	every_word_is_one_datagram('@');
}

static void a_watchdog_hears_when_it_is_ours(void **state)
{
	struct manager manager;
	char other[24], ours[24];
	const struct {
		const char *usec, *pid;
		bool watched;
	} cases[] = {{"30000000", NULL, true},
		     {"30000000", ours, true},
		     {"30000000", other, false},
		     {"0", NULL, false},
		     {NULL, NULL, false}};

	(void)state;
	(void)snprintf(ours, sizeof(ours), "%ld", (long)getpid());
	(void)snprintf(other, sizeof(other), "%ld", (long)getppid());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_notify notify;

		open_manager(&manager, '@');
		if (cases[i].usec)
			(void)setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid)
			(void)setenv("WATCHDOG_PID", cases[i].pid, 1);
		sl_notify_init(&notify);
		assert_int_equal(sl_notify_alive(&notify), 0);
		assert_string_equal(heard(&manager), cases[i].watched ? "WATCHDOG=1" : "");
		close_manager(&manager);
	}
}

static void programs_that_we_start_are_not_asked(void **state)
{
	struct sl_notify notify;
	struct manager manager;

	(void)state;
	open_manager(&manager, '@');
	(void)setenv("WATCHDOG_USEC", "1000", 1);
	(void)setenv("WATCHDOG_PID", "1", 1);
	sl_notify_init(&notify);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	close_manager(&manager);
}

static void nobody_who_asks_is_no_error(void **state)
{
	static const char *const names[] = {NULL, "", "/", "relative", "vsock:2:1234"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sl_notify notify;

		if (names[i])
			(void)setenv("NOTIFY_SOCKET", names[i], 1);
		sl_notify_init(&notify);
		assert_int_equal(notify.size, 0);
		assert_int_equal(sl_notify_ready(&notify, ""), 0);
	}
}

static void a_name_fits_or_is_not_used(void **state)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct sl_notify notify;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[0] = '@';
	name[sizeof(name) - 2] = '\0';
	(void)setenv("NOTIFY_SOCKET", name, 1);
	sl_notify_init(&notify);
	assert_int_equal(notify.size, sizeof(notify.address) - 1);
	name[sizeof(name) - 2] = 'n';
	name[sizeof(name) - 1] = '\0';
	(void)setenv("NOTIFY_SOCKET", name, 1);
	sl_notify_init(&notify);
	assert_int_equal(notify.size, 0);
}

static void a_manager_that_is_gone_is_told_of_and_not_waited_for(void **state)
{
	struct sl_notify notify;
	struct manager manager;
	int rc = 0;

	(void)state;
	open_manager(&manager, '@');
	sl_notify_init(&notify);
	for (uint32_t i = 0; i < 100000 && rc == 0; i++)
		rc = sl_notify_stopping(&notify);
	assert_int_equal(rc, -EAGAIN);
	close_manager(&manager);
	assert_int_equal(sl_notify_stopping(&notify), -ECONNREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_with_a_path_hears),
		cmocka_unit_test(a_socket_with_an_abstract_name_hears),
		cmocka_unit_test(a_watchdog_hears_when_it_is_ours),
		cmocka_unit_test(programs_that_we_start_are_not_asked),
		cmocka_unit_test(nobody_who_asks_is_no_error),
		cmocka_unit_test(a_name_fits_or_is_not_used),
		cmocka_unit_test(a_manager_that_is_gone_is_told_of_and_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
