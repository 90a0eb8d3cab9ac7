/* SPDX-License-Identifier: BSD-3-Clause */

/* A snapshot for tests that need no configuration: one pool, many nodes, many services.
 *
 * Threads: the main thread.
 * Memory:  the caller's; sl_snapshot_release() frees it.
 * Errors:  no memory ends the program with a sentence.
 */

#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include <stdint.h>

#include "state/snapshot.h"

/* A snapshot with one pool of 65,536 slots dealt out to nodes 1, 2, ... node_count in turn (0:
 * nobody), and services of TCP port 80 and UDP port 53 on 10.1.0.0, 10.1.0.1, ...: service_count of
 * them; 0: one of any packet. Ports are port_count of mtu 1500 that drop what they would punt. */
struct sl_snapshot *scene_snapshot(const struct sl_node_view *nodes, uint32_t node_count,
				   uint32_t service_count, uint32_t port_count);

#endif
