/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit/neigh/fake_link.h"

#include <string.h>

#include "base/clock.h"
#include "lcore/told.h"
#include "pkt/arp_nd.h"
#include "pkt/hdr.h"

static const struct sl_hash_key key = {{1, 2}};

struct sl_mac fake_link_mac(const struct sl_addr *addr)
{
	struct sl_mac mac = {{0x02, 0x11}};

	memcpy(mac.octets + 2, addr->octets, sizeof(mac.octets) - 2);
	return mac;
}

static void answer(struct fake_link *link, uint32_t port, const struct sl_addr *addr)
{
	struct sl_told told = {.port = (uint8_t)port, .mac = fake_link_mac(addr), .addr = *addr};

	sl_told_put(link->core->told, &told, &key, sl_clock_ms());
}

static bool say(void *context, uint32_t port, const uint8_t *frame, uint32_t size)
{
	struct fake_link *link = context;
	struct sl_neigh neigh;

	if (link->said == link->room)
		return false;
	link->said++;
	if (sl_load_be16(frame + SL_ETH_TYPE) != SL_ETHERTYPE_ARP) {
		link->announced++;
		return true;
	}
	if (!sl_arp_parse(frame + SL_ETH_SIZE, size - SL_ETH_SIZE, &neigh))
		return true;
	if (sl_addr_equal(&neigh.sender, &neigh.target)) {
		link->announced++;
		link->last_announced = neigh.target;
		return true;
	}
	link->asked++;
	if (!link->silent)
		answer(link, port, &neigh.target);
	return true;
}

static void flush(void *context)
{
	struct fake_link *link = context;

	if (link->said > link->said_most)
		link->said_most = link->said;
	link->said = 0;
}

void fake_link_open(struct fake_link *link, struct sl_core_stats **core, struct sl_neigh_link *spec)
{
	memset(link, 0, sizeof(*link));
	link->core = *core;
	link->room = UINT32_MAX;
	*spec = (struct sl_neigh_link){
		.say = say, .flush = flush, .context = link, .cores = core, .core_count = 1};
	memset(spec->mac, 2, sizeof(spec->mac));
}
