/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/ask.h"

#include "lcore/told.h"
#include "pkt/arp_nd.h"

#define HEARD_MAX 1024 /* of one core at a time: some 0.3 ms */

bool sl_neigh_ask_for(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		      const struct sl_neigh_link *link, const struct sl_conf_port *port)
{
	const struct sl_addr *from = sl_conf_asking(port, &entry->key.addr);
	const struct sl_mac *own = &link->mac[entry->key.port];
	uint8_t frame[SL_NEIGH_FRAME_SIZE_MAX];
	uint32_t size;

	if (!from)
		return false;
	size = sl_neigh_is_polled(entry)
		       ? sl_neigh_ask_at(own, from, &entry->key.addr, &entry->mac, frame)
		       : sl_neigh_ask(own, from, &entry->key.addr, frame);
	if (link->say(link->context, entry->key.port, frame, size))
		return true;
	sl_neigh_unasked(table, entry);
	return false;
}

bool sl_neigh_hear(struct sl_neigh_table *table, const struct sl_neigh_link *link, uint64_t now_ms)
{
	bool any = false;

	for (uint32_t c = 0; c < link->core_count; c++) {
		struct sl_told told;

		for (uint32_t i = 0; i < HEARD_MAX && sl_told_take(link->cores[c]->told, &told);
		     i++) {
			struct sl_neigh_key key = {
				.port = told.port, .kind = SL_NEIGH_OWN, .addr = told.addr};
			struct sl_neigh_entry *entry = sl_neigh_find(table, &key);

			any = true;
			if (entry)
				sl_neigh_claimed(table, entry, &told.mac, now_ms);
		}
	}
	return any;
}
