/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks by a program of the operator's: exit status 0 is good.
 *
 * The program is the leader of a group of its own, which is killed when its time is over; its end is
 * told by a descriptor (pidfd), so that no signal of the process is needed.
 */

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "health/probe.h"

#define VARIABLE_MAX 128
#define REAP_US	     20000
#define LEFT_FIRST   16u
#define LAST_WAITS   200u /* of a millisecond each, when all end */

static void on_end(int fd, short what, void *context)
{
	struct sl_probe *probe = context;
	int status;

	(void)fd;
	(void)what;
	if (waitpid(probe->pid, &status, WNOHANG) != probe->pid) {
		(void)event_add(probe->event, NULL);
		return;
	}
	probe->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		sl_probe_end(probe, SL_HEALTH_OK, "exit status 0");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		sl_probe_end(probe, SL_HEALTH_CANNOT, "the command cannot be executed");
	else if (WIFEXITED(status))
		sl_probe_end(probe, SL_HEALTH_EXIT, "exit status %d", WEXITSTATUS(status));
	else
		sl_probe_end(probe, SL_HEALTH_EXIT, "ended by signal %d", WTERMSIG(status));
}

/* Nothing of ours but standard error is inherited: neither descriptors nor masks of signals. */
static int spawn(struct sl_probe *probe, char *const *words, char *const *environment)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc)
		return rc;
	(void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addclosefrom_np(&files, 3);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setpgroup(&attributes, 0);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETPGROUP);
	rc = posix_spawn(&probe->pid, words[0], &files, &attributes, words, environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	if (rc)
		probe->pid = 0;
	return rc;
}

/* The command's words; `copy` is cut to pieces. */
static void split(char *copy, char **words)
{
	char *rest = NULL;
	uint32_t count = 0;

	for (char *word = strtok_r(copy, " ", &rest); word && count < SL_HEALTH_WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	words[count] = NULL;
}

static void start(struct sl_probe *probe)
{
	char address[SL_ADDR_TEXT_SIZE], variables[4][VARIABLE_MAX],
		*words[SL_HEALTH_WORDS_MAX + 1];
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = {variables[0], variables[1], variables[2], variables[3], path, NULL};
	char *copy = strdup(probe->spec->conf.command);
	int rc;

	(void)snprintf(variables[0], VARIABLE_MAX, "SLUICE_NODE=%s", probe->node);
	(void)snprintf(variables[1], VARIABLE_MAX, "SLUICE_POOL=%s", probe->pool);
	(void)snprintf(variables[2], VARIABLE_MAX, "SLUICE_ADDRESS=%s",
		       sl_addr_format(&probe->address, address));
	(void)snprintf(variables[3], VARIABLE_MAX, "SLUICE_PORT=%u", probe->port);
	if (copy)
		split(copy, words);
	rc = copy && words[0] ? spawn(probe, words, environment) : ENOMEM;
	free(copy);
	if (rc) {
		sl_probe_end(probe, SL_HEALTH_CANNOT, "the command cannot be executed: %s",
			     strerror(rc));
		return;
	}
	probe->fd = (int)syscall(SYS_pidfd_open, probe->pid, 0);
	if (probe->fd < 0)
		sl_probe_end(probe, SL_HEALTH_CANNOT, "no descriptor for the command: %s",
			     strerror(errno));
	else
		(void)sl_probe_wait(probe, EV_READ, on_end);
}

/* ---- programs that were killed --------------------------------------------------------------- */

struct sl_external_left {
	struct event *timer; /* while there are any */
	pid_t *pids;	     /* count */
	uint32_t count, room;
};

static void reap(struct sl_external_left *left)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < left->count; i++)
		if (waitpid(left->pids[i], NULL, WNOHANG) == 0)
			left->pids[kept++] = left->pids[i];
	left->count = kept;
}

static void on_reap(int fd, short what, void *context)
{
	static const struct timeval wait = {0, REAP_US};
	struct sl_external_left *left = context;

	(void)fd;
	(void)what;
	reap(left);
	if (left->count > 0)
		(void)event_add(left->timer, &wait);
}

static struct sl_external_left *left_of(struct sl_probe_bench *bench)
{
	struct sl_external_left *left = bench->left;

	if (left)
		return left;
	left = calloc(1, sizeof(*left));
	if (!left)
		return NULL;
	left->timer = evtimer_new(bench->base, on_reap, left);
	if (!left->timer) {
		free(left);
		return NULL;
	}
	bench->left = left;
	return left;
}

/* A killed program ends when the kernel can end it, which may take until a disk answers. Without memory
 * it stays a zombie. */
static void leave(struct sl_probe_bench *bench, pid_t pid)
{
	struct sl_external_left *left = left_of(bench);

	if (left && left->count == left->room) {
		uint32_t room = left->room ? 2 * left->room : LEFT_FIRST;
		pid_t *pids = realloc(left->pids, room * sizeof(*pids));

		left->pids = pids ? pids : left->pids;
		left->room = pids ? room : left->room;
	}
	if (!left || left->count == left->room)
		return;
	left->pids[left->count++] = pid;
	on_reap(-1, 0, left);
}

void sl_external_left_destroy(struct sl_external_left *left)
{
	static const struct timespec wait = {0, 1000 * 1000};

	if (!left)
		return;
	for (uint32_t i = 0; i < LAST_WAITS && left->count > 0; i++) {
		reap(left);
		if (left->count > 0)
			(void)nanosleep(&wait, NULL);
	}
	event_free(left->timer);
	free(left->pids);
	free(left);
}

static void stop(struct sl_probe *probe)
{
	if (probe->pid > 0) {
		(void)kill(-probe->pid, SIGKILL);
		(void)kill(probe->pid, SIGKILL);
		leave(probe->bench, probe->pid);
	}
	probe->pid = 0;
	sl_probe_clear(probe);
}

const struct sl_probe_ops sl_probe_external = {.start = start, .stop = stop};
