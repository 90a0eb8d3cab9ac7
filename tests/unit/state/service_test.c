/* SPDX-License-Identifier: BSD-3-Clause */

/* Which service takes a packet. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "state/service.h"

#define TCP 6
#define UDP 17

static struct sl_service_spec spec_of(uint32_t index, const char *prefix, int protocol,
				      const struct sl_port_range *ports, uint32_t port_count)
{
	struct sl_service_spec spec = {.index = index,
				       .any = !prefix,
				       .protocol = (int16_t)protocol,
				       .ports = ports,
				       .port_count = port_count};

	if (prefix)
		assert_int_equal(sl_prefix_parse(prefix, &spec.prefix, NULL), 0);
	return spec;
}

static struct sl_pkt pkt_of(const char *dst, uint8_t protocol, uint16_t port)
{
	struct sl_pkt pkt = {.status = SL_PKT_OK, .protocol = protocol};
	struct sl_addr addr;

	assert_int_equal(sl_addr_parse(dst, &addr), 0);
	pkt.key.family = addr.family;
	pkt.key.protocol = protocol;
	pkt.key.dport_be = sl_be16(port);
	if (addr.family == SL_FAMILY_IPV4)
		memcpy(&pkt.key.dst4, addr.octets, 4);
	else
		memcpy(pkt.key.dst, addr.octets, 16);
	return pkt;
}

static uint32_t lookup(const struct sl_service_table *table, struct sl_pkt pkt)
{
	uint32_t service = 12345;

	sl_service_lookup(table, &pkt, 1, &service);
	return service;
}

static struct sl_service_table *build(const struct sl_service_spec *specs, uint32_t count)
{
	struct sl_service_table *table = NULL;
	uint32_t first, second;

	assert_int_equal(sl_service_table_build(specs, count, &table, &first, &second), 0);
	return table;
}

static void the_most_specific_service_takes_a_packet(void **state)
{
	const struct sl_port_range http[] = {{80, 80}, {8000, 8099}};
	const struct sl_port_range low[] = {{1, 1023}};
	const struct sl_service_spec specs[] = {
		spec_of(0, "192.0.2.10", TCP, http, 2),	  spec_of(1, "192.0.2.10", TCP, low, 1),
		spec_of(2, "192.0.2.10", TCP, NULL, 0),	  spec_of(3, "192.0.2.10", -1, NULL, 0),
		spec_of(4, "192.0.2.0/24", TCP, http, 1), spec_of(5, "192.0.0.0/16", -1, NULL, 0),
		spec_of(6, "2001:db8::/32", UDP, low, 1), spec_of(7, "2001:db8::53", UDP, low, 1),
		spec_of(8, NULL, UDP, NULL, 0),		  spec_of(9, NULL, -1, NULL, 0),
	};
	struct sl_service_table *table = build(specs, SL_ARRAY_COUNT(specs));

	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 80)), 0);
	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 8000)), 0);
	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 8099)), 0);
	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 8100)), 2);
	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 81)), 1);
	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 0)), 2);
	assert_int_equal(lookup(table, pkt_of("192.0.2.10", UDP, 80)), 3);
	assert_int_equal(lookup(table, pkt_of("192.0.2.11", TCP, 80)), 4);
	assert_int_equal(lookup(table, pkt_of("192.0.2.11", TCP, 81)), 5);
	assert_int_equal(lookup(table, pkt_of("192.0.3.0", TCP, 80)), 5);
	assert_int_equal(lookup(table, pkt_of("192.1.0.0", TCP, 80)), 9);
	assert_int_equal(lookup(table, pkt_of("191.255.255.255", UDP, 80)), 8);
	assert_int_equal(lookup(table, pkt_of("255.255.255.255", TCP, 80)), 9);
	assert_int_equal(lookup(table, pkt_of("2001:db8::1", UDP, 53)), 6);
	assert_int_equal(lookup(table, pkt_of("2001:db8::53", UDP, 53)), 7);
	assert_int_equal(lookup(table, pkt_of("2001:db8::53", TCP, 53)), 9);
	assert_int_equal(lookup(table, pkt_of("2001:db9::", UDP, 53)), 8);
	sl_service_table_put(table);
}

static void without_an_any_service_strangers_find_none(void **state)
{
	const struct sl_port_range http[] = {{80, 80}};
	const struct sl_service_spec specs[] = {spec_of(0, "192.0.2.10", TCP, http, 1),
						spec_of(1, "2001:db8::/127", -1, NULL, 0)};
	struct sl_service_table *table = build(specs, 2);

	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 81)), SL_SERVICE_NONE);
	assert_int_equal(lookup(table, pkt_of("192.0.2.9", TCP, 80)), SL_SERVICE_NONE);
	assert_int_equal(lookup(table, pkt_of("2001:db8::1", UDP, 9)), 1);
	assert_int_equal(lookup(table, pkt_of("2001:db8::2", UDP, 9)), SL_SERVICE_NONE);
	sl_service_table_put(table);
}

static void no_services_take_nothing(void **state)
{
	struct sl_service_table *table = build(NULL, 0);

	assert_int_equal(lookup(table, pkt_of("192.0.2.10", TCP, 80)), SL_SERVICE_NONE);
	assert_int_equal(lookup(table, pkt_of("::1", TCP, 80)), SL_SERVICE_NONE);
	sl_service_table_put(table);
}

static void a_group_frame_goes_only_to_a_service_without_an_address(void **state)
{
	const struct sl_service_spec specs[] = {spec_of(0, "224.0.0.0/4", -1, NULL, 0),
						spec_of(1, NULL, UDP, NULL, 0)};
	struct sl_service_table *table = build(specs, 2);
	struct sl_pkt pkt = pkt_of("224.0.0.9", UDP, 520);

	assert_int_equal(lookup(table, pkt), 0);
	pkt.flags = SL_PKT_GROUP;
	assert_int_equal(lookup(table, pkt), 1);
	pkt = pkt_of("224.0.0.9", TCP, 520);
	pkt.flags = SL_PKT_GROUP;
	assert_int_equal(lookup(table, pkt), SL_SERVICE_NONE);
	sl_service_table_put(table);
}

static void an_icmp_error_follows_its_flow_and_a_strange_one_does_not(void **state)
{
	const struct sl_port_range http[] = {{80, 80}};
	const struct sl_service_spec specs[] = {
		spec_of(0, "192.0.2.10", TCP, http, 1),
		spec_of(1, "192.0.2.10", 1, NULL, 0),
		spec_of(2, NULL, 1, NULL, 0),
	};
	struct sl_service_table *table = build(specs, 3);
	struct sl_pkt error = pkt_of("192.0.2.10", TCP, 80);
	struct sl_pkt strange = pkt_of("192.0.2.10", 1, 0);

	error.flags = SL_PKT_ICMP_ERROR;
	error.protocol = 1;
	assert_int_equal(lookup(table, error), 0);
	error.key.dport_be = sl_be16(81);
	assert_int_equal(lookup(table, error), 2);
	assert_int_equal(lookup(table, strange), 1);
	strange.flags = SL_PKT_ICMP_STRANGE;
	assert_int_equal(lookup(table, strange), 2);
	sl_service_table_put(table);
}

static void a_later_fragment_follows_the_service_of_its_address_and_protocol(void **state)
{
	const struct sl_port_range range[] = {{80, 80}, {100, 200}};
	const struct sl_service_spec specs[] = {
		spec_of(0, "192.0.2.10", UDP, range, 2),
		spec_of(1, "192.0.2.11", UDP, &range[1], 1),
		spec_of(2, "192.0.2.12", UDP, range, 2),
		spec_of(3, "192.0.2.12", UDP, NULL, 0),
	};
	struct sl_service_table *table = build(specs, 4);
	struct sl_pkt pkt = pkt_of("192.0.2.10", UDP, 0);

	assert_int_equal(lookup(table, pkt), SL_SERVICE_NONE);
	pkt.flags = SL_PKT_NO_PORTS | SL_PKT_FRAGMENT;
	assert_int_equal(lookup(table, pkt), 0);
	pkt = pkt_of("192.0.2.11", UDP, 0);
	pkt.flags = SL_PKT_NO_PORTS | SL_PKT_FRAGMENT;
	assert_int_equal(lookup(table, pkt), 1);
	pkt = pkt_of("192.0.2.12", UDP, 0);
	pkt.flags = SL_PKT_NO_PORTS | SL_PKT_FRAGMENT;
	assert_int_equal(lookup(table, pkt), 3);
	sl_service_table_put(table);
}

static void a_vlan_decides_among_equals(void **state)
{
	const struct sl_port_range http[] = {{80, 80}}, all[] = {{1, 9999}};
	struct sl_service_spec specs[] = {
		spec_of(0, "192.0.2.10", TCP, http, 1),
		spec_of(1, "192.0.2.10", TCP, http, 1),
		spec_of(2, "192.0.2.10", TCP, all, 1),
	};
	struct sl_service_table *table;
	struct sl_pkt pkt = pkt_of("192.0.2.10", TCP, 80);

	specs[1].vlan = 7;
	specs[2].vlan = 8;
	table = build(specs, 3);
	assert_int_equal(lookup(table, pkt), 0);
	pkt.vlan = 7;
	assert_int_equal(lookup(table, pkt), 1);
	pkt.vlan = 8;
	assert_int_equal(lookup(table, pkt), 0);
	pkt.key.dport_be = sl_be16(81);
	assert_int_equal(lookup(table, pkt), 2);
	pkt.vlan = 9;
	assert_int_equal(lookup(table, pkt), SL_SERVICE_NONE);
	sl_service_table_put(table);
}

/* What asks for no ports has one service for all of them, and as a later fragment. Returns whether it
 * asks. */
static bool asks(const struct sl_service_table *table, struct sl_pkt pkt)
{
	struct sl_pkt later = pkt;
	uint32_t service;

	later.flags = SL_PKT_NO_PORTS | SL_PKT_FRAGMENT;
	later.key.dport_be = 0;
	if (sl_service_asks_ports(table, &later))
		return true;
	service = lookup(table, later);
	for (uint16_t port = 0; port < 30; port++) {
		pkt.key.dport_be = sl_be16(port);
		assert_int_equal(lookup(table, pkt), service);
	}
	return false;
}

static void a_fragment_waits_when_another_vlans_service_is_of_ports(void **state)
{
	const struct sl_port_range dns[] = {{53, 53}};
	struct sl_service_spec specs[] = {spec_of(0, "192.0.2.10", UDP, NULL, 0),
					  spec_of(1, "192.0.2.10", UDP, dns, 1)};
	struct sl_service_table *table;
	struct sl_pkt pkt = pkt_of("192.0.2.10", UDP, 0);

	specs[0].vlan = 5;
	table = build(specs, 2);
	pkt.vlan = 5;
	assert_true(asks(table, pkt));
	sl_service_table_put(table);
	specs[0].vlan = 0;
	specs[1].vlan = 5;
	table = build(specs, 2);
	assert_true(asks(table, pkt));
	pkt.vlan = 0;
	assert_false(asks(table, pkt));
	sl_service_table_put(table);
}

static void packets_that_are_not_ip_find_no_service(void **state)
{
	const struct sl_service_spec specs[] = {spec_of(0, NULL, -1, NULL, 0)};
	struct sl_service_table *table = build(specs, 1);
	struct sl_pkt pkt = pkt_of("192.0.2.10", TCP, 80);

	assert_int_equal(lookup(table, pkt), 0);
	pkt.status = SL_PKT_NOT_IP;
	assert_int_equal(lookup(table, pkt), SL_SERVICE_NONE);
	sl_service_table_put(table);
}

static void assert_refused(const struct sl_service_spec *specs, uint32_t count, int code,
			   uint32_t one, uint32_t other)
{
	struct sl_service_table *table = NULL;
	uint32_t first = 99, second = 99;

	assert_int_equal(sl_service_table_build(specs, count, &table, &first, &second), code);
	assert_null(table);
	assert_int_equal(first, one);
	assert_int_equal(second, other);
}

static void two_equal_services_are_refused(void **state)
{
	const struct sl_port_range http[] = {{80, 80}}, wide[] = {{8000, 8100}},
				   wider[] = {{8100, 8200}}, twice[] = {{80, 90}, {85, 95}};
	struct sl_service_spec specs[3];

	specs[0] = spec_of(0, "192.0.2.10", TCP, http, 1);
	specs[1] = spec_of(1, "192.0.2.10", TCP, wide, 1);
	specs[2] = spec_of(2, "192.0.2.10/32", TCP, http, 1);
	assert_refused(specs, 3, -EEXIST, 0, 2);
	specs[2] = spec_of(2, "192.0.2.10", TCP, wider, 1);
	assert_refused(specs, 3, -EEXIST, 1, 2);
	specs[0] = spec_of(0, NULL, -1, NULL, 0);
	specs[2] = spec_of(2, NULL, -1, NULL, 0);
	assert_refused(specs, 3, -EEXIST, 0, 2);
	specs[2] = spec_of(2, "192.0.2.11", TCP, twice, 2);
	sl_service_table_put(build(specs, 3));
	specs[2] = spec_of(2, "192.0.2.11", -1, http, 1);
	assert_refused(specs, 3, -EINVAL, 99, 99);
}

static void an_address_is_owned_when_a_service_names_it(void **state)
{
	const struct sl_service_spec specs[] = {
		spec_of(0, "192.0.2.10", TCP, NULL, 0), spec_of(1, "2001:db8::/64", TCP, NULL, 0),
		spec_of(2, "0.0.0.0/0", TCP, NULL, 0), spec_of(3, "::/0", TCP, NULL, 0),
		spec_of(4, NULL, -1, NULL, 0)};
	static const struct {
		const char *addr;
		enum sl_service_owned wanted;
	} cases[] = {{"192.0.2.10", SL_SERVICE_OWNED_WHOLE},
		     {"192.0.2.11", SL_SERVICE_OWNED_NOT},
		     {"2001:db8::ffff", SL_SERVICE_OWNED_PREFIX},
		     {"2001:db8:0:1::", SL_SERVICE_OWNED_NOT}};

	for (uint32_t count = 2; count <= 5; count++) {
		struct sl_service_table *table = build(specs, count);

		for (uint32_t i = 0; i < 4; i++) {
			struct sl_addr addr;

			sl_addr_parse(cases[i].addr, &addr);
			assert_int_equal(sl_service_table_owns(table, &addr), cases[i].wanted);
		}
		sl_service_table_put(table);
	}
}

/* ---- sources --------------------------------------------------------------------------------- */

#define FROM(spec_, list)                                                                          \
	do {                                                                                       \
		(spec_).sources = (list);                                                          \
		(spec_).source_count = sizeof(list) / sizeof((list)[0]);                           \
	} while (0)

static struct sl_prefix prefix_of(const char *text)
{
	struct sl_prefix prefix;

	assert_int_equal(sl_prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static struct sl_pkt from(const char *src, struct sl_pkt pkt)
{
	struct sl_addr addr;

	assert_int_equal(sl_addr_parse(src, &addr), 0);
	if (addr.family == SL_FAMILY_IPV4)
		memcpy(&pkt.key.src4, addr.octets, 4);
	else
		memcpy(pkt.key.src, addr.octets, 16);
	return pkt;
}

/* Services that differ in sources, on one port, in a range, on all ports, and one that is open to all. */
static void among_services_that_differ_in_sources_the_longest_prefix_takes_a_packet(void **state)
{
	const struct sl_port_range http[] = {{80, 80}}, wide[] = {{8000, 8099}},
				   cut[] = {{8050, 8060}};
	const struct sl_prefix ten[] = {prefix_of("10.0.0.0/8"), prefix_of("2001:db8::/32")},
			       near[] = {prefix_of("10.1.0.0/16"), prefix_of("10.9.0.1")},
			       six[] = {prefix_of("2001:db8:1::/48")};
	struct sl_service_spec specs[] = {
		spec_of(0, "192.0.2.10", TCP, http, 1), spec_of(1, "192.0.2.10", TCP, http, 1),
		spec_of(2, "192.0.2.10", TCP, http, 1), spec_of(3, "192.0.2.10", TCP, wide, 1),
		spec_of(4, "192.0.2.10", TCP, cut, 1),	spec_of(5, "192.0.2.10", TCP, NULL, 0),
		spec_of(6, NULL, -1, NULL, 0),		spec_of(7, NULL, -1, NULL, 0)};
	struct sl_service_table *table;

	FROM(specs[0], ten);
	FROM(specs[1], near);
	FROM(specs[3], ten);
	FROM(specs[5], near);
	FROM(specs[7], six);
	table = build(specs, SL_ARRAY_COUNT(specs));
	assert_int_equal(lookup(table, from("10.2.0.1", pkt_of("192.0.2.10", TCP, 80))), 0);
	assert_int_equal(lookup(table, from("10.1.2.3", pkt_of("192.0.2.10", TCP, 80))), 1);
	assert_int_equal(lookup(table, from("10.9.0.1", pkt_of("192.0.2.10", TCP, 80))), 1);
	assert_int_equal(lookup(table, from("10.9.0.2", pkt_of("192.0.2.10", TCP, 80))), 0);
	assert_int_equal(lookup(table, from("11.0.0.0", pkt_of("192.0.2.10", TCP, 80))), 2);
	assert_int_equal(lookup(table, from("0.0.0.0", pkt_of("192.0.2.10", TCP, 80))), 2);
	/* a range: with sources before one without that shares ports, then what is less specific */
	assert_int_equal(lookup(table, from("10.2.0.1", pkt_of("192.0.2.10", TCP, 8055))), 3);
	assert_int_equal(lookup(table, from("11.0.0.1", pkt_of("192.0.2.10", TCP, 8055))), 4);
	assert_int_equal(lookup(table, from("10.2.0.1", pkt_of("192.0.2.10", TCP, 8099))), 3);
	assert_int_equal(lookup(table, from("10.1.0.1", pkt_of("192.0.2.10", TCP, 8100))), 5);
	assert_int_equal(lookup(table, from("11.0.0.1", pkt_of("192.0.2.10", TCP, 8099))), 6);
	assert_int_equal(lookup(table, from("10.2.0.1", pkt_of("192.0.2.10", TCP, 8100))), 6);
	/* no address */
	assert_int_equal(lookup(table, from("2001:db8:1::1", pkt_of("2001:db8::1", UDP, 9))), 7);
	assert_int_equal(lookup(table, from("2001:db8:2::1", pkt_of("2001:db8::1", UDP, 9))), 6);
	sl_service_table_put(table);
}

static void a_packet_whose_source_no_service_names_goes_on_to_less_specific_ones(void **state)
{
	const struct sl_port_range http[] = {{80, 80}};
	const struct sl_prefix ten[] = {prefix_of("10.0.0.0/8")};
	struct sl_service_spec specs[] = {spec_of(0, "192.0.2.10", TCP, http, 1),
					  spec_of(1, "192.0.2.0/24", TCP, http, 1)};
	struct sl_service_table *table;
	struct sl_pkt pkt = pkt_of("192.0.2.10", TCP, 80);

	FROM(specs[0], ten);
	table = build(specs, 1);
	assert_int_equal(lookup(table, from("10.0.0.1", pkt)), 0);
	assert_int_equal(lookup(table, from("9.0.0.1", pkt)), SL_SERVICE_NONE);
	pkt.vlan = 9;
	assert_int_equal(lookup(table, from("10.0.0.1", pkt)), 0);
	pkt.vlan = 0;
	sl_service_table_put(table);
	table = build(specs, 2);
	assert_int_equal(lookup(table, from("10.0.0.1", pkt)), 0);
	assert_int_equal(lookup(table, from("9.0.0.1", pkt)), 1);
	sl_service_table_put(table);
}

static void a_fragment_of_a_source_that_no_service_of_all_ports_takes_waits(void **state)
{
	const struct sl_port_range http[] = {{80, 80}};
	const struct sl_prefix ten[] = {prefix_of("10.0.0.0/8")};
	struct sl_service_spec specs[] = {spec_of(0, "192.0.2.10", TCP, NULL, 0),
					  spec_of(1, "192.0.2.0/24", TCP, http, 1)};
	struct sl_service_table *table;
	struct sl_pkt inside = from("10.0.0.1", pkt_of("192.0.2.10", TCP, 0)),
		      outside = from("9.0.0.1", pkt_of("192.0.2.10", TCP, 0));

	FROM(specs[0], ten);
	inside.flags = outside.flags = SL_PKT_NO_PORTS;
	table = build(specs, 2);
	assert_false(sl_service_asks_ports(table, &inside));
	assert_true(sl_service_asks_ports(table, &outside));
	assert_int_equal(lookup(table, inside), 0);
	assert_int_equal(lookup(table, outside), 1);
	sl_service_table_put(table);
}

static void two_services_with_one_source_are_refused(void **state)
{
	const struct sl_port_range http[] = {{80, 80}}, both[] = {{70, 90}}, other[] = {{90, 99}};
	const struct sl_prefix ten[] = {prefix_of("9.0.0.0/8"), prefix_of("10.0.0.0/8")},
			       too[] = {prefix_of("10.0.0.0/8"), prefix_of("11.0.0.0/8")},
			       near[] = {prefix_of("10.0.0.0/9")};
	struct sl_service_spec specs[] = {spec_of(0, "192.0.2.10", TCP, http, 1),
					  spec_of(1, "192.0.2.10", TCP, http, 1),
					  spec_of(2, "192.0.2.10", TCP, http, 1)};

	FROM(specs[0], near);
	FROM(specs[1], ten);
	sl_service_table_put(build(specs, 3));
	FROM(specs[2], too);
	assert_refused(specs, 3, -EEXIST, 1, 2);
	specs[1].ports = both;
	sl_service_table_put(build(specs, 3)); /* one port before a range */
	specs[2].ports = other;
	assert_refused(specs, 3, -EEXIST, 1, 2);
	specs[2].source_count = 0;
	sl_service_table_put(build(specs, 3));
	specs[0] = spec_of(0, "192.0.2.10", TCP, other, 1);
	assert_refused(specs, 3, -EEXIST, 0, 2);
}

/* Thousands of prefixes on each of many ports are one set; one source more than may be is refused. */
static void thousands_of_sources_build_and_one_more_than_may_be_is_refused(void **state)
{
	static struct sl_prefix sources[SL_SOURCES_TOTAL_MAX + 1];
	static struct sl_port_range ports[SL_SERVICE_PORTS_MAX];
	struct sl_service_spec specs[2];
	struct sl_service_table *table;

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(sources); i++) {
		sources[i] = (struct sl_prefix){
			.addr = {SL_FAMILY_IPV4,
				 {10, (uint8_t)(i >> 12), (uint8_t)(i >> 4), (uint8_t)(i << 4)}},
			.length = 29};
	}
	for (uint32_t i = 0; i < SL_SERVICE_PORTS_MAX; i++)
		ports[i] = (struct sl_port_range){(uint16_t)(i + 1), (uint16_t)(i + 1)};
	specs[0] = spec_of(0, "192.0.2.10", TCP, ports, SL_SERVICE_PORTS_MAX);
	specs[1] = spec_of(1, "192.0.2.10", TCP, ports, SL_SERVICE_PORTS_MAX);
	specs[0].sources = sources;
	specs[0].source_count = SL_SOURCES_TOTAL_MAX;
	table = build(specs, 2);
	assert_int_equal(lookup(table, from("10.5.5.7", pkt_of("192.0.2.10", TCP, 64))), 0);
	assert_int_equal(lookup(table, from("10.5.5.8", pkt_of("192.0.2.10", TCP, 64))), 1);
	assert_int_equal(lookup(table, from("10.15.255.247", pkt_of("192.0.2.10", TCP, 1))), 0);
	assert_int_equal(lookup(table, from("10.15.255.255", pkt_of("192.0.2.10", TCP, 1))), 1);
	sl_service_table_put(table);
	specs[0].source_count++;
	assert_refused(specs, 2, -E2BIG, 99, 99);
}

/* Sets of thousands of sources that ports cut into more and more. */
static void more_stretches_of_sources_than_may_be_are_refused(void **state)
{
	static struct sl_prefix sources[SL_SOURCES_MAX], one[SL_SERVICE_PORTS_MAX];
	static struct sl_port_range ports[SL_SERVICE_PORTS_MAX];
	static struct sl_service_spec specs[1 + SL_SERVICE_PORTS_MAX];

	for (uint32_t i = 0; i < SL_SOURCES_MAX; i++)
		sources[i] = (struct sl_prefix){
			.addr = {SL_FAMILY_IPV4, {10, (uint8_t)(i >> 8), (uint8_t)i, 0}},
			.length = 30};
	for (uint32_t i = 0; i < SL_SERVICE_PORTS_MAX; i++) {
		ports[i] = (struct sl_port_range){(uint16_t)(i + 1), (uint16_t)(i + 1)};
		one[i] = (struct sl_prefix){.addr = {SL_FAMILY_IPV4, {11, (uint8_t)i, 0, 0}},
					    .length = 16};
		specs[i + 1] = spec_of(i + 1, "192.0.2.10", TCP, &ports[i], 1);
		specs[i + 1].sources = &one[i];
		specs[i + 1].source_count = 1;
	}
	specs[0] = spec_of(0, "192.0.2.10", TCP, ports, SL_SERVICE_PORTS_MAX);
	specs[0].sources = sources;
	specs[0].source_count = SL_SOURCES_MAX;
	assert_refused(specs, SL_ARRAY_COUNT(specs), -E2BIG, 99, 99);
	sl_service_table_put(build(specs, 20));
}

/* ---- against a naive twin -------------------------------------------------------------------- */

/* Of few bits, so that many lie in one another; its address has no bits beyond its length. */
static struct sl_prefix random_source(struct sl_prng *prng, uint8_t family)
{
	struct sl_prefix prefix = {.addr = {.family = family},
				   .length = (uint8_t)sl_prng_below(prng, 12)};

	sl_store_be16(prefix.addr.octets,
		      (uint16_t)(sl_prng_below(prng, 64) << 10 & (0xffff << (16 - prefix.length))));
	return prefix;
}

static bool naive_source(const struct sl_service_spec *spec, const struct sl_pkt *pkt,
			 uint32_t *rank)
{
	struct sl_addr src = {.family = pkt->key.family};

	memcpy(src.octets,
	       src.family == SL_FAMILY_IPV4 ? (const uint8_t *)&pkt->key.src4 : pkt->key.src,
	       src.family == SL_FAMILY_IPV4 ? 4 : 16);
	*rank = 0;
	for (uint32_t i = 0; i < spec->source_count; i++)
		if (sl_prefix_contains(&spec->sources[i], &src))
			*rank = SL_MAX(*rank, 1u + spec->sources[i].length);
	return !spec->source_count || *rank;
}

static bool naive_matches(const struct sl_service_spec *spec, const struct sl_pkt *pkt,
			  const struct sl_addr *dst, uint32_t *rank)
{
	uint32_t class = 0;
	uint16_t port = sl_be16(pkt->key.dport_be);
	uint32_t source;

	if (!spec->any && !sl_prefix_contains(&spec->prefix, dst))
		return false;
	if (spec->protocol >= 0 && spec->protocol != pkt->key.protocol)
		return false;
	if (spec->vlan && spec->vlan != pkt->vlan)
		return false;
	for (uint32_t p = 0; p < spec->port_count; p++)
		if (spec->ports[p].first <= port && port <= spec->ports[p].last)
			class = SL_MAX(class,
				       spec->ports[p].first == spec->ports[p].last ? 2u : 1u);
	if (spec->port_count && !class)
		return false;
	if (!naive_source(spec, pkt, &source))
		return false;
	*rank = (spec->any ? 0 : 1u + spec->prefix.length) * 1000000 +
		(spec->protocol >= 0 ? 100000u : 0u) + class * 10000 + (spec->vlan ? 1000u : 0u) +
		source;
	return true;
}

static void many_services_with_many_prefix_lengths_agree_with_a_search_of_all(void **state)
{
	static struct sl_service_spec specs[SL_SERVICES_MAX];
	static struct sl_port_range ports[SL_SERVICES_MAX];
	static struct sl_prefix sources[SL_SERVICES_MAX][3];
	struct sl_prng prng = {.state = 7};
	struct sl_service_table *table = NULL;
	uint32_t count = 0, asked = 0, first, second;

	while (count < 600) {
		struct sl_service_spec *spec = &specs[count];
		uint32_t kind = sl_prng_below(&prng, 4);
		uint8_t bits = sl_prng_below(&prng, 2) ? 32 : 128;
		struct sl_addr addr = {.family = bits == 32 ? SL_FAMILY_IPV4 : SL_FAMILY_IPV6};
		int rc;

		*spec = (struct sl_service_spec){.index = count, .protocol = -1};
		for (int o = 0; o < bits / 8; o++)
			addr.octets[o] = (uint8_t)(sl_prng_below(&prng, 2) ? 0 : 128);
		spec->prefix.addr = addr;
		spec->prefix.length = (uint8_t)sl_prng_below(&prng, bits + 1u);
		for (uint32_t b = spec->prefix.length; b < bits; b++)
			spec->prefix.addr.octets[b / 8] &= (uint8_t) ~(0x80 >> b % 8);
		spec->any = sl_prng_below(&prng, 300) == 0;
		spec->vlan = sl_prng_below(&prng, 3) ? 0 : (uint16_t)(1 + sl_prng_below(&prng, 2));
		if (kind)
			spec->protocol = sl_prng_below(&prng, 2) ? TCP : UDP;
		ports[count].first = (uint16_t)sl_prng_below(&prng, 20);
		ports[count].last = (uint16_t)(ports[count].first + (kind == 2 ? 3 : 0));
		spec->ports = &ports[count];
		spec->port_count = kind > 1;
		spec->sources = sources[count];
		spec->source_count = sl_prng_below(&prng, 2) * sl_prng_below(&prng, 4);
		for (uint32_t i = 0; i < spec->source_count; i++)
			sources[count][i] = random_source(&prng, addr.family);
		rc = sl_service_table_build(specs, count + 1, &table, &first, &second);
		if (rc == 0)
			count++;
		else
			assert_int_equal(rc, -EEXIST);
		if (rc == 0 && count < 600)
			sl_service_table_put(table);
	}
	for (int n = 0; n < 5000; n++) {
		struct sl_addr addr, dst = specs[sl_prng_below(&prng, count)].prefix.addr;
		struct sl_pkt pkt;
		char text[SL_ADDR_TEXT_SIZE];
		uint32_t best = SL_SERVICE_NONE, best_rank = 0, rank;

		dst.octets[sl_prng_below(&prng, 4)] ^= (uint8_t)(1u << sl_prng_below(&prng, 8));
		pkt = pkt_of(sl_addr_format(&dst, text), sl_prng_below(&prng, 2) ? TCP : UDP,
			     (uint16_t)sl_prng_below(&prng, 24));
		pkt.vlan = (uint16_t)sl_prng_below(&prng, 4);
		addr = random_source(&prng, dst.family).addr;
		pkt = from(sl_addr_format(&addr, text), pkt);
		for (uint32_t i = 0; i < count; i++) {
			if (!naive_matches(&specs[i], &pkt, &dst, &rank))
				continue;
			assert_true(best == SL_SERVICE_NONE || rank != best_rank);
			if (best == SL_SERVICE_NONE || rank > best_rank) {
				best = i;
				best_rank = rank;
			}
		}
		assert_int_equal(lookup(table, pkt), best);
		asked += asks(table, pkt);
	}
	assert_in_range(asked, 500, 4500);
	sl_service_table_put(table);
}

static void the_most_services_build_and_one_more_is_refused(void **state)
{
	static struct sl_service_spec specs[SL_SERVICES_MAX + 1];
	static struct sl_port_range ports[SL_SERVICE_PORTS_MAX + 1];
	struct sl_service_table *table;
	struct sl_pkt pkt;

	for (uint32_t p = 0; p <= SL_SERVICE_PORTS_MAX; p++)
		ports[p].first = ports[p].last = (uint16_t)(p * 3);
	for (uint32_t i = 0; i <= SL_SERVICES_MAX; i++) {
		specs[i] = spec_of(i, "10.0.0.0", TCP, ports, SL_SERVICE_PORTS_MAX);
		sl_store_be32(specs[i].prefix.addr.octets, 0x0a000000 + i);
	}
	table = build(specs, SL_SERVICES_MAX);
	pkt = pkt_of("10.0.15.255", TCP, 63 * 3);
	assert_int_equal(lookup(table, pkt), 4095);
	pkt = pkt_of("10.0.15.255", TCP, 63 * 3 + 1);
	assert_int_equal(lookup(table, pkt), SL_SERVICE_NONE);
	sl_service_table_put(table);
	assert_refused(specs, SL_SERVICES_MAX + 1, -E2BIG, 99, 99);
	specs[0].port_count = SL_SERVICE_PORTS_MAX + 1;
	assert_refused(specs, 1, -EINVAL, 99, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_service_takes_a_packet),
		cmocka_unit_test(without_an_any_service_strangers_find_none),
		cmocka_unit_test(no_services_take_nothing),
		cmocka_unit_test(a_group_frame_goes_only_to_a_service_without_an_address),
		cmocka_unit_test(an_icmp_error_follows_its_flow_and_a_strange_one_does_not),
		cmocka_unit_test(a_later_fragment_follows_the_service_of_its_address_and_protocol),
		cmocka_unit_test(a_vlan_decides_among_equals),
		cmocka_unit_test(a_fragment_waits_when_another_vlans_service_is_of_ports),
		cmocka_unit_test(packets_that_are_not_ip_find_no_service),
		cmocka_unit_test(two_equal_services_are_refused),
		cmocka_unit_test(an_address_is_owned_when_a_service_names_it),
		cmocka_unit_test(
			among_services_that_differ_in_sources_the_longest_prefix_takes_a_packet),
		cmocka_unit_test(
			a_packet_whose_source_no_service_names_goes_on_to_less_specific_ones),
		cmocka_unit_test(a_fragment_of_a_source_that_no_service_of_all_ports_takes_waits),
		cmocka_unit_test(two_services_with_one_source_are_refused),
		cmocka_unit_test(thousands_of_sources_build_and_one_more_than_may_be_is_refused),
		cmocka_unit_test(more_stretches_of_sources_than_may_be_are_refused),
		cmocka_unit_test(many_services_with_many_prefix_lengths_agree_with_a_search_of_all),
		cmocka_unit_test(the_most_services_build_and_one_more_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
