/* SPDX-License-Identifier: BSD-3-Clause */

/* A stage that notes whose tracked flows are, addresses and ports, for `flows --addresses`.
 *
 * Why:     a flow table knows tags, which nobody turns back into a five-tuple.
 * Shape:   a line beside each entry of the table (sl_pool_memory_keep_addresses()), with the entry's tag:
 *          written when a packet's entry has another flow's line or none. So flows that moved to
 *          another bucket, or came from a state file, have theirs with their next packet.
 *          A line is read as an entry is (flow_table.c): the owner stores tag = 0, the key's words, the
 *          new tag, the latter with release order; a reader loads the tag, the key's words, the
 *          former with acquire order, and the tag again. A word of another flow would come with
 *          tag = 0, or with that flow's tag.
 * Threads: note: the core that owns the tables. read: any thread, at any time.
 * Memory:  the tables'.
 * Errors:  none.
 */

#ifndef SL_PATH_ADDRESS_H
#define SL_PATH_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "state/flow_table.h"

struct sl_burst;
struct sl_core;
struct sl_snapshot;

#define SL_ADDRESS_WORDS SL_ARRAY_COUNT(((struct sl_key *)0)->word)

/* After the decision: of all packets of the burst whose pools keep addresses and whose flows have an entry. */
void sl_address_note(const struct sl_snapshot *snapshot, const struct sl_core *core,
		     const struct sl_burst *burst);

/* The key of the flow that entry number index is, as the first packet seen had it; false: not known. */
static inline bool sl_address_read(const struct sl_flow_table *table, uint32_t index, uint64_t tag,
				   struct sl_key *key)
{
	const struct sl_flow_address *lines = __atomic_load_n(&table->addresses, __ATOMIC_ACQUIRE);
	struct sl_key found;

	if (!lines || __atomic_load_n(&lines[index].tag, __ATOMIC_ACQUIRE) != tag)
		return false;
	for (uint32_t i = 0; i < SL_ADDRESS_WORDS; i++)
		found.word[i] = __atomic_load_n(&lines[index].key.word[i], __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&lines[index].tag, __ATOMIC_RELAXED) != tag)
		return false;
	*key = found;
	return true;
}

#endif
