/* SPDX-License-Identifier: BSD-3-Clause */

/* Services' addresses on an interface of the kernel, as long as they can be served: what a routing daemon
 * (BIRD, FRR) exports.
 *
 * Why:     a route must follow whether there is somebody to serve, not only whether the host is there.
 * Shape:   addresses with a lifetime of a few seconds that is made longer again and again, so that those of
 *          a daemon that dies go by themselves. Addresses that an operator gave the interface stay as they
 *          are.
 * Threads: control.
 * Memory:  create and destroy (takes NULL; the addresses are gone then).
 * Errors:  0 or negative errno with a sentence; later ones are warnings of the model.
 */

#ifndef SL_NEIGH_VIP_H
#define SL_NEIGH_VIP_H

#include <stdbool.h>

#include "model/model.h"

struct sl_vips;

struct sl_vips_spec {
	struct sl_model *model;
	const char *interface; /* borrowed */
	/* Whether what this daemon says of pools counts; NULL: always. */
	bool (*in_order)(void *context);
	void *context;
};

/* -ENODEV: there is no such interface. */
int sl_vips_create(const struct sl_vips_spec *spec, struct sl_vips **vips, struct sl_err *err);
void sl_vips_destroy(struct sl_vips *vips);

/* At the end of every turn, and once a second: carries what can be served, and nothing else. */
void sl_vips_turn_ended(struct sl_vips *vips);
void sl_vips_second(struct sl_vips *vips);

/* Takes all addresses away, for good. Returns how many there were. */
uint32_t sl_vips_withdraw(struct sl_vips *vips);

#endif
