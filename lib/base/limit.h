/* SPDX-License-Identifier: BSD-3-Clause */

/* Every limit that users can meet, in one place. Each has a test at it and one past it.
 *
 * Threads: any; constants.
 */

#ifndef SL_BASE_LIMIT_H
#define SL_BASE_LIMIT_H

#define SL_NAME_LENGTH_MAX    63 /* characters of a name (node, pool, service, port) */
#define SL_NAME_SIZE	      (SL_NAME_LENGTH_MAX + 1)
#define SL_PORTS_MAX	      16
#define SL_PORT_ADDRESSES_MAX 16 /* of one port */
#define SL_RX_CORES_MAX	      32
#define SL_WORKERS_MAX	      64
#define SL_CLASSES_MAX	      8 /* of service */
#define SL_LANES_MAX	      (SL_WORKERS_MAX * SL_CLASSES_MAX)
#define SL_SERVICES_MAX	      4096
#define SL_SOURCES_MAX	      16384 /* prefixes that one service takes packets from */
#define SL_SOURCES_TOTAL_MAX  65536 /* in all services together */
#define SL_POOLS_MAX	      1024
#define SL_NODES_MAX	      65536  /* in all pools together */
#define SL_NODE_INDEX_MAX     131072 /* node indices; twice the nodes, for those that are leaving */
#define SL_SLOTS_MIN	      256
#define SL_SLOTS_MAX	      1048576
#define SL_SLOTS_TOTAL_MAX    67108864u /* in all pools together: SL_POOLS_MAX of the default */
#define SL_SLOTS_REHEARSED_MAX                                                                     \
	4194304u /* likewise, of a configuration that is tried by who may not change things */
#define SL_BURST_MAX	   64
#define SL_WEIGHT_UNIT	   1000000ull /* weights are kept in millionths */
#define SL_WEIGHT_MAX	   (1000000ull * SL_WEIGHT_UNIT)
#define SL_MAX_LOAD_MAX	   10u	/* times the fair share, of pools' max_load */
#define SL_FLOW_WEIGHT_MAX 100u /* what a flow of a service counts for */
#define SL_MTU_MIN	   576
#define SL_MTU_MAX	   9700
#define SL_MTU_DEFAULT	   1500 /* of links that tell none */

#endif
