/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/link.h"

#include <net/if.h>

#include <rte_ethdev.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "io/device.h"
#include "io/form.h"
#include "io/interface.h"

static uint16_t bounded(uint32_t mtu)
{
	return (uint16_t)SL_MIN(SL_MAX(mtu, (uint32_t)SL_MTU_MIN), (uint32_t)SL_MTU_MAX);
}

/* Interfaces that others have, too: their MTU is not ours to set. */
static bool has_link(const char *text)
{
	return sl_form_is(text, "net_af_packet") || sl_form_is(text, "net_af_xdp");
}

uint16_t sl_link_mtu(const char *text, uint16_t wanted)
{
	uint16_t most = wanted ? wanted : SL_MTU_DEFAULT;
	struct sl_interface_link link;
	char name[SL_INTERFACE_NAME_SIZE];

	if (!has_link(text) || !sl_form_value(text, "iface", 0, name, sizeof(name)) ||
	    !sl_interface_link(if_nametoindex(name), &link) || link.mtu == 0)
		return most;
	return wanted ? SL_MIN(wanted, bounded(link.mtu)) : bounded(link.mtu);
}

void sl_link_read(const struct sl_port *port, struct sl_link *out)
{
	struct sl_link link = {.mtu = port->mtu};
	struct sl_interface_link seen;
	struct rte_eth_link said = {0};

	if (sl_device_is_unplugged(port->device)) {
		link.gone = true;
	} else if (port->interface != 0 && !sl_device_is_pci(port->device, NULL)) {
		link.gone = !sl_interface_link(port->interface, &seen);
		if (!link.gone) {
			link.up = seen.up;
			link.speed_mbps = seen.speed_mbps;
			link.mtu = SL_MIN(port->mtu, bounded(seen.mtu));
		}
	} else if (rte_eth_link_get_nowait(port->port_id, &said) == 0) {
		link.up = said.link_status == RTE_ETH_LINK_UP;
		link.speed_mbps =
			said.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : said.link_speed;
	}
	*out = link;
}
