/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets with their decisions as they come, to the terminal or to a pcapng file. */

#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/number.h"
#include "pcapng.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "show.h"
#include "verbs.h"

#define FILTER_SIZE 4096
#define TEXT_SIZE   512
#define OCTETS_MAX  4096
#define NS_A_S	    1000000000ll
#define SNAP	    65535 /* what a filter may ask for; cores see the first buffer of a frame */

struct trace {
	struct command *command;
	FILE *file; /* pcapng; NULL: standard output gets lines */
	long long wanted, shown;
	long long seen, matched, left_out, lost; /* of the daemon, the last that it told */
};

static int asked_to_end; /* written by a signal's handler, too */

static void on_signal(int number)
{
	(void)number;
	__atomic_store_n(&asked_to_end, 1, __ATOMIC_RELAXED);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The words after the options are one filter. False: it is too long, told. */
static bool join_words(const struct command *command, char text[FILTER_SIZE])
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < command->word_count && used < FILTER_SIZE; i++)
		used += (size_t)snprintf(text + used, FILTER_SIZE - used, "%s%s", i ? " " : "",
					 command->words[i]);
	if (used >= FILTER_SIZE)
		(void)complain("the filter has more than %d octets", FILTER_SIZE - 1);
	return used < FILTER_SIZE;
}

/* The filter as the daemon takes it; NULL: libpcap does not understand it, told. */
static json_t *compile(const char *text)
{
	pcap_t *nowhere = pcap_open_dead(DLT_EN10MB, SNAP);
	struct bpf_program program;
	json_t *steps = NULL;

	if (!nowhere || pcap_compile(nowhere, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		(void)complain("filter \"%s\": %s", text,
			       nowhere ? pcap_geterr(nowhere) : "no memory");
	} else {
		steps = json_array();
		for (uint32_t i = 0; i < program.bf_len; i++) {
			const struct bpf_insn *step = &program.bf_insns[i];

			(void)json_array_append_new(
				steps, json_pack("[i, i, i, I]", (int)step->code, (int)step->jt,
						 (int)step->jf, (json_int_t)step->k));
		}
		pcap_freecode(&program);
	}
	if (nowhere)
		pcap_close(nowhere);
	return steps;
}

/* "1/100" or "100". */
static bool read_sample(const char *text, json_t *params)
{
	long long number;

	if (strncmp(text, "1/", 2) == 0)
		text += 2;
	if (!parse_count("--sample", text, &number))
		return false;
	if (number == 0) {
		(void)complain("--sample 0: write 1/N, one in so many");
		return false;
	}
	(void)json_object_set_new(params, "sample", json_integer(number));
	return true;
}

static bool read_numbers(struct trace *trace, json_t *params)
{
	const char *sample = command_option(trace->command, "sample");
	const char *count = command_option(trace->command, "count");
	const char *limit = command_option(trace->command, "limit");
	long long number;

	if (sample && !read_sample(sample, params))
		return false;
	if (count && !parse_count("--count", count, &trace->wanted))
		return false;
	if (!limit)
		return true;
	if (!parse_count("--limit", limit, &number))
		return false;
	(void)json_object_set_new(params, "limit", json_integer(number));
	return true;
}

/* NULL: a mistake, told. */
static json_t *params_of(struct trace *trace)
{
	static const char *const names[] = {"pool", "node", "service"};
	const char *dropped = command_option(trace->command, "dropped");
	char filter[FILTER_SIZE];
	json_t *params = json_object(), *steps = NULL;
	bool good = join_words(trace->command, filter) && read_numbers(trace, params);

	if (good && filter[0]) {
		steps = compile(filter);
		good = steps != NULL;
	}
	if (!good) {
		json_decref(params);
		return NULL;
	}
	if (steps)
		(void)json_object_set_new(params, "program", steps);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (command_option(trace->command, names[i]))
			(void)json_object_set_new(
				params, names[i],
				json_string(command_option(trace->command, names[i])));
	if (dropped && *dropped)
		(void)json_object_set_new(params, "reason", json_string(dropped));
	else if (dropped)
		(void)json_object_set_new(params, "dropped", json_true());
	return params;
}

/* ---- showing --------------------------------------------------------------------------------- */

static uint32_t read_octets(const json_t *packet, uint8_t octets[OCTETS_MAX])
{
	const char *text = get_string(packet, "octets");
	uint32_t count = 0;
	char digits[3] = "";

	while (text[0] && text[1] && count < OCTETS_MAX) {
		memcpy(digits, text, 2);
		octets[count++] = (uint8_t)strtoul(digits, NULL, 16);
		text += 2;
	}
	return count;
}

/* "web/r1 of service http by slot 17 (tracked)", "dropped: no_node": also a comment in a file. */
static void say_decision(const json_t *packet, char text[TEXT_SIZE])
{
	const char *verdict = get_string(packet, "verdict"),
		   *service = get_string(packet, "service");
	const char *node = get_string(packet, "node"), *pool = get_string(packet, "pool");
	size_t used = 0;

	if (strcmp(verdict, "node") == 0)
		used = (size_t)snprintf(text, TEXT_SIZE, "node %s, pool %s", node, pool);
	else
		used = (size_t)snprintf(text, TEXT_SIZE, "%s%s%s%s%s", verdict,
					*get_string(packet, "reason") ? ": " : "",
					get_string(packet, "reason"),
					json_is_true(json_object_get(packet, "late")) && *node
						? ", on its way to node "
						: "",
					json_is_true(json_object_get(packet, "late")) ? node : "");
	if (*service && used < TEXT_SIZE)
		used += (size_t)snprintf(text + used, TEXT_SIZE - used, ", service %s", service);
	if (json_object_get(packet, "slot") && used < TEXT_SIZE)
		used += (size_t)snprintf(text + used, TEXT_SIZE - used, ", slot %lld",
					 get_integer(packet, "slot"));
	if (*get_string(packet, "why") && used < TEXT_SIZE)
		(void)snprintf(text + used, TEXT_SIZE - used, ", why %s",
			       get_string(packet, "why"));
}

static const char *protocol_name(uint8_t protocol, char number[16])
{
	switch (protocol) {
	case SL_PROTO_TCP:
		return "TCP";
	case SL_PROTO_UDP:
		return "UDP";
	case SL_PROTO_ICMP:
		return "ICMP";
	case SL_PROTO_ICMPV6:
		return "ICMPv6";
	default:
		(void)snprintf(number, 16, "protocol %u", protocol);
		return number;
	}
}

static void put_end(FILE *out, const struct sl_key *key, const void *octets, uint16_t port_be)
{
	struct sl_addr addr = {.family = key->family};
	bool ip6 = key->family == SL_FAMILY_IPV6;
	char text[SL_ADDR_TEXT_SIZE];

	memcpy(addr.octets, octets, ip6 ? SL_ADDR6_SIZE : SL_ADDR4_SIZE);
	(void)sl_addr_format(&addr, text);
	if (port_be)
		(void)fprintf(out, "%s%s%s:%u", ip6 ? "[" : "", text, ip6 ? "]" : "",
			      ntohs(port_be));
	else
		(void)fputs(text, out);
}

/* "192.0.2.1:1024 > 192.0.2.10:80 TCP S" */
static void put_packet(FILE *out, const uint8_t *octets, uint32_t kept, uint32_t size)
{
	static const char letters[] = "FSRP.";
	struct sl_pkt pkt;
	const struct sl_key *key = &pkt.key;
	char number[16];

	sl_parse(octets, kept, size, 0, &pkt);
	if (pkt.status != SL_PKT_OK) {
		(void)fprintf(out, "no whole IP packet");
		return;
	}
	if (key->family == SL_FAMILY_IPV4)
		put_end(out, key, &key->src4, key->sport_be);
	else
		put_end(out, key, key->src, key->sport_be);
	(void)fputs(" > ", out);
	if (key->family == SL_FAMILY_IPV4)
		put_end(out, key, &key->dst4, key->dport_be);
	else
		put_end(out, key, key->dst, key->dport_be);
	(void)fprintf(out, " %s", protocol_name(pkt.protocol, number));
	if (pkt.tcp_flags)
		(void)fputc(' ', out);
	for (uint32_t bit = 0; bit < sizeof(letters) - 1; bit++)
		if (pkt.tcp_flags >> bit & 1)
			(void)fputc(letters[bit], out);
}

static void put_time(FILE *out, long long wall_ns)
{
	time_t seconds = (time_t)(wall_ns / NS_A_S);
	struct tm parts;
	char text[16] = "";

	if (localtime_r(&seconds, &parts))
		(void)strftime(text, sizeof(text), "%H:%M:%S", &parts);
	(void)fprintf(out, "%s.%06lld ", text, wall_ns % NS_A_S / 1000);
}

static void show_packet(struct trace *trace, const json_t *packet)
{
	uint8_t octets[OCTETS_MAX];
	uint32_t kept = read_octets(packet, octets), size = (uint32_t)get_integer(packet, "size");
	char decision[TEXT_SIZE];

	trace->shown++;
	say_decision(packet, decision);
	if (trace->file) {
		pcapng_frame(trace->file, (uint64_t)get_integer(packet, "time_ns"), octets, kept,
			     size, decision);
	} else if (trace->command->json) {
		char *line = json_dumps(packet, JSON_COMPACT);

		printf("%s\n", line ? line : "");
		free(line);
	} else {
		put_time(stdout, get_integer(packet, "time_ns"));
		printf("%s ", get_string(packet, "port"));
		put_packet(stdout, octets, kept, size);
		printf(" %u: %s\n", size, decision);
	}
}

/* False: enough was shown, or it cannot be written. */
static bool show_all(struct trace *trace, const json_t *params)
{
	json_t *packet;
	size_t i;

	json_array_foreach(json_object_get(params, "packets"), i, packet)
	{
		show_packet(trace, packet);
		if (trace->wanted && trace->shown >= trace->wanted)
			break;
	}
	trace->seen = get_integer(params, "seen");
	trace->matched = get_integer(params, "matched");
	trace->left_out = get_integer(params, "left_out");
	trace->lost = get_integer(params, "lost");
	return fflush(trace->file ? trace->file : stdout) == 0 &&
	       !(trace->wanted && trace->shown >= trace->wanted);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int follow(struct trace *trace)
{
	json_t *params;

	client_wait_long(trace->command->client);
	while (!__atomic_load_n(&asked_to_end, __ATOMIC_RELAXED) &&
	       (params = client_event(trace->command->client))) {
		bool goes_on = show_all(trace, params);

		json_decref(params);
		if (!goes_on)
			__atomic_store_n(&asked_to_end, 1, __ATOMIC_RELAXED);
	}
	(void)fprintf(
		stderr,
		"%lld packets shown; %lld looked at, %lld of them asked for, %lld of these over "
		"the limit; %lld not looked at for want of time\n",
		trace->shown, trace->seen, trace->matched, trace->lost, trace->left_out);
	return __atomic_load_n(&asked_to_end, __ATOMIC_RELAXED)
		       ? EXIT_DONE
		       : client_status(trace->command->client);
}

static int end_file(const struct trace *trace, const char *path, int rc)
{
	bool failed = ferror(trace->file) != 0;

	if ((fclose(trace->file) || failed) && rc == EXIT_DONE)
		return complain("%s: %s", path, strerror(errno));
	return rc;
}

int verb_trace(struct command *command)
{
	const struct sigaction end = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct trace trace = {.command = command};
	const char *path = command_option(command, "write");
	json_t *params = params_of(&trace), *result;
	int rc;

	if (!params)
		return EXIT_REFUSED;
	if (path) {
		trace.file = fopen(path, "wb");
		if (!trace.file) {
			json_decref(params);
			return complain("%s: %s", path, strerror(errno));
		}
		pcapng_begin(trace.file);
	}
	result = client_call(command->client, "trace", params, NULL);
	rc = result ? EXIT_DONE : client_status(command->client);
	json_decref(result);
	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	if (rc == EXIT_DONE)
		rc = follow(&trace);
	return trace.file ? end_file(&trace, path, rc) : rc;
}
