/* SPDX-License-Identifier: BSD-3-Clause */

/* What handlers of workers have found, as it travels from a worker's thread to whoever asks.
 *
 * Why:     handlers, the control socket and metrics mean the same rows.
 * Shape:   plain data. A key is octets of one kind: the fields of a flow key that it names, the rest
 *          zero (struct sl_key in the first 40 octets), or text.
 * Threads: any.
 */

#ifndef SL_LCORE_RESULT_H
#define SL_LCORE_RESULT_H

#include <stdint.h>

#define SL_RESULT_KEY_SIZE 64

/* id, name as it is configured and shown */
#define SL_RESULT_KEYS(X)                                                                          \
	X(TEXT, "text", 0)                                                                         \
	X(SRC, "src", 1)                                                                           \
	X(DST, "dst", 2)                                                                           \
	X(SRC_DST, "src-dst", 3)                                                                   \
	X(5_TUPLE, "5-tuple", 4)                                                                   \
	X(SERVICE, "service", 5) /* word 0: the service's index */                                 \
	X(DPORT, "dport", 6)                                                                       \
	X(PROTO, "proto", 7)

enum sl_result_key {
#define X(id, name, value) SL_RESULT_##id = (value),
	SL_RESULT_KEYS(X)
#undef X
};

struct sl_result_row {
	uint8_t key[SL_RESULT_KEY_SIZE];
	uint64_t packets, octets;   /* octets of IP packets */
	uint64_t first_ms, last_ms; /* wall clock */
	uint64_t error;		    /* packets that may be too many; 0: exact */
};

struct sl_result_total {
	uint64_t packets, octets, keys;
	uint64_t lost; /* packets that are in no row */
};

/* What results of a handler look like. */
struct sl_result_form {
	enum sl_result_key kind;
	uint32_t top; /* of its keys are shown where room is scarce; 0: as usual */
};

/* What one node's handler has found. rows are malloc()ed. */
struct sl_result_set {
	struct sl_result_form form;
	struct sl_result_total total;
	struct sl_result_row *rows;
	uint32_t count;
};

/* How long and how much may be read. */
struct sl_result_bounds {
	uint64_t until_ms; /* of sl_clock_ms() */
	uint64_t keys;	   /* of one handler */
};

/* Where the control thread reads what handlers have found. index: of a worker node.
 * 0; -ENOENT: its handler has no results; -ETIMEDOUT: it does not come back; -EFBIG: it has more keys,
 * only set->total is written; -ENOMEM. */
struct sl_result_source {
	void *context;
	int (*read)(void *context, uint32_t index, const struct sl_result_bounds *bounds,
		    struct sl_result_set *set);
	int (*reset)(void *context, uint32_t index, uint64_t until_ms);
};

#endif
