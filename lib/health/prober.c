/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/prober.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/prng.h"

#define FINDINGS_FIRST 256u
#define JITTER	       16u  /* a wait differs by up to one part in so many, either way */
#define BATCH_US       2000 /* findings are told together for so long */
#define FOUND_MAX      64   /* of one turn of control's loop, which has answers to give, too */

/* A target and its check. Two for an id that has an agent beside its check. */
struct place {
	struct sl_probe probe; /* first: a probe is its place */
	struct sl_prober *prober;
	struct sl_health_spec *spec;
	uint32_t id, serial;
	struct sl_health_timing timing;
	struct sl_verdict verdict;
	struct event *timer;
	uint64_t started_ns, checks, failures;
};

struct command {
	STAILQ_ENTRY(command) link;
	bool drops;
	struct sl_target target;
};

STAILQ_HEAD(commands, command);

struct sl_prober {
	struct sl_prober_calls calls;
	pthread_t thread;
	bool launched;
	/* control's */
	struct event *told;
	struct commands unsent;	  /* until the bell rings */
	struct sl_finding *taken; /* taken_count; those before taken_at were told */
	uint32_t taken_at, taken_count, taken_room;
	/* between the two, under the lock */
	pthread_mutex_t lock;
	struct commands commands;
	struct sl_finding *findings;
	uint32_t finding_count, finding_room;
	bool ends;
	int command_bell, finding_bell;
	/* the thread's */
	struct event_base *base;
	struct event *commanded, *batch;
	struct sl_probe_bench bench;
	struct sl_prng prng;
	struct place **places; /* SL_NODE_INDEX_MAX of checks, then as many of agents */
};

static struct place **place_at(struct sl_prober *prober, uint32_t id, bool is_agent)
{
	return &prober->places[(is_agent ? SL_NODE_INDEX_MAX : 0) + id];
}

/* ---- findings -------------------------------------------------------------------------------- */

/* Rings for the first of a batch; control is told after BATCH_US, of all that came meanwhile. */
static void add_finding(struct sl_prober *prober, const struct sl_finding *finding)
{
	static const struct timeval wait = {0, BATCH_US};
	struct sl_finding *findings;
	uint32_t room;

	(void)pthread_mutex_lock(&prober->lock);
	findings = prober->findings;
	room = prober->finding_room;
	if (prober->finding_count == room) {
		room = room ? room * 2 : FINDINGS_FIRST;
		findings = realloc(prober->findings, room * sizeof(*findings));
		if (findings) {
			prober->findings = findings;
			prober->finding_room = room;
		}
	}
	if (findings)
		prober->findings[prober->finding_count++] = *finding;
	(void)pthread_mutex_unlock(&prober->lock);
	if (!event_pending(prober->batch, EV_TIMEOUT, NULL))
		(void)event_add(prober->batch, &wait);
}

static void on_batch(int fd, short what, void *context)
{
	struct sl_prober *prober = context;
	uint64_t one = 1;

	(void)fd, (void)what;
	(void)!write(prober->finding_bell, &one, sizeof(one));
}

/* What was found since; false: nothing. */
static bool take(struct sl_prober *prober)
{
	struct sl_finding *findings = prober->taken;
	uint32_t room = prober->taken_room;

	(void)pthread_mutex_lock(&prober->lock);
	prober->taken = prober->findings;
	prober->taken_count = prober->finding_count;
	prober->taken_room = prober->finding_room;
	prober->findings = findings;
	prober->finding_count = 0;
	prober->finding_room = room;
	(void)pthread_mutex_unlock(&prober->lock);
	prober->taken_at = 0;
	return prober->taken_count > 0;
}

/* In control's loop. What is left is told in its next turn. */
static void on_told(int fd, short what, void *context)
{
	struct sl_prober *prober = context;
	uint32_t told = 0;
	uint64_t rung, one = 1;

	(void)what;
	(void)!read(fd, &rung, sizeof(rung));
	while (told < FOUND_MAX && (prober->taken_at < prober->taken_count || take(prober))) {
		prober->calls.found(prober->calls.context, &prober->taken[prober->taken_at++]);
		told++;
	}
	if (prober->calls.told)
		prober->calls.told(prober->calls.context);
	if (told == FOUND_MAX)
		(void)!write(fd, &one, sizeof(one));
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void wait_ms(struct place *place, uint32_t ms)
{
	struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};

	(void)event_add(place->timer, &wait);
}

static uint32_t with_jitter(struct sl_prober *prober, uint32_t ms)
{
	uint32_t part = ms / JITTER;

	return ms - part + (part ? sl_prng_below(&prober->prng, 2 * part + 1) : 0);
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void free_place(struct place *place)
{
	if (!place)
		return;
	if (place->probe.running)
		place->probe.running->stop(&place->probe);
	free_event(place->timer);
	sl_health_spec_put(place->spec);
	free(place);
}

static void report(struct place *place)
{
	const struct sl_verdict *verdict = &place->verdict;
	uint64_t now_ms = sl_clock_ms();
	struct sl_finding finding = {
		.id = place->id,
		.serial = place->serial,
		.is_agent = place->probe.is_agent,
		.blind = verdict->blind,
		.state = verdict->state,
		.result = place->probe.result,
		.us = (uint32_t)((sl_clock_ns() - place->started_ns) / 1000),
		.held_ms = verdict->held_ms > now_ms ? (uint32_t)(verdict->held_ms - now_ms) : 0,
		.checks = place->checks,
		.failures = place->failures,
		.agent = place->probe.agent,
	};

	memcpy(finding.say, place->probe.say, sizeof(finding.say));
	add_finding(place->prober, &finding);
}

static void on_ended(struct sl_probe *probe)
{
	struct place *place = (struct place *)probe;
	uint64_t elapsed_ms = (sl_clock_ns() - place->started_ns) / 1000000;
	uint32_t wait;

	probe->running->stop(probe);
	probe->running = NULL;
	place->checks++;
	place->failures += probe->result != SL_HEALTH_OK && probe->result != SL_HEALTH_CANNOT;
	(void)sl_verdict_take(&place->verdict, &place->timing, probe->result, sl_clock_ms());
	report(place);
	/* Intervals are from start to start, however long a check took. */
	wait = with_jitter(place->prober, sl_verdict_wait_ms(&place->verdict, &place->timing));
	wait_ms(place, wait > elapsed_ms ? wait - (uint32_t)elapsed_ms : 0);
}

static void begin(struct place *place)
{
	place->started_ns = sl_clock_ns();
	wait_ms(place, place->spec->conf.timeout_ms);
	sl_probe_begin(&place->probe);
}

static void on_timer(int fd, short what, void *context)
{
	struct place *place = context;

	(void)fd, (void)what;
	if (place->probe.running)
		sl_probe_end(&place->probe, SL_HEALTH_TIMEOUT, "no answer within %u ms",
			     place->spec->conf.timeout_ms);
	else
		begin(place);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void drop(struct sl_prober *prober, uint32_t id, bool is_agent)
{
	struct place **at = place_at(prober, id, is_agent);

	free_place(*at);
	*at = NULL;
}

/* Where in the interval it begins: by its names, so that it is the same after a restart and nodes of
 * one interval are spread over it. */
static uint32_t first_wait_ms(const struct sl_target *target)
{
	const char *parts[] = {target->pool, target->node, target->is_agent ? "agent" : ""};
	uint64_t hash = 0;

	for (size_t i = 0; i < SL_ARRAY_COUNT(parts); i++)
		for (const char *at = parts[i]; *at; at++)
			hash = sl_prng_mix(hash + (uint8_t)*at + 1);
	return (uint32_t)(((hash >> 32) * target->spec->timing.interval_ms) >> 32);
}

static void set(struct sl_prober *prober, const struct sl_target *target)
{
	struct place **at = place_at(prober, target->id, target->is_agent), *before = *at;
	struct place *place = calloc(1, sizeof(*place));

	if (!place) {
		sl_health_spec_put(target->spec);
		return;
	}
	place->prober = prober;
	place->spec = target->spec;
	place->id = target->id;
	place->serial = target->serial;
	place->timing = target->spec->timing;
	if (target->is_agent)
		place->timing.interval_ms = place->timing.fast_ms =
			target->spec->conf.agent_interval_ms;
	if (before && before->serial == target->serial) {
		place->verdict = before->verdict;
		place->checks = before->checks;
		place->failures = before->failures;
	}
	drop(prober, target->id, target->is_agent);
	place->probe = (struct sl_probe){.bench = &prober->bench,
					 .spec = target->spec,
					 .is_agent = target->is_agent,
					 .address = target->address,
					 .port = target->port,
					 .by_way = target->by_way,
					 .way_node = target->id,
					 .way_port = target->way_port,
					 .ended = on_ended,
					 .fd = -1};
	memcpy(place->probe.pool, target->pool, SL_NAME_SIZE);
	memcpy(place->probe.node, target->node, SL_NAME_SIZE);
	place->timer = evtimer_new(prober->base, on_timer, place);
	if (!place->timer) {
		free_place(place);
		return;
	}
	*at = place;
	wait_ms(place, first_wait_ms(target));
}

static void on_commands(int fd, short what, void *context)
{
	struct sl_prober *prober = context;
	struct commands commands = STAILQ_HEAD_INITIALIZER(commands);
	struct command *command;
	uint64_t rung;
	bool ends;

	(void)what;
	(void)!read(fd, &rung, sizeof(rung));
	(void)pthread_mutex_lock(&prober->lock);
	STAILQ_CONCAT(&commands, &prober->commands);
	ends = prober->ends;
	(void)pthread_mutex_unlock(&prober->lock);
	while ((command = STAILQ_FIRST(&commands))) {
		STAILQ_REMOVE_HEAD(&commands, link);
		if (command->drops)
			drop(prober, command->target.id, command->target.is_agent);
		else
			set(prober, &command->target);
		free(command);
	}
	if (ends)
		(void)event_base_loopbreak(prober->base);
}

static int add_command(struct sl_prober *prober, bool drops, const struct sl_target *target)
{
	struct command *command = calloc(1, sizeof(*command));

	if (!command)
		return -ENOMEM;
	command->drops = drops;
	command->target = *target;
	if (!drops)
		command->target.spec = sl_health_spec_get(target->spec);
	STAILQ_INSERT_TAIL(&prober->unsent, command, link);
	return 0;
}

int sl_prober_set(struct sl_prober *prober, const struct sl_target *target)
{
	return add_command(prober, false, target);
}

int sl_prober_drop(struct sl_prober *prober, uint32_t id, bool is_agent)
{
	const struct sl_target target = {.id = id, .is_agent = is_agent};

	return add_command(prober, true, &target);
}

void sl_prober_ring(struct sl_prober *prober)
{
	uint64_t one = 1;

	if (STAILQ_EMPTY(&prober->unsent))
		return;
	(void)pthread_mutex_lock(&prober->lock);
	STAILQ_CONCAT(&prober->commands, &prober->unsent);
	(void)pthread_mutex_unlock(&prober->lock);
	(void)!write(prober->command_bell, &one, sizeof(one));
}

/* ---- life ------------------------------------------------------------------------------------ */

static void *run(void *context)
{
	struct sl_prober *prober = context;

	(void)pthread_setname_np(pthread_self(), "sl-health");
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 0);
	(void)event_base_loop(prober->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static struct event *bell_event(struct event_base *base, int fd,
				void (*called)(int fd, short what, void *context), void *context)
{
	struct event *event =
		fd >= 0 ? event_new(base, fd, EV_READ | EV_PERSIST, called, context) : NULL;

	if (event && event_add(event, NULL)) {
		event_free(event);
		event = NULL;
	}
	return event;
}

/* Signals are control's. */
static int launch(struct sl_prober *prober)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&prober->thread, NULL, run, prober);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	prober->launched = rc == 0;
	return -rc;
}

int sl_prober_create(struct event_base *base, const struct sl_prober_calls *calls,
		     struct sl_prober **out, struct sl_err *err)
{
	struct sl_prober *prober = calloc(1, sizeof(*prober));

	if (!prober)
		return sl_err_set(err, -ENOMEM, "no memory for health checks");
	prober->calls = *calls;
	STAILQ_INIT(&prober->unsent);
	STAILQ_INIT(&prober->commands);
	(void)pthread_mutex_init(&prober->lock, NULL);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	prober->prng.state = sl_clock_ns();
	prober->command_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	prober->finding_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	prober->base = event_base_new();
	prober->places = calloc((size_t)SL_NODE_INDEX_MAX * 2, sizeof(struct place *));
	if (prober->base && prober->places) {
		prober->bench.base = prober->base;
		prober->bench.way = calls->way;
		prober->commanded =
			bell_event(prober->base, prober->command_bell, on_commands, prober);
		prober->batch = evtimer_new(prober->base, on_batch, prober);
		prober->told = bell_event(base, prober->finding_bell, on_told, prober);
	}
	if (!prober->commanded || !prober->batch || !prober->told || launch(prober)) {
		sl_prober_destroy(prober);
		return sl_err_set(err, -ENOMEM, "no memory for the thread of health checks");
	}
	*out = prober;
	return 0;
}

static void drop_commands(struct commands *commands)
{
	struct command *command;

	while ((command = STAILQ_FIRST(commands))) {
		STAILQ_REMOVE_HEAD(commands, link);
		if (!command->drops)
			sl_health_spec_put(command->target.spec);
		free(command);
	}
}

void sl_prober_destroy(struct sl_prober *prober)
{
	uint64_t one = 1;

	if (!prober)
		return;
	if (prober->launched) {
		(void)pthread_mutex_lock(&prober->lock);
		prober->ends = true;
		(void)pthread_mutex_unlock(&prober->lock);
		(void)!write(prober->command_bell, &one, sizeof(one));
		(void)pthread_join(prober->thread, NULL);
	}
	for (uint32_t i = 0; prober->places && i < SL_NODE_INDEX_MAX * 2; i++)
		free_place(prober->places[i]);
	sl_transfers_destroy(prober->bench.http);
	sl_icmp_probes_destroy(prober->bench.icmp);
	sl_external_left_destroy(prober->bench.left);
	drop_commands(&prober->unsent);
	drop_commands(&prober->commands);
	free_event(prober->told);
	free_event(prober->commanded);
	free_event(prober->batch);
	if (prober->base)
		event_base_free(prober->base);
	(void)close(prober->command_bell); /* of -1: nothing */
	(void)close(prober->finding_bell);
	(void)pthread_mutex_destroy(&prober->lock);
	curl_global_cleanup();
	free(prober->places);
	free(prober->findings);
	free(prober->taken);
	free(prober);
}
