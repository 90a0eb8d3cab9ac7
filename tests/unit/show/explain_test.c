/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a packet goes, in words: nodes, refusals, what is punted or answered by ourselves. */

#include "pkt/parse.h"
#include "show/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "pkt/hdr.h"
#include "unit/model/fixture.h"

#define HEAD                                                                                       \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"ports: [{name: p0, device: d, mtu: 1500, promiscuous: false, addresses: [192.0.2.2/24], " \
	"gateway: "                                                                                \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
#define WORKER "{name: w, worker: 0, handler: sink, weight: 1}"
#define REMOTE "{name: r, address: 10.0.0.1, encap: ipip, port: p0, weight: 1}"
#define TEXT(node)                                                                                 \
	HEAD "services: [{name: web, address: 192.0.2.10, protocol: tcp, ports: [80], pool: web}]" \
	     "\npools: [{name: web, slots: 256, flow_entries: 1024, nodes: [" node "]}]\n"

static json_t *explain(struct fixture *f, struct sl_explain_tuple *tuple, uint32_t extra)
{
	uint8_t octets[SL_EXPLAIN_BUILT_MAX];
	const struct sl_snapshot *snapshot = sl_model_snapshot(f->model);
	struct sl_explain_frame frame = {.octets = octets};

	tuple->mac = snapshot->ports[0].mac;
	frame.size = sl_explain_build(tuple, octets);
	frame.frame_size = frame.size + extra;
	return sl_explain(snapshot, sl_model_image(f->model), 0, &frame, NULL, fixture_now_ms);
}

static void tuple_of(struct sl_explain_tuple *tuple, const char *dst, uint16_t dport)
{
	*tuple = (struct sl_explain_tuple){
		.sport = 40000, .dport = dport, .protocol = SL_PROTO_TCP, .tcp_flags = SL_TCP_SYN};
	assert_int_equal(sl_addr_parse("198.51.100.7", &tuple->src), 0);
	assert_int_equal(sl_addr_parse(dst, &tuple->dst), 0);
}

static void assert_text(json_t *object, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || strcmp(text, wanted) != 0)
		fail_msg("%s is %s, not %s", name, text ? text : "missing", wanted);
}

static void a_worker_is_named_with_slot_and_reason(void **state)
{
	struct sl_explain_tuple tuple;
	struct fixture f;
	json_t *answer;

	(void)state;
	fixture_open(&f, TEXT(WORKER), NULL);
	tuple_of(&tuple, "192.0.2.10", 80);
	answer = explain(&f, &tuple, 0);
	assert_text(answer, "service", "web");
	assert_text(answer, "pool", "web");
	assert_text(answer, "node", "w");
	assert_text(answer, "why", "slot");
	assert_text(json_object_get(answer, "forward"), "kind", "worker");
	assert_int_equal(json_integer_value(json_object_get(answer, "generation")), 1);
	assert_true(json_integer_value(json_object_get(answer, "slot")) < 256);
	json_decref(answer);
	fixture_close(&f);
}

static void a_remote_node_is_shown_with_its_outer_headers(void **state)
{
	struct sl_explain_tuple tuple;
	struct fixture f;
	json_t *answer, *forward;

	(void)state;
	fixture_open(&f, TEXT(REMOTE), NULL);
	tuple_of(&tuple, "192.0.2.10", 80);
	answer = explain(&f, &tuple, 0);
	forward = json_object_get(answer, "forward");
	assert_text(forward, "kind", "remote");
	assert_text(forward, "encap", "ipip");
	assert_text(forward, "dst", "10.0.0.1");
	assert_text(forward, "src", "192.0.2.2");
	assert_text(forward, "dst_mac", "02:00:00:00:00:01");
	json_decref(answer);
	fixture_close(&f);
}

static void what_goes_nowhere_has_its_reason(void **state)
{
	struct sl_explain_tuple tuple;
	struct fixture f;
	json_t *answer;

	(void)state;
	fixture_open(&f, TEXT(WORKER), NULL);
	tuple_of(&tuple, "192.0.2.10", 81);
	answer = explain(&f, &tuple, 0);
	assert_text(answer, "dropped", "no_service");
	json_decref(answer);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DISABLE, "web", "w"), 0);
	tuple_of(&tuple, "192.0.2.10", 80);
	answer = explain(&f, &tuple, 0);
	assert_text(answer, "dropped", "no_node");
	json_decref(answer);
	fixture_close(&f);
}

static void a_frame_for_another_mac_is_not_ours(void **state)
{
	struct sl_explain_frame frame;
	struct sl_explain_tuple tuple;
	uint8_t octets[SL_EXPLAIN_BUILT_MAX];
	struct fixture f;
	json_t *answer;

	(void)state;
	fixture_open(&f, TEXT(WORKER), NULL);
	tuple_of(&tuple, "192.0.2.10", 80);
	tuple.mac = (struct sl_mac){{2, 9, 9, 9, 9, 9}};
	frame.octets = octets;
	frame.size = frame.frame_size = sl_explain_build(&tuple, octets);
	answer = sl_explain(sl_model_snapshot(f.model), sl_model_image(f.model), 0, &frame, NULL,
			    fixture_now_ms);
	assert_text(answer, "dropped", "no_service");
	json_decref(answer);
	frame.size = frame.frame_size = 20;
	answer = sl_explain(sl_model_snapshot(f.model), sl_model_image(f.model), 0, &frame, NULL,
			    fixture_now_ms);
	assert_true(json_object_get(answer, "dropped") || json_object_get(answer, "punted"));
	json_decref(answer);
	fixture_close(&f);
}

static void built_frames_are_what_they_are_asked_to_be(void **state)
{
	static const uint8_t protocols[] = {SL_PROTO_TCP, SL_PROTO_UDP, SL_PROTO_SCTP,
					    SL_PROTO_DCCP, 47};
	uint8_t octets[SL_EXPLAIN_BUILT_MAX];
	struct sl_explain_tuple tuple;
	struct sl_pkt pkt;

	(void)state;
	for (int ip6 = 0; ip6 < 2; ip6++)
		for (size_t i = 0; i < sizeof(protocols); i++) {
			uint32_t size;

			tuple_of(&tuple, "192.0.2.10", 80);
			if (ip6) {
				assert_int_equal(sl_addr_parse("2001:db8::1", &tuple.src), 0);
				assert_int_equal(sl_addr_parse("2001:db8::2", &tuple.dst), 0);
			}
			tuple.protocol = protocols[i];
			size = sl_explain_build(&tuple, octets);
			assert_true(size <= sizeof(octets));
			sl_parse(octets, size, size, SL_PARSE_CHECK_SUM, &pkt);
			assert_int_equal(pkt.status, SL_PKT_OK);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_is_named_with_slot_and_reason),
		cmocka_unit_test(a_remote_node_is_shown_with_its_outer_headers),
		cmocka_unit_test(what_goes_nowhere_has_its_reason),
		cmocka_unit_test(a_frame_for_another_mac_is_not_ours),
		cmocka_unit_test(built_frames_are_what_they_are_asked_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
