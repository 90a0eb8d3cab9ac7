/* SPDX-License-Identifier: BSD-3-Clause */

/* From single results of a check to a state: rise and fall, and patience with nodes that flap.
 *
 * Why:     the rules can be tested as a table, without sockets or clocks.
 * Shape:   unknown until the first good result or `fall` bad ones in a row; then `rise` good or
 *          `fall` bad ones in a row change the state. More than SL_FLAPS_MAX changes within
 *          SL_FLAP_INTERVALS intervals: the next time it is down it is held there, each time twice
 *          as long, SL_HOLD_MS_MAX at most; forgotten after as long a time without a change.
 *          A check that could not run changes nothing and is shown as unknown.
 * Threads: one owner; pure.
 * Errors:  none.
 */

#ifndef SL_HEALTH_VERDICT_H
#define SL_HEALTH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/* id, name as it is shown */
#define SL_HEALTH_RESULTS(X)                                                                       \
	X(OK, "ok", 0)                                                                             \
	X(TIMEOUT, "timeout", 1)                                                                   \
	X(REFUSED, "refused", 2)                                                                   \
	X(RESET, "reset", 3)                                                                       \
	X(UNREACHABLE, "unreachable", 4)                                                           \
	X(STATUS, "status", 5)                                                                     \
	X(BODY, "body", 6)                                                                         \
	X(TLS, "tls", 7)                                                                           \
	X(EXIT, "exit", 8)                                                                         \
	X(AGENT, "agent", 9)                                                                       \
	X(CANNOT, "cannot", 10) /* no descriptor, no memory, no such command: says nothing */

enum sl_health_result {
#define X(id, name, value) SL_HEALTH_##id = (value),
	SL_HEALTH_RESULTS(X)
#undef X
		SL_HEALTH_RESULT_COUNT
};

const char *sl_health_result_name(enum sl_health_result result);

enum sl_health_state { SL_HEALTH_UNKNOWN = 0, SL_HEALTH_UP = 1, SL_HEALTH_DOWN = 2 };

#define SL_FLAPS_MAX	  5u
#define SL_FLAP_INTERVALS 10u
#define SL_HOLD_MS_MAX	  (300u * 1000)

struct sl_health_timing {
	uint32_t interval_ms, fast_ms; /* fast while the state is in doubt */
	uint32_t rise, fall;	       /* consecutive results, at least 1 */
};

struct sl_verdict {
	enum sl_health_state state;
	bool blind;			    /* the last check could not run */
	uint32_t good, bad;		    /* in a row */
	uint64_t changes[SL_FLAPS_MAX + 1]; /* the last ones, a ring; 0: none */
	uint32_t change_count;
	uint64_t held_ms; /* down at least until then; 0: not held */
	uint32_t hold_ms; /* how long the last hold was */
};

/* Takes a result. Returns true when the state changed. Time is any clock that does not go back, never 0. */
bool sl_verdict_take(struct sl_verdict *verdict, const struct sl_health_timing *timing,
		     enum sl_health_result result, uint64_t now_ms);

/* How long until the next check should begin, before jitter. */
uint32_t sl_verdict_wait_ms(const struct sl_verdict *verdict,
			    const struct sl_health_timing *timing);

#endif
