/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "twin.h"

#include <errno.h>
#include <net/if.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include "pkt/encap.h"
#include "pkt/left.h"
#include "pkt/mss.h"
#include "pkt/parse.h"
#include "state/decide.h"
#include "state/judge.h"
#include "support/packet.h"
#include "xdp/datagram.h"

#define NOW_MS	     1000000
#define OTHER_DEVICE 4711

const char *twin_lacks(void)
{
	const struct sl_xdp_size need = {0};
	struct sl_xdp_size size;
	struct sl_xdp_set *set;
	static char text[sizeof(((struct sl_err *)0)->text)];
	struct sl_err err;
	int status;

	sl_xdp_size_for(&need, &size);
	status = sl_xdp_set_create(&size, &set, &err);
	if (status == 0) {
		status = sl_xdp_set_load(set, -1, &err);
		if (status >= 0)
			close(status);
		sl_xdp_set_destroy(set);
	}
	/* Not permitted, or not there: all else is a fault. */
	if (status >= 0 || (status != -EPERM && status != -EACCES && status != -ENOSYS))
		return NULL;
	(void)snprintf(text, sizeof(text), "%s", err.text);
	return text;
}

void twin_open(struct twin *twin, struct sl_snapshot *snapshot)
{
	struct sl_xdp_size need, size;
	struct sl_xdp_port *ports;
	struct sl_err err = {0};

	memset(twin, 0, sizeof(*twin));
	twin->datagrams = calloc(TWIN_DATAGRAMS, sizeof(*twin->datagrams));
	assert_non_null(twin->datagrams);
	twin->snapshot = snapshot;
	assert_int_equal(sl_core_stats_create(&twin->core.stats), 0);
	sl_xdp_mirror_need(snapshot, &need);
	sl_xdp_size_for(&need, &size);
	if (sl_xdp_set_create(&size, &twin->set, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(sl_xdp_mirror_create(twin->set, &twin->mirror), 0);
	assert_int_equal(sl_xdp_mirror_write(twin->mirror, snapshot), 0);
	ports = twin->set->at[SL_XDP_MAP_PORT];
	ports[0].interface = if_nametoindex("lo");
	ports[1].interface = OTHER_DEVICE;
	for (uint32_t p = 0; p < 2; p++)
		ports[p].understudy = ports[p].promiscuous = 1;
	twin->program = sl_xdp_set_load(twin->set, -1, &err);
	if (twin->program < 0)
		fail_msg("%s", err.text);
}

void twin_close(struct twin *twin)
{
	close(twin->program);
	free(twin->datagrams);
	sl_xdp_mirror_destroy(twin->mirror);
	sl_xdp_set_destroy(twin->set);
	sl_core_stats_destroy(twin->core.stats);
	sl_snapshot_release(twin->snapshot);
}

void twin_run(const struct twin *twin, const uint8_t *frame, uint32_t size,
	      struct twin_answer *answer)
{
	struct xdp_md context = {.data_end = size, .ingress_ifindex = if_nametoindex("lo")};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = size,
		    .data_out = answer->octets, .data_size_out = sizeof(answer->octets),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	if (bpf_prog_test_run_opts(twin->program, &options) != 0)
		fail_msg("a frame of %u octets is not run: %s", size, strerror(errno));
	answer->verdict = options.retval;
	answer->size = options.data_size_out;
}

/* What a fragment tells others, or hears from the first. */
static void follow_fragment(struct twin *twin, const uint8_t *frame, struct sl_pkt *pkt)
{
	uint64_t name = sl_xdp_datagram(&twin->snapshot->flow_key, frame, pkt) | 1;
	struct twin_datagram *at = &twin->datagrams[name % TWIN_DATAGRAMS];

	while (at->name != 0 && at->name != name)
		at = &twin->datagrams[(at - twin->datagrams + 1) % TWIN_DATAGRAMS];
	if (sl_xdp_datagram_begins(pkt)) {
		at->name = name;
		at->ports = (uint32_t)pkt->key.word[0];
	} else if (sl_xdp_datagram_goes_on(pkt) && at->name == name) {
		sl_xdp_datagram_know(pkt, at->ports);
		twin->followed++;
	}
}

/* What a device would have done. */
static void complete(struct twin *twin, uint8_t *frame, const struct sl_pkt *pkt)
{
	uint32_t size = pkt->l3_off + pkt->l3_size - pkt->l4_off;
	uint16_t field;

	if (pkt->protocol == SL_PROTO_SCTP || !sl_sum_is_left(frame, pkt))
		return;
	field = sl_csum(frame + pkt->l4_off, size);
	if (pkt->protocol == SL_PROTO_UDP && field == 0)
		field = UINT16_MAX;
	sl_store16(frame + pkt->l4_off + sl_sum_offset(pkt->protocol), field);
	twin->completed++;
}

/* To a remote node, by its template. */
static void encapsulate(struct twin *twin, const struct sl_burst *burst,
			const struct sl_node_view *view, const uint8_t *frame, uint16_t id,
			struct twin_answer *answer)
{
	const struct sl_pkt *pkt = &burst->pkt[0];
	static uint8_t room[TWIN_ROOM + TWIN_FRAME_MAX];
	uint8_t *l3 = room + TWIN_ROOM + pkt->l3_off;
	const struct sl_xdp_port *port =
		(const struct sl_xdp_port *)twin->set->at[SL_XDP_MAP_PORT] + view->port;

	memcpy(room + TWIN_ROOM, frame, burst->frame_size[0]);
	if (twin->snapshot->services[burst->service[0]].mss_clamp)
		twin->clamped += sl_mss_clamp(
			l3, SL_MIN(burst->frame_size[0], SL_XDP_HEAD_SIZE) - pkt->l3_off, pkt,
			twin->snapshot->services[burst->service[0]].mss_clamp);
	complete(twin, room + TWIN_ROOM, pkt);
	sl_encap_write(&view->encap, l3, pkt, burst->hash[0], id);
	if (sl_encap_sums(&view->encap))
		sl_encap_finish_udp6(l3 - view->encap.size, l3, sl_csum_partial(l3, pkt->l3_size));
	answer->size = view->encap.size + pkt->l3_size;
	answer->verdict = port->interface == OTHER_DEVICE ? XDP_REDIRECT : XDP_TX;
	memcpy(answer->octets, l3 - view->encap.size, answer->size);
	twin->served++;
}

void twin_expect(struct twin *twin, const uint8_t *frame, uint32_t size, uint16_t id,
		 struct twin_answer *answer)
{
	static struct sl_burst burst;
	const struct sl_node_view *view;
	const struct sl_snapshot *snapshot = twin->snapshot;

	memset(&burst, 0, sizeof(burst));
	burst.count = 1;
	burst.frame_size[0] = size;
	sl_parse(frame, SL_MIN(size, SL_XDP_HEAD_SIZE), size, SL_PARSE_CHECK_SUM, &burst.pkt[0]);
	if (burst.pkt[0].flags & SL_PKT_FRAGMENT)
		follow_fragment(twin, frame, &burst.pkt[0]);
	sl_judge_parse(&burst, 0);
	sl_decide(snapshot, &twin->core, &burst, NOW_MS);
	answer->verdict = XDP_PASS;
	answer->size = size;
	memcpy(answer->octets, frame, size);
	if (burst.pkt[0].status != SL_PKT_OK || burst.service[0] == SL_SERVICE_NONE) {
		twin->passed++;
		return;
	}
	view = burst.verdict[0] == SL_VERDICT_NODE ? sl_snapshot_node(snapshot, burst.node[0])
						   : NULL;
	answer->verdict = XDP_DROP;
	if (view && view->kind == SL_NODE_REMOTE && view->port != 2 &&
	    sl_judge_remote(view, &burst.pkt[0], frame + burst.pkt[0].l3_off, TWIN_ROOM,
			    snapshot->ports[view->port].mtu) == SL_DROP_COUNT &&
	    (burst.pkt[0].l3_size <= view->l3_size_max ||
	     sl_judge_is_for_routers(view, &burst.pkt[0], snapshot->ports[view->port].mtu)))
		encapsulate(twin, &burst, view, frame, id, answer);
	else
		twin->dropped++;
}

void twin_compare(struct twin *twin, const uint8_t *frame, uint32_t size)
{
	static struct twin_answer wanted, got;
	uint16_t id = 0;

	twin_run(twin, frame, size, &got);
	/* The identification is each one's own count. */
	if (got.size >= SL_ETH_SIZE + SL_IP4_SIZE)
		id = sl_load_be16(got.octets + SL_ETH_SIZE + SL_IP4_ID);
	twin_expect(twin, frame, size, id, &wanted);
	if (wanted.verdict == got.verdict &&
	    (wanted.verdict == XDP_DROP ||
	     (wanted.size == got.size && memcmp(wanted.octets, got.octets, got.size) == 0)))
		return;
	print_message("the packet path says %u, the kernel's program %u (XDP_), of:\n",
		      wanted.verdict, got.verdict);
	for (uint32_t i = 0; i < size; i++)
		print_message("%02x", frame[i]);
	print_message("\n");
	if (wanted.verdict == got.verdict)
		(void)packet_equal(wanted.octets, wanted.size, got.octets, got.size);
	fail_msg("they differ");
}
