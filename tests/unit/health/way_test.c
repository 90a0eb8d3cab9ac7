/* SPDX-License-Identifier: BSD-3-Clause */

/* What a probe's packet becomes on the packets' way: the frame that a flow's would be. */

#include "health/way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "unit/model/fixture.h"

#define CONF                                                                                       \
	"ports: [{name: p0, device: d, mtu: 1500, addresses: [192.0.2.2/24, \"2001:db8::2/64\"], " \
	"neighbors: static}]\n"                                                                    \
	"pools: [{name: web, slots: 256, nodes: ["                                                 \
	"{name: plain, address: 192.0.2.11, encap: none, weight: 1, mac: \"02:00:00:00:00:11\"}, " \
	"{name: ipip, address: 192.0.2.12, encap: ipip, weight: 1, mac: \"02:00:00:00:00:12\"}, "  \
	"{name: six, address: \"2001:db8::13\", encap: vxlan, vni: 7, weight: 1, mac: "            \
	"\"02:00:00:00:00:13\"}, "                                                                 \
	"{name: lost, address: 192.0.2.14, encap: ipip, weight: 1}]}]\n"                           \
	"services: [{name: s, address: 192.0.2.10, protocol: tcp, ports: [80], pool: web}]\n"

static const uint8_t syn[] = {
	0x45, 0,    0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 192,  0, 2,  2, 192,  0,	   2, 10, /* IP */
	0x9c, 0x40, 0, 80, 0, 0, 0,    1, 0,  0, 0, 0, 0x50, 2, 16, 0, 0x12, 0x34, 0, 0,  /* TCP */
};

struct dressed {
	uint8_t buffer[SL_WAY_FRONT + 2048];
	uint8_t *frame;
	uint32_t size, port;
};

static enum sl_way_end dress(const struct fixture *f, const char *node, uint32_t size,
			     struct dressed *d)
{
	uint8_t *packet = d->buffer + SL_WAY_FRONT;

	memset(d, 0, sizeof(*d));
	memcpy(packet, syn, sizeof(syn));
	sl_store16(packet + SL_IP4_TOTAL, sl_be16((uint16_t)size));
	d->size = size;
	return sl_way_dress(sl_model_snapshot(f->model), fixture_index(f, "web", node), packet, 7,
			    &d->frame, &d->size, &d->port);
}

static void a_probe_gets_the_headers_of_its_node(void **state)
{
	static const uint8_t to_plain[] = {2, 0, 0, 0, 0, 0x11}, to_ipip[] = {2, 0, 0, 0, 0, 0x12};
	struct dressed d;
	struct fixture f;

	(void)state;
	fixture_open(&f, CONF, NULL);
	assert_int_equal(dress(&f, "plain", sizeof(syn), &d), SL_WAY_SENT);
	assert_int_equal(d.size, SL_ETH_SIZE + sizeof(syn));
	assert_memory_equal(d.frame, to_plain, sizeof(to_plain));
	assert_int_equal(sl_load_be16(d.frame + SL_ETH_TYPE), SL_ETHERTYPE_IPV4);
	assert_int_equal(d.frame[SL_ETH_SIZE + SL_IP4_TTL], 63);
	assert_int_equal(dress(&f, "ipip", sizeof(syn), &d), SL_WAY_SENT);
	assert_int_equal(d.size, SL_ETH_SIZE + SL_IP4_SIZE + sizeof(syn));
	assert_memory_equal(d.frame, to_ipip, sizeof(to_ipip));
	assert_int_equal(d.frame[SL_ETH_SIZE + SL_IP4_PROTOCOL], SL_PROTO_IPIP);
	assert_int_equal(sl_csum_fold(sl_csum_partial(d.frame + SL_ETH_SIZE, SL_IP4_SIZE)), 0xffff);
	assert_memory_equal(d.frame + SL_ETH_SIZE + SL_IP4_SIZE, syn, sizeof(syn));
	assert_int_equal(d.port, 0);
	fixture_close(&f);
}

static void udp_over_ipv6_has_its_sum(void **state)
{
	const uint32_t l3 = SL_ETH_SIZE, l4 = l3 + SL_IP6_SIZE;
	struct dressed d;
	struct fixture f;
	uint64_t sum;

	(void)state;
	fixture_open(&f, CONF, NULL);
	assert_int_equal(dress(&f, "six", sizeof(syn), &d), SL_WAY_SENT);
	assert_int_equal(d.frame[l3 + SL_IP6_NEXT], SL_PROTO_UDP);
	sum = sl_csum_partial(d.frame + l3 + SL_IP6_SRC, 32) + sl_be16(SL_PROTO_UDP) +
	      sl_be16((uint16_t)(d.size - l4));
	sum += sl_csum_partial(d.frame + l4, d.size - l4);
	assert_int_equal(sl_csum_fold(sum), 0xffff);
	fixture_close(&f);
}

static void what_a_packet_could_not_do_a_probe_cannot(void **state)
{
	struct dressed d;
	struct fixture f;

	(void)state;
	fixture_open(&f, CONF, NULL);
	assert_int_equal(dress(&f, "ipip", 1480, &d), SL_WAY_SENT);
	assert_int_equal(dress(&f, "ipip", 1481, &d), SL_WAY_TOO_BIG);
	assert_int_equal(d.size, 1480);
	assert_int_equal(dress(&f, "lost", sizeof(syn), &d), SL_WAY_NO_NEIGHBOR);
	assert_int_equal(dress(&f, "plain", 39, &d), SL_WAY_STRAY);
	d.size = sizeof(syn);
	assert_int_equal(sl_way_dress(sl_model_snapshot(f.model), 4000, d.buffer + SL_WAY_FRONT, 7,
				      &d.frame, &d.size, &d.port),
			 SL_WAY_NO_NODE);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_gets_the_headers_of_its_node),
		cmocka_unit_test(udp_over_ipv6_has_its_sum),
		cmocka_unit_test(what_a_packet_could_not_do_a_probe_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
