/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's program: nanoseconds a packet beside a program that does nothing, by services, nodes and
 * encapsulation, and how many instructions it has.
 *
 * The kernel's own count of a program's time (bpf_enable_stats) over test runs, one packet a run, flows in
 * turn; its clock is in both. Warm: one packet 200 times in a row, without a clock in between, for `encap: none`,
 * which leaves packets of one size. One JSON object a line. Needs root. */

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "figure.h"
#include "pkt/hdr.h"
#include "support/packet.h"
#include "support/scene.h"
#include "xdp/mirror.h"
#include "xdp/object.h"

#define FLOWS 1024
#define RUNS  30000 /* a turn */
#define TURNS 5

#define AGAIN	   200 /* times in a row: fewer than a TTL has room for */
#define WARM_TURNS 201
#define BODY_SMALL 26
#define BODY_LARGE 1400

static struct packet packets[FLOWS];

static void fail(const char *what)
{
	fprintf(stderr, "xdp_bench: %s\n", what);
	exit(1);
}

static void node_make(enum sl_encap_type type, uint32_t n, struct sl_node_view *view)
{
	struct sl_encap_spec spec = {.type = type, .port = SL_GUE_PORT, .vni = 7};

	memset(view, 0, sizeof(*view));
	if (sl_addr_parse("192.0.2.2", &spec.src) != 0 || sl_addr_parse("10.0.0.1", &spec.dst) != 0)
		fail("addresses");
	spec.dst.octets[2] = (uint8_t)(n >> 8);
	spec.dst.octets[3] = (uint8_t)n;
	if (sl_encap_build(&spec, &view->encap) != 0)
		fail("template");
	view->kind = SL_NODE_REMOTE;
	view->l3_size_max = (uint16_t)(1500 - view->encap.overhead);
}

static int empty_program(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "GPL", code, 2, NULL);
}

/* Of one turn. */
static double nanoseconds(int program)
{
	struct bpf_prog_info before = {0}, after = {0};
	uint32_t size = sizeof(before);
	static uint8_t out[PACKET_SIZE_MAX];

	(void)bpf_obj_get_info_by_fd(program, &before, &size);
	for (uint32_t i = 0; i < RUNS; i++) {
		struct xdp_md context = {.data_end = packets[i % FLOWS].size,
					 .ingress_ifindex = if_nametoindex("lo")};
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packets[i % FLOWS].octets,
			    .data_size_in = packets[i % FLOWS].size, .data_out = out,
			    .data_size_out = sizeof(out), .ctx_in = &context,
			    .ctx_size_in = sizeof(context), .repeat = 1);

		if (bpf_prog_test_run_opts(program, &options) != 0)
			fail("a test run");
	}
	size = sizeof(after);
	(void)bpf_obj_get_info_by_fd(program, &after, &size);
	return (double)(after.run_time_ns - before.run_time_ns) /
	       (double)(after.run_cnt - before.run_cnt);
}

static void show(const char *name, int program, uint32_t nodes, const char *more)
{
	double values[TURNS];

	(void)nanoseconds(program);
	for (uint32_t t = 0; t < TURNS; t++)
		values[t] = nanoseconds(program);
	figure_print(name, "ns/packet", values, TURNS,
		     &(struct figure_with){.flows = FLOWS, .nodes = nodes, .more = more});
}

/* The same packet again and again, by the kernel's clock over all of them: what the program costs when all
 * that it needs is in the nearest cache. Each run takes one TTL. */
static double warm(int program, const struct packet *packet)
{
	static uint8_t out[PACKET_SIZE_MAX];
	struct xdp_md context = {.data_end = packet->size, .ingress_ifindex = if_nametoindex("lo")};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->octets,
		    .data_size_in = packet->size, .data_out = out, .data_size_out = sizeof(out),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = AGAIN);

	if (bpf_prog_test_run_opts(program, &options) != 0)
		fail("a test run");
	return options.duration;
}

static void show_warm(const char *name, int program, uint32_t payload)
{
	struct packet_ip ip = {
		.src = "198.51.100.7", .dst = "10.1.0.0", .protocol = SL_PROTO_TCP, .ttl = 255};
	double values[WARM_TURNS];
	struct packet packet;
	char more[32];

	packet_init(&packet);
	packet_eth(&packet, SL_ETHERTYPE_IPV4);
	packet_ip(&packet, &ip);
	packet_tcp(&packet, &(struct packet_tcp){.sport = 1024, .dport = 80, .flags = SL_TCP_ACK});
	packet_pattern(&packet, payload);
	packet_finish(&packet);
	(void)snprintf(more, sizeof(more), "\"octets\": %u", packet.size);
	for (uint32_t t = 0; t < WARM_TURNS; t++)
		values[t] = warm(program, &packet);
	figure_print(name, "ns/packet", values, WARM_TURNS, &(struct figure_with){.more = more});
}

/* What the kernel made of the program. */
static void show_size(int program)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	double instructions, verified;

	(void)bpf_obj_get_info_by_fd(program, &info, &size);
	instructions = info.xlated_prog_len / (double)sizeof(struct bpf_insn);
	verified = info.verified_insns;
	figure_print("xdp program", "instructions", &instructions, 1, &(struct figure_with){0});
	figure_print("xdp program, verified", "instructions", &verified, 1,
		     &(struct figure_with){0});
}

static void measure(enum sl_encap_type type, uint32_t node_count, uint32_t service_count)
{
	struct sl_node_view *nodes = calloc(node_count, sizeof(*nodes));
	struct sl_snapshot *snapshot;
	struct sl_xdp_mirror *mirror;
	struct sl_xdp_size need, size;
	struct sl_xdp_port *port;
	struct sl_xdp_set *set;
	struct sl_err err = {0};
	char more[96];
	int program;

	if (!nodes)
		fail("no memory");
	for (uint32_t n = 0; n < node_count; n++)
		node_make(type, n, &nodes[n]);
	snapshot = scene_snapshot(nodes, node_count, service_count, 1);
	sl_xdp_mirror_need(snapshot, &need);
	sl_xdp_size_for(&need, &size);
	if (sl_xdp_set_create(&size, &set, &err) != 0 || sl_xdp_mirror_create(set, &mirror) != 0 ||
	    sl_xdp_mirror_write(mirror, snapshot) != 0)
		fail(err.text);
	port = set->at[SL_XDP_MAP_PORT];
	port->interface = if_nametoindex("lo");
	port->understudy = port->promiscuous = 1;
	program = sl_xdp_set_load(set, -1, &err);
	if (program < 0)
		fail(err.text);
	(void)snprintf(more, sizeof(more), "\"encap\": \"%s\", \"services\": %u",
		       sl_encap_name(type), service_count);
	show("xdp", program, node_count, more);
	if (type == SL_ENCAP_NONE) {
		show_size(program);
		show_warm("xdp warm", program, BODY_SMALL);
		show_warm("xdp warm", program, BODY_LARGE);
	}
	close(program);
	sl_xdp_mirror_destroy(mirror);
	sl_xdp_set_destroy(set);
	sl_snapshot_release(snapshot);
	free(nodes);
}

int main(void)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), empty;

	if (stats < 0 || (empty = empty_program()) < 0) {
		fprintf(stderr,
			"xdp_bench: XDP programs need root and a kernel that has them: %s\n",
			strerror(errno));
		return 0;
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		packet_make_tcp(&packets[i], "198.51.100.7", (uint16_t)(1024 + i), "10.1.0.0", 80,
				0x10, 26);
	show("xdp empty", empty, 0, NULL);
	show_warm("xdp empty, warm", empty, BODY_SMALL);
	show_warm("xdp empty, warm", empty, BODY_LARGE);
	for (enum sl_encap_type type = SL_ENCAP_NONE; type <= SL_ENCAP_VXLAN; type++)
		measure(type, 10, 8);
	measure(SL_ENCAP_IPIP, 10, 512);
	measure(SL_ENCAP_IPIP, 10000, 8);
	measure(SL_ENCAP_IPIP, 10000, 512);
	close(stats);
	return 0;
}
