/* SPDX-License-Identifier: BSD-3-Clause */

/* Next hops of nodes: keeps the neighbours that the configuration's nodes need, and tells the model
 * their MAC addresses.
 *
 * Why:     nobody knows by hand which MAC address a node has today.
 * Shape:   a table entry for each next hop; the kernel asks and answers where a port has an interface
 *          of its, by whose routes nodes are found that are on no link of the configuration's. Elsewhere
 *          we ask ourselves (ask.h). What ports answer for is announced (announce.h).
 * Threads: control.
 * Memory:  create and destroy (takes NULL), the latter before the model's.
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_NEIGH_NEIGH_H
#define SL_NEIGH_NEIGH_H

#include "model/model.h"
#include "neigh/ask.h"
#include "neigh/table.h"

struct event_base;
struct sl_neighbors;

struct sl_neighbors_spec {
	struct event_base *base;
	struct sl_model *model;
	uint32_t interface[SL_PORTS_MAX]; /* whose neighbours the kernel resolves; 0: it does not */
	struct sl_neigh_link link;	  /* mac: of all ports, else zeros */
};

/* Asks for what the model's image needs, and follows its changes from then on. */
int sl_neighbors_create(const struct sl_neighbors_spec *spec, struct sl_neighbors **neighbors,
			struct sl_err *err);
void sl_neighbors_destroy(struct sl_neighbors *neighbors);

/* The link of a port has come up: all is asked and announced again. */
void sl_neighbors_link_up(struct sl_neighbors *neighbors, uint32_t port);

/* A row of the verb `neighbors`. */
struct sl_neighbor_row {
	const char *port, *state, *source;
	struct sl_addr addr;
	bool has_mac;
	struct sl_mac mac;
	double age_s; /* since it was told last */
};

/* Rows have numbers below the count; false: there is nothing to show of that number. */
uint32_t sl_neighbors_count(const struct sl_neighbors *neighbors);
bool sl_neighbors_row(const struct sl_neighbors *neighbors, uint32_t number,
		      struct sl_neighbor_row *row);

#endif
