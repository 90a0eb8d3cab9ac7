/* SPDX-License-Identifier: BSD-3-Clause */

/* A server's program on an interface: put there, taken away, looked at.
 *
 * Why:     what is attached stays without a process: link, settings and counters have pins.
 * Shape:   pins of an interface are in a folder of their own, whose name has the network namespace,
 *          so that namespaces that share a bpffs do not meet. Attaching again exchanges the program in
 *          one step, with the addresses that the host has now; counters go on.
 * Threads: one; two commands at a time for one interface are the caller's to avoid.
 * Errors:  negative errno and a sentence with the remedy.
 */

#ifndef SL_DECAP_ATTACH_H
#define SL_DECAP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "decap/layout.h"
#include "xdp/link.h"

/* The compiled programs. */
extern const uint8_t sl_decap_program[], sl_decap_pass[];
extern const uint32_t sl_decap_program_size, sl_decap_pass_size;

struct sl_decap_spec {
	const char *interface;
	uint32_t tunnels; /* bits: enum sl_encap_type */
	enum sl_xdp_mode mode;
	uint16_t gue_port;
	bool second_chance;
	const struct sl_addr *addresses; /* outer destinations beside the interface's own */
	uint32_t address_count;
	const struct sl_prefix *from; /* outer sources; none: all */
	uint32_t from_count;
};

/* What there is of an interface. */
struct sl_decap_state {
	struct sl_decap_config config;
	struct sl_decap_count count; /* of all CPUs */
	bool attached; /* false: pins are left, the program is gone with its interface */
	bool generic;
	uint32_t own_count, local_count;
};

/* The maps, for attaching and for tests that run the program by itself. */
struct sl_decap_set {
	int map[SL_DECAP_MAP_COUNT]; /* descriptors */
};

/* Maps as the spec says. counters: a map of before that goes on, or -1. */
int sl_decap_set_create(const struct sl_decap_spec *spec, int counters, struct sl_decap_set *set,
			struct sl_err *err);
/* Descriptors of the programs: the driver's, and what passes segments on. */
int sl_decap_set_load(const struct sl_decap_set *set, struct sl_err *err);
int sl_decap_set_load_pass(const struct sl_decap_set *set, struct sl_err *err);
void sl_decap_set_close(struct sl_decap_set *set);
/* All CPUs' counters of the map together. */
int sl_decap_count_read(int map, struct sl_decap_count *sum);

/* -EBUSY: another program is there. *state: what there is now. */
int sl_decap_attach(const struct sl_decap_spec *spec, struct sl_decap_state *state,
		    struct sl_err *err);
/* Returns 1; 0: nothing was there. */
int sl_decap_detach(const char *interface, struct sl_err *err);
/* Calls see for each interface of this network namespace, until it returns something else than 0. */
int sl_decap_each(int (*see)(void *context, const struct sl_decap_state *state), void *context,
		  struct sl_err *err);

#endif
