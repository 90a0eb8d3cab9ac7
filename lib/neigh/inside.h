/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of the neighbours: what neigh.c and kernel.c share.
 *
 * Threads: control.
 * Memory:  struct sl_neighbors holds everything.
 * Errors:  see neigh.h.
 */

#ifndef SL_NEIGH_INSIDE_H
#define SL_NEIGH_INSIDE_H

#include "neigh/neigh.h"

struct event;
struct sl_announcer;
struct sl_netlink;

struct sl_neighbors {
	struct sl_model *model;
	uint32_t interface[SL_PORTS_MAX];
	struct sl_neigh_link link;
	struct sl_announcer *announcer;
	bool own[SL_PORTS_MAX]; /* whose neighbours we ask for ourselves */
	bool asks;		/* there is one */
	struct sl_neigh_table *table;
	struct sl_netlink *netlink; /* NULL: no port has an interface */
	struct event *readable, *timer;
	struct sl_model_listener listener;
	struct sl_neigh_entry **of; /* SL_NODE_INDEX_MAX: the next hop of a node */
	uint32_t *seen;		    /* SL_NODE_INDEX_MAX: the epoch in which it was there */
	uint32_t epoch, top;	    /* no index is top or above */
	uint64_t swept_ms, touched_ms, kept_ms;
	uint64_t due_ms; /* of the timer, while it is pending */
	bool busy;	 /* more is due, or answers are on their way */
	bool news;	 /* that the model was not told */
	bool routes;	 /* some changed, or messages were lost (all) */
	bool all;
	int said; /* the last error, said */
};

/* Watches the kernel's neighbours and routes, where a port has an interface. */
int sl_neigh_kernel_open(struct sl_neighbors *neighbors, struct sl_err *err);

/* Has the kernel ask for an SL_NEIGH_LINK; asks it for the way to an SL_NEIGH_ROUTE. */
void sl_neigh_kernel_ask(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry);
void sl_neigh_kernel_find_way(struct sl_neighbors *neighbors, struct sl_neigh_entry *entry);

/* Reads what the kernel has to tell. */
void sl_neigh_kernel_read(struct sl_neighbors *neighbors);

/* Says what is wrong, once until it is something else. */
void sl_neigh_complain(struct sl_neighbors *neighbors, int rc);

#endif
