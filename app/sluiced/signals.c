/* SPDX-License-Identifier: BSD-3-Clause */

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

#define ORDER_MS     1500 /* that an end in good order may take although it was asked for twice */
#define ORDER_S	     2
#define CLOSE_S	     10
#define EXIT_MACHINE 2

static const int strangers[] = {SIGUSR1, SIGUSR2, SIGALRM,   SIGXFSZ, SIGXCPU,
				SIGPROF, SIGIO,	  SIGVTALRM, SIGPWR,  SIGSTKFLT};

static uint64_t noted, said; /* a bit for each signal that came */
static uint64_t begin_ms;    /* of the end */
static uint64_t hurry_ms = UINT64_MAX;

static struct {
	bool on;
	const char *path, *report;
} guard;

/* ---- handlers: only what may be called in them ----------------------------------------------- */

static void write_all(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t got = write(fd, text, length);

		if (got <= 0)
			return;
		text += got;
		length -= (size_t)got;
	}
}

static void cut_short(void)
{
	static const char line[] = "the end takes too long: ended without it\n";
	int fd = -1;

	write_all(STDERR_FILENO, line);
	if (guard.report)
		fd = strcmp(guard.path, "-") == 0
			     ? STDOUT_FILENO
			     : open(guard.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		write_all(fd, guard.report);
		write_all(fd, "\n");
	}
	_exit(EXIT_MACHINE);
}

static void on_again(int number)
{
	uint64_t now = sl_clock_ms(), at = SL_MAX(now, begin_ms + ORDER_MS);
	int error = errno;

	(void)number;
	if (__atomic_load_n(&hurry_ms, __ATOMIC_RELAXED) == UINT64_MAX)
		__atomic_store_n(&hurry_ms, at, __ATOMIC_RELAXED);
	if (guard.on && at == now)
		cut_short();
	if (guard.on)
		(void)alarm(ORDER_S);
	errno = error;
}

static void on_alarm(int number)
{
	(void)number;
	if (guard.on)
		cut_short();
}

static void on_stranger(int number)
{
	__atomic_fetch_or(&noted, 1ull << number, __ATOMIC_RELAXED);
}

/* ---- dispositions ---------------------------------------------------------------------------- */

static void take(int number, void (*function)(int number))
{
	struct sigaction action = {.sa_handler = function, .sa_flags = SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(number, &action, NULL);
}

static void mask(int how, bool reload)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (reload)
		(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(how, &set, NULL);
}

void signals_begin(void)
{
	mask(SIG_BLOCK, true);
	for (size_t i = 0; i < SL_ARRAY_COUNT(strangers); i++)
		take(strangers[i], on_stranger);
	take(SIGPIPE, SIG_IGN); /* of clients that leave: whoever writes is told */
	for (int number = SIGRTMIN; number <= SIGRTMAX && number < 64; number++)
		take(number, on_stranger);
}

void signals_wait(bool waits)
{
	mask(waits ? SIG_UNBLOCK : SIG_BLOCK, false);
}

bool signals_ask_for_the_end(void)
{
	static const struct timespec at_once;
	static bool asked;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	asked = asked || sigtimedwait(&set, NULL, &at_once) > 0;
	return asked;
}

void signals_loop(void)
{
	mask(SIG_UNBLOCK, true);
}

void signals_loop_ends(void)
{
	mask(SIG_BLOCK, true);
}

void signals_say(void)
{
	uint64_t fresh = __atomic_load_n(&noted, __ATOMIC_RELAXED) & ~said;

	for (int number = 1; fresh && number < 64; number++) {
		const char *name = sigabbrev_np(number);

		if (fresh >> number & 1)
			sl_log(SL_LOG_NOTICE,
			       "signal %d (%s%s) means nothing to sluiced and is ignored; TERM and "
			       "INT end it, HUP reads the configuration again",
			       number, name ? "SIG" : "", name ? name : "real time");
	}
	said |= fresh;
}

void signals_end(void)
{
	if (begin_ms == 0)
		begin_ms = sl_clock_ms();
	take(SIGTERM, on_again);
	take(SIGINT, on_again);
	mask(SIG_UNBLOCK, false);
}

uint64_t signals_hurry_ms(void)
{
	return __atomic_load_n(&hurry_ms, __ATOMIC_RELAXED);
}

void signals_guard(const char *path, const char *report)
{
	guard.path = path;
	guard.report = path ? report : NULL;
	guard.on = true;
	take(SIGALRM, on_alarm);
	(void)alarm(signals_hurry_ms() == UINT64_MAX ? CLOSE_S : ORDER_S);
}

void signals_guard_end(void)
{
	(void)alarm(0);
	guard.report = NULL;
}
