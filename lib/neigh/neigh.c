/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/neigh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "neigh/announce.h"
#include "neigh/inside.h"
#include "neigh/netlink.h"

#define STEP_MAX      256 /* questions to the kernel at a time: 2 to 3 ms */
#define OWN_COST      2	  /* one of our own is as many: 25,000 a second, for the link's sake */
#define STEP_MS	      5	  /* between two steps while more are due */
#define PAUSE_MS      100
#define OWN_PAUSE_MS  20  /* where we hear for ourselves */
#define TOUCH_MS      20  /* between two snapshots that news make */
#define BUSY_TOUCH_MS 100 /* while more is due */
#define SWEEP_MS      1000
#define KEPT_MS	      10000 /* between two words about claims that were not taken */
#define SENTENCE_SIZE 224

/* ---- what is told ---------------------------------------------------------------------------- */

static const char *port_name(const struct sl_neighbors *neighbors, uint32_t port)
{
	return sl_model_image(neighbors->model)->conf->ports[port].name;
}

static void say(const struct sl_neighbors *neighbors, enum sl_log_level level, const char *sentence)
{
	sl_log(level, "%s", sentence);
	if (level <= SL_LOG_NOTICE)
		sl_model_note(neighbors->model, "neighbor", NULL, NULL, sentence);
}

/* One word in a while about claims: there may be a flood of them. */
static bool is_kept_news(struct sl_neighbors *neighbors)
{
	uint64_t now_ms = sl_clock_ms();

	if (neighbors->kept_ms && now_ms - neighbors->kept_ms < KEPT_MS)
		return false;
	neighbors->kept_ms = now_ms;
	return true;
}

static void on_news(void *context, const struct sl_neigh_entry *entry, enum sl_neigh_news news,
		    const struct sl_mac *refused)
{
	static const enum sl_log_level levels[] = {
		[SL_NEIGH_NEWS_KNOWN] = SL_LOG_DEBUG,	 [SL_NEIGH_NEWS_CHANGED] = SL_LOG_NOTICE,
		[SL_NEIGH_NEWS_FAILED] = SL_LOG_WARNING, [SL_NEIGH_NEWS_REFUSED] = SL_LOG_WARNING,
		[SL_NEIGH_NEWS_KEPT] = SL_LOG_WARNING,
	};
	struct sl_neighbors *neighbors = context;
	bool routed = entry->key.kind == SL_NEIGH_ROUTE;
	char addr[SL_ADDR_TEXT_SIZE], hop[SL_ADDR_TEXT_SIZE], sentence[SENTENCE_SIZE];
	const char *port = port_name(neighbors, entry->key.port);

	if (news == SL_NEIGH_NEWS_KEPT && !is_kept_news(neighbors))
		return;
	neighbors->news |= news != SL_NEIGH_NEWS_KEPT && news != SL_NEIGH_NEWS_REFUSED;
	sl_addr_format(&entry->key.addr, addr);
	if (news == SL_NEIGH_NEWS_REFUSED)
		(void)snprintf(sentence, sizeof(sentence),
			       "port %s: neighbour %s says that it is at %s, which is our own, a "
			       "group's or nobody's: not taken",
			       port, addr, sl_mac_format(refused, hop));
	else if (news == SL_NEIGH_NEWS_KEPT)
		(void)snprintf(sentence, sizeof(sentence),
			       "port %s: %s says that it has neighbour %s, which answers where it "
			       "was: not taken",
			       port, sl_mac_format(refused, hop), addr);
	else if (news == SL_NEIGH_NEWS_FAILED)
		(void)snprintf(sentence, sizeof(sentence), "port %s: %s %s", port,
			       routed ? "no route leads to" : "no answer from neighbour", addr);
	else
		(void)snprintf(sentence, sizeof(sentence), "port %s: %s %s %s%s", port,
			       routed ? "the way to" : "neighbour", addr,
			       routed ? "leads by " : "is at ",
			       routed ? sl_addr_format(&entry->via->key.addr, hop)
				      : sl_mac_format(&entry->mac, hop));
	say(neighbors, levels[news], sentence);
}

/* News of a while make one snapshot. True: there will be one in this turn. */
static bool tell_model(struct sl_neighbors *neighbors)
{
	uint64_t now = sl_clock_ms();

	if (!neighbors->news ||
	    now - neighbors->touched_ms < (neighbors->busy ? BUSY_TOUCH_MS : TOUCH_MS))
		return false;
	neighbors->news = false;
	neighbors->touched_ms = now;
	sl_model_touch(neighbors->model);
	return true;
}

/* ---- which are needed ------------------------------------------------------------------------ */

static const struct sl_conf_port *conf_port(const struct sl_neighbors *neighbors, uint32_t port)
{
	return &sl_model_image(neighbors->model)->conf->ports[port];
}

/* Whether we ask for it ourselves. */
static bool asks(const struct sl_neighbors *neighbors, uint32_t port, const struct sl_addr *hop)
{
	return neighbors->own[port] && sl_conf_asking(conf_port(neighbors, port), hop);
}

static struct sl_neigh_key key_of(const struct sl_neighbors *neighbors, uint32_t port,
				  enum sl_conf_hop how, const struct sl_addr *hop)
{
	struct sl_neigh_key key = {.port = (uint8_t)port, .addr = *hop};

	if (how == SL_HOP_KNOWN)
		key.kind = SL_NEIGH_GIVEN;
	else if (neighbors->interface[port])
		key.kind = how == SL_HOP_LINK ? SL_NEIGH_LINK : SL_NEIGH_ROUTE;
	else if (how == SL_HOP_LINK && asks(neighbors, port, hop))
		key.kind = SL_NEIGH_OWN;
	else
		key.kind = SL_NEIGH_NOBODY;
	return key;
}

static void need(struct sl_neighbors *neighbors, const struct sl_conf *conf,
		 const struct sl_image_node *node, uint64_t now_ms)
{
	struct sl_neigh_entry *before = neighbors->of[node->index], *entry;
	struct sl_neigh_key key;
	struct sl_addr hop;
	struct sl_mac mac;
	enum sl_conf_hop how = sl_conf_next_hop(conf, node->conf, &mac, &hop);

	key = key_of(neighbors, node->conf->port, how, &hop);
	entry = sl_neigh_get(neighbors->table, &key, &mac, now_ms);
	sl_neigh_put(neighbors->table, before);
	neighbors->of[node->index] = entry;
	neighbors->seen[node->index] = neighbors->epoch;
	neighbors->top = SL_MAX(neighbors->top, node->index + 1);
	if (!entry)
		sl_neigh_complain(neighbors, -ENOMEM);
}

/* Those of all remote nodes, also of nodes that are leaving; no others are left. */
static void follow(struct sl_neighbors *neighbors)
{
	const struct sl_image *image = sl_model_image(neighbors->model);
	uint64_t now_ms = sl_clock_ms();

	neighbors->swept_ms = now_ms;
	neighbors->epoch++;
	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			if (image->pools[p]->nodes[n].conf->kind == SL_NODE_REMOTE)
				need(neighbors, image->conf, &image->pools[p]->nodes[n], now_ms);
	for (uint32_t i = 0; i < neighbors->top; i++) {
		if (!neighbors->of[i] || neighbors->seen[i] == neighbors->epoch)
			continue;
		sl_neigh_put(neighbors->table, neighbors->of[i]);
		neighbors->of[i] = NULL;
	}
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* True: more are due. */
static bool step(struct sl_neighbors *neighbors)
{
	uint64_t now_ms = sl_clock_ms();
	struct sl_neigh_entry *entry;

	for (uint32_t cost = 0; cost < STEP_MAX; cost++) {
		entry = sl_neigh_due(neighbors->table, now_ms);
		if (!entry)
			return false;
		if (entry->key.kind == SL_NEIGH_ROUTE) {
			sl_neigh_kernel_find_way(neighbors, entry);
		} else if (entry->key.kind == SL_NEIGH_LINK) {
			sl_neigh_kernel_ask(neighbors, entry);
		} else {
			if (!sl_neigh_ask_for(neighbors->table, entry, &neighbors->link,
					      conf_port(neighbors, entry->key.port)))
				return true;
			cost += OWN_COST - 1;
		}
	}
	return true;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Until the timer, or less where it waits for less already: what comes often must not put it off. */
static void rest(struct sl_neighbors *neighbors, uint32_t ms)
{
	struct timeval wait = {.tv_usec = ms * 1000};
	uint64_t due_ms = sl_clock_ms() + ms;

	if (evtimer_pending(neighbors->timer, NULL) && neighbors->due_ms <= due_ms)
		return;
	neighbors->due_ms = due_ms;
	(void)evtimer_add(neighbors->timer, &wait);
}

/* What is due: true if it is a lot, or answers are on their way. */
static bool work(struct sl_neighbors *neighbors)
{
	uint64_t now_ms = sl_clock_ms();
	bool busy = false;

	busy |= sl_neigh_hear(neighbors->table, &neighbors->link, now_ms);
	busy |= step(neighbors);
	busy |= sl_announcer_step(neighbors->announcer, now_ms);
	neighbors->link.flush(neighbors->link.context);
	return busy;
}

/* With ten thousand nodes a snapshot takes milliseconds, and to go over them, too: each has a turn of its
 * own. */
static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct sl_neighbors *neighbors = context;

	(void)fd;
	(void)what;
	if (tell_model(neighbors)) {
		rest(neighbors, STEP_MS);
		return;
	}
	if (sl_clock_ms() - neighbors->swept_ms >= SWEEP_MS) {
		follow(neighbors);
		rest(neighbors, STEP_MS);
		return;
	}
	neighbors->busy = work(neighbors);
	if (neighbors->busy)
		rest(neighbors, STEP_MS);
	else if (neighbors->news)
		rest(neighbors, TOUCH_MS);
	else
		rest(neighbors, neighbors->asks ? OWN_PAUSE_MS : PAUSE_MS);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct sl_neighbors *neighbors = context;

	(void)fd;
	(void)what;
	sl_neigh_kernel_read(neighbors);
	(void)tell_model(neighbors);
	rest(neighbors, STEP_MS);
}

/* What a change brings is asked for in its turn. */
static void on_event(void *context, const struct sl_model_event *event)
{
	struct sl_neighbors *neighbors = context;

	if (event->kind != SL_EVENT_CHANGE)
		return;
	follow(neighbors);
	sl_announcer_follow(neighbors->announcer, sl_clock_ms());
	(void)step(neighbors);
	neighbors->link.flush(neighbors->link.context);
	rest(neighbors, STEP_MS);
}

void sl_neighbors_link_up(struct sl_neighbors *neighbors, uint32_t port)
{
	sl_neigh_again_on(neighbors->table, port);
	sl_announcer_port(neighbors->announcer, port, sl_clock_ms());
	rest(neighbors, STEP_MS);
}

/* ---- what the model asks --------------------------------------------------------------------- */

static bool next_hop(void *context, uint32_t port, enum sl_conf_hop how, const struct sl_addr *hop,
		     struct sl_mac *mac)
{
	const struct sl_neighbors *neighbors = context;
	struct sl_neigh_key key = key_of(neighbors, port, how, hop);

	return sl_neigh_mac(sl_neigh_find(neighbors->table, &key), mac);
}

/* ---- showing --------------------------------------------------------------------------------- */

uint32_t sl_neighbors_count(const struct sl_neighbors *neighbors)
{
	return sl_neigh_count(neighbors->table);
}

bool sl_neighbors_row(const struct sl_neighbors *neighbors, uint32_t number,
		      struct sl_neighbor_row *row)
{
	const struct sl_neigh_entry *entry = sl_neigh_at(neighbors->table, number);
	static const char *const sources[] = {
		[SL_NEIGH_LINK] = "kernel",  [SL_NEIGH_ROUTE] = "kernel",
		[SL_NEIGH_GIVEN] = "config", [SL_NEIGH_NOBODY] = "config",
		[SL_NEIGH_OWN] = "own",
	};

	if (entry->key.kind == SL_NEIGH_ROUTE && entry->via)
		return false;
	*row = (struct sl_neighbor_row){
		.port = port_name(neighbors, entry->key.port),
		.state = sl_neigh_state_name((enum sl_neigh_state)entry->state),
		.source = sources[entry->key.kind],
		.addr = entry->key.addr,
		.has_mac = entry->has_mac,
		.mac = entry->mac,
		.age_s = (double)(sl_clock_ms() - entry->told_ms) / 1000};
	return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int watch_netlink(struct sl_neighbors *neighbors, struct event_base *base,
			 struct sl_err *err)
{
	neighbors->readable = event_new(base, sl_netlink_fd(neighbors->netlink),
					EV_READ | EV_PERSIST, on_readable, neighbors);
	if (!neighbors->readable || event_add(neighbors->readable, NULL))
		return sl_err_set(err, -ENOMEM, "no memory for neighbours");
	return 0;
}

static int make(struct sl_neighbors *neighbors, const struct sl_neighbors_spec *spec,
		struct sl_err *err)
{
	struct sl_neigh_spec table = {.news = on_news, .context = neighbors};
	const struct sl_conf *conf = sl_model_image(spec->model)->conf;
	int rc;

	neighbors->model = spec->model;
	memcpy(neighbors->interface, spec->interface, sizeof(neighbors->interface));
	neighbors->link = spec->link;
	for (uint32_t p = 0; p < conf->port_count; p++) {
		neighbors->own[p] = sl_conf_resolver(&conf->ports[p]) == SL_NEIGHBORS_OWN;
		neighbors->asks |= neighbors->own[p];
	}
	memcpy(table.own, spec->link.mac, sizeof(table.own));
	neighbors->announcer = sl_announcer_create(spec->model, &neighbors->link);
	neighbors->table = sl_neigh_table_create(&table);
	neighbors->of = calloc(SL_NODE_INDEX_MAX, sizeof(*neighbors->of));
	neighbors->seen = calloc(SL_NODE_INDEX_MAX, sizeof(*neighbors->seen));
	neighbors->timer = evtimer_new(spec->base, on_timer, neighbors);
	if (!neighbors->table || !neighbors->of || !neighbors->seen || !neighbors->timer ||
	    !neighbors->announcer)
		return sl_err_set(err, -ENOMEM, "no memory for neighbours");
	rc = sl_neigh_kernel_open(neighbors, err);
	return rc || !neighbors->netlink ? rc : watch_netlink(neighbors, spec->base, err);
}

int sl_neighbors_create(const struct sl_neighbors_spec *spec, struct sl_neighbors **out,
			struct sl_err *err)
{
	struct sl_neighbors *neighbors = calloc(1, sizeof(*neighbors));
	int rc = neighbors ? make(neighbors, spec, err)
			   : sl_err_set(err, -ENOMEM, "no memory for neighbours");

	if (rc) {
		sl_neighbors_destroy(neighbors);
		return rc;
	}
	neighbors->listener = (struct sl_model_listener){.event = on_event, .context = neighbors};
	sl_model_listen(spec->model, &neighbors->listener);
	sl_model_next_hop_set(spec->model, next_hop, neighbors);
	follow(neighbors);
	for (uint32_t p = 0; p < sl_model_image(spec->model)->conf->port_count; p++)
		sl_announcer_port(neighbors->announcer, p, sl_clock_ms());
	(void)step(neighbors);
	neighbors->link.flush(neighbors->link.context);
	rest(neighbors, STEP_MS);
	*out = neighbors;
	return 0;
}

void sl_neighbors_destroy(struct sl_neighbors *neighbors)
{
	if (!neighbors)
		return;
	if (neighbors->readable)
		event_free(neighbors->readable);
	if (neighbors->timer)
		event_free(neighbors->timer);
	sl_netlink_destroy(neighbors->netlink);
	sl_announcer_destroy(neighbors->announcer);
	if (neighbors->table)
		sl_neigh_table_destroy(neighbors->table);
	if (neighbors->listener.event)
		sl_model_next_hop_set(neighbors->model, NULL, NULL);
	free(neighbors->of);
	free(neighbors->seen);
	free(neighbors);
}
