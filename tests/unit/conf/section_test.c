/* SPDX-License-Identifier: BSD-3-Clause */

/* The keys of dataplane, ports, control and services: what each may be, at its limits and one past
 * them, and the sentence for what it may not be. */

#include "conf_expect.h"

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

static void each_key_of_dataplane_has_its_range_and_its_sentence(void **state)
{
	static const struct conf_case cases[] = {
		{"dataplane: {instnce: x}\n" PORTS POOLS SERVICES,
		 "1:13: unknown key `instnce` of dataplane; did you mean `instance`?\n", ""},
		{"dataplane: {instance: \"\"}\n" PORTS POOLS SERVICES,
		 "1:23: `instance` takes a name of up to 63 letters, digits, `.`, `_` and `-`, "
		 "with a letter or digit in it, not an empty text\n",
		 ""},
		{"dataplane: {instance: a/b}\n" PORTS POOLS SERVICES,
		 "1:23: `instance` takes a name of up to 63 letters, digits, `.`, `_` and `-`, "
		 "with a letter or digit in it, not `a/b`\n",
		 ""},
		{"dataplane: {instance: ..}\n" PORTS POOLS SERVICES,
		 "1:23: `instance` takes a name of up to 63 letters, digits, `.`, `_` and `-`, "
		 "with a letter or digit in it, not `..`\n",
		 ""},
		{"dataplane: {instance: "
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n" PORTS POOLS
			 SERVICES,
		 "", ""},
		{"dataplane: {instance: "
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n" PORTS POOLS
			 SERVICES,
		 "1:23: `instance` takes a name of up to 63 letters, digits, `.`, `_` and `-`, "
		 "with a letter or digit in it, not "
		 "`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...`\n",
		 ""},
		{"dataplane: {control_cpu: -1}\n" PORTS POOLS SERVICES,
		 "1:26: `control_cpu` takes a whole number from 0 to 1023, not `-1`\n", ""},
		{"dataplane: {control_cpu: 1023}\n" PORTS POOLS SERVICES, "", ""},
		{"dataplane: {control_cpu: 1024}\n" PORTS POOLS SERVICES,
		 "1:26: `control_cpu` takes a whole number from 0 to 1023, not `1024`\n", ""},
		{"dataplane: {control_cpu: \"1\"}\n" PORTS POOLS SERVICES,
		 "1:26: `control_cpu` takes a whole number from 0 to 1023, not `1` in quotes\n",
		 ""},
		{"dataplane: {control_cpu: 1.0}\n" PORTS POOLS SERVICES,
		 "1:26: `control_cpu` takes a whole number from 0 to 1023, not `1.0`\n", ""},
		{"dataplane: {control_cpu: 010}\n" PORTS POOLS SERVICES,
		 "1:26: `control_cpu` takes a whole number from 0 to 1023, not `010`\n", ""},
		{"dataplane: {control_cpu: [1]}\n" PORTS POOLS SERVICES,
		 "1:26: `control_cpu` takes a whole number from 0 to 1023, not a list\n", ""},
		{"dataplane: {rx_cpus: 0}\n" PORTS POOLS SERVICES,
		 "1:22: `rx_cpus` takes a list, not `0`\n", ""},
		{"dataplane: {rx_cpus: [0, {}]}\n" PORTS POOLS SERVICES,
		 "1:26: `rx_cpus` takes a whole number from 0 to 1023, not a mapping\n", ""},
		{"dataplane: {rx_cpus: "
		 "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}\n" PORTS POOLS
			 SERVICES,
		 "", ""},
		{"dataplane: {rx_cpus: "
		 "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}\n" PORTS
			 POOLS SERVICES,
		 "1:22: `rx_cpus` has 33 entries; there may be at most 32\n", ""},
		{"dataplane: {worker_cpus: [0x1, .5]}\n" PORTS POOLS SERVICES,
		 "1:27: `worker_cpus` takes a whole number from 0 to 1023, not `0x1`\n"
		 "1:32: `worker_cpus` takes a whole number from 0 to 1023, not `.5`\n",
		 ""},
		{"dataplane: {worker_cpus: "
		 "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
		 "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}\n" PORTS POOLS SERVICES,
		 "", ""},
		{"dataplane: {worker_cpus: "
		 "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
		 "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}\n" PORTS POOLS SERVICES,
		 "1:26: `worker_cpus` has 65 entries; there may be at most 64\n", ""},
		{"dataplane: {idle: sleepy}\n" PORTS POOLS SERVICES,
		 "1:19: `idle` takes backoff or poll, not `sleepy`\n", ""},
		{"dataplane: {idle: pol}\n" PORTS POOLS SERVICES,
		 "1:19: `idle` takes backoff or poll, not `pol`; did you mean `poll`?\n", ""},
		{"dataplane: {queue_full: dorp}\n" PORTS POOLS SERVICES,
		 "1:25: `queue_full` takes auto, drop or wait, not `dorp`; did you mean `drop`?\n",
		 ""},
		{"dataplane: {hugepages: on}\n" PORTS POOLS SERVICES,
		 "1:24: `hugepages` takes auto, require or off, not `on`\n", ""},
		{"dataplane: {memory_mb: 63}\n" PORTS POOLS SERVICES,
		 "1:24: `memory_mb` takes a whole number from 64 to 1048576, not `63`\n", ""},
		{"dataplane: {memory_mb: 64}\n" PORTS POOLS SERVICES, "", ""},
		{"dataplane: {memory_mb: 1048577}\n" PORTS POOLS SERVICES,
		 "1:24: `memory_mb` takes a whole number from 64 to 1048576, not `1048577`\n", ""},
		{"dataplane: {packet_buffers: 1023}\n" PORTS POOLS SERVICES,
		 "1:29: `packet_buffers` takes a whole number from 1024 to 8388608, not `1023`\n",
		 ""},
		{"dataplane: {burst: 0}\n" PORTS POOLS SERVICES,
		 "1:20: `burst` takes a whole number from 1 to 64, not `0`\n", ""},
		{"dataplane: {burst: 64}\n" PORTS POOLS SERVICES, "", ""},
		{"dataplane: {burst: 65}\n" PORTS POOLS SERVICES,
		 "1:20: `burst` takes a whole number from 1 to 64, not `65`\n", ""},
		{"dataplane: {ring_size: 1000}\n" PORTS POOLS SERVICES,
		 "1:24: `ring_size` takes a power of two from 64 to 1048576, not `1000`; 512 or "
		 "1024 would do\n",
		 ""},
		{"dataplane: {ring_size: 32}\n" PORTS POOLS SERVICES,
		 "1:24: `ring_size` takes a power of two from 64 to 1048576, not `32`\n", ""},
		{"dataplane: {ring_size: 64}\n" PORTS POOLS SERVICES, "", ""},
		{"dataplane: {ring_size: big}\n" PORTS POOLS SERVICES,
		 "1:24: `ring_size` takes a power of two from 64 to 1048576, not `big`\n", ""},
		{"dataplane: {hash_key: \"00\"}\n" PORTS POOLS SERVICES,
		 "1:23: `hash_key` takes 16 octets as 32 hexadecimal digits in quotes\n", ""},
		{"dataplane: {hash_key: 0011223344556677889900aabbccddee}\n" PORTS POOLS SERVICES,
		 "", ""},
		{"dataplane: {hash_key: zz112233445566778899aabbccddeeff}\n" PORTS POOLS SERVICES,
		 "1:23: `hash_key` takes 16 octets as 32 hexadecimal digits in quotes\n", ""},
		{"dataplane: {eal: x}\n" PORTS POOLS SERVICES,
		 "1:18: `eal` takes a list, not `x`\n", ""},
		{"dataplane: {eal: [\"\"]}\n" PORTS POOLS SERVICES,
		 "1:19: `eal` may not be empty\n", ""},
		{"dataplane: {eal: [a, \"b\\tc\"]}\n" PORTS POOLS SERVICES,
		 "1:22: `eal` takes a text on one line without control characters, not `b?c`\n",
		 ""},
		{"dataplane: {eal: [\"--x\"]}\n" PORTS POOLS SERVICES, "", ""},
		{"dataplane: {burst: 1, burst: 2}\n" PORTS POOLS SERVICES,
		 "1:23: key `burst` is given twice, first in line 1; leave one out\n", ""},
		{"dataplane: {zzzzzz: 1}\n" PORTS POOLS SERVICES,
		 "1:13: unknown key `zzzzzz`; dataplane has the keys instance, control_cpu, "
		 "rx_cpus, worker_cpus, idle, queue_full, hugepages, memory_mb, packet_buffers, "
		 "burst, ring_size, hash_key, eal\n",
		 ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

#define TWO(one, other)                                                                            \
	"ports:\n- {name: p0, device: \"" one "\"}\n- {name: p1, device: \"" other                 \
	"\"}\n" POOLS SERVICES
#define TAKEN(what)                                                                                \
	"3:3: " what " of port `p1` is that of port `p0` of line 2, too; each serves one port\n"

static void what_a_device_has_for_itself_no_other_port_has(void **state)
{
	static const struct conf_case cases[] = {
		{TWO("net_null0", "net_null0"), TAKEN("the device net_null0"), ""},
		{TWO("net_null0", "net_null0,size=64"), TAKEN("the device net_null0"), ""},
		{TWO("net_null0", "net_null1"), "", ""},
		{TWO("01:00.0", "0000:01:00.0"), TAKEN("the device 0000:01:00.0"), ""},
		{TWO("0000:0A:1f.0", "0a:1F.0,queues=2"), TAKEN("the device 0000:0a:1f.0"), ""},
		{TWO("0000:0a:00.0", "A:0.0"), TAKEN("the device 0000:0a:00.0"), ""},
		{TWO("0a:00.0", "0b:00.0"), "", ""},
		{TWO("0000:01:00.0", "0001:01:00.0"), "", ""},
		{TWO("packet:eth0", "packet:eth0"), TAKEN("the device packet:eth0"), ""},
		{TWO("packet:eth0", "net_af_packet7,iface=eth0"), TAKEN("the interface eth0"), ""},
		{TWO("packet:eth0", "xdp:eth0"), TAKEN("the interface eth0"), ""},
		{TWO("packet:eth0", "packet:eth1"), "", ""},
		{TWO("packet:", "xdp:an-interface-too-long"),
		 "2:3: port `p0`: \"packet:\": the name of an interface has 1 to 15 characters, "
		 "none of them a slash, comma or space\n"
		 "3:3: port `p1`: \"xdp:an-interface-too-long\": the name of an interface has 1 "
		 "to 15 characters, none of them a slash, comma or space\n",
		 ""},
		{TWO("tap:a/b", "vhost:/run/a,b"),
		 "2:3: port `p0`: \"tap:a/b\": the name of an interface has 1 to 15 characters, "
		 "none of them a slash, comma or space\n"
		 "3:3: port `p1`: \"vhost:/run/a,b\": vhost: takes the path of a socket, without "
		 "commas\n",
		 ""},
		{TWO("tap:t0", "net_tap0,iface=t0"), TAKEN("the interface t0"), ""},
		{TWO("net_af_xdp0,iface=eth0,start_queue=0",
		     "net_af_xdp1,iface=eth0,start_queue=1"),
		 "", ""},
		{TWO("net_pcap0,rx_pcap=a,tx_pcap=b", "net_pcap1,rx_pcap=a,tx_pcap=b"),
		 TAKEN("the capture b"), ""},
		{TWO("net_pcap0,rx_pcap=a,tx_pcap=b", "net_pcap1,rx_pcap=a,tx_pcap=c"), "", ""},
		{TWO("net_pcap0,tx_pcap=/dev/null", "net_pcap1,tx_pcap=/dev/null"), "", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void each_key_of_ports_has_its_range_and_its_sentence(void **state)
{
	static const struct conf_case cases[] = {
		{"ports: [{}]\n" POOLS SERVICES,
		 "1:9: `name` is missing: a port needs it\n"
		 "1:9: `device` is missing: a port needs it\n",
		 ""},
		{"ports: [{name: p0}]\n" POOLS SERVICES,
		 "1:9: `device` is missing: a port needs it\n", ""},
		{"ports: [{device: x}]\n" POOLS SERVICES,
		 "1:9: `name` is missing: a port needs it\n", ""},
		{"ports: [{name: \"*\", device: x}]\n" POOLS SERVICES,
		 "1:16: `name` takes a name of up to 63 letters, digits, `.`, `_` and `-`, with a "
		 "letter or digit in it, not `*`\n",
		 ""},
		{"ports: [{name: drop, device: x}]\n" POOLS SERVICES,
		 "1:16: a port may not be named `drop`: the word has a meaning for `punt`\n", ""},
		{"ports: [{name: p0, device: \"\"}]\n" POOLS SERVICES,
		 "1:28: `device` may not be empty\n", ""},
		{"ports: [{name: p0, device: }]\n" POOLS SERVICES,
		 "1:28: `device` takes a text on one line without control characters, not "
		 "nothing\n",
		 ""},
		{"ports: [{name: p0, device: \"a\\u009b\"}]\n" DATAPLANE POOLS SERVICES,
		 "1:28: `device` takes a text on one line without control characters, not "
		 "`a??`\n",
		 ""},
		{"ports: [{name: p0, device: [x]}]\n" POOLS SERVICES,
		 "1:28: `device` takes a text on one line without control characters, not a list\n",
		 ""},
		{"ports: [{name: p0, device: x, mtu: 575}]\n" POOLS SERVICES,
		 "1:36: `mtu` takes a whole number from 576 to 9700, not `575`\n", ""},
		{"ports: [{name: p0, device: x, mtu: 576}]\n" POOLS SERVICES, "", ""},
		{"ports: [{name: p0, device: x, mtu: 9700}]\n" POOLS SERVICES, "", ""},
		{"ports: [{name: p0, device: x, mtu: 9701}]\n" POOLS SERVICES,
		 "1:36: `mtu` takes a whole number from 576 to 9700, not `9701`\n", ""},
		{"ports: [{name: p0, device: x, addresses: [192.0.2.2/24], gateway: "
		 "192.0.2.1}]\n" POOLS SERVICES,
		 "", ""},
		{"ports: [{name: p0, device: x, gateway: null}]\n" POOLS SERVICES, "", ""},
		{"ports: [{name: p0, device: x, gateway: x}]\n" POOLS SERVICES,
		 "1:40: `gateway` takes an address such as 192.0.2.1 or 2001:db8::1, not `x`\n",
		 ""},
		{"ports: [{name: p0, device: \"packet:x\", neighbors: kernel}]\n" POOLS SERVICES,
		 "", ""},
		{"ports: [{name: p0, device: x, neighbors: kernel}]\n" POOLS SERVICES,
		 "1:42: the kernel has no interface of port `p0` to resolve neighbours on: that "
		 "takes a device packet: or xdp:, or `punt: kernel`\n",
		 ""},
		{"ports: [{name: p0, device: net_pcap0, neighbors: own, gratuitous: false}]\n" POOLS
			 SERVICES,
		 "", ""},
		{"ports: [{name: p0, device: \"xdp:x\", xdp: {mode: native, take: all, understudy: "
		 "false}}]\n" POOLS SERVICES,
		 "", ""},
		{"ports: [{name: p0, device: \"xdp:x\", xdp: {take: some}}]\n" POOLS SERVICES,
		 "1:49: `take` takes services or all, not `some`\n", ""},
		{"ports: [{name: p0, device: \"packet:x\", xdp: {take: all}}]\n" POOLS SERVICES,
		 "1:45: `xdp` is for ports whose device is `xdp:INTERFACE`; leave it out of port "
		 "`p0`\n",
		 ""},
		{"ports: [{name: p0, device: x, gratuitous: 1}]\n" POOLS SERVICES,
		 "1:43: `gratuitous` takes true, false, yes, no, on or off, not `1`\n", ""},
		{"ports: [{name: p0, device: x, mtu: 1500.0}]\n" POOLS SERVICES,
		 "1:36: `mtu` takes a whole number from 576 to 9700, not `1500.0`\n", ""},
		{"ports: [{name: p0, device: x, promiscuous: 1}]\n" POOLS SERVICES,
		 "1:44: `promiscuous` takes true, false, yes, no, on or off, not `1`\n", ""},
		{"ports: [{name: p0, device: x, promiscuous: \"true\"}]\n" POOLS SERVICES,
		 "1:44: `promiscuous` takes true or false, not `true` in quotes\n", ""},
		{"ports: [{name: p0, device: x, promiscuous: no}]\n" POOLS SERVICES, "", ""},
		{"ports: [{name: p0, device: x, addresses: 192.0.2.2/24}]\n" POOLS SERVICES,
		 "1:42: `addresses` takes a list, not `192.0.2.2/24`\n", ""},
		{"ports: [{name: p0, device: x, addresses: [192.0.2.2/33, 0.0.0.0/0, 224.0.0.1, "
		 "\"::/64\", \"ff02::1\", a]}]\n" POOLS SERVICES,
		 "1:43: `addresses` takes addresses with their network's length such as "
		 "\"192.0.2.2/24\", not `192.0.2.2/33`\n"
		 "1:57: `addresses` takes the address of one host, not `0.0.0.0/0`, which stands "
		 "for no host\n"
		 "1:68: `addresses` takes the address of one host, not `224.0.0.1`, which is a "
		 "multicast group\n"
		 "1:79: `addresses` takes the address of one host, not `::/64`, which stands for "
		 "no host\n"
		 "1:88: `addresses` takes the address of one host, not `ff02::1`, which is a "
		 "multicast group\n"
		 "1:99: `addresses` takes addresses with their network's length such as "
		 "\"192.0.2.2/24\", not `a`\n",
		 ""},
		{"ports: [{name: p0, device: x, gateway: {}}]\n" POOLS SERVICES,
		 "1:40: a gateway needs `address`, `mac` or both; leave `gateway` out when there "
		 "is none\n",
		 ""},
		{"ports: [{name: p0, device: x, gateway: {address: 192.0.2.256, mac: "
		 "02-00-00-00-00-01}}]\n" POOLS SERVICES,
		 "1:50: `address` takes an address such as 192.0.2.1 or 2001:db8::1, not "
		 "`192.0.2.256`\n"
		 "1:68: `mac` takes a MAC address such as \"02:00:00:00:00:01\", not "
		 "`02-00-00-00-00-01`\n",
		 ""},
		{"ports: [{name: p0, device: x, gateway: {mac: \"ff:ff:ff:ff:ff:ff\", adress: "
		 "1.2.3.4}}]\n" POOLS SERVICES,
		 "1:46: `mac` takes the MAC address of one host, not `ff:ff:ff:ff:ff:ff`\n"
		 "1:67: unknown key `adress` of a gateway; did you mean `address`?\n",
		 ""},
		{"ports: [{name: p0, device: x, addresses: [192.0.2.2/24], gateway: {address: "
		 "198.51.100.1}}]\n" POOLS SERVICES,
		 "",
		 "1:67: gateway 198.51.100.1 is on no network of port `p0`; give its `mac`, or an "
		 "address of its network\n"},
		{"ports: [{name: p0, device: x, punt: p1}]\n" POOLS SERVICES,
		 "1:37: `punt` takes drop, kernel or the name of a port, not `p1`; did you mean "
		 "`p0`?\n",
		 ""},
		{"ports: [{name: p0, device: x, punt: kernal}]\n" POOLS SERVICES,
		 "1:37: `punt` takes drop, kernel or the name of a port, not `kernal`; did you "
		 "mean `kernel`?\n",
		 ""},
		{"ports: [{name: p0, device: x, punt: []}]\n" POOLS SERVICES,
		 "1:37: `punt` takes drop, kernel or the name of a port, not a list\n", ""},
		{"ports: [{name: p0, device: x, arp: all}]\n" POOLS SERVICES,
		 "1:36: `arp` takes services, addresses or off, not `all`\n", ""},
		{"ports: [{name: p0, device: x}, {name: p0, device: y}]\n" POOLS SERVICES,
		 "1:39: name `p0` is used twice, first in line 1; names are unique\n", ""},
		{"ports: [{name: p0, device: x, addresses: [192.0.2.2/24]}, {name: p1, device: y, "
		 "addresses: [10.0.0.1/8, 192.0.2.2/32]}]\n" POOLS SERVICES,
		 "1:59: address 192.0.2.2 of port `p1` is that of port `p0` of line 1, too; each "
		 "has one place\n",
		 ""},
		{"ports: [{name: p0, device: x, addresses: [192.0.2.2/24, 192.0.2.2/25]}]\n" POOLS
			 SERVICES,
		 "1:9: address 192.0.2.2 of port `p0` is that of port `p0` of line 1, too; each "
		 "has one place\n",
		 ""},
		{"ports: [{name: p0, device: a}, {name: p1, device: b}, {name: p2, device: c}, "
		 "{name: p3, device: d}, {name: p4, device: e}, {name: p5, device: f}, {name: p6, "
		 "device: g}, {name: p7, device: h}, {name: p8, device: i}, {name: p9, device: j}, "
		 "{name: p10, device: k}, {name: p11, device: l}, {name: p12, device: m}, {name: "
		 "p13, device: n}, {name: p14, device: o}, {name: p15, device: p}]\n" POOLS
			 SERVICES,
		 "", ""},
		{"ports: [{name: p0, device: a}, {name: p1, device: b}, {name: p2, device: c}, "
		 "{name: p3, device: d}, {name: p4, device: e}, {name: p5, device: f}, {name: p6, "
		 "device: g}, {name: p7, device: h}, {name: p8, device: i}, {name: p9, device: j}, "
		 "{name: p10, device: k}, {name: p11, device: l}, {name: p12, device: m}, {name: "
		 "p13, device: n}, {name: p14, device: o}, {name: p15, device: p}, {name: p16, "
		 "device: q}]\n" POOLS SERVICES,
		 "1:8: `ports` has 17 entries; there may be at most 16\n", ""},
		{"ports: [foo]\n" POOLS SERVICES,
		 "1:9: a port is a mapping such as {name: ...}, not `foo`\n", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void each_key_of_control_has_its_range_and_its_sentence(void **state)
{
	static const struct conf_case cases[] = {
		{"control: {socket: \"\"}\n" PORTS POOLS SERVICES,
		 "1:19: `socket` may not be empty\n", ""},
		{"control: {socket: "
		 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaa}\n" PORTS POOLS SERVICES,
		 "", ""},
		{"control: {socket: "
		 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaa}\n" PORTS POOLS SERVICES,
		 "1:19: `socket` has 108 octets; there may be at most 107\n", ""},
		{"control: {mode: 660}\n" PORTS POOLS SERVICES, "", ""},
		{"control: {mode: \"1660\"}\n" PORTS POOLS SERVICES,
		 "1:17: `mode` takes permissions as octal digits such as \"0660\", not `1660`\n",
		 ""},
		{"control: {mode: rw}\n" PORTS POOLS SERVICES,
		 "1:17: `mode` takes permissions as octal digits such as \"0660\", not `rw`\n", ""},
		{"control: {mode: 0669}\n" PORTS POOLS SERVICES,
		 "1:17: `mode` takes permissions as octal digits such as \"0660\", not `0669`\n",
		 ""},
		{"control: {group: ggggggggggggggggggggggggggggggggg}\n" PORTS POOLS SERVICES,
		 "1:18: `group` has 33 octets; there may be at most 32\n", ""},
		{"control: {state: [x]}\n" PORTS POOLS SERVICES,
		 "1:18: `state` takes a text on one line without control characters, not a list\n",
		 ""},
		{"control: {state: }\n" PORTS POOLS SERVICES, "", ""},
		{"control: {metrics: 9464}\n" PORTS POOLS SERVICES,
		 "1:20: `metrics` takes an address and a port such as \"127.0.0.1:9464\" or "
		 "\"[::1]:9464\", or \"\" for none, not `9464`\n",
		 ""},
		{"control: {metrics: \"localhost:9464\"}\n" PORTS POOLS SERVICES,
		 "1:20: `metrics` takes an address and a port such as \"127.0.0.1:9464\" or "
		 "\"[::1]:9464\", or \"\" for none, not `localhost:9464`\n",
		 ""},
		{"control: {metrics: \"127.0.0.1:9464\"}\n" PORTS POOLS SERVICES, "", ""},
		{"control: {metrics: \"[::1]:9464\"}\n" PORTS POOLS SERVICES, "", ""},
		{"control: {metrics: \"::1:9464\"}\n" PORTS POOLS SERVICES,
		 "1:20: `metrics` takes an address and a port such as \"127.0.0.1:9464\" or "
		 "\"[::1]:9464\", or \"\" for none, not `::1:9464`\n",
		 ""},
		{"control: {metrics: \"127.0.0.1:0\"}\n" PORTS POOLS SERVICES,
		 "1:20: `metrics` takes an address and a port such as \"127.0.0.1:9464\" or "
		 "\"[::1]:9464\", or \"\" for none, not `127.0.0.1:0`\n",
		 ""},
		{"control: {sokcet: x}\n" PORTS POOLS SERVICES,
		 "1:11: unknown key `sokcet` of control; did you mean `socket`?\n", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void each_key_of_services_has_its_range_and_its_sentence(void **state)
{
	static const struct conf_case cases[] = {
		{"services: [{}]\n" PORTS POOLS,
		 "1:12: `name` is missing: a service needs it\n"
		 "1:12: `address` is missing: a service needs it\n"
		 "1:12: `pool` is missing: a service needs it\n",
		 ""},
		{"services: [{name: s, address: any}]\n" PORTS POOLS,
		 "1:12: `pool` is missing: a service needs it\n", ""},
		{"services: [{name: s, pool: web}]\n" PORTS POOLS,
		 "1:12: `address` is missing: a service needs it\n", ""},
		{"services: [{name: s, pool: wbe, address: any}]\n" PORTS POOLS,
		 "1:28: `pool`: no pool is named `wbe`; did you mean `web`?\n", ""},
		{"services: [{name: s, pool: zzzzz, address: any}]\n" PORTS POOLS,
		 "1:28: `pool`: no pool is named `zzzzz`; `pools` defines them\n", ""},
		{"services: [{name: s, pool: [], address: any}]\n" PORTS POOLS,
		 "1:28: `pool` takes the name of a pool, not a list\n", ""},
		{"services: [{name: s, pool: web, address: 192.0.2.10/24}]\n" PORTS POOLS,
		 "1:42: `192.0.2.10/24` has bits set beyond its length; 192.0.2.0/24 would be "
		 "right\n",
		 ""},
		{"services: [{name: s, pool: web, address: 192.0.2}]\n" PORTS POOLS,
		 "1:42: `address` takes an address, a prefix such as 192.0.2.0/24 or any, not "
		 "`192.0.2`\n",
		 ""},
		{"services: [{name: s, pool: web, address: [any]}]\n" PORTS POOLS,
		 "1:42: `address` takes an address, a prefix such as 192.0.2.0/24 or any, not a "
		 "list\n",
		 ""},
		{"services: [{name: s, pool: web, address: \"2001:db9::/32\"}]\n" PORTS POOLS, "",
		 ""},
		{"services: [{name: s, pool: web, address: any}]\n"
		 "ports: [{name: p0, device: d, mtu: 1299, addresses: [192.0.2.2/24]}]\n"
		 "pools: [{name: web, nodes: [{name: r, address: 192.0.2.3, encap: ipip, mac: "
		 "\"02:00:00:00:00:01\"}]}]\n",
		 "",
		 "3:29: mtu 1299 of port `p0` has no room for IPv6 packets of 1280 octets in the "
		 "tunnel to node `r`: they go in fragments; 1300 would have\n"},
		{"services: [{name: s, pool: web, address: any, protocol: tpc}]\n" PORTS POOLS,
		 "1:57: `protocol` takes a name such as tcp, udp, sctp, icmp or gre, or a number "
		 "from 0 to 255, not `tpc`; did you mean `tcp`?\n",
		 ""},
		{"services: [{name: s, pool: web, address: any, protocol: 256}]\n" PORTS POOLS,
		 "1:57: `protocol` takes a name such as tcp, udp, sctp, icmp or gre, or a number "
		 "from 0 to 255, not `256`\n",
		 ""},
		{"services: [{name: s, pool: web, address: any, protocol: 255}]\n" PORTS POOLS, "",
		 ""},
		{"services: [{name: s, pool: web, address: any, ports: [80]}]\n" PORTS POOLS,
		 "1:54: `ports` need a `protocol` that has them: tcp, udp, sctp, udplite or dccp\n",
		 ""},
		{"services: [{name: s, pool: web, address: any, protocol: icmp, ports: "
		 "[80]}]\n" PORTS POOLS,
		 "1:70: protocol `icmp` has no ports; tcp, udp, sctp, udplite and dccp have\n", ""},
		{"services: [{name: s, pool: web, address: any, protocol: 132, ports: "
		 "[80]}]\n" PORTS POOLS,
		 "", ""},
		{"services: [{name: s, pool: web, address: any, protocol: tcp, ports: []}]\n" PORTS
			 POOLS,
		 "1:69: `ports` may not be empty: it needs at least one entry\n", ""},
		{"services: [{name: s, pool: web, address: any, protocol: tcp, ports: 80}]\n" PORTS
			 POOLS,
		 "1:69: `ports` takes a list, not `80`\n", ""},
		{"services: [{name: s, pool: web, address: any, protocol: tcp, ports: [0, 65536, "
		 "a, \"90-80\", 1-2-3, 1-65535]}]\n" PORTS POOLS,
		 "1:70: `ports` takes numbers from 1 to 65535 and ranges such as \"8000-8099\", "
		 "not `0`\n"
		 "1:73: `ports` takes numbers from 1 to 65535 and ranges such as \"8000-8099\", "
		 "not `65536`\n"
		 "1:80: `ports` takes numbers from 1 to 65535 and ranges such as \"8000-8099\", "
		 "not `a`\n"
		 "1:83: `90-80` runs backwards; \"80-90\" would be right\n"
		 "1:92: `ports` takes numbers from 1 to 65535 and ranges such as \"8000-8099\", "
		 "not `1-2-3`\n",
		 ""},
		{"services: [{name: s, pool: web, address: any, protocol: tcp, ports: [80, "
		 "\"80-90\", \"85-95\", 100]}]\n" PORTS POOLS,
		 "1:74: `80-90` has port 80 in common with an entry before it; leave one out\n"
		 "1:83: `85-95` has port 85 in common with an entry before it; leave one out\n",
		 ""},
		{"services: [{name: s, pool: web, address: any, protocol: tcp, ports: "
		 "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
		 "30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,"
		 "57,58,59,60,61,62,63,64]}]\n" PORTS POOLS,
		 "", ""},
		{"services: [{name: s, pool: web, address: any, protocol: tcp, ports: "
		 "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
		 "30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,"
		 "57,58,59,60,61,62,63,64,65]}]\n" PORTS POOLS,
		 "1:69: `ports` has 65 entries; there may be at most 64\n", ""},
		{"services: [{name: s, pool: web, address: any, vlan: 0}]\n" PORTS POOLS,
		 "1:53: `vlan` takes a whole number from 1 to 4094, not `0`\n", ""},
		{"services: [{name: s, pool: web, address: any, vlan: 4094}]\n" PORTS POOLS, "",
		 ""},
		{"services: [{name: s, pool: web, address: any, vlan: 4095}]\n" PORTS POOLS,
		 "1:53: `vlan` takes a whole number from 1 to 4094, not `4095`\n", ""},
		{"services: [{name: s, pool: web, address: any, echo: no}]\n" PORTS POOLS,
		 "1:53: `echo` takes answer, forward or punt, not `no`\n", ""},
		{"services: [{name: s, pool: web, address: any, protocol: udp, mss_clamp: "
		 "1400}]\n" PORTS POOLS,
		 "1:73: `mss_clamp` is for TCP; protocol `udp` has no such option\n", ""},
		{"services: [{name: s, pool: web, address: any, mss_clamp: 63}]\n" PORTS POOLS,
		 "1:58: `mss_clamp` takes a whole number from 64 to 65535, not `63`\n", ""},
		{"services: [{name: s, pool: web, address: any}, {name: t, pool: web, address: "
		 "any}]\n" PORTS POOLS,
		 "1:48: service `t` takes the same packets as `s` of line 1: same address and "
		 "protocol; change or remove one\n",
		 ""},
		{"services: [{name: s, pool: web, address: any}, {name: t, pool: web, address: "
		 "any, vlan: 5}, {name: s, pool: web, address: 1.2.3.4}]\n" PORTS POOLS,
		 "1:100: name `s` is used twice, first in line 1; names are unique\n", ""},
		{"services: [{name: s, pool: web, address: 1.2.3.4, protocol: tcp, ports: [80, 81, "
		 "82]}, {name: t, pool: web, address: 1.2.3.4/32, protocol: 6, ports: [81, "
		 "82]}]\n" PORTS POOLS,
		 "1:88: service `t` takes the same packets as `s` of line 1: same address and "
		 "protocol, port 81; change or remove one\n",
		 ""},
		{"services: [{name: s, pool: web, address: 1.2.3.4, protocol: tcp, ports: "
		 "[\"80-90\"]}, {name: t, pool: web, address: 1.2.3.4, protocol: tcp, ports: [85, "
		 "\"90-99\"]}]\n" PORTS POOLS,
		 "1:85: service `t` takes the same packets as `s` of line 1: same address and "
		 "protocol, port 90; change or remove one\n",
		 ""},
		{"services: [{name: s, pool: web, address: 1.2.3.4, protocol: tcp, ports: "
		 "[\"80-90\"]}, {name: t, pool: web, address: 1.2.3.4, protocol: tcp, ports: [85, "
		 "\"91-99\"]}, {name: u, pool: web, address: 1.2.3.4, protocol: tcp}, {name: v, "
		 "pool: web, address: 1.2.3.0/24, protocol: tcp, ports: [85]}]\n" PORTS POOLS,
		 "", ""},
		{"services: [{name: s, pool: web, address: any, sources: []}]\n" PORTS POOLS,
		 "1:56: `sources` may not be empty: it needs at least one entry\n", ""},
		{"services: [{name: s, pool: web, address: any, sources: [1.2.3.4, 1.2.3.4/8, "
		 "near, any, \"2001:db8::/32\"]}]\n" PORTS POOLS,
		 "1:66: `1.2.3.4/8` has bits set beyond its length; 1.0.0.0/8 would be right\n"
		 "1:77: `sources` takes prefixes such as 198.51.100.0/24, not `near`\n"
		 "1:83: `sources` takes prefixes such as 198.51.100.0/24, not `any`\n",
		 ""},
		{"services: [{name: s, pool: web, address: 1.2.3.4, sources: [10.0.0.0/8, "
		 "\"2001:db8::/32\", 10.1.0.0/16, 10.0.0.0/8]}]\n" PORTS POOLS,
		 "1:73: `2001:db8::/32` is IPv6, the service's address is IPv4\n"
		 "1:103: `10.0.0.0/8` is listed before; leave one out\n",
		 ""},
		{"services: [{name: s, pool: web, address: any}, {name: t, pool: web, address: "
		 "any, sources: [10.0.0.0/8]}, {name: u, pool: web, address: any, sources: "
		 "[10.0.0.0/9, 11.0.0.0/8]}]\n" PORTS POOLS,
		 "", ""},
		{"services: [{name: s, pool: web, address: 1.2.3.4, protocol: tcp, ports: "
		 "[\"80-90\"], sources: [10.0.0.0/8, 11.0.0.0/8]}, {name: t, pool: web, address: "
		 "1.2.3.4, protocol: tcp, ports: [85, \"90-99\"], sources: [9.0.0.0/8, "
		 "10.0.0.0/8, 11.0.0.0/8]}]\n" PORTS POOLS,
		 "1:120: service `t` takes the same packets as `s` of line 1: same address and "
		 "protocol, port 90, source 10.0.0.0/8; change or remove one\n",
		 ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_of_dataplane_has_its_range_and_its_sentence),
		cmocka_unit_test(what_a_device_has_for_itself_no_other_port_has),
		cmocka_unit_test(each_key_of_ports_has_its_range_and_its_sentence),
		cmocka_unit_test(each_key_of_control_has_its_range_and_its_sentence),
		cmocka_unit_test(each_key_of_services_has_its_range_and_its_sentence),
	};

	return cmocka_run_group_tests_name("conf section", tests, NULL, NULL);
}
