/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/pool_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "state/flow_table.h"

static void put_stamps(struct sl_pool_stamps *stamps)
{
	if (!stamps || --stamps->references > 0)
		return;
	for (uint32_t i = 0; i < stamps->core_count; i++)
		sl_mem_free(stamps->core[i], sizeof(struct sl_stamp) * stamps->slot_count);
	sl_mem_free(stamps, sizeof(*stamps));
}

static struct sl_pool_stamps *create_stamps(uint32_t core_count, uint32_t slot_count)
{
	struct sl_pool_stamps *made = sl_mem_alloc(sizeof(*made));

	if (!made)
		return NULL;
	made->references = 1;
	made->core_count = core_count;
	made->slot_count = slot_count;
	for (uint32_t i = 0; i < core_count; i++) {
		made->core[i] = sl_mem_alloc(sizeof(struct sl_stamp) * slot_count);
		if (!made->core[i]) {
			put_stamps(made);
			return NULL;
		}
	}
	return made;
}

static void free_all(struct sl_pool_memory *memory)
{
	for (uint32_t i = 0; i < memory->table_count; i++)
		sl_flow_table_put(memory->flow_tables[i]);
	put_stamps(memory->stamps_owner);
	sl_mem_free(memory, sizeof(*memory));
}

/* Without tables. Takes over the caller's reference to the stamps (NULL: there was no memory). */
static struct sl_pool_memory *create_bare(struct sl_pool_stamps *stamps, uint32_t flow_entries)
{
	struct sl_pool_memory *made = stamps ? sl_mem_alloc(sizeof(*made)) : NULL;

	if (!made) {
		put_stamps(stamps);
		return NULL;
	}
	made->references = 1;
	made->core_count = stamps->core_count;
	made->slot_count = stamps->slot_count;
	made->flow_entries = flow_entries;
	made->stamps_owner = stamps;
	for (uint32_t i = 0; i < made->core_count; i++) {
		uint64_t seed = 0;

		(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
		sl_pick_state_init(&made->pick_states[i], seed);
		made->stamps[i] = stamps->core[i];
	}
	return made;
}

static void name_loads(struct sl_pool_memory *memory)
{
	for (uint32_t i = 0; i < SL_MIN(memory->table_count, memory->core_count); i++)
		memory->node_load[i] = memory->flow_tables[i]->node_load;
}

static int create_tables(struct sl_pool_memory *memory)
{
	while (memory->flow_entries && memory->table_count < memory->core_count) {
		int rc = sl_flow_table_create(memory->flow_entries,
					      &memory->flow_tables[memory->table_count]);

		if (rc)
			return rc;
		memory->table_count++;
	}
	return 0;
}

int sl_pool_memory_create(uint32_t core_count, uint32_t slot_count, uint32_t flow_entries,
			  struct sl_pool_memory **memory)
{
	struct sl_pool_memory *made;
	int rc;

	if (core_count > SL_RX_CORES_MAX)
		return -E2BIG;
	made = create_bare(create_stamps(core_count, slot_count), flow_entries);
	if (!made)
		return -ENOMEM;
	rc = create_tables(made);
	if (rc) {
		free_all(made);
		return rc;
	}
	name_loads(made);
	*memory = made;
	return 0;
}

/* The first count tables of `before`. */
static void share_tables(struct sl_pool_memory *memory, const struct sl_pool_memory *before,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		memory->flow_tables[memory->table_count++] =
			sl_flow_table_get(before->flow_tables[i]);
}

static bool is_later(uint64_t word, uint64_t than)
{
	return ((sl_flow_last(word) - sl_flow_last(than)) & SL_FLOW_TICK_MASK) <=
	       SL_FLOW_TICK_MASK / 2;
}

/* What a table knows; entries of all ages, as only cores know what has expired. Of two of a flow the
 * one used later counts. */
static void copy_entries(struct sl_flow_table *to, const struct sl_flow_table *from)
{
	struct sl_flow_clock clock = {.now = 0};
	uint32_t capacity = sl_flow_table_capacity(from);
	struct sl_flow_entry entry;

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(clock.life); i++)
		clock.life[i] = SL_FLOW_TICK_MASK;
	for (uint32_t i = 0; i < capacity; i++) {
		struct sl_flow_entry *there;

		if (!sl_flow_table_at(from, i, &entry))
			continue;
		there = sl_flow_table_find(to, entry.tag);
		if (!there)
			(void)sl_flow_table_enter_heavy(to, &clock, entry.tag, entry.word,
							sl_flow_table_extra(from, i));
		else if (is_later(entry.word, there->word))
			sl_flow_table_write(to, there, entry.tag, entry.word);
	}
	to->refused = to->evicted = 0; /* they are still read where they were */
}

static struct sl_pool_stamps *stamps_for(const struct sl_pool_memory *before, uint32_t slot_count)
{
	if (slot_count != before->slot_count)
		return create_stamps(before->core_count, slot_count);
	before->stamps_owner->references++;
	return before->stamps_owner;
}

int sl_pool_memory_derive(const struct sl_pool_memory *before, uint32_t slot_count,
			  uint32_t flow_entries, struct sl_pool_memory **memory)
{
	struct sl_pool_memory *made = create_bare(stamps_for(before, slot_count), flow_entries);

	if (!made)
		return -ENOMEM;
	if (flow_entries == before->flow_entries) {
		share_tables(made, before, before->table_count);
	} else if (flow_entries) {
		int rc = create_tables(made);

		if (rc) {
			free_all(made);
			return rc;
		}
		for (uint32_t i = 0; i < before->table_count; i++)
			copy_entries(made->flow_tables[i % made->core_count],
				     before->flow_tables[i]);
		share_tables(made, before, SL_MIN(before->table_count, before->core_count));
	}
	name_loads(made);
	*memory = made;
	return 0;
}

int sl_pool_memory_shed(const struct sl_pool_memory *before, struct sl_pool_memory **memory)
{
	struct sl_pool_memory *made =
		create_bare(stamps_for(before, before->slot_count), before->flow_entries);

	if (!made)
		return -ENOMEM;
	share_tables(made, before, SL_MIN(before->table_count, before->core_count));
	memcpy(made->pick_states, before->pick_states, sizeof(made->pick_states));
	name_loads(made);
	*memory = made;
	return 0;
}

int sl_pool_memory_keep_addresses(struct sl_pool_memory *memory)
{
	for (uint32_t i = 0; i < memory->table_count; i++) {
		struct sl_flow_table *table = memory->flow_tables[i];
		struct sl_flow_address *made = table->addresses;

		if (!made)
			made = sl_mem_alloc(sizeof(*made) * sl_flow_table_capacity(table));
		if (!made)
			return -ENOMEM;
		__atomic_store_n(&table->addresses, made, __ATOMIC_RELEASE);
	}
	return 0;
}

struct sl_pool_memory *sl_pool_memory_get(struct sl_pool_memory *memory)
{
	memory->references++;
	return memory;
}

void sl_pool_memory_put(struct sl_pool_memory *memory)
{
	if (memory && --memory->references == 0)
		free_all(memory);
}

uint64_t sl_pool_memory_passes(const struct sl_pool_memory *memory)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < SL_MIN(memory->table_count, memory->core_count); i++)
		least = SL_MIN(least,
			       __atomic_load_n(&memory->flow_tables[i]->passes, __ATOMIC_ACQUIRE));
	return least;
}

void sl_pool_memory_count(const struct sl_pool_memory *memory, struct sl_flow_counts *counts)
{
	struct sl_flow_counts sum = {0, 0, 0, 0};

	for (uint32_t i = 0; i < SL_MIN(memory->table_count, memory->core_count); i++) {
		const struct sl_flow_table *table = memory->flow_tables[i];

		sum.tracked += __atomic_load_n(&table->tracked, __ATOMIC_RELAXED);
		sum.begun += __atomic_load_n(&table->begun, __ATOMIC_RELAXED);
		sum.refused += __atomic_load_n(&table->refused, __ATOMIC_RELAXED);
		sum.evicted += __atomic_load_n(&table->evicted, __ATOMIC_RELAXED);
	}
	*counts = sum;
}

bool sl_pool_memory_names(const struct sl_pool_memory *memory, uint32_t node)
{
	for (uint32_t i = 0; i < memory->table_count; i++) {
		const struct sl_flow_table *table = memory->flow_tables[i];

		if (__atomic_load_n(&table->node_flows[node], __ATOMIC_RELAXED) ||
		    __atomic_load_n(&table->node_load[node], __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

uint64_t sl_pool_memory_node_flows(const struct sl_pool_memory *memory, uint32_t node)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SL_MIN(memory->table_count, memory->core_count); i++)
		sum += __atomic_load_n(&memory->flow_tables[i]->node_flows[node], __ATOMIC_RELAXED);
	return sum;
}

void sl_pool_memory_gather(const struct sl_pool_memory *memory)
{
	for (uint32_t i = 0; memory && i < memory->table_count; i++)
		sl_flow_table_gather(memory->flow_tables[i]);
}

uint64_t sl_pool_memory_node_load(const struct sl_pool_memory *memory, uint32_t node)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SL_MIN(memory->table_count, memory->core_count); i++)
		sum += __atomic_load_n(&memory->node_load[i][node], __ATOMIC_RELAXED);
	return sum;
}
