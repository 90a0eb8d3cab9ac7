/* SPDX-License-Identifier: BSD-3-Clause */

/* Weights by what is observed: slow start, and the controller of weight_from: latency.
 *
 * Why:     pure functions of times and measurements, tested by simulation.
 * Shape:   all are shares of the configured weight in millionths, never above one, never below
 *          SL_WEIGH_LEAST but during a slow start.
 * Threads: any; pure.
 * Errors:  none.
 */

#ifndef SL_HEALTH_WEIGH_H
#define SL_HEALTH_WEIGH_H

#include <stdint.h>

#define SL_WEIGH_ONE	    1000000u
#define SL_WEIGH_LEAST	    (SL_WEIGH_ONE / 10)
#define SL_WEIGH_RAMP_STEPS 16u
#define SL_WEIGH_DEAD_BAND  (SL_WEIGH_ONE / 20) /* smaller differences change nothing */
#define SL_WEIGH_PERIOD_MS  4000u		/* between two steps of the controller */

/* The share of a node that came up elapsed_ms ago: in SL_WEIGH_RAMP_STEPS steps, the first at once. */
uint32_t sl_weigh_ramp(uint64_t elapsed_ms, uint32_t slow_start_ms);

/* A smoothed time: one part in four of what is new. 0: there is none yet. */
uint32_t sl_weigh_smooth(uint32_t smooth_us, uint32_t us);

/* One step of a node's share towards what its time says beside the quickest node's: half of the way, or
 * none within the dead band. */
uint32_t sl_weigh_step(uint32_t share, uint32_t us, uint32_t quickest_us);

#endif
