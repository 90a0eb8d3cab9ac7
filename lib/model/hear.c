/* SPDX-License-Identifier: BSD-3-Clause */

/* What receive cores heard: path MTUs of tunnels, nodes that are unreachable, addresses in dispute.
 *
 * Source: RFC 1191 (section 7, plateaus), 2003 (section 4), 2473 (section 7.1), 4459, 8201, 5227
 * (section 2.4). */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "lcore/heard.h"
#include "model/inside.h"
#include "pkt/hdr.h"

#define KEPT_MS	      (10u * 60 * 1000) /* how long a path MTU is believed */
#define QUIET_MS      (60u * 1000)	/* between two words about one address in dispute */
#define IP4_MTU_MIN   576		/* less is not believed */
#define TEXT_SIZE     256
#define PLATEAU_COUNT (sizeof(plateaus) / sizeof(plateaus[0]))

/* What is tried where a router does not say what would fit. */
static const uint16_t plateaus[] = {17914, 8166, 4352, 2002, 1492, 1006, IP4_MTU_MIN};

static uint32_t told_mtu(const struct sl_heard *heard)
{
	bool v6 = heard->other.family == SL_FAMILY_IPV6;
	uint32_t mtu = heard->mtu;

	for (uint32_t i = 0; i < PLATEAU_COUNT && mtu == 0; i++)
		if (plateaus[i] < heard->size)
			mtu = plateaus[i];
	return SL_MAX(mtu, (uint32_t)(v6 ? SL_IP6_MTU_MIN : IP4_MTU_MIN));
}

/* True if packets to the node leave as the quoted one did. */
static bool sends(const struct sl_conf *conf, const struct sl_conf_node *node,
		  const struct sl_heard *heard)
{
	const struct sl_addr *src;

	if (node->kind != SL_NODE_REMOTE || !sl_addr_equal(&node->address, &heard->other))
		return false;
	src = sl_conf_outer_source(conf, node);
	if (!src || !sl_addr_equal(src, &heard->ours))
		return false;
	switch (node->encap) {
	case SL_ENCAP_NONE:
		return false;
	case SL_ENCAP_IPIP:
		return heard->protocol == SL_PROTO_IPIP || heard->protocol == SL_PROTO_IPV6;
	case SL_ENCAP_GRE:
		return heard->protocol == SL_PROTO_GRE;
	case SL_ENCAP_GUE:
		return heard->protocol == SL_PROTO_UDP && heard->dport == node->gue_port;
	case SL_ENCAP_VXLAN:
		return heard->protocol == SL_PROTO_UDP && heard->dport == SL_VXLAN_PORT;
	}
	return false;
}

uint32_t sl_hear_mtu(const struct sl_model *model, uint32_t index, uint32_t port_mtu)
{
	uint32_t told = model->nodes[index].path_mtu;

	return told && told < port_mtu ? told : port_mtu;
}

/* Routers cut what may be cut, and what we could not have sent is not ours. The same again, when its
 * time has nearly passed, makes it last. */
static void lower(struct sl_model *model, uint32_t place, uint32_t n, const struct sl_heard *heard)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_conf_node *node = pool->nodes[n].conf;
	struct sl_body_node *body = &model->nodes[pool->nodes[n].index];
	uint32_t mtu = told_mtu(heard), port_mtu = sl_model_mtu(model, node->port);
	uint32_t now = sl_hear_mtu(model, pool->nodes[n].index, port_mtu);
	char text[TEXT_SIZE];

	if (node->address.family == SL_FAMILY_IPV4 &&
	    sl_conf_outer_df(&pool->conf, node) == SL_ENCAP_DF_CLEAR)
		return;
	if (heard->size > port_mtu || heard->size <= mtu || mtu > now)
		return;
	body->path_mtu_until_ms = model->options.now_ms() + KEPT_MS;
	if (mtu == now)
		return;
	body->path_mtu = mtu;
	sl_model_touch(model);
	(void)snprintf(text, sizeof(text),
		       "%s/%s: the path takes %" PRIu32 " octets, the port %" PRIu32
		       "; for ten minutes, what is larger is refused",
		       pool->name, pool->nodes[n].name, mtu, port_mtu);
	sl_log(SL_LOG_NOTICE, "%s", text);
	sl_model_note(model, "path-mtu", pool->name, pool->nodes[n].name, text);
}

static void hear_error(struct sl_model *model, const struct sl_heard *heard)
{
	for (uint32_t p = 0; p < model->image->pool_count; p++) {
		const struct sl_image_pool *pool = model->image->pools[p];

		for (uint32_t n = 0; n < pool->node_count; n++) {
			if (!sends(model->image->conf, pool->nodes[n].conf, heard))
				continue;
			if (heard->kind == SL_HEARD_TOO_BIG)
				lower(model, p, n, heard);
			else
				model->nodes[pool->nodes[n].index].unreachable++;
		}
	}
}

/* One word a minute about an address and who claims it. */
static bool is_news(struct sl_model *model, const struct sl_heard *heard)
{
	uint64_t now = model->options.now_ms();
	struct sl_claimed *oldest = &model->claimed[0];

	for (uint32_t i = 0; i < SL_CLAIMED_MAX; i++) {
		struct sl_claimed *one = &model->claimed[i];

		if (one->told_ms && now - one->told_ms < QUIET_MS &&
		    sl_addr_equal(&one->addr, &heard->ours) &&
		    memcmp(&one->mac, &heard->mac, sizeof(one->mac)) == 0)
			return false;
		if (one->told_ms < oldest->told_ms)
			oldest = one;
	}
	if (oldest->told_ms && now - oldest->told_ms < QUIET_MS)
		return false; /* a flood of claims */
	*oldest = (struct sl_claimed){heard->ours, heard->mac, SL_MAX(now, 1u)};
	return true;
}

static void hear_claim(struct sl_model *model, const struct sl_heard *heard)
{
	const struct sl_conf *conf = model->image->conf;
	char addr[SL_ADDR_TEXT_SIZE], mac[SL_MAC_TEXT_SIZE], text[TEXT_SIZE];

	if (heard->port >= conf->port_count || !is_news(model, heard))
		return;
	(void)snprintf(text, sizeof(text), "port %s: %s says that it has our address %s",
		       conf->ports[heard->port].name, sl_mac_format(&heard->mac, mac),
		       sl_addr_format(&heard->ours, addr));
	sl_log(SL_LOG_WARNING, "%s", text);
	sl_model_note(model, "conflict", NULL, NULL, text);
}

void sl_model_hear(struct sl_model *model)
{
	for (uint32_t c = 0; c < model->options.core_count; c++) {
		struct sl_heard heard;

		for (uint32_t i = 0; i < SL_HEARD_ROOM; i++) {
			if (!sl_heard_take(model->options.cores[c]->heard, &heard))
				break;
			if (heard.kind == SL_HEARD_CLAIM)
				hear_claim(model, &heard);
			else
				hear_error(model, &heard);
		}
	}
}

void sl_hear_tick(struct sl_model *model)
{
	uint64_t now = model->options.now_ms();

	for (uint32_t p = 0; p < model->image->pool_count; p++)
		for (uint32_t n = 0; n < model->image->pools[p]->node_count; n++) {
			uint32_t index = model->image->pools[p]->nodes[n].index;
			struct sl_body_node *body = &model->nodes[index];

			if (!body->path_mtu || now < body->path_mtu_until_ms)
				continue;
			body->path_mtu = 0;
			sl_model_touch(model);
		}
}
