/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/judge.h"

static const uint8_t verdict_of[] = {
	[SL_PKT_OK] = SL_VERDICT_NODE,	      [SL_PKT_NOT_IP] = SL_VERDICT_PUNT,
	[SL_PKT_TRUNCATED] = SL_VERDICT_DROP, [SL_PKT_BAD_HEADER] = SL_VERDICT_DROP,
	[SL_PKT_TINY] = SL_VERDICT_DROP,
};
static const uint8_t reason_of[] = {
	[SL_PKT_OK] = 0,
	[SL_PKT_NOT_IP] = SL_DROP_NO_SERVICE,
	[SL_PKT_TRUNCATED] = SL_DROP_TRUNCATED,
	[SL_PKT_BAD_HEADER] = SL_DROP_BAD_HEADER,
	[SL_PKT_TINY] = SL_DROP_FRAGMENT,
};

void sl_judge_parse(struct sl_burst *burst, uint32_t i)
{
	burst->verdict[i] = verdict_of[burst->pkt[i].status];
	burst->reason[i] = reason_of[burst->pkt[i].status];
}
