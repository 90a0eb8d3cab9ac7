/* SPDX-License-Identifier: BSD-3-Clause */

#include "path/address.h"

#include "lcore/burst.h"
#include "state/core.h"
#include "state/follow.h"
#include "state/hash.h"

static void write_line(struct sl_flow_address *line, uint64_t tag, const struct sl_key *key)
{
	__atomic_store_n(&line->tag, 0, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < SL_ADDRESS_WORDS; i++)
		__atomic_store_n(&line->key.word[i], key->word[i], __ATOMIC_RELEASE);
	__atomic_store_n(&line->tag, tag, __ATOMIC_RELEASE);
}

static void note(const struct sl_flow_table *table, uint64_t tag, const struct sl_key *key)
{
	const struct sl_flow_entry *entry = sl_flow_table_find(table, tag);
	struct sl_flow_address *lines = __atomic_load_n(&table->addresses, __ATOMIC_ACQUIRE);
	struct sl_flow_address *line;

	if (!entry || !lines)
		return;
	line = &lines[entry - table->buckets->entry];
	if (line->tag != tag)
		write_line(line, tag, key);
}

void sl_address_note(const struct sl_snapshot *snapshot, const struct sl_core *core,
		     const struct sl_burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sl_pkt *pkt = &burst->pkt[i];
		const struct sl_pool_view *pool;
		uint64_t tag;

		if (burst->verdict[i] != SL_VERDICT_NODE || (pkt->flags & SL_PKT_ICMP_ERROR))
			continue;
		pool = &snapshot->pools[snapshot->services[burst->service[i]].pool];
		if (!(pool->flags & SL_POOL_ADDRESSES) || !pool->flow_tables)
			continue;
		tag = sl_hash_flow(snapshot, pool, pkt);
		note(pool->flow_tables[core->index], tag, &pkt->key);
		note(pool->flow_tables[core->index], tag ^ SL_FOLLOW_BESIDE, &pkt->key);
	}
}
