/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/notice.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "model/balance.h"

void sl_notice_why(struct sl_notice *notice, const struct sl_finding *finding)
{
	const char *name = sl_health_result_name(finding->result);
	size_t size = sizeof(notice->why);

	if (finding->held_ms && !notice->change.healthy)
		(void)snprintf(notice->why, size, "%s: flaps, held down for %u s", name,
			       (finding->held_ms + 999) / 1000);
	else if (strncmp(finding->say, name, strlen(name)) == 0)
		(void)snprintf(notice->why, size, "%s", finding->say);
	else
		(void)snprintf(notice->why, size, "%s: %s", name, finding->say);
}

/* Nobody of the pool is left: its fallback serves, or what `no_node` says happens; it is said loudly. */
static void warn_of_nobody(struct sl_model *model, uint32_t p)
{
	static const char *const does[] = {
		[SL_NO_NODE_DROP] = "packets are dropped (no_node: drop)",
		[SL_NO_NODE_ANY] = "all nodes serve (no_node: any)",
		[SL_NO_NODE_PUNT] = "packets are punted (no_node: punt)"};
	const struct sl_image *image = sl_model_image(model);
	const char *name = image->pools[p]->name;
	uint32_t serving;
	char text[SL_NOTICE_WHY_SIZE];

	for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
		if (sl_image_node_takes(&image->pools[p]->nodes[n]))
			return;
	serving = sl_balance_serving(image, p);
	if (serving != p)
		(void)snprintf(text, sizeof(text), "pool %s: no node is up: pool %s serves", name,
			       image->pools[serving]->name);
	else
		(void)snprintf(text, sizeof(text), "pool %s: no node is up: %s", name,
			       does[image->pools[p]->conf.no_node]);
	sl_log(SL_LOG_ERROR, "%s", text);
	sl_model_note(model, "health", name, NULL, text);
}

/* Once for each pool that lost somebody. */
static void warn_of_pools(struct sl_model *model, const struct sl_notices *notices)
{
	bool looked[SL_POOLS_MAX] = {false};

	for (uint32_t i = 0; i < notices->count; i++) {
		const struct sl_notice *notice = &notices->of[i];
		int p = sl_image_find_pool(sl_model_image(model), notice->change.pool);

		if (p < 0 || looked[p] || !notice->is_said ||
		    (notice->change.healthy && notice->change.asked == SL_HAND_UP))
			continue;
		looked[p] = true;
		warn_of_nobody(model, (uint32_t)p);
	}
}

int sl_notices_tell(struct sl_notices *notices, struct sl_model *model)
{
	struct sl_change_result result;
	int rc;

	if (notices->count == 0)
		return 0;
	for (uint32_t i = 0; i < notices->count; i++) {
		struct sl_notice *notice = &notices->of[i];

		notice->change.why = notice->why;
		notice->change.next = i + 1 < notices->count ? &notice[1].change : NULL;
	}
	rc = sl_model_change(model, &notices->of[0].change, false, &result, NULL);
	sl_change_result_fini(&result);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < notices->count; i++)
		if (notices->of[i].is_said)
			sl_model_note(model, "health", notices->of[i].change.pool,
				      notices->of[i].change.node, notices->of[i].why);
	warn_of_pools(model, notices);
	return 0;
}
