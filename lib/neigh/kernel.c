/* SPDX-License-Identifier: BSD-3-Clause */

/* Next hops by the kernel's neighbours and routes. */

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "neigh/inside.h"
#include "neigh/netlink.h"

void sl_neigh_complain(struct sl_neighbors *neighbors, int rc)
{
	if (neighbors->said == rc)
		return;
	neighbors->said = rc;
	sl_log(SL_LOG_WARNING, "a neighbour cannot be asked for: %s%s", strerror(-rc),
	       rc == -ENOBUFS ? "; raise net.ipv4.neigh.default.gc_thresh3 and that of ipv6"
	       : rc == -EPERM ? "; it takes root or CAP_NET_ADMIN"
			      : "");
}

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
void sl_neigh_kernel_ask(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry)
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
		sl_neigh_complain(neighbors, rc);
}

void sl_neigh_kernel_find_way(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry)
{
	struct sl_neigh_key key = {.port = entry->key.port, .kind = SL_NEIGH_LINK};
	struct sl_neigh_entry *via = NULL;
	uint64_t now_ms = sl_clock_ms();

	if (sl_netlink_route(neighbors->netlink, neighbors->interface[key.port], &entry->key.addr,
			     &key.addr) == 0)
		via = sl_neigh_get(neighbors->table, &key, NULL, now_ms);
	sl_neigh_route(neighbors->table, entry, via, now_ms);
}

static void on_neighbor(void *context, const struct sl_netlink_neighbor *found)
{
	struct sl_neighbors *neighbors = context;
	struct sl_neigh_key key = {.kind = SL_NEIGH_LINK, .addr = found->addr};
	struct sl_neigh_entry *entry;

	for (uint32_t p = 0; p < SL_PORTS_MAX; p++) {
		key.port = (uint8_t)p;
		if (!found->interface || neighbors->interface[p] != found->interface)
			continue;
		entry = sl_neigh_find(neighbors->table, &key);
		if (entry)
			apply(neighbors, entry, found);
	}
}

static void on_routes(void *context)
{
	struct sl_neighbors *neighbors = context;

	neighbors->routes = true;
}

static void on_lost(void *context)
{
	struct sl_neighbors *neighbors = context;

	neighbors->routes = neighbors->all = true;
}

void sl_neigh_kernel_read(struct sl_neighbors *neighbors)
{
	sl_netlink_read(neighbors->netlink);
	if (neighbors->routes)
		sl_neigh_again(neighbors->table, neighbors->all);
	neighbors->routes = neighbors->all = false;
}

int sl_neigh_kernel_open(struct sl_neighbors *neighbors, struct sl_err *err)
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
	return 0;
}
