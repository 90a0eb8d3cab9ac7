/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/verdict.h"

#include "base/bytes.h"

const char *sl_health_result_name(enum sl_health_result result)
{
	static const char *const names[] = {
#define X(id, name, value) [value] = (name),
		SL_HEALTH_RESULTS(X)
#undef X
	};

	return (unsigned)result < SL_HEALTH_RESULT_COUNT ? names[result] : "unknown";
}

/* Whether the last SL_FLAPS_MAX + 1 changes lie within the window. */
static bool flaps(const struct sl_verdict *verdict, const struct sl_health_timing *timing,
		  uint64_t now_ms)
{
	uint64_t window = (uint64_t)timing->interval_ms * SL_FLAP_INTERVALS;
	uint32_t oldest = verdict->change_count % (SL_FLAPS_MAX + 1);

	return verdict->change_count > SL_FLAPS_MAX && now_ms - verdict->changes[oldest] <= window;
}

/* Down again soon after a hold: twice as long; the first time as long as the window. */
static void hold(struct sl_verdict *verdict, const struct sl_health_timing *timing, uint64_t now_ms)
{
	uint32_t least = timing->interval_ms * SL_FLAP_INTERVALS;
	uint32_t wanted =
		verdict->hold_ms ? SL_MIN(verdict->hold_ms, SL_HOLD_MS_MAX / 2) * 2 : least;

	verdict->hold_ms = SL_MIN(SL_MAX(wanted, 1u), SL_HOLD_MS_MAX);
	verdict->held_ms = now_ms + verdict->hold_ms;
}

static bool change(struct sl_verdict *verdict, const struct sl_health_timing *timing,
		   enum sl_health_state state, uint64_t now_ms)
{
	bool known = verdict->state != SL_HEALTH_UNKNOWN;
	uint32_t last = (verdict->change_count + SL_FLAPS_MAX) % (SL_FLAPS_MAX + 1);
	/* Quiet for as long as it was held, and one window more: the patience begins anew. */
	uint64_t quiet = (uint64_t)verdict->hold_ms + timing->interval_ms * SL_FLAP_INTERVALS;

	verdict->state = state;
	if (!known)
		return true;
	if (verdict->hold_ms && now_ms - SL_MAX(verdict->changes[last], verdict->held_ms) > quiet)
		verdict->hold_ms = 0;
	verdict->changes[verdict->change_count % (SL_FLAPS_MAX + 1)] = now_ms;
	verdict->change_count++;
	verdict->held_ms = 0;
	if (state == SL_HEALTH_DOWN && (verdict->hold_ms || flaps(verdict, timing, now_ms)))
		hold(verdict, timing, now_ms);
	return true;
}

bool sl_verdict_take(struct sl_verdict *verdict, const struct sl_health_timing *timing,
		     enum sl_health_result result, uint64_t now_ms)
{
	bool good = result == SL_HEALTH_OK;

	verdict->blind = result == SL_HEALTH_CANNOT;
	if (verdict->blind)
		return false;
	verdict->good = good ? verdict->good + 1 : 0;
	verdict->bad = good ? 0 : verdict->bad + 1;
	if (verdict->state == SL_HEALTH_UNKNOWN && good)
		return change(verdict, timing, SL_HEALTH_UP, now_ms);
	if (verdict->state != SL_HEALTH_DOWN && verdict->bad >= timing->fall)
		return change(verdict, timing, SL_HEALTH_DOWN, now_ms);
	if (verdict->state == SL_HEALTH_DOWN && verdict->good >= timing->rise &&
	    now_ms >= verdict->held_ms)
		return change(verdict, timing, SL_HEALTH_UP, now_ms);
	return false;
}

uint32_t sl_verdict_wait_ms(const struct sl_verdict *verdict, const struct sl_health_timing *timing)
{
	bool doubt = verdict->state == SL_HEALTH_UNKNOWN ||
		     (verdict->state == SL_HEALTH_UP && verdict->bad > 0) ||
		     (verdict->state == SL_HEALTH_DOWN && verdict->good > 0 &&
		      verdict->good < timing->rise);

	return doubt && !verdict->blind ? timing->fast_ms : timing->interval_ms;
}
