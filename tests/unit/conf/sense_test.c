/* SPDX-License-Identifier: BSD-3-Clause */

/* What can never work is refused with the remedy, what is doubtful is warned of. */

#include "conf_expect.h"

#define PORT4                                                                                      \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: "                 \
	"\"02:00:00:00:00:01\"}}]\n"
#define SERVICE(address) PORT4 POOLS "services: [{name: s, address: \"" address "\", pool: web}]\n"
#define NODE(address, keys)                                                                        \
	PORT4 "pools: [{name: web, nodes: [{name: n, address: \"" address "\"" keys                \
	      "}]}]\n" SERVICES
#define PORT(keys) "ports: [{name: p0, device: d" keys "}]\n" POOLS SERVICES

static void services_have_addresses_that_packets_carry(void **state)
{
	static const struct conf_case cases[] = {
		{SERVICE("0.0.0.0"),
		 "3:31: `address`: `0.0.0.0` stands for no host; write `any` for every address\n",
		 ""},
		{SERVICE("::"),
		 "3:31: `address`: `::` stands for no host; write `any` for every address\n", ""},
		{SERVICE("127.0.0.1"),
		 "3:31: `address`: `127.0.0.1` is loopback, which no network carries; name an "
		 "address "
		 "that clients reach\n",
		 ""},
		{SERVICE("224.0.0.1"),
		 "3:31: `address`: `224.0.0.1` is a multicast group; packets to groups go to "
		 "services "
		 "at `any` alone\n",
		 ""},
		{SERVICE("255.255.255.255"),
		 "3:31: `address`: `255.255.255.255` is the broadcast address; packets to it go to "
		 "services at `any` alone\n",
		 ""},
		{SERVICE("::ffff:192.0.2.9"),
		 "3:31: `address`: `::ffff:192.0.2.9` is IPv4 mapped into IPv6, which no packet "
		 "carries; write it as IPv4\n",
		 ""},
		{SERVICE("224.0.0.0/3"), "", ""},
		{SERVICE("198.51.100.0/24"), "", ""},
		{SERVICE("192.0.2.10"), "", ""},
		{SERVICE("192.0.2.0/25"), "", ""},
		{SERVICE("192.0.2.0/24"), "",
		 "3:12: 192.0.2.0/24 of service `s` covers 192.0.2.0/24, the network of port `p0`: "
		 "packets for its hosts are taken, too\n"},
		{SERVICE("0.0.0.0/0"), "",
		 "3:12: 0.0.0.0/0 of service `s` covers 192.0.2.0/24, the network of port `p0`: "
		 "packets for its hosts are taken, too\n"},
	};

	(void)state;
	conf_expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void protocols_are_of_their_addresses_version(void **state)
{
	static const struct conf_case cases[] = {
		{PORT4 POOLS
		 "services: [{name: s, address: 192.0.2.9, protocol: icmpv6, pool: web}]\n",
		 "3:12: service `s`: icmpv6 is of IPv6, and its address of IPv4; icmp would be "
		 "right\n",
		 ""},
		{PORT4 POOLS
		 "services: [{name: s, address: \"2001:db8::9\", protocol: 1, pool: web}]\n",
		 "3:12: service `s`: icmp is of IPv4, and its address of IPv6; icmpv6 would be "
		 "right\n",
		 ""},
		{PORT4 POOLS "services: [{name: s, address: any, protocol: icmpv6, pool: web}]\n",
		 "", ""},
	};

	(void)state;
	conf_expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void nodes_are_other_hosts(void **state)
{
	static const char vip[] =
		PORT4 "pools: [{name: web, nodes: [{name: n, address: 192.0.2.9, encap: gre, mac: "
		      "\"02:00:00:00:00:07\"}, {name: m, address: 192.0.2.9, mac: "
		      "\"02:00:00:00:00:07\"}]}]\n"
		      "services: [{name: s, address: 192.0.2.9, pool: web}]\n";
	static const struct conf_case cases[] = {
		{NODE("127.0.0.1", ", mac: \"02:00:00:00:00:07\""), "",
		 "2:48: `address`: `127.0.0.1` is loopback, which no network carries: nothing but "
		 "health checks of this machine reaches it\n"},
		{NODE("::ffff:192.0.2.9", ""),
		 "2:48: `address` takes the address of one host, not `::ffff:192.0.2.9`, which is "
		 "IPv4 "
		 "mapped into IPv6, which no packet carries\n",
		 ""},
		{NODE("192.0.2.2", ", mac: \"02:00:00:00:00:07\""),
		 "2:29: address 192.0.2.2 of node `n` is port `p0`'s own; what is to stay here "
		 "goes to a "
		 "node with `worker`\n",
		 ""},
		{NODE("192.0.2.255", ", mac: \"02:00:00:00:00:07\""),
		 "2:29: address 192.0.2.255 of node `n` is the broadcast address of a port's "
		 "network; "
		 "name a host's\n",
		 ""},
		{NODE("192.0.2.0", ", mac: \"02:00:00:00:00:07\""),
		 "2:29: address 192.0.2.0 of node `n` is the network address of a port's network; "
		 "name a "
		 "host's\n",
		 ""},
		{NODE("192.0.2.7", ", mac: \"00:00:00:00:00:00\""),
		 "2:66: `mac` takes the MAC address of one host, not `00:00:00:00:00:00`\n", ""},
		{vip,
		 "2:29: address 192.0.2.9 of node `n` is that of service `s`: what is sent there "
		 "comes "
		 "back; name the node's own address\n",
		 "2:98: address 192.0.2.9 of node `m` is that of service `s`; its own address "
		 "would be "
		 "right\n"},
	};

	(void)state;
	conf_expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_node_that_is_added_is_another_host_too(void **state)
{
	static const char *const pairs[] = {"address=192.0.2.2", "mac=02:00:00:00:00:07"};
	struct sl_conf *conf = conf_parse(PORT4 POOLS SERVICES);
	struct sl_conf_errors errors;
	struct sl_conf_node node;

	(void)state;
	assert_int_equal(sl_conf_node_parse(conf, NULL, "n", pairs, 2, &node, &errors), -EINVAL);
	assert_int_equal(errors.count, 1);
	assert_non_null(strstr(errors.list[0].message, "is port `p0`'s own"));
	sl_conf_errors_fini(&errors);
	sl_conf_destroy(conf);
}

static void ports_and_gateways_are_hosts(void **state)
{
	static const struct conf_case cases[] = {
		{PORT(", addresses: [192.0.2.0/24]"),
		 "1:9: address 192.0.2.0 of port `p0` is the network address of its own network; "
		 "give it "
		 "one of a host\n",
		 ""},
		{PORT(", addresses: [192.0.2.255/24]"),
		 "1:9: address 192.0.2.255 of port `p0` is the broadcast address of its own "
		 "network; give "
		 "it one of a host\n",
		 ""},
		{PORT(", addresses: [192.0.2.0/31, 192.0.2.9/32, \"2001:db8::/64\"]"), "", ""},
		{PORT(", addresses: [192.0.2.2/24], gateway: {address: 192.0.2.2}"),
		 "1:9: gateway 192.0.2.2 of port `p0` is an address of port `p0` itself; name the "
		 "router's\n",
		 ""},
		{PORT(", addresses: [192.0.2.2/24], gateway: {address: 192.0.2.255}"),
		 "1:9: gateway 192.0.2.255 of port `p0` is the broadcast address of its network; "
		 "name the "
		 "router's\n",
		 ""},
	};

	(void)state;
	conf_expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

#define STATE "control: {state: /a/b}\n"
#define NODES(list)                                                                                \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"pools: [{name: web, nodes: [\n" list "]}]\n" PORTS SERVICES
#define CAPTURE(name, file)                                                                        \
	"{name: " name ", worker: 0, weight: 1, handler: capture, file: " file "},\n"

static void one_file_has_one_writer(void **state)
{
	static const struct conf_case cases[] = {
		{"control: {socket: /run/s, state: /run/s}\n" PORTS POOLS SERVICES,
		 "1:10: `state` of control and its `socket` are one file, /run/s; give each its "
		 "own\n",
		 ""},
		{STATE "ports: [{name: p0, device: \"net_pcap0,rx_pcap=in,tx_pcap=/a/b\"}]\n" POOLS
			 SERVICES,
		 "1:10: `state` of control and a capture of port `p0` are one file, /a/b; give "
		 "each its own\n",
		 ""},
		{STATE
		 "ports: [{name: p0, device: \"net_pcap0,rx_pcap=/a/b,iface=x\"}]\n" POOLS SERVICES,
		 "1:10: `state` of control and a capture of port `p0` are one file, /a/b; give "
		 "each its own\n",
		 ""},
		{STATE "ports: [{name: p0, device: \"net_pcap0,rx_pcap=/a/bc,tx_pcap=/a\"}]\n" POOLS
			 SERVICES,
		 "", ""},
		{STATE NODES(CAPTURE("a", "/a/b")),
		 "1:10: `state` of control and `file` of node `a` are one file, /a/b; give each "
		 "its own\n",
		 ""},
		{NODES(CAPTURE("a", "x") CAPTURE("b", "y") CAPTURE("c", "x")),
		 "5:1: `file` of node `c` is that of node `a` of line 3, too, x; each capture is "
		 "written by one node\n",
		 ""},
		{NODES(CAPTURE("a", "x") CAPTURE("b", "y")), "", ""},
	};

	(void)state;
	conf_expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

#define PROBED(device, port, check, service)                                                       \
	"ports: [{name: p0, device: \"" device "\", addresses: [192.0.2.2/24], gateway: "          \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}" port "}]\n"                             \
	"pools: [{name: web, health: {" check                                                      \
	", via: path}, nodes: [{name: n, address: 10.0.0.1, encap: ipip}]}]\n"                     \
	"services: [" service "]\n"
#define TCP80 "{name: s, address: 192.0.2.10, protocol: tcp, ports: [80], pool: web}"
#define CHECK "type: tcp, port: 80"

static void probes_go_the_packets_way_where_answers_are_heard(void **state)
{
	static const struct conf_case cases[] = {
		{PROBED("packet:eth0", "", CHECK, TCP80), "", ""},
		{PROBED("xdp:eth0", "", CHECK, TCP80), "", ""},
		{PROBED("tap:t0", "", CHECK, TCP80), "", ""},
		{PROBED("0000:03:00.0", ", punt: kernel", CHECK, TCP80), "", ""},
		{PROBED("0000:03:00.0", "", CHECK, TCP80),
		 "2:71: node `n`: via: path needs an interface of the kernel's that hears answers "
		 "at port `p0`: a device xdp:, packet: or tap:, or `punt: kernel`; via: kernel "
		 "needs none\n",
		 ""},
		{PROBED("packet:eth0", "", "type: icmp", TCP80),
		 "2:47: a health check of type icmp cannot go `via: path`; tcp, http, https and "
		 "udp can\n",
		 ""},
		{PROBED("packet:eth0", "", "type: udp, port: 53", TCP80),
		 "2:71: node `n`: via: path asks at a service's address, and pool `web` has no udp "
		 "service with one address; give it one, or use via: kernel\n",
		 ""},
		{PROBED("packet:eth0", "", CHECK,
			"{name: s, address: 192.0.2.16/28, protocol: tcp, ports: [80], pool: web}"),
		 "2:71: node `n`: via: path asks at a service's address, and pool `web` has no tcp "
		 "service with one address; give it one, or use via: kernel\n",
		 ""},
		{PROBED("packet:eth0", "", CHECK, TCP80 ", {name: rest, address: any, pool: web}"),
		 "2:71: node `n`: answers to probes via: path come in by port `p0`, where service "
		 "`rest` takes them: give that its `ports`, below 32768, or use via: kernel\n",
		 ""},
		{PROBED("packet:eth0", "", CHECK,
			TCP80 ", {name: dns, address: any, protocol: udp, ports: [53], pool: web}"),
		 "", ""},
		{"announce: {interface: vip0}\n" PROBED("packet:eth0", "", CHECK, TCP80),
		 "3:71: node `n`: via: path cannot be beside `announce`, which gives services' "
		 "addresses to this host: the kernel drops answers from them; use via: kernel\n",
		 ""},
	};

	(void)state;
	conf_expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_go_the_packets_way_where_answers_are_heard),
		cmocka_unit_test(services_have_addresses_that_packets_carry),
		cmocka_unit_test(protocols_are_of_their_addresses_version),
		cmocka_unit_test(nodes_are_other_hosts),
		cmocka_unit_test(a_node_that_is_added_is_another_host_too),
		cmocka_unit_test(ports_and_gateways_are_hosts),
		cmocka_unit_test(one_file_has_one_writer),
	};

	return cmocka_run_group_tests_name("conf sense", tests, NULL, NULL);
}
