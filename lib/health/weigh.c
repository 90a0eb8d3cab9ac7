/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/weigh.h"

#include "base/bytes.h"

uint32_t sl_weigh_ramp(uint64_t elapsed_ms, uint32_t slow_start_ms)
{
	uint64_t step;

	if (elapsed_ms >= slow_start_ms)
		return SL_WEIGH_ONE;
	step = elapsed_ms * SL_WEIGH_RAMP_STEPS / slow_start_ms + 1;
	return (uint32_t)(step * SL_WEIGH_ONE / SL_WEIGH_RAMP_STEPS);
}

uint32_t sl_weigh_smooth(uint32_t smooth_us, uint32_t us)
{
	us = SL_MAX(us, 1u);
	return smooth_us ? (uint32_t)(((uint64_t)smooth_us * 3 + us + 2) / 4) : us;
}

uint32_t sl_weigh_step(uint32_t share, uint32_t us, uint32_t quickest_us)
{
	uint64_t wanted = us ? (uint64_t)quickest_us * SL_WEIGH_ONE / us : SL_WEIGH_ONE;
	uint32_t next;

	wanted = SL_MIN(SL_MAX(wanted, (uint64_t)SL_WEIGH_LEAST), (uint64_t)SL_WEIGH_ONE);
	if (wanted + SL_WEIGH_DEAD_BAND > share && share + SL_WEIGH_DEAD_BAND > wanted)
		return share;
	next = (uint32_t)((share + wanted) / 2);
	return SL_MIN(SL_MAX(next, SL_WEIGH_LEAST), SL_WEIGH_ONE);
}
