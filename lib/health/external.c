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
#include <unistd.h>

#include "health/probe.h"

#define VARIABLE_MAX 128

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

static void stop(struct sl_probe *probe)
{
	if (probe->pid > 0) {
		(void)kill(-probe->pid, SIGKILL);
		(void)kill(probe->pid, SIGKILL);
		(void)waitpid(probe->pid, NULL, 0);
	}
	probe->pid = 0;
	sl_probe_clear(probe);
}

const struct sl_probe_ops sl_probe_external = {.start = start, .stop = stop};
