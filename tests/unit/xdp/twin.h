/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's program beside the packet path: the same packet to both, and what each makes of it.
 *
 * Threads: the main thread.
 * Errors:  what cannot be made fails the test.
 */

#ifndef TESTS_UNIT_XDP_TWIN_H
#define TESTS_UNIT_XDP_TWIN_H

#include <stdbool.h>
#include <stdint.h>

#include "state/core.h"
#include "state/snapshot.h"
#include "xdp/mirror.h"
#include "xdp/object.h"

#define TWIN_FRAME_MAX 3400 /* of what a test run takes in one piece */
#define TWIN_ROOM      256

#define TWIN_DATAGRAMS (1u << 18)

struct twin_datagram {
	uint64_t name; /* 0: free */
	uint32_t ports;
};

struct twin {
	struct sl_snapshot *snapshot;
	struct sl_core core;
	struct sl_xdp_set *set;
	struct sl_xdp_mirror *mirror;
	int program;
	uint64_t served, dropped, passed;      /* packets so far, by what became of them */
	uint64_t followed, clamped, completed; /* fragments; segment sizes; checksums */
	struct twin_datagram *datagrams;       /* a hash table of what first fragments said */
};

/* What became of a packet. */
struct twin_answer {
	uint32_t verdict; /* XDP_ */
	uint32_t size;
	uint8_t octets[TWIN_ROOM + TWIN_FRAME_MAX];
};

/* Why no program can be loaded here; NULL: one can. */
const char *twin_lacks(void);

/* Maps and a program that serves from the snapshot, which becomes the twin's. Port 0 is the interface that
 * packets come in by, port 1 another, port 2 none of the kernel's. */
void twin_open(struct twin *twin, struct sl_snapshot *snapshot);
void twin_close(struct twin *twin);

/* The packet by the program. */
void twin_run(const struct twin *twin, const uint8_t *frame, uint32_t size,
	      struct twin_answer *answer);
/* And by the functions of the packet path. id: of an outer IPv4 header. */
void twin_expect(struct twin *twin, const uint8_t *frame, uint32_t size, uint16_t id,
		 struct twin_answer *answer);

/* Both, and they are the same. */
void twin_compare(struct twin *twin, const uint8_t *frame, uint32_t size);

#endif
