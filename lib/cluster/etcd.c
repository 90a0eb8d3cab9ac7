/* SPDX-License-Identifier: BSD-3-Clause */

/* The engine for etcd: a session with one of its nodes, the next one when that does not answer. */

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cluster/ask.h"
#include "cluster/etcd_json.h"
#include "health/transfer.h"

#define RETRY_MS_MIN 100 /* before the next endpoint is tried */
#define RETRY_MS_MAX 1000
#define KEEP_MS	     (SL_STORE_LEASE_S * 1000 / 3)
#define WHY_SIZE     384
#define LINE_SIZE    256 /* of an answer that is no JSON */
#define NONSENSE     "its answer makes no sense"

enum step {
	STEP_NONE = 0,	/* waits for the timer */
	STEP_TOKEN = 1, /* asks who we are */
	STEP_LOOK = 2,	/* asks for the revision */
	STEP_LEASE = 3,
	STEP_WATCH = 4,
	STEP_UP = 5,
};

struct request {
	TAILQ_ENTRY(request) link;
	struct sl_store *store;
	struct sl_ask *ask; /* NULL: answered -ENOLINK in the next turn */
	void (*said)(struct sl_store *store, struct sl_etcd_said *said); /* the session's own */
	sl_store_done *done;						 /* or a caller's */
	void *context;
	bool commit;
};
TAILQ_HEAD(requests, request);

struct sl_store {
	struct event_base *base;
	const struct sl_conf_store *conf;
	char prefix[SL_STORE_KEY_SIZE];
	struct sl_store_calls calls;
	struct sl_transfers *transfers;
	struct requests asked, late;
	struct sl_ask *watch;
	struct event *timer, *later;
	enum step step;
	uint32_t endpoint, failures;
	uint64_t lease, revision;
	bool fresh; /* the lease is of this session */
	char token[256], address[SL_ASK_ADDRESS_SIZE];
};

static void next_step(struct sl_store *store);

/* ---- the session's end ----------------------------------------------------------------------- */

static void set_timer(const struct sl_store *store, uint32_t ms)
{
	const struct timeval wait = {ms / 1000, (ms % 1000) * 1000};

	(void)event_add(store->timer, &wait);
}

static void request_free(struct request *request)
{
	sl_ask_destroy(request->ask);
	free(request);
}

static void refuse_all(struct requests *list)
{
	const struct sl_store_answer answer = {.rc = -ENOLINK};
	struct request *request;

	while ((request = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, request, link);
		if (request->done)
			request->done(request->context, &answer);
		request_free(request);
	}
}

/* All that was asked is answered, and another endpoint is next. */
static void close_session(struct sl_store *store, const char *why)
{
	struct requests asked = TAILQ_HEAD_INITIALIZER(asked);
	char text[WHY_SIZE];

	(void)snprintf(text, sizeof(text), "%s: %s", store->conf->endpoints[store->endpoint], why);
	store->step = STEP_NONE;
	store->endpoint = (store->endpoint + 1) % store->conf->endpoint_count;
	TAILQ_CONCAT(&asked, &store->asked, link);
	sl_ask_destroy(store->watch);
	store->watch = NULL;
	/* all endpoints quickly, then again after a while */
	set_timer(store,
		  store->failures < store->conf->endpoint_count ? RETRY_MS_MIN : RETRY_MS_MAX);
	store->failures++;
	store->calls.down(store->calls.context, text);
	refuse_all(&asked);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct sl_ask_spec spec_of(const struct sl_store *store, const char *path, char *body)
{
	return (struct sl_ask_spec){.conf = store->conf,
				    .endpoint = store->conf->endpoints[store->endpoint],
				    .path = path,
				    .token = store->token,
				    .body = body};
}

/* What an error of the store means to whoever asked, when it is no end of the session. */
static int refusal(const char *error)
{
	return strstr(error, "too large") || strstr(error, "larger than max") ? -E2BIG : 0;
}

static void answer(struct request *request, const struct sl_etcd_said *said, int rc)
{
	struct sl_store_answer answer = {
		.rc = rc, .pairs = said->pairs, .count = said->count, .more = said->more};

	if (rc == 0 && request->commit && !said->succeeded)
		answer.rc = -EAGAIN;
	request->done(request->context, &answer);
}

static void on_answer(void *context, struct sl_ask *ask, long status, const char *text,
		      size_t length, const char *why)
{
	struct request *request = context;
	struct sl_store *store = request->store;
	struct sl_etcd_said said = {0};
	int rc = status ? sl_etcd_read(store->prefix, text, length, &said) : 0;
	char line[LINE_SIZE];

	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\r\n"), text);
	if (status && (rc || said.error[0] || status != 200))
		why = said.error[0] ? said.error : status != 200 && line[0] ? line : NONSENSE;
	else if (status)
		why = NULL;
	if (why && !(rc == 0 && request->done && refusal(said.error))) {
		close_session(store, why);
		sl_etcd_said_fini(&said);
		return;
	}
	if (store->step == STEP_LOOK)
		sl_ask_address(ask, store->address);
	TAILQ_REMOVE(&store->asked, request, link);
	if (request->done)
		answer(request, &said, why ? refusal(said.error) : 0);
	else
		request->said(store, &said);
	sl_etcd_said_fini(&said);
	request_free(request);
}

/* Takes body over. */
static void ask(struct sl_store *store, const char *path, char *body, struct request how)
{
	struct request *request = calloc(1, sizeof(*request));
	struct sl_ask_spec spec = spec_of(store, path, body);
	const struct timeval now = {0};

	if (!request) {
		free(body);
		return;
	}
	*request = how;
	request->store = store;
	spec.context = request;
	spec.ended = on_answer;
	if (how.done && store->step != STEP_UP)
		free(body);
	else
		(void)sl_ask_create(store->transfers, store->base, &spec, &request->ask);
	if (request->ask) {
		TAILQ_INSERT_TAIL(&store->asked, request, link);
		return;
	}
	TAILQ_INSERT_TAIL(&store->late, request, link);
	(void)event_add(store->later, &now);
}

static void on_later(int fd, short what, void *context)
{
	struct requests late = TAILQ_HEAD_INITIALIZER(late);
	struct sl_store *store = context;

	(void)fd;
	(void)what;
	TAILQ_CONCAT(&late, &store->late, link);
	refuse_all(&late);
	/* the session's own question could not even be asked */
	if (store->step != STEP_NONE && store->step != STEP_UP && TAILQ_EMPTY(&store->asked) &&
	    !store->watch)
		close_session(store, "no memory");
}

/* ---- the watch ------------------------------------------------------------------------------- */

static void on_watch_ended(void *context, struct sl_ask *ask, long status, const char *text,
			   size_t length, const char *why)
{
	(void)ask;
	(void)text;
	(void)length;
	close_session(context, status ? "it ended the watch" : why);
}

static void on_watch_lines(void *context, struct sl_ask *ask)
{
	struct sl_store *store = context;
	const char *line;
	size_t length;

	while (store->watch == ask && (line = sl_ask_line(ask, &length))) {
		struct sl_etcd_said said;
		int rc = sl_etcd_read(store->prefix, line, length, &said);

		if (rc || said.error[0] || said.canceled) {
			close_session(store, rc		     ? "its watch makes no sense"
					     : said.error[0] ? said.error
							     : "it ended the watch");
			if (rc == 0)
				sl_etcd_said_fini(&said);
			return;
		}
		if (said.created && store->step == STEP_WATCH) {
			store->step = STEP_UP;
			store->failures = 0;
			set_timer(store, KEEP_MS);
			store->calls.up(store->calls.context, store->fresh, store->address);
		} else if (said.count > 0) {
			store->calls.changed(store->calls.context, said.pairs, said.count);
		}
		sl_etcd_said_fini(&said);
	}
}

static void begin_watch(struct sl_store *store)
{
	struct sl_ask_spec spec =
		spec_of(store, "/v3/watch", sl_etcd_ask_watch(store->prefix, store->revision + 1));

	store->step = STEP_WATCH;
	spec.stream = true;
	spec.context = store;
	spec.ended = on_watch_ended;
	spec.lines = on_watch_lines;
	if (sl_ask_create(store->transfers, store->base, &spec, &store->watch))
		close_session(store, "no memory");
	else
		set_timer(store, SL_ASK_MS);
}

/* ---- the session's steps --------------------------------------------------------------------- */

static void on_token(struct sl_store *store, struct sl_etcd_said *said)
{
	memcpy(store->token, said->token, sizeof(store->token));
	next_step(store);
}

static void on_look(struct sl_store *store, struct sl_etcd_said *said)
{
	store->revision = said->revision;
	next_step(store);
}

static void on_granted(struct sl_store *store, struct sl_etcd_said *said)
{
	store->lease = said->lease;
	store->fresh = true;
	if (store->lease)
		begin_watch(store);
	else
		close_session(store, "it grants no lease");
}

static void grant_lease(struct sl_store *store)
{
	ask(store, "/v3/lease/grant", sl_etcd_ask_lease(0, SL_STORE_LEASE_S),
	    (struct request){.said = on_granted});
}

/* In the beginning, and once a while later. */
static void on_kept(struct sl_store *store, struct sl_etcd_said *said)
{
	if (said->ttl > 0 && store->step == STEP_LEASE) {
		store->fresh = false;
		begin_watch(store);
	} else if (said->ttl > 0) {
		set_timer(store, KEEP_MS);
	} else {
		store->lease = 0;
		if (store->step == STEP_LEASE)
			grant_lease(store);
		else
			close_session(store, "the lease has ended");
	}
}

static void keep_lease(struct sl_store *store)
{
	ask(store, "/v3/lease/keepalive", sl_etcd_ask_lease(store->lease, 0),
	    (struct request){.said = on_kept});
}

static void next_step(struct sl_store *store)
{
	const struct sl_store_range any = {.from = "head", .limit = 1, .keys_only = true};

	if (store->step == STEP_NONE && store->conf->user[0]) {
		store->step = STEP_TOKEN;
		store->token[0] = '\0';
		ask(store, "/v3/auth/authenticate",
		    sl_etcd_ask_token(store->conf->user, store->conf->password),
		    (struct request){.said = on_token});
	} else if (store->step <= STEP_TOKEN) {
		store->step = STEP_LOOK;
		ask(store, "/v3/kv/range", sl_etcd_ask_range(store->prefix, &any),
		    (struct request){.said = on_look});
	} else {
		store->step = STEP_LEASE;
		if (store->lease)
			keep_lease(store);
		else
			grant_lease(store);
	}
}

static void on_timer(int fd, short what, void *context)
{
	struct sl_store *store = context;

	(void)fd;
	(void)what;
	if (store->step == STEP_NONE)
		next_step(store);
	else if (store->step == STEP_UP)
		keep_lease(store);
	else if (store->step == STEP_WATCH)
		close_session(store, "it does not begin the watch");
}

/* ---- the engine ------------------------------------------------------------------------------ */

static int check_file(const char *key, const char *path, struct sl_err *err)
{
	return !path[0] || access(path, R_OK) == 0
		       ? 0
		       : sl_err_set(err, -EINVAL, "cluster.store.%s %s: %s", key, path,
				    strerror(errno));
}

static void etcd_destroy(struct sl_store *store)
{
	struct sl_ask_spec spec;

	if (!store)
		return;
	while (!TAILQ_EMPTY(&store->asked) || !TAILQ_EMPTY(&store->late)) {
		struct requests *list = TAILQ_EMPTY(&store->asked) ? &store->late : &store->asked;
		struct request *request = TAILQ_FIRST(list);

		TAILQ_REMOVE(list, request, link);
		request_free(request);
	}
	sl_ask_destroy(store->watch);
	if (store->lease && store->step == STEP_UP) {
		spec = spec_of(store, "/v3/lease/revoke", sl_etcd_ask_lease(store->lease, 0));
		sl_ask_and_wait(&spec);
	}
	if (store->timer)
		event_free(store->timer);
	if (store->later)
		event_free(store->later);
	sl_transfers_destroy(store->transfers);
	free(store);
}

static int etcd_create(struct event_base *base, const struct sl_conf_store *conf,
		       const char *prefix, const struct sl_store_calls *calls,
		       struct sl_store **out, struct sl_err *err)
{
	struct sl_store *store;
	int rc = check_file("ca", conf->ca, err);

	if (rc == 0)
		rc = check_file("cert", conf->cert, err);
	if (rc == 0)
		rc = check_file("key", conf->key, err);
	if (rc)
		return rc;
	store = calloc(1, sizeof(*store));
	if (!store)
		return sl_err_set(err, -ENOMEM, "no memory");
	store->base = base;
	store->conf = conf;
	store->calls = *calls;
	(void)snprintf(store->prefix, sizeof(store->prefix), "%s", prefix);
	TAILQ_INIT(&store->asked);
	TAILQ_INIT(&store->late);
	store->timer = evtimer_new(base, on_timer, store);
	store->later = evtimer_new(base, on_later, store);
	if (!store->timer || !store->later || sl_transfers_create(base, &store->transfers)) {
		etcd_destroy(store);
		return sl_err_set(err, -ENOMEM, "no memory");
	}
	set_timer(store, 0);
	*out = store;
	return 0;
}

static void etcd_read(struct sl_store *store, const struct sl_store_range *range,
		      sl_store_done *done, void *context)
{
	ask(store, "/v3/kv/range", sl_etcd_ask_range(store->prefix, range),
	    (struct request){.done = done, .context = context});
}

static void etcd_commit(struct sl_store *store, const struct sl_store_commit *commit,
			sl_store_done *done, void *context)
{
	ask(store, "/v3/kv/txn", sl_etcd_ask_commit(store->prefix, commit, store->lease),
	    (struct request){.done = done, .context = context, .commit = true});
}

const struct sl_store_ops sl_store_etcd = {
	.name = "etcd",
	.create = etcd_create,
	.destroy = etcd_destroy,
	.read = etcd_read,
	.commit = etcd_commit,
};
