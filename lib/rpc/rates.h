/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets a second over the last minutes, for the status page's chart.
 *
 * Why:     a page that was just opened shows what was before.
 * Shape:   a ring of samples, one each SL_RATES_STEP_S seconds.
 * Threads: control.
 * Memory:  the caller's; all zero to begin with.
 */

#ifndef SL_RPC_RATES_H
#define SL_RPC_RATES_H

#include <stdint.h>

struct json_t;
struct sl_model;

#define SL_RATES_STEP_S 2u
#define SL_RATES_COUNT	300u /* ten minutes */

enum { SL_RATES_RECEIVED = 0, SL_RATES_SENT = 1, SL_RATES_DROPPED = 2, SL_RATES_KINDS = 3 };

struct sl_rates {
	double sample[SL_RATES_COUNT][SL_RATES_KINDS]; /* packets a second */
	uint32_t next, filled;
	uint64_t total[SL_RATES_KINDS]; /* at the last sample */
	double at_s;			/* when it was, by the model's uptime; 0: there was none */
};

/* Once a second; takes a sample when its time has come. */
void sl_rates_sample(struct sl_rates *rates, struct sl_model *model);
/* {"step_seconds", "received": [oldest, ...], "sent", "dropped"}; NULL: no memory. */
struct json_t *sl_rates_json(const struct sl_rates *rates);

#endif
