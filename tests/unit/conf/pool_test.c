/* SPDX-License-Identifier: BSD-3-Clause */

/* Pools and nodes: what each key may be, at its limits and one past them, and the sentence for what
 * it may not be. */

#include "conf_expect.h"

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

static void each_key_of_pools_has_its_range_and_its_sentence(void **state)
{
	static const struct conf_case cases[] = {
		{"pools: [{name: web, scheduler: minmal}]\n" DATAPLANE PORTS SERVICES,
		 "1:32: `scheduler` takes minimal, ring, maglev, rendezvous, wrr, wrandom, wleast "
		 "or p2c, not `minmal`; did you mean `minimal`?\n",
		 ""},
		{"pools: [{name: web, scheduler: 5}]\n" DATAPLANE PORTS SERVICES,
		 "1:32: `scheduler` takes minimal, ring, maglev, rendezvous, wrr, wrandom, wleast "
		 "or p2c, not `5`\n",
		 ""},
		{"pools: [{name: web, slots: 255}]\n" DATAPLANE PORTS SERVICES,
		 "1:28: `slots` takes a power of two from 256 to 1048576, not `255`\n", ""},
		{"pools: [{name: web, slots: 256}]\n" DATAPLANE PORTS SERVICES, "", ""},
		{"pools: [{name: web, slots: 1000}]\n" DATAPLANE PORTS SERVICES,
		 "1:28: `slots` takes a power of two from 256 to 1048576, not `1000`; 512 or 1024 "
		 "would do\n",
		 ""},
		{"pools: [{name: web, slots: 1048576}]\n" DATAPLANE PORTS SERVICES, "", ""},
		{"pools: [{name: web, slots: 2097152}]\n" DATAPLANE PORTS SERVICES,
		 "1:28: `slots` takes a power of two from 256 to 1048576, not `2097152`\n", ""},
		{"pools: [{name: web, slots: -256}]\n" DATAPLANE PORTS SERVICES,
		 "1:28: `slots` takes a power of two from 256 to 1048576, not `-256`\n", ""},
		{"pools: [{name: web, tracking: always}]\n" DATAPLANE PORTS SERVICES,
		 "1:31: `tracking` takes auto, none, full or transition, not `always`\n", ""},
		{"pools: [{name: web, scheduler: wrr, tracking: none}]\n" DATAPLANE PORTS SERVICES,
		 "1:47: scheduler wrr chooses for each new flow and tracks all of them; `tracking: "
		 "full` would be right, or leave it out\n",
		 ""},
		{"pools: [{name: web, scheduler: p2c, tracking: full}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, hash: 4-tuple}]\n" DATAPLANE PORTS SERVICES,
		 "1:27: `hash` takes 5-tuple, 3-tuple, src-dst, src, dst or inner-5-tuple, not "
		 "`4-tuple`; did you mean `5-tuple`?\n",
		 ""},
		{"pools: [{name: web, hash: inner-5-tuple}]\n" DATAPLANE PORTS SERVICES, "", ""},
		{"pools: [{name: web, hash: src, symmetric: true}]\n" DATAPLANE PORTS SERVICES,
		 "1:43: `symmetric` needs both ends in `hash`; 5-tuple, 3-tuple or src-dst would "
		 "be right\n",
		 ""},
		{"pools: [{name: web, no_node: fail}]\n" DATAPLANE PORTS SERVICES,
		 "1:30: `no_node` takes drop, any or punt, not `fail`\n", ""},
		{"pools: [{name: web, idle_timeout: 15m}]\n" DATAPLANE PORTS SERVICES,
		 "1:35: idle_timeout is a mapping such as {tcp: ...}, not `15m`\n", ""},
		{"pools: [{name: web, idle_timeout: {tcp: 15, udp: 1.5s, other: 0s}}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:41: `tcp` takes a whole number with a unit (ms, s, m, h, d) such as 500ms or "
		 "15m, from 100ms to 7d, not `15`\n"
		 "1:50: `udp` takes a whole number with a unit (ms, s, m, h, d) such as 500ms or "
		 "15m, from 100ms to 7d, not `1.5s`\n"
		 "1:63: `other` takes a whole number with a unit (ms, s, m, h, d) such as 500ms or "
		 "15m, from 100ms to 7d, not `0s`\n",
		 ""},
		{"pools: [{name: web, idle_timeout: {tcp: 7d, udp: 100ms}}]\n" DATAPLANE PORTS
			 SERVICES,
		 "", ""},
		{"pools: [{name: web, idle_timeout: {tcp: 8d, udp: 99ms, otter: 1s}}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:41: `tcp` takes a whole number with a unit (ms, s, m, h, d) such as 500ms or "
		 "15m, from 100ms to 7d, not `8d`\n"
		 "1:50: `udp` takes a whole number with a unit (ms, s, m, h, d) such as 500ms or "
		 "15m, from 100ms to 7d, not `99ms`\n"
		 "1:56: unknown key `otter` of idle_timeout; did you mean `other`?\n",
		 ""},
		{"pools: [{name: web, flow_entries: 0}]\n" DATAPLANE PORTS SERVICES,
		 "1:35: `flow_entries` takes a whole number from 64 to 268435456, not `0`\n", ""},
		{"pools: [{name: web, outer_df: keep}]\n" DATAPLANE PORTS SERVICES,
		 "1:31: `outer_df` takes copy, set or clear, not `keep`\n", ""},
		{"pools: [{name: web, oversize: fragment}]\n" DATAPLANE PORTS SERVICES, "", ""},
		{"pools: [{name: web, outer_df: set, oversize: fragment}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:46: `outer_df: set` forbids fragments; `oversize: drop` would be right, or "
		 "another "
		 "`outer_df`\n",
		 ""},
		{"pools: [{name: web, health: {type: tcp, port: 80}}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, health: {}}]\n" DATAPLANE PORTS SERVICES,
		 "1:29: `type` is missing: health needs it\n", ""},
		{"pools: [{name: web, health: {type: ping}}]\n" DATAPLANE PORTS SERVICES,
		 "1:36: `type` takes none, tcp, http, udp, icmp, https, agent or external, not "
		 "`ping`\n",
		 ""},
		{"pools: [{name: web, health: {type: tcp}}]\n" DATAPLANE PORTS SERVICES,
		 "1:29: `port` is missing: a health check of type tcp needs it\n", ""},
		{"pools: [{name: web, health: {type: icmp, port: 5}}]\n" DATAPLANE PORTS SERVICES,
		 "1:48: a health check of type icmp has no `port`\n", ""},
		{"pools: [{name: web, health: {type: http, port: 80, path: x}}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:58: `path` starts with a slash, not as `x`\n", ""},
		{"pools: [{name: web, health: {type: udp, port: 53, path: /x, host: "
		 "a}}]\n" DATAPLANE PORTS SERVICES,
		 "1:57: a health check of type udp has no `path`\n"
		 "1:67: a health check of type udp has no `host`\n",
		 ""},
		{"pools: [{name: web, health: {type: http, port: 80, path: /x, host: a, interval: "
		 "5ms, rise: 0, fall: 101}}]\n" DATAPLANE PORTS SERVICES,
		 "1:81: `interval` takes a whole number with a unit (ms, s, m, h, d) such as 500ms "
		 "or 15m, from 10ms to 1h, not `5ms`\n"
		 "1:92: `rise` takes a whole number from 1 to 100, not `0`\n"
		 "1:101: `fall` takes a whole number from 1 to 100, not `101`\n",
		 ""},
		{"pools: [{name: web, health: {type: http, port: 80, expect: {status: \"200-\", "
		 "body: "
		 "\"a(\"}}}]\n" DATAPLANE PORTS SERVICES,
		 "1:69: `status` takes numbers and ranges from 100 to 599, as in \"200-299, 304\", "
		 "not "
		 "`200-`\n"
		 "1:83: `body` is no extended regular expression: Unmatched ( or \\(\n",
		 ""},
		{"pools: [{name: web, health: {type: external, command: check}}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:55: `command` begins with the whole path of a program, as in "
		 "/usr/local/bin/check; arguments follow behind spaces\n",
		 ""},
		{"pools: [{name: web, health: {type: external, command: /etc/passwd "
		 "-x}}]\n" DATAPLANE PORTS SERVICES,
		 "1:55: /etc/passwd cannot be executed: Permission denied\n", ""},
		{"pools: [{name: web, health: {type: https, port: 443, ca: /none}}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: /none cannot be read: No such file or directory\n", ""},
		{"pools: [{name: web, health: tcp}]\n" DATAPLANE PORTS SERVICES,
		 "1:29: health is a mapping such as {type: ...}, not `tcp`\n", ""},
		{"pools: [{name: web, nodes: {}}]\n" DATAPLANE PORTS SERVICES,
		 "1:28: `nodes` takes a list, not a mapping\n", ""},
		{"pools: [{name: a}, {name: b}, {name: a}]\n" DATAPLANE PORTS SERVICES,
		 "1:38: name `a` is used twice, first in line 1; names are unique\n"
		 "4:42: `pool`: no pool is named `web`; `pools` defines them\n",
		 ""},
		{"pools: [{nodes: []}]\n" PORTS SERVICES,
		 "1:9: `name` is missing: a pool needs it\n"
		 "3:42: `pool`: no pool is named `web`; `pools` defines them\n",
		 ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

#define CHECKED(pool, node)                                                                        \
	"pools: [{name: web, health: {" pool "}, nodes:\n"                                         \
	"[{name: a, address: 10.0.0.1, encap: ipip, health: {" node                                \
	"}}]}]\n" DATAPLANE PORTS SERVICES
#define LONG16 "a a a a a a a a a a a a a a a a "

static void a_check_is_judged_as_the_node_has_it(void **state)
{
	static const struct conf_case cases[] = {
		{CHECKED("type: tcp, port: 80", "port: 81"), "", ""},
		{CHECKED("type: tcp, port: 80", "type: none"), "", ""},
		{CHECKED("type: tcp, port: 80", "path: /x"),
		 "2:2: node a: a health check of type tcp has no `path`\n", ""},
		{CHECKED("type: http, port: 80", "path: x"),
		 "2:59: `path` starts with a slash, not as `x`\n", ""},
		{CHECKED("type: http, port: 80", "expect: {status: \"99\"}"),
		 "2:70: `status` takes numbers and ranges from 100 to 599, as in \"200-299, "
		 "304\", not `99`\n",
		 ""},
		{CHECKED("type: tcp, port: 80", "expect: {status: \"200\"}"),
		 "2:2: node a: `status` is for health checks of type http and https\n", ""},
		{CHECKED("type: tcp, port: 80", "type: https, ca: /none"),
		 "2:2: node a: /none cannot be read: No such file or directory\n", ""},
		{CHECKED("type: tcp, port: 80", "type: external"),
		 "2:2: node a: `command` is missing: a health check of type external needs it\n",
		 ""},
		{CHECKED("type: tcp, port: 80", "type: external, command: true"),
		 "2:78: `command` begins with the whole path of a program, as in "
		 "/usr/local/bin/check; arguments follow behind spaces\n",
		 ""},
		{CHECKED("type: icmp", "type: tcp"),
		 "2:2: node a: `port` is missing: a health check of type tcp needs it\n", ""},
		/* Said once, of whom it is. */
		{CHECKED("type: tcp", "rise: 2"),
		 "1:29: `port` is missing: a health check of type tcp needs it\n", ""},
		{CHECKED("port: 80", "rise: 2"), "1:29: `type` is missing: health needs it\n", ""},
		{CHECKED("type: tcp, port: 0", "rise: 2"),
		 "1:47: `port` takes a whole number from 1 to 65535, not `0`\n", ""},
		{CHECKED("type: external, command: /bin/true " LONG16 LONG16, "rise: 2"),
		 "1:55: `command` has 33 words; there may be at most 32\n", ""},
		{"pools: [{name: web, fallback: far}]\n" DATAPLANE PORTS SERVICES,
		 "1:31: pool web: there is no pool `far` for its `fallback`\n", ""},
		{"pools: [{name: web, max_load: 0.99}, {name: a, max_load: 10.1}, {name: b, "
		 "max_load: 1}, {name: c, max_load: 10, tracking: full}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:31: `max_load` takes a number from 1 to 10, or 0 for no bound, not `0.99`\n"
		 "1:58: `max_load` takes a number from 1 to 10, or 0 for no bound, not `10.1`\n",
		 ""},
		{"pools: [{name: web, max_load: 2, scheduler: wrr}, {name: a, max_load: 2, "
		 "tracking: "
		 "transition}]\n" DATAPLANE PORTS SERVICES,
		 "1:31: scheduler wrr chooses a node for each new flow; `max_load` bounds those "
		 "that "
		 "hash\n"
		 "1:84: `max_load` needs every flow to be known; `tracking: full` would be right, "
		 "or "
		 "leave it out\n",
		 ""},
		{"pools: [{name: web, second_chance: true, nodes: [{name: r1, address: 10.0.0.11, "
		 "encap: ipip, port: p0, weight: 1}, {name: r2, address: 10.0.0.12, encap: gue, "
		 "port: "
		 "p0, weight: 1}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:50: node r1: `second_chance` of its pool is told in the header of GUE; `encap: "
		 "gue` would be right\n",
		 ""},
		{"pools: [{name: web, fallback: web, fallback_below: 1.5}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:31: pool web: its fallbacks go round, or on for more than 4 pools\n"
		 "1:52: `fallback_below` takes a share from 0 to 1, not `1.5`\n",
		 ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void weights_are_decimal_numbers_up_to_a_million(void **state)
{
	static const struct conf_case cases[] = {
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: .nan}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `.nan` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: .inf}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `.inf` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: inf}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `inf` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: nan}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `nan` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: -1}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:58: `weight`: `-1` is no decimal number such as 50.5, from 0 to 1000000\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 0x10}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `0x10` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 1e3}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `1e3` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: +5}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:58: `weight`: `+5` is no decimal number such as 50.5, from 0 to 1000000\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 1,5}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:60: unknown key `5`; a node has the keys name, worker, handler, file, options, "
		 "address, "
		 "encap, port, output, weight, mac, gue_port, vni, inner_mac, backup, health, "
		 "outer_df\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: \"5\"}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `5` in quotes is a text, not a number\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: \"\"}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight` takes a decimal number from 0 to 1000000, not an empty text\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: }]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:58: `weight` takes a decimal number from 0 to 1000000, not nothing\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: [1]}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight` takes a decimal number from 0 to 1000000, not a list\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 1.2.3}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `1.2.3` is no decimal number such as 50.5, from 0 to 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: .}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:58: `weight`: `.` is no decimal number such as 50.5, from 0 to 1000000\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 1000000}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: "
		 "1000000.0000001}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:58: `weight`: `1000000.0000001` is above the largest weight, 1000000\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 1000001}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:58: `weight`: `1000001` is above the largest weight, 1000000\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: "
		 "99999999999999999999999}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:58: `weight`: `99999999999999999999999` is above the largest weight, 1000000\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: "
		 "0.0000001}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:58: `weight`: `0.0000001` is above 0 and below the least weight, 0.000001\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: "
		 "0.0000005}]}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 0.000001}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 0}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 50.5}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, weight: 007}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void each_key_of_nodes_has_its_range_and_its_sentence(void **state)
{
	static const struct conf_case cases[] = {
		{"pools: [{name: web, nodes: [{name: w}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:29: a node needs one of `worker` (a local one), `address` (a remote one) and "
		 "`output` (a port)\n",
		 ""},
		{"pools: [{name: web, nodes: [foo]}]\n" DATAPLANE PORTS SERVICES,
		 "1:29: a node is a mapping such as {name: ...}, not `foo`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 2}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:47: worker 2 does not exist: `worker_cpus` of dataplane has 2 entries, counted "
		 "from 0\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 1}]}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 64}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:47: `worker` takes a whole number from 0 to 63, not `64`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: a}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:47: `worker` takes a whole number from 0 to 63, not `a`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, handler: snk}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:59: `handler` takes one of sink, echo, capture, not `snk`; did you mean "
		 "`sink`?\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, handler: [a]}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:59: `handler` takes one of sink, echo, capture, not a list\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, handler: capture}]}]\n" DATAPLANE
			 PORTS SERVICES,
		 "1:29: `file` is missing: handler capture needs it\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, handler: capture, file: "
		 "x}]}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, file: x}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:56: handler sink writes no `file`; leave it out\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, output: p0}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:58: a node has one of `worker`, `address` and `output`, not both `worker` and "
		 "`output`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, address: "
		 "192.0.2.5}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:59: a node has one of `worker`, `address` and `output`, not both `worker` and "
		 "`address`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, output: p1}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:47: `output`: no port is named `p1`; did you mean `p0`?\n", ""},
		{"pools: [{name: web, nodes: [{name: w, output: p0, handler: sink, encap: "
		 "ipip}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:60: `handler` is for worker nodes; this one has `output`\n"
		 "1:73: `encap` is for remote nodes (with `address`); this one has `output`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0, mac: \"02:00:00:00:00:11\", "
		 "port: p0}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:55: `mac` is for remote nodes (with `address`); this one has `worker`\n"
		 "1:82: `port` is for remote nodes (with `address`); this one has `worker`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, address: 192.0.2.5/32}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:48: `address` takes an address such as 192.0.2.1 or 2001:db8::1, not "
		 "`192.0.2.5/32`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, address: any}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "1:48: `address` takes an address such as 192.0.2.1 or 2001:db8::1, not `any`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: "
		 "ip}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:65: `encap` takes none, ipip, gre, gue or vxlan, not `ip`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: gue, gue_port: "
		 "0}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:80: `gue_port` takes a whole number from 1 to 65535, not `0`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: ipip, gue_port: "
		 "5, vni: 5}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:81: `gue_port` is for `encap: gue`\n"
		 "1:89: `vni` is for `encap: vxlan`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: "
		 "vxlan}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:29: `vni` is missing: `encap: vxlan` needs it\n", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: vxlan, vni: "
		 "16777215}]}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: vxlan, vni: "
		 "16777216}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:77: `vni` takes a whole number from 0 to 16777215, not `16777216`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: none, outer_df: "
		 "set, mac: \"02:00:00:00:00:11\"}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:81: `outer_df` is for `encap: ipip, gre, gue or vxlan`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: "
		 "none}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:48: `encap: none` reaches neighbours only, and this node is on no network of "
		 "port `p0`; give its `mac`, or another `encap`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: w, address: 192.0.2.9}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "",
		 "1:48: node `w` has no `mac`, and nobody asks for next hops on port `p0` "
		 "(`neighbors`): packets for it count as no_neighbor\n"},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: ipip, port: "
		 "p9}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:77: `port`: no port is named `p9`; did you mean `p0`?\n", ""},
		{"pools: [{name: web, nodes: [{name: w, address: 10.0.0.1, encap: ipip, mac: "
		 "x}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:76: `mac` takes a MAC address such as \"02:00:00:00:00:01\", not `x`\n", ""},
		{"pools: [{name: web, nodes: [{name: w, worker: 0}, {name: v, worker: 0}, {name: "
		 "w, worker: 1}]}]\n" DATAPLANE PORTS SERVICES,
		 "1:80: name `w` is used twice, first in line 1; names are unique\n", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void port_and_mac_follow_from_addresses_and_gateways_or_are_asked_for(void **state)
{
	static const struct conf_case cases[] = {
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip, mac: "
		 "\"02:00:00:00:00:11\"}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24]}, {name: b, device: e, "
		 "addresses: [10.0.0.1/8]}]\n" SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip, mac: "
		 "\"02:00:00:00:00:11\"}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24]}, {name: b, device: "
		 "e}]\n" SERVICES,
		 "1:29: `port` is missing: no network nor gateway tells which ports may lead to "
		 "this node; say which\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip}]}]\n"
		 "ports: [{name: a, device: d, addresses: [10.0.0.1/8]}, {name: b, device: e, "
		 "addresses: [10.0.0.2/8]}]\n" SERVICES,
		 "1:29: `port` is missing: several ports may lead to this node; say which\n", ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip, mac: "
		 "\"02:00:00:00:00:11\"}]}]\n"
		 "ports: [{name: a, device: d}]\n" SERVICES,
		 "1:48: port `a` has no IPv4 address to send to this node from; add one to its "
		 "`addresses`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: r, address: \"2001:db8::1\", encap: gre, mac: "
		 "\"02:00:00:00:00:11\"}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24]}]\n" SERVICES,
		 "1:48: port `a` has no IPv6 address to send to this node from; add one to its "
		 "`addresses`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24]}]\n" SERVICES,
		 "1:48: port `a` has neither this node's network nor a gateway for IPv4; give the "
		 "node's `mac`, or the port a `gateway`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24], gateway: {address: "
		 "192.0.2.254}}]\n" SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip}]}]\n"
		 "ports: [{name: a, device: d, neighbors: static, addresses: [192.0.2.1/24], "
		 "gateway: {address: 192.0.2.254}}]\n" SERVICES,
		 "",
		 "1:48: node `r` has no `mac`, and nobody asks for next hops on port `a` "
		 "(`neighbors`): packets for it count as no_neighbor\n"},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24], gateway: {mac: "
		 "\"02:00:00:00:00:01\"}}]\n" SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip}]}]\n"
		 "ports: [{name: a, device: d, addresses: [192.0.2.1/24]}, {name: b, device: e, "
		 "addresses: [198.51.100.1/24], gateway: {mac: \"02:00:00:00:00:01\"}}]\n" SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: none}]}]\n"
		 "ports: [{name: a, device: d}]\n" SERVICES,
		 "1:48: `encap: none` reaches neighbours only, and this node is on no network of "
		 "port `a`; give its `mac`, or another `encap`\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: r, worker: 0}]}]\n"
		 "ports: [{name: a, device: d}]\n" SERVICES,
		 "1:47: worker 0 does not exist: `worker_cpus` of dataplane has 0 entries; give it "
		 "a CPU for each worker\n",
		 ""},
		{"pools: [{name: web, nodes: [{name: r, address: 10.0.0.9, encap: ipip, mac: "
		 "\"02:00:00:00:00:11\"}]}]\n"
		 "ports: [{name: a, device: d, addresses: [10.0.0.1/8]}, {name: b, device: e, "
		 "addresses: [10.0.0.2/8]}, {name: c, device: f, addresses: "
		 "[10.0.0.3/24]}]\n" SERVICES,
		 "", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

static void weights_below_one_slot_are_warned_of_with_the_least_slots(void **state)
{
	static const struct conf_case cases[] = {
		{"pools: [{name: web, nodes: [{name: a, worker: 0, weight: 1000000}, {name: b, "
		 "worker: 0, weight: 1}]}]\n" DATAPLANE PORTS SERVICES,
		 "",
		 "1:68: weight 1 of node `b` is less than one of the 65536 slots of pool `web`; "
		 "`slots: 1048576` is the least that would serve it\n"},
		{"pools: [{name: web, nodes: [{name: a, worker: 0, weight: 1000000}, {name: b, "
		 "worker: 0, weight: 0.5}]}]\n" DATAPLANE PORTS SERVICES,
		 "",
		 "1:68: weight 0.5 of node `b` is less than one of the 65536 slots of pool `web`, "
		 "and `slots` cannot be large enough for it\n"},
		{"pools: [{name: web, nodes: [{name: a, worker: 0, weight: 65535}, {name: b, "
		 "worker: 0, weight: 1}]}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
		{"pools: [{name: web, nodes: [{name: a, worker: 0, weight: 65536}, {name: b, "
		 "worker: 0, weight: 1}, {name: c, worker: 0, weight: 0}]}]\n" DATAPLANE PORTS
			 SERVICES,
		 "",
		 "1:66: weight 1 of node `b` is less than one of the 65536 slots of pool `web`; "
		 "`slots: 131072` is the least that would serve it\n"},
		{"pools: [{name: web, nodes: [{name: a, worker: 0, weight: 65536}, {name: b, "
		 "worker: 0, weight: 1}, foo]}]\n" DATAPLANE PORTS SERVICES,
		 "1:99: a node is a mapping such as {name: ...}, not `foo`\n",
		 "1:66: weight 1 of node `b` is less than one of the 65536 slots of pool `web`; "
		 "`slots: 131072` is the least that would serve it\n"},
		{"pools: [{name: web, scheduler: wrr, nodes: [{name: a, worker: 0, weight: "
		 "1000000}, {name: b, worker: 0, weight: 1}]}]\n" DATAPLANE PORTS SERVICES,
		 "", ""},
	};

	(void)state;
	conf_expect_all(cases, COUNT(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_of_pools_has_its_range_and_its_sentence),
		cmocka_unit_test(a_check_is_judged_as_the_node_has_it),
		cmocka_unit_test(weights_are_decimal_numbers_up_to_a_million),
		cmocka_unit_test(each_key_of_nodes_has_its_range_and_its_sentence),
		cmocka_unit_test(port_and_mac_follow_from_addresses_and_gateways_or_are_asked_for),
		cmocka_unit_test(weights_below_one_slot_are_warned_of_with_the_least_slots),
	};

	return cmocka_run_group_tests_name("conf pool", tests, NULL, NULL);
}
