/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/balance.h"

#include "base/bytes.h"

/* A node that others are the backup of; where all are backups none is. */
static bool is_primary(const struct sl_image_node *node)
{
	return !node->conf->backup;
}

bool sl_balance_has_primary(const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->listed_count; n++)
		if (is_primary(&pool->nodes[n]))
			return true;
	return false;
}

/* True while backups serve: no primary node with weight takes new flows, and a backup does. */
static bool backups_serve(const struct sl_image_pool *pool)
{
	bool backup = false;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		if (node->conf->weight == 0 || !sl_image_node_takes(node))
			continue;
		if (is_primary(node))
			return false;
		backup = true;
	}
	return backup;
}

/* Never nothing of a weight that is something. */
static uint64_t scaled(uint64_t weight, uint32_t scale)
{
	uint64_t part = (uint64_t)((unsigned __int128)weight * scale / SL_SCALE_ONE);

	return weight > 0 && scale > 0 ? SL_MAX(part, 1u) : part;
}

void sl_balance_weights(struct sl_image_pool *pool)
{
	bool primary = sl_balance_has_primary(pool), backups = backups_serve(pool);

	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct sl_image_node *node = &pool->nodes[n];
		bool serves = n < pool->listed_count && (!primary || is_primary(node) != backups);

		node->weight_now = serves ? scaled(node->conf->weight, node->scale) : 0;
	}
}

static bool serves(const struct sl_image_pool *pool)
{
	double up = 0, all = 0;
	bool taken = false;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];
		bool takes = node->conf->weight > 0 && sl_image_node_takes(node);

		taken |= takes;
		if (!is_primary(node))
			continue;
		all += (double)node->conf->weight;
		up += takes ? (double)node->conf->weight : 0;
	}
	return taken && up * SL_WEIGHT_UNIT >= (double)pool->conf.fallback_below * all;
}

/* SL_CONF_FALLBACKS_MAX steps at most. */
uint32_t sl_balance_serving(const struct sl_image *image, uint32_t place)
{
	uint32_t at = place;

	for (uint32_t step = 0; step <= SL_CONF_FALLBACKS_MAX; step++) {
		const struct sl_image_pool *pool = image->pools[at];
		int next;

		if (!pool->conf.fallback[0])
			return serves(pool) ? at : place;
		if (serves(pool))
			return at;
		next = sl_image_find_pool(image, pool->conf.fallback);
		if (next < 0)
			break;
		at = (uint32_t)next;
	}
	return place;
}
