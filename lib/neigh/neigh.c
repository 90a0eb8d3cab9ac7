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
#include "neigh/netlink.h"

#define STEP_MAX      256 /* asked at a time: 2 to 3 ms */
#define STEP_MS	      5	  /* between two steps while more are due */
#define PAUSE_MS      100
#define TOUCH_MS      20 /* between two snapshots that news make */
#define SWEEP_MS      1000
#define SENTENCE_SIZE 224

struct sl_neighbors {
	struct sl_model *model;
	uint32_t interface[SL_PORTS_MAX];
	struct sl_neigh_table *table;
	struct sl_netlink *netlink; /* NULL: no port has an interface */
	struct event *readable, *timer;
	struct sl_model_listener listener;
	struct sl_neigh_entry **of; /* SL_NODE_INDEX_MAX: the next hop of a node */
	uint32_t *seen;		    /* SL_NODE_INDEX_MAX: the epoch in which it was there */
	uint32_t epoch, top;	    /* no index is top or above */
	uint64_t swept_ms, touched_ms;
	bool news; /* that the model was not told */
	int said;  /* the last error, said */
};

/* ---- what is told -------------------------------------------------------------------------------
 */

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

static void on_news(void *context, const struct sl_neigh_entry *entry, enum sl_neigh_news news,
		    const struct sl_mac *refused)
{
	static const enum sl_log_level levels[] = {
		[SL_NEIGH_NEWS_KNOWN] = SL_LOG_DEBUG,
		[SL_NEIGH_NEWS_CHANGED] = SL_LOG_NOTICE,
		[SL_NEIGH_NEWS_FAILED] = SL_LOG_WARNING,
		[SL_NEIGH_NEWS_REFUSED] = SL_LOG_WARNING,
	};
	struct sl_neighbors *neighbors = context;
	bool routed = entry->key.kind == SL_NEIGH_ROUTE;
	char addr[SL_ADDR_TEXT_SIZE], hop[SL_ADDR_TEXT_SIZE], sentence[SENTENCE_SIZE];
	const char *port = port_name(neighbors, entry->key.port);

	neighbors->news = true;
	sl_addr_format(&entry->key.addr, addr);
	if (news == SL_NEIGH_NEWS_REFUSED)
		(void)snprintf(sentence, sizeof(sentence),
			       "port %s: neighbour %s says that it is at %s, which is our own, a "
			       "group's or nobody's: not taken",
			       port, addr, sl_mac_format(refused, hop));
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

/* News of a while make one snapshot. */
static void tell_model(struct sl_neighbors *neighbors)
{
	uint64_t now = sl_clock_ms();

	if (!neighbors->news || now - neighbors->touched_ms < TOUCH_MS)
		return;
	neighbors->news = false;
	neighbors->touched_ms = now;
	sl_model_touch(neighbors->model);
}

static void complain(struct sl_neighbors *neighbors, int rc)
{
	if (neighbors->said == rc)
		return;
	neighbors->said = rc;
	sl_log(SL_LOG_WARNING, "the kernel does not ask for a neighbour: %s%s", strerror(-rc),
	       rc == -ENOBUFS ? "; raise net.ipv4.neigh.default.gc_thresh3 and that of ipv6"
	       : rc == -EPERM ? "; it takes root or CAP_NET_ADMIN"
			      : "");
}

/* ---- which are needed ---------------------------------------------------------------------------
 */

static struct sl_neigh_key key_of(const struct sl_neighbors *neighbors, uint32_t port,
				  enum sl_conf_hop how, const struct sl_addr *hop)
{
	struct sl_neigh_key key = {.port = (uint8_t)port, .addr = *hop};

	if (how == SL_HOP_KNOWN)
		key.kind = SL_NEIGH_GIVEN;
	else if (neighbors->interface[port] == 0)
		key.kind = SL_NEIGH_NOBODY;
	else
		key.kind = how == SL_HOP_LINK ? SL_NEIGH_LINK : SL_NEIGH_ROUTE;
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
		complain(neighbors, -ENOMEM);
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

/* ---- asking -------------------------------------------------------------------------------------
 */

static void apply(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry,
		  const struct sl_netlink_neighbor *found)
{
	uint64_t now_ms = sl_clock_ms();

	if (found->state == SL_NETLINK_REACHABLE || found->state == SL_NETLINK_FIXED)
		sl_neigh_told(neighbors->table, entry, &found->mac, now_ms);
	else if (found->state == SL_NETLINK_FAILED)
		sl_neigh_failed(neighbors->table, entry, now_ms);
	else if (found->state == SL_NETLINK_GONE)
		sl_neigh_forgotten(neighbors->table, entry);
}

/* That it failed some time ago says nothing of one that is only now asked for. */
static void ask(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry)
{
	uint32_t interface = neighbors->interface[entry->key.port];
	struct sl_netlink_neighbor found;
	int rc = sl_netlink_look(neighbors->netlink, interface, &entry->key.addr, &found);

	if (rc == 0 && (found.state != SL_NETLINK_FAILED || entry->state == SL_NEIGH_RESOLVED))
		apply(neighbors, entry, &found);
	if (rc == 0 && found.state == SL_NETLINK_FIXED)
		return;
	rc = sl_netlink_ask(neighbors->netlink, interface, &entry->key.addr);
	if (rc)
		complain(neighbors, rc);
}

static void find_way(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry)
{
	struct sl_neigh_key key = {.port = entry->key.port, .kind = SL_NEIGH_LINK};
	struct sl_neigh_entry *via = NULL;
	uint64_t now_ms = sl_clock_ms();

	if (sl_netlink_route(neighbors->netlink, neighbors->interface[key.port], &entry->key.addr,
			     &key.addr) == 0)
		via = sl_neigh_get(neighbors->table, &key, NULL, now_ms);
	sl_neigh_route(neighbors->table, entry, via, now_ms);
}

/* True: more are due. */
static bool step(struct sl_neighbors *neighbors)
{
	uint64_t now_ms = sl_clock_ms();
	struct sl_neigh_entry *entry;

	for (uint32_t i = 0; i < STEP_MAX; i++) {
		entry = sl_neigh_due(neighbors->table, now_ms);
		if (!entry)
			return false;
		if (entry->key.kind == SL_NEIGH_ROUTE)
			find_way(neighbors, entry);
		else
			ask(neighbors, entry);
	}
	return true;
}

/* ---- events -------------------------------------------------------------------------------------
 */

static void rest(struct sl_neighbors *neighbors, uint32_t ms)
{
	struct timeval wait = {.tv_usec = ms * 1000};

	(void)evtimer_add(neighbors->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct sl_neighbors *neighbors = context;
	bool more;

	(void)fd;
	(void)what;
	if (sl_clock_ms() - neighbors->swept_ms >= SWEEP_MS)
		follow(neighbors);
	more = step(neighbors);
	tell_model(neighbors);
	if (more)
		rest(neighbors, STEP_MS);
	else
		rest(neighbors, neighbors->news ? TOUCH_MS : PAUSE_MS);
}

static void on_neighbor(void *context, const struct sl_netlink_neighbor *found)
{
	struct sl_neighbors *neighbors = context;
	struct sl_neigh_key key = {.kind = SL_NEIGH_LINK, .addr = found->addr};
	struct sl_neigh_entry *entry;

	for (uint32_t p = 0; p < SL_PORTS_MAX; p++) {
		key.port = (uint8_t)p;
		entry = neighbors->interface[p] == found->interface && found->interface ? sl_neigh_find(
												  neighbors
													  ->table,
												  &key)
											: NULL;
		if (entry)
			apply(neighbors, entry, found);
	}
}

static void on_routes(void *context)
{
	const struct sl_neighbors *neighbors = context;

	sl_neigh_again(neighbors->table, false);
}

static void on_lost(void *context)
{
	const struct sl_neighbors *neighbors = context;

	sl_neigh_again(neighbors->table, true);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct sl_neighbors *neighbors = context;

	(void)fd;
	(void)what;
	sl_netlink_read(neighbors->netlink);
	tell_model(neighbors);
	rest(neighbors, STEP_MS);
}

/* What a change brings is asked for in its turn. */
static void on_event(void *context, const struct sl_model_event *event)
{
	struct sl_neighbors *neighbors = context;

	if (event->kind != SL_EVENT_CHANGE)
		return;
	follow(neighbors);
	if (neighbors->netlink && step(neighbors))
		rest(neighbors, STEP_MS);
}

/* ---- what the model asks ------------------------------------------------------------------------
 */

static bool next_hop(void *context, uint32_t port, enum sl_conf_hop how, const struct sl_addr *hop,
		     struct sl_mac *mac)
{
	const struct sl_neighbors *neighbors = context;
	struct sl_neigh_key key = key_of(neighbors, port, how, hop);

	return sl_neigh_mac(sl_neigh_find(neighbors->table, &key), mac);
}

/* ---- showing ------------------------------------------------------------------------------------
 */

uint32_t sl_neighbors_count(const struct sl_neighbors *neighbors)
{
	return sl_neigh_count(neighbors->table);
}

bool sl_neighbors_row(const struct sl_neighbors *neighbors, uint32_t number,
		      struct sl_neighbor_row *row)
{
	const struct sl_neigh_entry *entry = sl_neigh_at(neighbors->table, number);
	bool asked = entry->key.kind == SL_NEIGH_LINK || entry->key.kind == SL_NEIGH_ROUTE;

	if (entry->key.kind == SL_NEIGH_ROUTE && entry->via)
		return false;
	*row = (struct sl_neighbor_row){
		.port = port_name(neighbors, entry->key.port),
		.state = sl_neigh_state_name((enum sl_neigh_state)entry->state),
		.source = asked ? "kernel" : "config",
		.addr = entry->key.addr,
		.has_mac = entry->has_mac,
		.mac = entry->mac,
		.age_s = (double)(sl_clock_ms() - entry->told_ms) / 1000};
	return true;
}

/* ---- life ---------------------------------------------------------------------------------------
 */

static int open_netlink(struct sl_neighbors *neighbors, struct event_base *base, struct sl_err *err)
{
	struct sl_netlink_calls calls = {.neighbor = on_neighbor,
					 .routes = on_routes,
					 .lost = on_lost,
					 .context = neighbors};
	bool wanted = false;
	int rc;

	for (uint32_t p = 0; p < SL_PORTS_MAX; p++)
		wanted |= neighbors->interface[p] != 0;
	if (!wanted)
		return 0;
	rc = sl_netlink_create(&calls, &neighbors->netlink);
	if (rc)
		return sl_err_set(err, rc, "the kernel's neighbours cannot be watched: %s",
				  strerror(-rc));
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

	neighbors->model = spec->model;
	memcpy(neighbors->interface, spec->interface, sizeof(neighbors->interface));
	memcpy(table.own, spec->mac, sizeof(table.own));
	neighbors->table = sl_neigh_table_create(&table);
	neighbors->of = calloc(SL_NODE_INDEX_MAX, sizeof(*neighbors->of));
	neighbors->seen = calloc(SL_NODE_INDEX_MAX, sizeof(*neighbors->seen));
	neighbors->timer = evtimer_new(spec->base, on_timer, neighbors);
	if (!neighbors->table || !neighbors->of || !neighbors->seen || !neighbors->timer)
		return sl_err_set(err, -ENOMEM, "no memory for neighbours");
	return open_netlink(neighbors, spec->base, err);
}

int sl_neighbors_create(const struct sl_neighbors_spec *spec, struct sl_neighbors **out,
			struct sl_err *err)
{
	struct sl_neighbors *neighbors = calloc(1, sizeof(*neighbors));
	int rc = neighbors ? make(neighbors, spec, err) : -ENOMEM;

	if (rc) {
		sl_neighbors_destroy(neighbors);
		return rc;
	}
	neighbors->listener = (struct sl_model_listener){.event = on_event, .context = neighbors};
	sl_model_listen(spec->model, &neighbors->listener);
	sl_model_next_hop_set(spec->model, next_hop, neighbors);
	follow(neighbors);
	if (neighbors->netlink)
		(void)step(neighbors);
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
	if (neighbors->table)
		sl_neigh_table_destroy(neighbors->table);
	if (neighbors->listener.event)
		sl_model_next_hop_set(neighbors->model, NULL, NULL);
	free(neighbors->of);
	free(neighbors->seen);
	free(neighbors);
}
