/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lcore/others.h"
#include "model/balance.h"
#include "model/inside.h"
#include "model/schedule.h"
#include "pkt/gue.h"
#include "state/bound.h"
#include "state/pool_memory.h"
#include "state/service.h"

/* ---- nodes ----------------------------------------------------------------------------------- */

/* False: the next hop's MAC address is not known. */
static bool encap_of(const struct sl_model *model, const struct sl_conf_pool *pool,
		     const struct sl_conf_node *node, struct sl_encap *encap)
{
	const struct sl_conf *conf = model->image->conf;
	const struct sl_addr *src = sl_conf_outer_source(conf, node);
	struct sl_encap_spec spec = {.type = node->encap, .vni = node->vni, .dst = node->address};
	struct sl_addr hop;
	enum sl_conf_hop how = sl_conf_next_hop(conf, node, &spec.dst_mac, &hop);
	bool known = how == SL_HOP_KNOWN;

	if (!known && model->ask_hop)
		known = model->ask_hop(model->hop_context, node->port, how, &hop, &spec.dst_mac);
	spec.outer_df = sl_conf_outer_df(pool, node);
	spec.src_mac = model->options.ports[node->port].mac;
	spec.port = node->encap == SL_ENCAP_VXLAN ? SL_VXLAN_PORT : node->gue_port;
	spec.inner_src_mac = spec.src_mac;
	spec.inner_dst_mac = node->inner_mac_set ? node->inner_mac : spec.dst_mac;
	spec.udp6_sum = pool->udp6_checksum == SL_UDP6_FULL;
	if (src)
		spec.src = *src;
	return sl_encap_build(&spec, encap) == 0 && known;
}

static uint8_t flags_of(const struct sl_image_node *node, bool regardless)
{
	uint8_t flags = 0;

	if (sl_image_node_takes(node))
		flags |= SL_NODE_TAKES;
	if (sl_image_node_keeps(node))
		flags |= SL_NODE_KEEPS;
	if (regardless && node->down && sl_image_node_hand(node) == SL_HAND_UP && !node->leaving)
		flags |= SL_NODE_TAKES | SL_NODE_KEEPS;
	return flags;
}

static bool splits(const struct sl_conf_pool *pool, const struct sl_conf_node *node)
{
	return pool->oversize == SL_OVERSIZE_FRAGMENT && node->encap != SL_ENCAP_NONE &&
	       sl_conf_outer_df(pool, node) != SL_ENCAP_DF_SET;
}

static void view_node(const struct sl_model *model, uint32_t place, uint32_t n, bool regardless,
		      struct sl_node_view *view)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_image_node *node = &pool->nodes[n];
	const struct sl_conf_node *conf = node->conf;

	memset(view, 0, sizeof(*view));
	view->kind = (uint8_t)conf->kind;
	view->state = (uint8_t)sl_image_node_state(node);
	view->flags = flags_of(node, regardless);
	view->pool = pool->index;
	if (conf->kind == SL_NODE_WORKER) {
		view->worker = (uint16_t)conf->worker;
		view->handler = model->nodes[node->index].handler;
		return;
	}
	view->port = (uint8_t)conf->port;
	if (conf->kind != SL_NODE_REMOTE)
		return;
	if (!encap_of(model, &pool->conf, conf, &view->encap))
		view->flags |= SL_NODE_NO_NEIGHBOR;
	if (splits(&pool->conf, conf))
		view->flags |= SL_NODE_SPLITS;
	view->l3_size_max =
		(uint16_t)(sl_hear_mtu(model, node->index, sl_model_mtu(model, conf->port)) -
			   view->encap.overhead -
			   (pool->conf.second_chance ? SL_GUE_FIELD_MAX : 0));
	sl_node_view_seal(view);
}

/* Chunks are copied only where a node differs. */
static int put_view(struct sl_snapshot *snapshot, uint32_t index, const struct sl_node_view *view)
{
	struct sl_node_view *at;

	if (snapshot->chunks[index / SL_NODE_CHUNK_COUNT] &&
	    memcmp(sl_snapshot_node(snapshot, index), view, sizeof(*view)) == 0)
		return 0;
	at = sl_snapshot_node_edit(snapshot, index);
	if (!at)
		return -ENOMEM;
	*at = *view;
	return 0;
}

static int build_nodes(const struct sl_model *model, uint32_t place, struct sl_snapshot *snapshot)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	bool regardless = sl_schedule_regardless(pool);
	uint64_t total = 0;

	if (model->pools[pool->index].built == pool && !model->touched)
		return 0;
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (flags_of(&pool->nodes[n], regardless) & SL_NODE_TAKES)
			total += pool->nodes[n].weight_now;
	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct sl_node_view view;

		view_node(model, place, n, regardless, &view);
		if (pool->conf.max_load && (view.flags & SL_NODE_TAKES))
			view.bound =
				sl_bound_of(pool->conf.max_load, pool->nodes[n].weight_now, total);
		if (put_view(snapshot, pool->nodes[n].index, &view) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Indices that nobody has any more are empty in the new snapshot. */
static int clear_nodes(const struct sl_model *model, struct sl_snapshot *snapshot)
{
	static const struct sl_node_view empty;

	for (const struct sl_life_item *item = model->retired; item; item = item->next)
		if (item->kind == SL_LIFE_NODE && put_view(snapshot, item->index, &empty) < 0)
			return -ENOMEM;
	return 0;
}

/* ---- pools ----------------------------------------------------------------------------------- */

static struct sl_key_mask mask_of(enum sl_conf_hash hash)
{
	struct sl_key protocol = {.protocol = 0xff, .family = 0xff};
	struct sl_key family = {.family = 0xff};
	struct sl_key_mask mask = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

	if (hash == SL_CONF_HASH_3_TUPLE)
		mask.misc = protocol.word[0];
	else if (hash != SL_CONF_HASH_5_TUPLE && hash != SL_CONF_HASH_INNER_5_TUPLE)
		mask.misc = family.word[0];
	if (hash == SL_CONF_HASH_SRC)
		mask.dst = 0;
	if (hash == SL_CONF_HASH_DST)
		mask.src = 0;
	return mask;
}

static int build_pick(const struct sl_model *model, uint32_t place, struct sl_pool_view *view)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	struct sl_pick_view *pick;
	struct sl_pool_pick *owner = NULL;
	int status;

	if (model->pools[pool->index].built == pool)
		return 0;
	status = sl_schedule_pick(pool, &pick);
	if (status < 0)
		return status;
	if (pick && sl_pool_pick_create(pick, &owner) < 0) {
		sl_pick_destroy(pick);
		return -ENOMEM;
	}
	sl_pool_view_set_pick(view, owner);
	return 0;
}

/* Entries that were too old under the former idle timeout stay so when it is raised. */
static void set_idle(const struct sl_model *model, const struct sl_body_pool *body,
		     const struct sl_conf_pool *conf, struct sl_pool_view *view)
{
	bool raised = conf->idle_ms_tcp > view->idle_ms_tcp ||
		      conf->idle_ms_udp > view->idle_ms_udp ||
		      conf->idle_ms_other > view->idle_ms_other;

	if (raised && body->built) {
		uint64_t now = model->options.now_ms();

		view->entries_since_ms = now - SL_MIN(now, body->idle_ms);
	}
	view->idle_ms_tcp = conf->idle_ms_tcp;
	view->idle_ms_udp = conf->idle_ms_udp;
	view->idle_ms_other = conf->idle_ms_other;
}

static int build_pool(const struct sl_model *model, uint32_t place, struct sl_snapshot *snapshot)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_conf_pool *conf = &pool->conf;
	const struct sl_body_pool *body = &model->pools[pool->index];
	struct sl_pool_view *view = &snapshot->pools[pool->index];
	struct sl_slot_table *slots;
	int status = sl_build_slots(model, place, snapshot, &slots);

	if (status < 0)
		return status;
	sl_pool_view_set_slots(view, slots);
	if (view->memory != body->memory)
		sl_pool_view_set_memory(view, sl_pool_memory_get(body->memory));
	status = build_pick(model, place, view);
	if (status < 0)
		return status;
	view->mask = mask_of(conf->hash);
	view->tracking = (uint8_t)sl_build_tracking(conf);
	view->flags = sl_sched_fills_slots(conf->scheduler) ? 0 : SL_POOL_PICKS;
	if (!view->flags && conf->max_load)
		view->flags |= SL_POOL_BOUNDED;
	if (conf->symmetric)
		view->flags |= SL_POOL_SYMMETRIC;
	if (conf->second_chance) {
		view->flags |= SL_POOL_CHANCE;
		snapshot->chances |= slots->open_count > 0;
	}
	if (conf->hash == SL_CONF_HASH_INNER_5_TUPLE) {
		view->flags |= SL_POOL_INNER;
		snapshot->tunnels = true;
	}
	if (conf->flow_addresses) {
		view->flags |= SL_POOL_ADDRESSES;
		snapshot->addresses = true;
	}
	view->no_node = (uint8_t)conf->no_node;
	view->index = pool->index;
	set_idle(model, body, conf, view);
	return 0;
}

/* ---- services, ports ------------------------------------------------------------------------- */

static int build_services(const struct sl_model *model, struct sl_snapshot *snapshot)
{
	static const uint8_t echo_of[] = {
		[SL_ECHO_ANSWER] = SL_SERVICE_ECHO_ANSWER,
		[SL_ECHO_FORWARD] = SL_SERVICE_ECHO_FORWARD,
		[SL_ECHO_PUNT] = SL_SERVICE_ECHO_PUNT,
	};
	const struct sl_image *image = model->image;
	struct sl_build_services services = {.views = snapshot->services, .force = true};
	int status = sl_build_services(model, image, &services);

	if (status < 0)
		return status;
	sl_snapshot_set_formers(snapshot, services.formers, services.former_count);
	for (uint32_t i = 0; i < services.former_count; i++)
		sl_former_put(services.formers[i]);
	for (uint32_t s = 0; s < image->service_count; s++) {
		const struct sl_conf_service *conf = &image->conf->services[s];
		struct sl_service_view *view = &snapshot->services[image->service_index[s]];

		view->flags &= SL_SERVICE_GAINED;
		view->flags |= conf->any || conf->prefix.length == 0 ? 0 : SL_SERVICE_NAMES_ADDRESS;
		view->class = (uint8_t)sl_conf_class(image->conf, conf);
		view->flow_extra = (uint8_t)(conf->flow_weight - 1);
		view->mss_clamp = conf->mss_clamp;
		snapshot->clamps |= conf->mss_clamp != 0;
		view->echo = echo_of[conf->echo];
	}
	if (snapshot->service_table != image->service_table)
		sl_snapshot_set_services(snapshot, sl_service_table_get(image->service_table));
	return 0;
}

static void build_ports(const struct sl_model *model, struct sl_snapshot *snapshot)
{
	static const uint8_t answer_of[] = {
		[SL_ARP_SERVICES] = SL_ANSWER_SERVICES,
		[SL_ARP_ADDRESSES] = SL_ANSWER_ADDRESSES,
		[SL_ARP_OFF] = SL_ANSWER_OFF,
	};
	const struct sl_conf *conf = model->image->conf;

	snapshot->port_count = conf->port_count;
	for (uint32_t p = 0; p < conf->port_count; p++) {
		const struct sl_conf_port *port = &conf->ports[p];
		struct sl_port_view *view = &snapshot->ports[p];

		view->punt_port = SL_PUNT_DROP;
		if (port->punt == SL_CONF_PUNT_PORT)
			view->punt_port = (uint8_t)port->punt_port;
		else if (port->punt == SL_CONF_PUNT_KERNEL)
			view->punt_port = model->options.ports[p].kernel;
		view->answer = answer_of[port->arp];
		view->asks = sl_conf_resolver(port) == SL_NEIGHBORS_OWN;
		view->mtu = sl_model_mtu(model, p);
		view->mac = model->options.ports[p].mac;
		view->address_count = SL_MIN(port->address_count, SL_PORT_ADDRESSES_MAX);
		for (uint32_t a = 0; a < view->address_count; a++) {
			view->addresses[a] = port->addresses[a].addr;
			view->lengths[a] = port->addresses[a].prefix.length;
		}
	}
}

/* Gateways and remote nodes. */
static uint32_t collect_others(const struct sl_model *model, struct sl_addr *list)
{
	const struct sl_image *image = model->image;
	uint32_t count = 0;

	for (uint32_t p = 0; p < image->conf->port_count; p++)
		if (image->conf->ports[p].gateway.family != SL_FAMILY_NONE)
			list[count++] = image->conf->ports[p].gateway;
	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++) {
			const struct sl_conf_node *node = image->pools[p]->nodes[n].conf;

			if (node->kind == SL_NODE_REMOTE)
				list[count++] = node->address;
		}
	return count;
}

static int build_others(const struct sl_model *model, struct sl_snapshot *snapshot)
{
	const struct sl_image *image = model->image;
	size_t room = image->conf->port_count;
	struct sl_others *others;
	struct sl_addr *list;
	uint32_t count;
	int status = 0;

	for (uint32_t p = 0; p < image->pool_count; p++)
		room += image->pools[p]->node_count;
	list = calloc(room + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	count = collect_others(model, list);
	if (!sl_others_is(snapshot->others, list, count)) {
		status = sl_others_create(list, count, &others);
		if (status == 0)
			sl_snapshot_set_others(snapshot, others);
	}
	free(list);
	return status;
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static void count_indices(const struct sl_image *image, uint32_t *pools, uint32_t *services)
{
	*pools = 0;
	*services = 0;
	for (uint32_t p = 0; p < image->pool_count; p++)
		*pools = SL_MAX(*pools, image->pools[p]->index + 1);
	for (uint32_t s = 0; s < image->service_count; s++)
		*services = SL_MAX(*services, image->service_index[s] + 1);
}

static void clear_pools(const struct sl_model *model, struct sl_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->pool_count; i++)
		if (model->pools[i].use != SL_USE_LIVE)
			sl_pool_view_clear(&snapshot->pools[i]);
}

static void remember_pool(const struct sl_model *model, struct sl_body_pool *body,
			  const struct sl_conf_pool *conf)
{
	enum sl_tracking tracking = sl_build_tracking(conf);

	if (tracking == SL_TRACKING_FULL && body->built && body->tracking != SL_TRACKING_FULL)
		body->full_since_ms = model->options.now_ms();
	body->tracking = (uint8_t)tracking;
	body->picks = sl_build_picks(conf);
	body->idle_ms = sl_build_idle_ms(conf);
}

/* The runtime tables remember what the snapshot was built from. */
static void remember(struct sl_model *model, const struct sl_snapshot *snapshot)
{
	const struct sl_image *image = model->image;

	for (uint32_t s = 0; s < image->service_count; s++) {
		struct sl_body_service *body = &model->services[image->service_index[s]];

		body->view = snapshot->services[image->service_index[s]];
		body->pointed = true;
	}
	for (uint32_t i = 0; i < snapshot->former_count; i++)
		sl_former_get(snapshot->formers[i]);
	for (uint32_t i = 0; i < model->former_count; i++)
		sl_former_put(model->formers[i]);
	model->former_count = snapshot->former_count;
	memcpy(model->formers, snapshot->formers, sizeof(model->formers));
	for (uint32_t p = 0; p < image->pool_count; p++) {
		struct sl_image_pool *pool = image->pools[p];
		struct sl_body_pool *body = &model->pools[pool->index];

		remember_pool(model, body, &pool->conf);
		sl_slot_table_put(body->slots);
		body->slots = sl_slot_table_get(snapshot->pools[pool->index].slots);
		if (body->built == pool)
			continue;
		sl_image_pool_put(body->built);
		body->built = pool;
		pool->references++;
	}
}

int sl_build_snapshot(struct sl_model *model, struct sl_snapshot **snapshot)
{
	const struct sl_image *image = model->image;
	struct sl_snapshot *made;
	uint32_t pools, services;
	int status;

	count_indices(image, &pools, &services);
	status = sl_snapshot_create(model->snapshot, pools, services, &made);
	if (status < 0)
		return status;
	made->generation = image->generation;
	made->number = model->number + 1;
	made->hash_key = model->options.hash_key;
	made->tunnels = made->clamps = made->addresses = made->chances = false;
	build_ports(model, made);
	clear_pools(model, made);
	status = clear_nodes(model, made);
	for (uint32_t p = 0; p < image->pool_count && status == 0; p++) {
		status = build_nodes(model, p, made);
		if (status == 0)
			status = build_pool(model, p, made);
	}
	if (status == 0)
		status = build_services(model, made);
	if (status == 0)
		status = build_others(model, made);
	if (status < 0) {
		sl_snapshot_release(made);
		return status;
	}
	remember(model, made);
	model->number = made->number;
	*snapshot = made;
	return 0;
}
