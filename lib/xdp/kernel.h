/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's side of a daemon: one set of maps, a program on each interface, and the heartbeat.
 *
 * Why:     services' packets go to the receive cores while they poll, and are served by the kernel from
 *          the same slots while they do not.
 * Shape:   create before the ports are opened, write with every snapshot, start when the cores poll,
 *          yield before they stop, destroy. The program of a daemon before serves until start, from
 *          maps of its own: what it did is taken over, its maps are not. A thread of its own renews the
 *          heartbeat and holds a robust mutex in the maps: the kernel lets it go at once when the
 *          process dies, before the process's memory and sockets are gone.
 * Threads: control; and that thread.
 * Memory:  create and destroy (which takes NULL).
 * Errors:  negative errno and a sentence with the remedy.
 */

#ifndef SL_XDP_KERNEL_H
#define SL_XDP_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limit.h"
#include "state/snapshot.h"
#include "xdp/layout.h"
#include "xdp/link.h"

struct sl_xdp;

struct sl_xdp_port_spec {
	uint32_t port;	       /* index, as in snapshots */
	const char *interface; /* its name */
	enum sl_xdp_mode mode;
	bool takes_all, understudy, promiscuous, punts, learns;
};

struct sl_xdp_spec {
	const char *instance;
	struct sl_xdp_port_spec ports[SL_PORTS_MAX];
	uint32_t port_count;
};

/* What is said once, each; NULL context: nowhere. */
typedef void sl_xdp_say(void *context, const char *sentence);

/* Looks whether the kernel and the interfaces have what it takes, and touches none of them. -EBUSY:
 * another's program is there; -ENODEV: an interface is missing; all others: the kernel lacks it, and the
 * driver's own program may do. say: of what it goes on without. */
int sl_xdp_create(const struct sl_xdp_spec *spec, sl_xdp_say *say, void *context,
		  struct sl_xdp **xdp, struct sl_err *err);
/* stays: programs that may serve alone go on; false: all are taken off. */
void sl_xdp_destroy(struct sl_xdp *xdp, bool stays);

/* What the AF_XDP driver is given as xdp_prog; borrowed. */
const char *sl_xdp_program_path(const struct sl_xdp *xdp);

/* Before a change is answered. What has outgrown the maps gets new ones. */
int sl_xdp_write(struct sl_xdp *xdp, const struct sl_snapshot *snapshot, struct sl_err *err);

/* Puts the program on each interface, or exchanges it. polls: cores poll the driver's sockets; while they
 * do not yet nothing is done where a program before serves, elsewhere packets wait in the sockets. */
int sl_xdp_start(struct sl_xdp *xdp, bool polls, struct sl_err *err);
/* The kernel serves from here on; what is in the sockets is still the cores'. */
void sl_xdp_yield(struct sl_xdp *xdp);
/* Whether some program goes on when the process is gone. */
bool sl_xdp_stays(const struct sl_xdp *xdp);

/* What programs did while they served, since their maps were made. */
void sl_xdp_served_read(struct sl_xdp *xdp, struct sl_xdp_served *served);

#endif
