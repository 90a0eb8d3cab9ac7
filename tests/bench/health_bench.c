/* SPDX-License-Identifier: BSD-3-Clause */

/* What checks of many nodes cost their thread and control: connections to addresses of 127.0.0.0/8, which a
 * process of the benchmark's takes.
 *
 * A turn's time is control's processor time, with the snapshot at its end: what an answer waits for at most.
 * The checks' thread has the rest of the process's. One JSON object a line.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "health/health.h"
#include "unit/model/fixture.h"

#define TEXT_PER_NODE 96
#define LASTS_S	      10

static struct fixture f;
static struct sl_health *health;
static struct event_base *base;
static double worst_ms, all_ms;
static uint32_t turns_with_news;

static double seconds(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "health_bench: %s\n", what);
	exit(1);
}

static void say(const char *name, const char *unit, double value, uint32_t nodes)
{
	printf("{\"name\": \"health: %s\", \"unit\": \"%s\", \"value\": %.3f, \"nodes\": %u}\n",
	       name, unit, value, nodes);
	fflush(stdout);
}

/* ---- who is checked -------------------------------------------------------------------------- */

/* A process that takes every connection. */
static pid_t open_server(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	must(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		     listen(fd, 4096) == 0 && getsockname(fd, (struct sockaddr *)&at, &size) == 0,
	     "no server");
	*port = ntohs(at.sin_port);
	pid = fork();
	must(pid >= 0, "no process");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			close(accept(fd, NULL, NULL));
	}
	close(fd);
	return pid;
}

static void close_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void open_nodes(uint32_t nodes, uint16_t port, const char *interval)
{
	char *text = malloc(4096 + (size_t)nodes * TEXT_PER_NODE);
	struct sl_err err = {0};
	int used;

	must(text, "no memory");
	used = sprintf(
		text,
		"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: "
		"\"02:00:00:00:00:01\"}}]\n"
		"services: [{name: rest, address: any, pool: web}]\n"
		"pools: [{name: web, health: {type: tcp, port: %u, interval: %s, timeout: 60s, "
		"rise: 1, fall: 1}, nodes: [\n",
		port, interval);
	for (uint32_t n = 0; n < nodes; n++)
		used += sprintf(text + used,
				"{name: n%u, address: 127.%u.%u.%u, encap: ipip, port: p0, weight: "
				"1},\n",
				n, 1 + n / 50000, n / 250 % 200, n % 250 + 1);
	sprintf(text + used, "]}]\n");
	fixture_open(&f, text, NULL);
	free(text);
	base = event_base_new();
	must(base, "no loop");
	must(sl_health_create(base, f.model, NULL, &health, &err) == 0, err.text);
}

static void close_nodes(void)
{
	sl_health_destroy(health);
	event_base_free(base);
	fixture_close(&f);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void turn(void)
{
	double begun = seconds(CLOCK_THREAD_CPUTIME_ID), ms;
	const struct sl_image *before = sl_model_image(f.model);

	must(event_base_loop(base, EVLOOP_ONCE) >= 0 && sl_model_flush(f.model, NULL) == 0,
	     "a turn failed");
	sl_health_turn_ended(health);
	ms = 1e3 * (seconds(CLOCK_THREAD_CPUTIME_ID) - begun);
	worst_ms = ms > worst_ms ? ms : worst_ms;
	all_ms += ms;
	turns_with_news += sl_model_image(f.model) != before;
}

static void forget(void)
{
	worst_ms = all_ms = 0;
	turns_with_news = 0;
}

struct found {
	uint64_t checks;
	uint32_t checked, down;
};

static struct found found(void)
{
	const struct sl_image_pool *pool = sl_model_image(f.model)->pools[0];
	struct found sum = {0};

	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct sl_model_health shown;

		if (!sl_health_show(health, pool->nodes[n].index, &shown))
			continue;
		sum.checks += shown.checks;
		sum.checked += shown.checks > 0;
		sum.down += pool->nodes[n].down;
	}
	return sum;
}

static void last(uint32_t nodes, const char *interval, uint16_t port)
{
	double begun, lasted, own, all;
	uint64_t checks;

	open_nodes(nodes, port, interval);
	while (found().checked < nodes)
		turn();
	forget();
	checks = found().checks;
	own = seconds(CLOCK_THREAD_CPUTIME_ID);
	all = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (begun = seconds(CLOCK_MONOTONIC); seconds(CLOCK_MONOTONIC) - begun < LASTS_S;)
		turn();
	lasted = seconds(CLOCK_MONOTONIC) - begun;
	own = seconds(CLOCK_THREAD_CPUTIME_ID) - own;
	all = seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
	checks = found().checks - checks;
	say("checks over TCP", "checks/s", (double)checks / lasted, nodes);
	say("their thread", "% of a CPU", 100 * (all - own) / lasted, nodes);
	say("a check", "us of CPU", 1e6 * (all - own) / (double)checks, nodes);
	say("control's share for them", "% of a CPU", all_ms / lasted / 10, nodes);
	say("control's longest turn meanwhile", "ms", worst_ms, nodes);
	close_nodes();
}

static void fail(uint32_t nodes, const char *interval)
{
	uint16_t port;
	pid_t server = open_server(&port);

	open_nodes(nodes, port, interval);
	while (found().checked < nodes)
		turn();
	forget();
	close_server(server);
	while (found().down < nodes)
		turn();
	say("nodes fail together, control's longest turn", "ms", worst_ms, nodes);
	say("nodes fail together, all of control's time", "ms", all_ms, nodes);
	say("nodes fail together, changes", "changes", turns_with_news, nodes);
	close_nodes();
}

int main(void)
{
	uint16_t port;
	pid_t server = open_server(&port);

	last(10000, "2s", port);
	last(20000, "10s", port);
	close_server(server);
	fail(1000, "20ms");
	fail(1000, "1s");
	return 0;
}
