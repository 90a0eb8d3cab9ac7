/* SPDX-License-Identifier: BSD-3-Clause */

/* One receive core whose stages tests call one by one, without threads: p0 is a loop that the test
 * fills, p1 a loop that the test empties.
 *
 * Threads: the main thread.
 * Memory:  fixture_end() frees all, and looks whether every buffer is back.
 */

#ifndef TESTS_UNIT_PATH_FIXTURE_H
#define TESTS_UNIT_PATH_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "path/stage.h"
#include "support/packet.h"
#include "support/world.h"

#define FIXTURE_WORKERS	  16
#define FIXTURE_RING_SIZE 64
#define FIXTURE_BUFFERS	  4096

extern struct rte_mempool *fixture_pool;
extern struct sl_port fixture_ports[2];

struct fixture {
	struct sl_path_core *core;
	struct sl_snapshot *snapshot;
	struct sl_publish *publish;
	struct sl_core_stats *stats;
	struct sl_worker_rings *rings;
	struct sl_frag_tables
		*fragments; /* its own and that of another core, which is the test's */
};

/* Once a program; fixture_stop() returns what the program does. */
void fixture_start(const char *name);
int fixture_stop(int failed);

/* services: as scene_snapshot() takes them. */
struct fixture fixture_make(const struct sl_node_view *nodes, uint32_t node_count,
			    uint32_t services, bool wait);
void fixture_end(struct fixture *made);

/* A node at 192.0.2.11 behind p1. */
struct sl_node_view fixture_remote(enum sl_encap_type type);

/* Frames into p0. */
void fixture_give(struct rte_mbuf *frame);
void fixture_give_packet(const struct packet *packet);

/* Everything that p0 has goes through the stages, and out. */
void fixture_run(struct fixture *made);

/* The next frame that left by p1; NULL: none. */
struct rte_mbuf *fixture_taken(void);

void fixture_assert_balance(const struct fixture *made, uint64_t received, uint64_t delivered);

#endif
