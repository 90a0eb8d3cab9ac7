/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/rates.h"

#include <jansson.h>

#include "model/model.h"

#define STEP_LEAST_S (SL_RATES_STEP_S - 0.5)

void sl_rates_sample(struct sl_rates *rates, struct sl_model *model)
{
	struct sl_model_report *report;
	uint64_t total[SL_RATES_KINDS], next;
	double seconds;

	/* of one node alone: the totals are what is wanted */
	if (sl_model_report_page(model, NULL, 0, 1, &report, &next) < 0)
		return;
	total[SL_RATES_RECEIVED] = report->balance.received;
	total[SL_RATES_SENT] = report->balance.delivered + report->balance.forwarded;
	total[SL_RATES_DROPPED] = report->balance.dropped;
	seconds = report->uptime_s - rates->at_s;
	sl_model_report_destroy(report);
	if (rates->at_s > 0 && seconds < STEP_LEAST_S)
		return;
	for (int kind = 0; kind < SL_RATES_KINDS && rates->at_s > 0; kind++)
		rates->sample[rates->next][kind] =
			(double)(total[kind] - rates->total[kind]) / seconds;
	if (rates->at_s > 0) {
		rates->next = (rates->next + 1) % SL_RATES_COUNT;
		rates->filled += rates->filled < SL_RATES_COUNT;
	}
	for (int kind = 0; kind < SL_RATES_KINDS; kind++)
		rates->total[kind] = total[kind];
	rates->at_s += seconds;
}

struct json_t *sl_rates_json(const struct sl_rates *rates)
{
	static const char *const names[SL_RATES_KINDS] = {"received", "sent", "dropped"};
	json_t *object = json_pack("{s:i}", "step_seconds", (int)SL_RATES_STEP_S);

	for (int kind = 0; object && kind < SL_RATES_KINDS; kind++) {
		json_t *list = json_array();

		for (uint32_t i = 0; list && i < rates->filled; i++) {
			uint32_t at =
				(rates->next + SL_RATES_COUNT - rates->filled + i) % SL_RATES_COUNT;

			(void)json_array_append_new(list, json_real(rates->sample[at][kind]));
		}
		(void)json_object_set_new(object, names[kind], list);
	}
	return object;
}
