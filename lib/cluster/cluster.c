/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "cluster/inside.h"

#define TICK_MS	  100
#define TEXT_SIZE 512

const char *sl_cluster_state_name(enum sl_cluster_state state)
{
	static const char *const names[] = {
#define X(id, name, value) [value] = (name),
		SL_CLUSTER_STATES(X)
#undef X
	};

	return names[state];
}

uint64_t sl_cluster_now(void)
{
	return sl_clock_ms();
}

/* ---- saying ---------------------------------------------------------------------------------- */

void sl_cluster_say(struct sl_cluster *cluster, bool bad, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sl_log(bad ? SL_LOG_WARNING : SL_LOG_NOTICE, "cluster %s: %s", cluster->spec.conf->name,
	       text);
	sl_model_note(cluster->model, "cluster", NULL, NULL, text);
}

static void set_state(struct sl_cluster *cluster, enum sl_cluster_state state)
{
	if (state != SL_CLUSTER_STOPPED && state != SL_CLUSTER_NO_QUORUM && !cluster->stopped)
		cluster->why[0] = '\0';
	cluster->state = state;
}

void sl_cluster_stop(struct sl_cluster *cluster, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(cluster->why, sizeof(cluster->why), format, args);
	va_end(args);
	cluster->stopped = true;
	set_state(cluster, SL_CLUSTER_STOPPED);
	sl_log_forget(cluster);
	sl_cluster_say(cluster, true,
		       "%s; this member carries out nothing more, and serves on as it is: mend it, "
		       "and restart",
		       cluster->why);
}

/* ---- what is to be done ---------------------------------------------------------------------- */

void sl_cluster_read(struct sl_cluster *cluster, const struct sl_store_range *range,
		     sl_store_done *done)
{
	cluster->busy = true;
	cluster->spec.engine->read(cluster->store, range, done, cluster);
}

void sl_cluster_commit(struct sl_cluster *cluster, const struct sl_store_commit *commit,
		       sl_store_done *done)
{
	cluster->busy = true;
	cluster->spec.engine->commit(cluster->store, commit, done, cluster);
}

/* The first thing that is due; false: there is none. */
static bool begin_next(struct sl_cluster *cluster)
{
	uint64_t generation = sl_model_generation(cluster->model);

	if (!cluster->claimed && sl_cluster_now() < cluster->retry_ms)
		return false;
	if (!cluster->claimed)
		sl_member_claim(cluster);
	else if (!cluster->listed)
		sl_member_list(cluster);
	else if (!cluster->heard && cluster->spec.calls.found)
		sl_voice_list(cluster);
	else if (sl_voice_due(cluster))
		sl_voice_publish(cluster);
	else if (cluster->stopped && sl_member_due(cluster))
		sl_member_publish(cluster);
	else if (cluster->stopped)
		return false;
	else if (!cluster->looked)
		sl_join_next(cluster);
	else if (!STAILQ_EMPTY(&cluster->incoming))
		sl_log_apply(cluster);
	else if (cluster->seen > generation)
		sl_log_read(cluster);
	else if (cluster->began)
		sl_join_end(cluster);
	else if (cluster->state != SL_CLUSTER_MEMBER)
		set_state(cluster, SL_CLUSTER_MEMBER);
	else if (cluster->checkpoint_due)
		sl_checkpoint_write(cluster);
	else if (cluster->forget[0])
		sl_member_forget(cluster);
	else if (!STAILQ_EMPTY(&cluster->pending))
		sl_submit_next(cluster);
	else if (sl_member_due(cluster))
		sl_member_publish(cluster);
	else
		return false;
	return true;
}

void sl_cluster_work(struct sl_cluster *cluster)
{
	while (cluster->session && !cluster->busy && begin_next(cluster))
		;
}

void sl_cluster_work_soon(struct sl_cluster *cluster)
{
	event_active(cluster->soon, 0, 0);
}

static void on_soon(int fd, short what, void *context)
{
	(void)fd;
	(void)what;
	sl_cluster_work(context);
}

static void on_tick(int fd, short what, void *context)
{
	struct sl_cluster *cluster = context;

	(void)fd;
	(void)what;
	sl_submit_tick(cluster);
	(void)sl_cluster_judges(cluster);
	sl_cluster_work(cluster);
}

/* ---- what the store tells -------------------------------------------------------------------- */

static void on_up(void *context, bool fresh, const char *address)
{
	struct sl_cluster *cluster = context;

	(void)snprintf(cluster->address, sizeof(cluster->address), "%s", address);
	cluster->session = true;
	cluster->busy = false;
	cluster->listed = cluster->heard = cluster->voiced = false;
	cluster->voice_due = true;
	if (fresh)
		cluster->claimed = false;
	cluster->retry_ms = 0;
	cluster->looked = false; /* what came meanwhile was not told */
	if (!cluster->stopped)
		set_state(cluster, SL_CLUSTER_JOINING);
	if (cluster->down_ms)
		sl_cluster_say(cluster, false, "the store answers again");
	cluster->down_ms = 0;
	sl_cluster_work(cluster);
}

static void on_down(void *context, const char *why)
{
	struct sl_cluster *cluster = context;
	bool first = !cluster->down_ms;

	cluster->session = false;
	sl_log_forget(cluster);
	if (first)
		cluster->down_ms = sl_cluster_now();
	if (!cluster->stopped) {
		set_state(cluster, SL_CLUSTER_NO_QUORUM);
		(void)snprintf(cluster->why, sizeof(cluster->why), "%s", why);
	}
	if (first)
		sl_cluster_say(cluster, true,
			       "no quorum: %s; packets go on, changes wait until it is back", why);
}

static void on_changed(void *context, const struct sl_store_pair *pairs, uint32_t count)
{
	struct sl_cluster *cluster = context;
	uint64_t generation;

	for (uint32_t i = 0; i < count; i++) {
		if (sl_voice_take(cluster, &pairs[i]))
			continue;
		if (strncmp(pairs[i].key, "members", 7) == 0)
			sl_member_take(cluster, &pairs[i]);
		else if (pairs[i].value &&
			 sl_cluster_key_read(pairs[i].key, "checkpoint", &generation))
			cluster->checkpoint = SL_MAX(cluster->checkpoint, generation);
		else if (pairs[i].value && cluster->synced)
			sl_log_take(cluster, &pairs[i], 1);
	}
	sl_cluster_work(cluster);
}

/* ---- start and end --------------------------------------------------------------------------- */

static int begin(struct sl_cluster *cluster, struct sl_err *err)
{
	const struct sl_conf_store *conf = &cluster->spec.conf->store;
	const struct sl_store_calls calls = {
		.context = cluster, .up = on_up, .down = on_down, .changed = on_changed};
	const struct timeval tick = {0, TICK_MS * 1000};
	char prefix[SL_STORE_KEY_SIZE];

	cluster->timer = event_new(cluster->spec.base, -1, EV_PERSIST, on_tick, cluster);
	cluster->soon = event_new(cluster->spec.base, -1, 0, on_soon, cluster);
	cluster->members = calloc(SL_CLUSTER_MEMBERS_MAX, sizeof(*cluster->members));
	if (!cluster->timer || !cluster->soon || !cluster->members ||
	    event_add(cluster->timer, &tick))
		return sl_err_set(err, -ENOMEM, "no memory for the cluster");
	if (getrandom(&cluster->incarnation, sizeof(cluster->incarnation), 0) !=
	    sizeof(cluster->incarnation))
		return sl_err_set(err, -EIO, "no random numbers: %s", strerror(errno));
	(void)snprintf(prefix, sizeof(prefix), "%s/%s/", conf->prefix, cluster->spec.conf->name);
	return cluster->spec.engine->create(cluster->spec.base, conf, prefix, &calls,
					    &cluster->store, err);
}

int sl_cluster_create(const struct sl_cluster_spec *spec, struct sl_cluster **out,
		      struct sl_err *err)
{
	struct sl_cluster *cluster = calloc(1, sizeof(*cluster));
	int rc;

	if (!cluster)
		return sl_err_set(err, -ENOMEM, "no memory for the cluster");
	cluster->spec = *spec;
	cluster->model = spec->model;
	STAILQ_INIT(&cluster->incoming);
	STAILQ_INIT(&cluster->pending);
	cluster->before = sl_image_get(sl_model_image(spec->model));
	rc = begin(cluster, err);
	if (rc) {
		sl_cluster_destroy(cluster);
		return rc;
	}
	*out = cluster;
	return 0;
}

void sl_cluster_destroy(struct sl_cluster *cluster)
{
	if (!cluster)
		return;
	if (cluster->store)
		cluster->spec.engine->destroy(cluster->store);
	sl_log_forget(cluster);
	sl_submit_fini(cluster);
	sl_pack_fini(&cluster->parts.pack);
	sl_pack_fini(&cluster->work);
	for (uint32_t f = 0; f < SL_CLUSTER_FOLD - 1; f++)
		sl_pack_fini(&cluster->folded[f]);
	sl_image_put(cluster->before);
	if (cluster->timer)
		event_free(cluster->timer);
	if (cluster->soon)
		event_free(cluster->soon);
	free(cluster->members);
	free(cluster->voice);
	free(cluster);
}

int sl_cluster_checkpoint(struct sl_cluster *cluster, struct sl_err *err)
{
	if (cluster->state != SL_CLUSTER_MEMBER)
		return sl_err_set(err, -ENOLINK, "no quorum: this member is %s: %s",
				  sl_cluster_state_name(cluster->state), cluster->why);
	cluster->checkpoint_due = true;
	sl_cluster_work_soon(cluster);
	return 0;
}

void sl_cluster_report(struct sl_cluster *cluster, struct sl_cluster_report *report)
{
	uint64_t generation = sl_model_generation(cluster->model), now_ms = sl_cluster_now();

	*report = (struct sl_cluster_report){
		.state = cluster->state,
		.generation = generation,
		.log = SL_MAX(cluster->seen, cluster->synced ? generation : 0),
		.checkpoint = cluster->checkpoint,
		.synced = cluster->synced,
		.waiting = cluster->pending_count,
		.members = cluster->members,
		.member_count = cluster->member_count,
	};
	(void)snprintf(report->why, sizeof(report->why), "%s", cluster->why);
	for (uint32_t m = 0; m < cluster->member_count; m++) {
		struct sl_cluster_member *member = &cluster->members[m];
		uint64_t next = member->generation + 1;

		if (next + SL_CLUSTER_TIMES <= generation)
			next = generation - SL_CLUSTER_TIMES + 1;
		member->lag_ms =
			next > generation ? 0 : now_ms - cluster->times[next % SL_CLUSTER_TIMES];
	}
}
