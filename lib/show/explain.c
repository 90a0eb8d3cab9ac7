/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/explain.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "conf/conf.h"
#include "lcore/frag_table.h"
#include "pkt/csum.h"
#include "pkt/encap.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "state/claim.h"
#include "state/decide.h"
#include "state/judge.h"

#define HEAD_SIZE   512u /* what the packet path reads of a frame */
#define ROOM_SIZE   128u /* in front, for outer headers */
#define HEADROOM    128u /* of a packet buffer, in front of the frame */
#define TTL_BUILT   64
#define TCP_OFFSET5 0x50 /* a TCP header of five words */

/* ---- building -------------------------------------------------------------------------------- */

static uint32_t transport_size(uint8_t protocol)
{
	if (protocol == SL_PROTO_TCP)
		return SL_TCP_SIZE;
	if (protocol == SL_PROTO_SCTP)
		return SL_SCTP_SIZE;
	if (protocol == SL_PROTO_DCCP)
		return SL_DCCP_SIZE;
	return SL_UDP_SIZE; /* also what any other protocol's payload is */
}

static void build_transport(const struct sl_explain_tuple *tuple, uint8_t *l4, uint32_t size)
{
	sl_store_be16(l4, tuple->sport);
	sl_store_be16(l4 + 2, tuple->dport);
	if (tuple->protocol == SL_PROTO_TCP) {
		l4[SL_TCP_OFFSET] = TCP_OFFSET5;
		l4[SL_TCP_FLAGS] = tuple->tcp_flags;
	} else if (tuple->protocol == SL_PROTO_UDP) {
		sl_store_be16(l4 + SL_UDP_LENGTH, (uint16_t)size);
	}
}

static void build_ip4(const struct sl_explain_tuple *tuple, uint8_t *l3, uint32_t payload)
{
	l3[0] = 0x45;
	sl_store_be16(l3 + SL_IP4_TOTAL, (uint16_t)(SL_IP4_SIZE + payload));
	sl_store_be16(l3 + SL_IP4_FRAGMENT, SL_IP4_DF);
	l3[SL_IP4_TTL] = TTL_BUILT;
	l3[SL_IP4_PROTOCOL] = tuple->protocol;
	memcpy(l3 + SL_IP4_SRC, tuple->src.octets, SL_ADDR4_SIZE);
	memcpy(l3 + SL_IP4_DST, tuple->dst.octets, SL_ADDR4_SIZE);
	sl_store16(l3 + SL_IP4_SUM, sl_csum(l3, SL_IP4_SIZE));
}

static void build_ip6(const struct sl_explain_tuple *tuple, uint8_t *l3, uint32_t payload)
{
	l3[0] = 0x60;
	sl_store_be16(l3 + SL_IP6_PAYLOAD, (uint16_t)payload);
	l3[SL_IP6_NEXT] = tuple->protocol;
	l3[SL_IP6_HOPS] = TTL_BUILT;
	memcpy(l3 + SL_IP6_SRC, tuple->src.octets, SL_ADDR6_SIZE);
	memcpy(l3 + SL_IP6_DST, tuple->dst.octets, SL_ADDR6_SIZE);
}

uint32_t sl_explain_build(const struct sl_explain_tuple *tuple, uint8_t frame[SL_EXPLAIN_BUILT_MAX])
{
	bool ip6 = tuple->dst.family == SL_FAMILY_IPV6;
	uint32_t ip_size = ip6 ? SL_IP6_SIZE : SL_IP4_SIZE;
	uint32_t payload = transport_size(tuple->protocol);
	uint8_t *l3 = frame + SL_ETH_SIZE, *l4 = l3 + ip_size;

	memset(frame, 0, SL_EXPLAIN_BUILT_MAX);
	memcpy(frame, tuple->mac.octets, SL_MAC_SIZE);
	frame[SL_ETH_SRC] = 0x02;
	sl_store_be16(frame + SL_ETH_TYPE, ip6 ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4);
	if (ip6)
		build_ip6(tuple, l3, payload);
	else
		build_ip4(tuple, l3, payload);
	build_transport(tuple, l4, payload);
	return SL_ETH_SIZE + ip_size + payload;
}

/* ---- answering ------------------------------------------------------------------------------- */

/* What the answer is about. */
struct question {
	const struct sl_snapshot *snapshot;
	const struct sl_image *image;
	uint32_t port;
	const uint8_t *frame;
	uint32_t size;
	struct sl_burst *burst;
};

static json_t *answer_dropped(enum sl_drop reason)
{
	return json_pack("{s:s}", "dropped", sl_drop_name(reason));
}

/* Where the port's punted packets go. */
static json_t *answer_punted(const struct question *question)
{
	uint8_t to = question->snapshot->ports[question->port].punt_port;
	const struct sl_conf *conf = question->image->conf;

	if (to == SL_PUNT_DROP)
		return answer_dropped((enum sl_drop)question->burst->reason[0]);
	return json_pack("{s:s}", "punted",
			 to < conf->port_count ? conf->ports[to].name : "kernel");
}

static const char *service_name(const struct sl_image *image, uint32_t index)
{
	for (uint32_t s = 0; s < image->service_count; s++)
		if (image->service_index[s] == index)
			return image->conf->services[s].name;
	return "";
}

static int pool_place(const struct sl_image *image, uint32_t index)
{
	for (uint32_t p = 0; p < image->pool_count; p++)
		if (image->pools[p]->index == index)
			return (int)p;
	return -1;
}

static int node_place(const struct sl_image_pool *pool, uint32_t index)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (pool->nodes[n].index == index)
			return (int)n;
	return -1;
}

static void add_text(json_t *object, const char *name, const char *text)
{
	(void)json_object_set_new(object, name, json_string(text));
}

/* The outer headers exactly as the packet path writes them. */
static void add_headers(json_t *forward, const struct question *question,
			const struct sl_node_view *view)
{
	const struct sl_pkt *pkt = &question->burst->pkt[0];
	uint8_t room[ROOM_SIZE + HEAD_SIZE] = {0}, *l3 = room + ROOM_SIZE;
	uint32_t inner = SL_MIN(question->size - pkt->l3_off, HEAD_SIZE);
	char hex[2 * SL_ENCAP_TEMPLATE_SIZE + 1], text[SL_ADDR_TEXT_SIZE];
	struct sl_addr addr = {.family = view->encap.family};
	const uint8_t *start = l3 - view->encap.size, *ip = start + SL_ETH_SIZE;
	struct sl_mac mac;
	bool ip6 = addr.family == SL_FAMILY_IPV6;
	size_t addr_size = ip6 ? SL_ADDR6_SIZE : SL_ADDR4_SIZE;

	memcpy(l3, question->frame + pkt->l3_off, inner);
	sl_encap_write(&view->encap, l3, pkt, question->burst->hash[0], 0);
	for (uint32_t i = 0; i < view->encap.size; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", start[i]);
	add_text(forward, "headers", hex);
	memcpy(mac.octets, start, SL_MAC_SIZE);
	add_text(forward, "dst_mac", sl_mac_format(&mac, text));
	memcpy(mac.octets, start + SL_ETH_SRC, SL_MAC_SIZE);
	add_text(forward, "src_mac", sl_mac_format(&mac, text));
	if (addr.family == SL_FAMILY_NONE)
		return;
	memcpy(addr.octets, ip + (ip6 ? SL_IP6_SRC : SL_IP4_SRC), addr_size);
	add_text(forward, "src", sl_addr_format(&addr, text));
	memcpy(addr.octets, ip + (ip6 ? SL_IP6_DST : SL_IP4_DST), addr_size);
	add_text(forward, "dst", sl_addr_format(&addr, text));
	if (view->encap.type != SL_ENCAP_GUE && view->encap.type != SL_ENCAP_VXLAN)
		return;
	ip += ip6 ? SL_IP6_SIZE : SL_IP4_SIZE;
	(void)json_object_set_new(forward, "sport", json_integer(sl_load_be16(ip)));
	(void)json_object_set_new(forward, "dport", json_integer(sl_load_be16(ip + 2)));
}

static json_t *forward_json(const struct question *question, const struct sl_node_view *view,
			    const struct sl_conf_node *node)
{
	const struct sl_conf *conf = question->image->conf;
	json_t *forward = json_object();
	char text[SL_ADDR_TEXT_SIZE];

	if (view->kind == SL_NODE_WORKER) {
		add_text(forward, "kind", "worker");
		(void)json_object_set_new(forward, "worker", json_integer(view->worker));
		if (node->handler)
			add_text(forward, "handler", node->handler);
		return forward;
	}
	add_text(forward, "kind", view->kind == SL_NODE_REMOTE ? "remote" : "output");
	if (view->port < conf->port_count)
		add_text(forward, "port", conf->ports[view->port].name);
	if (view->kind != SL_NODE_REMOTE)
		return forward;
	add_text(forward, "encap", sl_encap_name(view->encap.type));
	add_text(forward, "address", sl_addr_format(&node->address, text));
	(void)json_object_set_new(forward, "overhead", json_integer(view->encap.overhead));
	(void)json_object_set_new(forward, "size_max", json_integer(view->l3_size_max));
	add_headers(forward, question, view);
	return forward;
}

/* Of the slots that the configuration has; the snapshot's may be finer while they settle. */
static json_int_t slot_of(const struct question *question, uint32_t pool)
{
	int p = pool_place(question->image, pool);
	uint32_t count = p < 0 ? question->snapshot->pools[pool].slots->count
			       : question->image->pools[p]->target->count;

	return (json_int_t)(question->burst->hash[0] >> (64 - __builtin_ctz(count)));
}

/* Why the node cannot be sent the packet, as the packet path sees it; SL_DROP_COUNT: it can. */
static enum sl_drop refusal(const struct question *question, const struct sl_node_view *view)
{
	const struct sl_pkt *pkt = &question->burst->pkt[0];
	const uint8_t *l3 = question->frame + pkt->l3_off;

	if (view->kind == SL_NODE_OUTPUT)
		return pkt->l3_size > question->snapshot->ports[view->port].mtu ? SL_DROP_TOO_BIG
										: SL_DROP_COUNT;
	if (view->kind != SL_NODE_REMOTE)
		return SL_DROP_COUNT;
	return sl_judge_remote(view, pkt, l3, HEADROOM + pkt->l3_off,
			       question->snapshot->ports[view->port].mtu);
}

static json_t *answer_node(const struct question *question)
{
	static const char *const whys[] = {
#define X(id, name, value) [value] = name,
		SL_WHYS(X)
#undef X
	};
	const struct sl_burst *burst = question->burst;
	const struct sl_service_view *service = &question->snapshot->services[burst->service[0]];
	const struct sl_node_view *node = sl_snapshot_node(question->snapshot, burst->node[0]);
	int p = pool_place(question->image, node->pool);
	int n = p >= 0 ? node_place(question->image->pools[p], burst->node[0]) : -1;
	enum sl_drop reason = refusal(question, node);
	char hash[17];

	if (reason != SL_DROP_COUNT)
		return answer_dropped(reason);
	if (n < 0)
		return answer_dropped(SL_DROP_NO_NODE);
	(void)snprintf(hash, sizeof(hash), "%016" PRIx64, burst->hash[0]);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:o}", "service",
			 service_name(question->image, burst->service[0]), "pool",
			 question->image->pools[p]->name, "node",
			 question->image->pools[p]->nodes[n].name, "hash", hash, "slot",
			 slot_of(question, service->pool), "generation",
			 (json_int_t)question->snapshot->generation, "why", whys[burst->why[0]],
			 "tracked", burst->why[0] == SL_WHY_TRACKED, "forward",
			 forward_json(question, node, question->image->pools[p]->nodes[n].conf));
}

/* A frame that is not for the port's MAC address, where it takes no others. */
static bool is_foreign(const struct question *question)
{
	const struct sl_mac *mac = &question->snapshot->ports[question->port].mac;
	uint8_t octets[sizeof(uint64_t)] = {0};

	memcpy(octets, mac->octets, SL_MAC_SIZE);
	return !question->image->conf->ports[question->port].promiscuous &&
	       sl_judge_is_foreign(question->frame, question->size, sl_load64(octets));
}

/* What sluice answers itself; it decides nothing else about the packet then. */
static bool is_own(const struct question *question)
{
	struct sl_burst *burst = question->burst;
	const struct sl_pkt *pkt = &burst->pkt[0];
	struct sl_neigh neigh;
	struct sl_heard heard;
	struct sl_told told;
	bool ends;

	if (burst->verdict[0] == SL_VERDICT_DROP)
		return false;
	if (pkt->flags & SL_PKT_ICMP_ERROR)
		return sl_claim_hears(question->snapshot, question->port, pkt, question->frame,
				      &heard);
	if (sl_claim_tells(question->snapshot, question->port, pkt, question->frame, question->size,
			   &told, &ends) &&
	    ends)
		return true;
	switch (sl_claim(question->snapshot, question->port, pkt, question->frame, question->size,
			 &neigh)) {
	case SL_CLAIM_NOTHING:
	case SL_CLAIM_CONFLICT:
		return false;
	case SL_CLAIM_NEIGHBOR:
	case SL_CLAIM_ECHO:
		return true;
	case SL_CLAIM_PUNT:
		burst->verdict[0] = SL_VERDICT_PUNT;
		return false;
	}
	return false;
}

/* Gives a later fragment the key of its datagram's first one. Returns whether it has it. */
static bool follow_first(const struct question *question, const struct sl_explain_frame *first,
			 uint64_t now_ms)
{
	const struct sl_hash_key secret = {{0, 0}};
	struct sl_pkt *pkt = &question->burst->pkt[0], head;
	struct sl_frag_table *table;
	bool known = false;

	if (!first || sl_frag_table_create(SL_FRAG_ENTRIES_MIN, &secret, &table) < 0)
		return false;
	sl_parse(first->octets, first->size, first->frame_size, SL_PARSE_CHECK_SUM, &head);
	if (head.status == SL_PKT_OK && (head.flags & SL_PKT_FRAGMENT) &&
	    !(head.fragment & SL_FRAGMENT_OFFSET)) {
		(void)sl_frag_table_follow(table, sl_frag_tag(table, first->octets, &head), &head,
					   now_ms);
		known = sl_frag_table_follow(table, sl_frag_tag(table, question->frame, pkt), pkt,
					     now_ms) == SL_FRAG_KNOWN;
	}
	sl_frag_table_destroy(table);
	return known;
}

/* What stands before services: the port's filter, fragments, what we answer ourselves. Returns
 * whether it is the last. */
static bool judge(const struct question *question, const struct sl_explain_frame *first,
		  uint64_t now_ms)
{
	struct sl_burst *burst = question->burst;
	const struct sl_pkt *pkt = &burst->pkt[0];

	sl_judge_parse(burst, 0);
	if (is_foreign(question)) {
		burst->verdict[0] = SL_VERDICT_DROP;
		burst->reason[0] = SL_DROP_NO_SERVICE;
	}
	if (burst->verdict[0] == SL_VERDICT_NODE && (pkt->flags & SL_PKT_FRAGMENT) &&
	    (pkt->flags & SL_PKT_NO_PORTS) && !follow_first(question, first, now_ms) &&
	    !sl_decide_ignores_ports(question->snapshot, pkt)) {
		burst->verdict[0] = SL_VERDICT_DROP;
		burst->reason[0] = SL_DROP_FRAGMENT;
	}
	return is_own(question);
}

json_t *sl_explain(const struct sl_snapshot *snapshot, const struct sl_image *image, uint32_t port,
		   const struct sl_explain_frame *frame, const struct sl_explain_frame *first,
		   uint64_t now_ms)
{
	struct sl_burst *burst = aligned_alloc(SL_CACHE_LINE, sizeof(*burst));
	struct question question = {snapshot, image, port, frame->octets, frame->size, burst};
	struct sl_core core = {.index = 0};
	json_t *answer;
	bool own;

	if (!burst)
		return NULL;
	memset(burst, 0, sizeof(*burst));
	burst->count = 1;
	burst->frame_size[0] = frame->frame_size;
	burst->frame[0] = frame->octets;
	burst->readable[0] = frame->size;
	sl_parse(frame->octets, frame->size, frame->frame_size, SL_PARSE_CHECK_SUM, &burst->pkt[0]);
	own = judge(&question, first, now_ms);
	sl_decide_look(snapshot, &core, burst, now_ms);
	if (own)
		answer = json_pack("{s:s}", "punted", "sluice");
	else if (burst->verdict[0] == SL_VERDICT_NODE)
		answer = answer_node(&question);
	else if (burst->verdict[0] == SL_VERDICT_DROP)
		answer = answer_dropped((enum sl_drop)burst->reason[0]);
	else
		answer = answer_punted(&question);
	free(burst);
	return answer;
}
