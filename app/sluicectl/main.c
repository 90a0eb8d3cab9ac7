/* SPDX-License-Identifier: BSD-3-Clause */

/* sluicectl: speaks to a running sluiced. */

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "verbs.h"

#define TIMEOUT_MS 5000

#define DRY_FORCE                                                                                  \
	{                                                                                          \
		"force", NULL, "also a change of hash, symmetric or hash_key, which moves flows"   \
	}

/* A verb: its name, its function, its words, how many at least and at most, what it does, an example,
 * and its options. The second kind changes things: it takes --dry-run and --if-generation. */
#define VERB(name, run, words, least, most, changes, summary, example, ...)                        \
	{                                                                                          \
		(name), (words), (least), (most), (summary), (example), (changes), (run),          \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define READS(name, run, words, least, most, ...)                                                  \
	VERB(name, run, words, least, most, false, __VA_ARGS__)
#define CHANGES(name, run, words, least, most, ...)                                                \
	VERB(name, run, words, least, most, true, __VA_ARGS__)
#define NO_OPTIONS                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}

const struct verb verbs[] = {
	READS("status", verb_status, "", 0, 0,
	      "version, uptime, generation, ports, cores and how busy each is", "sluicectl status",
	      NO_OPTIONS),
	READS("pools", verb_pools, "", 0, 0, "pools: scheduler, slots, tracked flows, load",
	      "sluicectl pools", NO_OPTIONS),
	READS("nodes", verb_nodes, "[POOL]", 0, 1,
	      "nodes: weight, state and since when and why, shares, flows, packets",
	      "sluicectl nodes web --sort flows",
	      {"all", NULL, "also leaving nodes that have no flows left"},
	      {"sort", "KEY",
	       "name, or a figure's: weight, state, since, slots, flows, packets, share"},
	      {"state", "STATE", "only nodes in that state: up, down, draining, drained, ..."},
	      {"watch", NULL, "again and again, with packets per second"},
	      {"interval", "TIME", "pause between two looks, 1s unless told"},
	      {"count", "N", "end after N looks"}),
	READS("services", verb_services, "", 0, 0, "services: what they take, their pool, packets",
	      "sluicectl services", NO_OPTIONS),
	READS("stats", verb_stats, "", 0, 0, "all statistics; --watch refreshes in place",
	      "sluicectl stats --watch",
	      {"watch", NULL, "again and again, with packets per second"},
	      {"interval", "TIME", "pause between two looks, 1s unless told"},
	      {"count", "N", "end after N looks"}),
	READS("top", verb_top, "[POOL]", 0, 1,
	      "nodes, services and drops by what they have a second: s sorts, / filters, q ends",
	      "sluicectl top web", {"interval", "TIME", "pause between two looks, 1s unless told"},
	      {"count", "N", "end after N looks"}),
	READS("flows", verb_flows, "[POOL[/NODE]]", 0, 1, "tracked flows: key, node, age, kind",
	      "sluicectl flows web/r1 --limit 20",
	      {"limit", "N", "at most N flows, 1000 unless told"},
	      {"addresses", NULL, "with those of pools that keep them: flow_addresses"}),
	CHANGES("results", verb_results, "POOL", 1, 1,
		"what the handlers of a pool's workers have found, of all of them together",
		"sluicectl results inspect --top 10 --sort octets",
		{"key", "KEY", "only this one, as it is shown"},
		{"top", "N", "at most N rows, 20 unless told"},
		{"sort", "BY", "packets (unless told), octets or last"},
		{"reset", NULL, "all results of the pool begin anew, once they are shown"}),
	READS("neighbors", verb_neighbors, "", 0, 0,
	      "next hops of nodes: MAC address, state, who knows it, for how long",
	      "sluicectl neighbors", NO_OPTIONS),
	READS("cluster", verb_cluster, "[forget MEMBER | checkpoint]", 0, 2,
	      "members of the cluster and where each stands; forgets one that is gone; has a "
	      "checkpoint written",
	      "sluicectl cluster", NO_OPTIONS),
	READS("explain", verb_explain, "", 0, 0,
	      "where a packet goes and why: the data path's own answer, disturbing nothing",
	      "sluicectl explain --src 198.51.100.7 --sport 40000 --dst 192.0.2.10 --dport 80 "
	      "--proto tcp",
	      {"src", "A", "source address"}, {"sport", "P", "source port"},
	      {"dst", "A", "destination address"}, {"dport", "P", "destination port"},
	      {"proto", "NAME", "tcp, udp, or another protocol's name or number"},
	      {"flags", "LIST", "TCP flags: syn, ack, fin, rst, psh with commas between"},
	      {"pcap", "FILE", "take a frame of this capture instead"},
	      {"frame", "N", "which one, the first is 1"}),
	READS("trace", verb_trace, "[FILTER]", 0, COMMAND_WORDS_MAX,
	      "packets with their decisions as they come; FILTER in pcap's language",
	      "sluicectl trace --service http --count 20 tcp port 80 and host 198.51.100.7",
	      {"pool", "P", "only packets of that pool"},
	      {"node", "N", "only those that go to that node"},
	      {"service", "S", "only those of that service"},
	      {"dropped", "[REASON]", "only dropped ones, for that reason or any"},
	      {"sample", "1/N", "one in N of those that match"},
	      {"count", "N", "end after N packets"},
	      {"limit", "N", "at most N a second of one receive core, 1000 unless told"},
	      {"write", "FILE", "a pcapng file, decisions as comments, instead of lines"}),
	CHANGES("set-weight", verb_set_weight, "POOL/NODE W", 2, 2, "changes a node's weight",
		"sluicectl set-weight web/r1 50.5", NO_OPTIONS),
	CHANGES("add-node", verb_add_node, "POOL NAME key=value...", 2, COMMAND_WORDS_MAX,
		"adds a node; keys as in the file",
		"sluicectl add-node web r2 address=10.0.0.12 encap=ipip weight=50", NO_OPTIONS),
	CHANGES("remove-node", verb_remove_node, "POOL/NODE", 1, 1,
		"takes a node from the pool: no new flows, live ones stay until they are idle",
		"sluicectl remove-node web/r1", {"now", NULL, "cuts live flows too"},
		{"wait", NULL, "says what is left until nothing is"}),
	CHANGES("drain", verb_drain, "POOL/NODE", 1, 1, "no new flows to a node, live ones stay",
		"sluicectl drain web/r1 --deadline 60s --wait",
		{"deadline", "TIME", "cuts the rest after this time"},
		{"wait", NULL, "says what is left until nothing is"}),
	CHANGES("enable", verb_enable, "POOL/NODE", 1, 1, "by hand up again",
		"sluicectl enable web/r1", NO_OPTIONS),
	CHANGES("disable", verb_disable, "POOL/NODE", 1, 1, "by hand down at once",
		"sluicectl disable web/r1", NO_OPTIONS),
	CHANGES("add-service", verb_add_service, "NAME key=value...", 2, COMMAND_WORDS_MAX,
		"adds a service; keys as in the file, lists with commas",
		"sluicectl add-service https address=192.0.2.10 protocol=tcp ports=443,8443 "
		"pool=web",
		NO_OPTIONS),
	CHANGES("set-service", verb_set_service, "NAME key=value...", 2, COMMAND_WORDS_MAX,
		"changes keys of a service; key= takes one away",
		"sluicectl set-service https pool=canary", NO_OPTIONS),
	CHANGES("remove-service", verb_remove_service, "NAME", 1, 1,
		"takes a service away; its live flows stay with their nodes",
		"sluicectl remove-service https", NO_OPTIONS),
	CHANGES("apply", verb_apply, "FILE", 1, 1,
		"makes the running state what FILE says, all of it or nothing",
		"sluicectl apply /etc/sluice.yaml", DRY_FORCE),
	READS("check", verb_check, "FILE", 1, 1,
	      "what apply would reject, and the slots it would move",
	      "sluicectl check /etc/sluice.yaml", DRY_FORCE),
	READS("diff", verb_diff, "FILE", 1, 1,
	      "what apply would change, and the slots it would move",
	      "sluicectl diff /etc/sluice.yaml", DRY_FORCE),
	READS("config", verb_config, "", 0, 0, "the running configuration as YAML that apply takes",
	      "sluicectl config --save /etc/sluice.yaml", {"save", "FILE", "replace FILE by it"}),
	CHANGES("table", verb_table, "POOL", 1, 1, "the pool's slots and their nodes",
		"sluicectl table web --export web.table",
		{"export", "FILE", "write them to FILE, for another dispatcher"},
		{"import", "FILE", "take them from FILE"},
		{"used", NULL, "as packets use them now, slots of absent nodes lent"}),
	READS("history", verb_history, "", 0, 0, "what changed, when, by whom",
	      "sluicectl history --limit 10", {"limit", "N", "the last N changes only"}),
	CHANGES("rollback", verb_rollback, "GENERATION", 1, 1,
		"back to an earlier generation: nodes, weights, states by hand and exact slots",
		"sluicectl rollback 7", DRY_FORCE),
	READS("events", verb_events, "", 0, 0,
	      "follows node states, generations and warnings, a line each, over restarts of the "
	      "daemon",
	      "sluicectl events --since 7",
	      {"since", "GENERATION", "first what history has after that generation"}),
	READS("log-level", verb_log_level, "[LEVEL]", 0, 1, "shows or sets the daemon's log level",
	      "sluicectl log-level debug", NO_OPTIONS),
};

const uint32_t verb_count = sizeof(verbs) / sizeof(verbs[0]);

static int target_of(const struct command *command, struct client_target *target)
{
	*target = (struct client_target){
		.path = command->socket, .instance = command->instance, .timeout_ms = TIMEOUT_MS};
	if (command->socket && command->instance)
		return complain("--socket and --instance exclude each other");
	if (command->instance && (!*command->instance || strchr(command->instance, '/')))
		return complain("--instance \"%s\" is no name", command->instance);
	if (command->timeout &&
	    (sl_duration_parse(command->timeout, &target->timeout_ms) || target->timeout_ms == 0))
		return complain("--timeout %s is no duration: write 500ms, 5s or 1m",
				command->timeout);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct command command = {0};
	int rc;

	(void)setlocale(LC_CTYPE, "");
	rc = command_parse(argc, argv, &command);
	if (rc >= 0)
		return rc;
	rc = target_of(&command, &command.target);
	if (rc == EXIT_DONE)
		rc = client_open(&command.target, &command.client);
	if (rc == EXIT_DONE)
		rc = command.verb->run(&command);
	client_close(command.client);
	if ((fflush(stdout) || ferror(stdout)) && rc == EXIT_DONE)
		rc = complain("standard output cannot be written");
	return rc;
}
