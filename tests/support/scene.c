/* SPDX-License-Identifier: BSD-3-Clause */

#include "support/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/service.h"

#define SLOTS 65536

static void fail(const char *what)
{
	fprintf(stderr, "%s: no memory\n", what);
	exit(99);
}

static void services_make(struct sl_snapshot *snapshot, uint32_t service_count)
{
	static const struct sl_port_range http = {80, 80}, dns = {53, 53};
	uint32_t count = service_count == 0 ? 1 : service_count, first, second;
	struct sl_service_spec *specs = calloc(count, sizeof(*specs));
	struct sl_service_table *table;

	if (specs == NULL)
		fail("services");
	for (uint32_t i = 0; i < count; i++) {
		struct sl_service_spec *spec = &specs[i];
		uint32_t host = i / 2;

		spec->index = i;
		spec->any = service_count == 0;
		spec->protocol = service_count == 0 ? -1 : i % 2 == 0 ? 6 : 17;
		spec->ports = i % 2 == 0 ? &http : &dns;
		spec->port_count = service_count == 0 ? 0 : 1;
		spec->prefix.length = 32;
		spec->prefix.addr.family = SL_FAMILY_IPV4;
		spec->prefix.addr.octets[0] = 10;
		spec->prefix.addr.octets[1] = 1;
		spec->prefix.addr.octets[2] = (uint8_t)(host >> 8);
		spec->prefix.addr.octets[3] = (uint8_t)host;
		snapshot->services[i].pool = 0;
		snapshot->services[i].prior_pool = SL_SERVICE_NONE;
		snapshot->services[i].flags = spec->any ? 0 : SL_SERVICE_NAMES_ADDRESS;
	}
	if (sl_service_table_build(specs, count, &table, &first, &second) != 0)
		fail("services");
	sl_snapshot_set_services(snapshot, table);
	free(specs);
}

struct sl_snapshot *scene_snapshot(const struct sl_node_view *nodes, uint32_t node_count,
				   uint32_t service_count, uint32_t port_count)
{
	struct sl_snapshot *snapshot;
	struct sl_slot_table *slots;

	if (sl_snapshot_create(NULL, 1, service_count == 0 ? 1 : service_count, &snapshot) != 0 ||
	    sl_slot_table_create(SLOTS, 0, &slots) != 0)
		fail("snapshot");
	for (uint32_t i = 0; i < SLOTS; i++)
		slots->word[i] = node_count == 0 ? SL_NODE_NOBODY : 1 + i % node_count;
	for (uint32_t i = 0; i < node_count; i++) {
		struct sl_node_view *view = sl_snapshot_node_edit(snapshot, i + 1);

		if (view == NULL)
			fail("node");
		*view = nodes[i];
		view->state = SL_NODE_STATE_UP;
		view->flags |= SL_NODE_KEEPS | SL_NODE_TAKES;
	}
	memset(&snapshot->pools[0].mask, 0xff, sizeof(snapshot->pools[0].mask));
	sl_pool_view_set_slots(&snapshot->pools[0], slots);
	snapshot->hash_key.word[0] = 0x0123456789abcdefull;
	snapshot->hash_key.word[1] = 0xfedcba9876543210ull;
	services_make(snapshot, service_count);
	snapshot->port_count = port_count;
	for (uint32_t i = 0; i < port_count; i++) {
		snapshot->ports[i].punt_port = SL_PUNT_DROP;
		snapshot->ports[i].mtu = 1500;
	}
	return snapshot;
}
