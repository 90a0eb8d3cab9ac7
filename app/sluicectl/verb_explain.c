/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a packet goes, and why: one described by options, or a frame of a capture. */

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "show.h"
#include "verbs.h"

#define FRAME_MAX 262144 /* octets of a frame that is sent, so that its text fits a line */
#define FIRST_MAX 2048	 /* of the first fragment of its datagram */

static json_t *hex_frame(const u_char *octets, uint32_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * (size_t)size + 1);
	json_t *value;

	if (!text)
		return NULL;
	for (uint32_t i = 0; i < size; i++) {
		text[2 * i] = digits[octets[i] >> 4];
		text[2 * i + 1] = digits[octets[i] & 15];
	}
	value = json_stringn(text, 2 * (size_t)size);
	free(text);
	return value;
}

/* ---- captures -------------------------------------------------------------------------------- */

/* A frame as libpcap gives it: until the next one is read. */
struct frame {
	const u_char *octets;
	uint32_t size, frame_size;
	struct sl_pkt pkt;
};

/* Returns what pcap_next_ex() does. */
static int read_next(pcap_t *capture, struct frame *frame)
{
	struct pcap_pkthdr *header;
	int rc = pcap_next_ex(capture, &header, &frame->octets);

	if (rc != 1)
		return rc;
	frame->size = header->caplen > FRAME_MAX ? FRAME_MAX : header->caplen;
	frame->frame_size = header->len > frame->size ? header->len : frame->size;
	sl_parse(frame->octets, frame->size, frame->frame_size, 0, &frame->pkt);
	return rc;
}

static pcap_t *open_capture(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	pcap_t *capture = file ? pcap_fopen_offline(file, error) : NULL;

	if (!file)
		(void)complain("--pcap \"%s\": %s", path, strerror(errno));
	else if (!capture)
		(void)complain("--pcap \"%s\": is no capture: %s", path, error);
	if (file && !capture && file != stdin)
		(void)fclose(file);
	return capture;
}

static bool is_later_fragment(const struct frame *frame)
{
	return frame->pkt.status == SL_PKT_OK && (frame->pkt.flags & SL_PKT_NO_PORTS) &&
	       (frame->pkt.fragment & SL_FRAGMENT_OFFSET);
}

/* Source and destination of both, which are of one IP version. */
static bool has_same_addresses(const struct frame *one, const struct frame *other)
{
	bool ip6 = one->pkt.flags & SL_PKT_IPV6;
	size_t at = ip6 ? SL_IP6_SRC : SL_IP4_SRC,
	       size = ip6 ? 2 * SL_ADDR6_SIZE : 2 * SL_ADDR4_SIZE;

	return memcmp(one->octets + one->pkt.l3_off + at, other->octets + other->pkt.l3_off + at,
		      size) == 0;
}

/* Whether frame begins the datagram that the later one belongs to. */
static bool is_first_of(const struct frame *frame, const struct frame *later)
{
	return frame->pkt.status == SL_PKT_OK && (frame->pkt.flags & SL_PKT_FRAGMENT) &&
	       !(frame->pkt.fragment & SL_FRAGMENT_OFFSET) &&
	       ((frame->pkt.flags ^ later->pkt.flags) & SL_PKT_IPV6) == 0 &&
	       ((frame->pkt.flags & SL_PKT_IPV6) || frame->pkt.protocol == later->pkt.protocol) &&
	       has_same_addresses(frame, later) &&
	       sl_pkt_fragment_id(frame->octets, &frame->pkt) ==
		       sl_pkt_fragment_id(later->octets, &later->pkt);
}

/* The first fragment of a datagram goes along with a later one: its last one before that, or else
 * the next one. */
static void add_first(json_t *params, const char *path, const struct frame *later, long long number)
{
	pcap_t *capture = open_capture(path);
	bool found = false;
	struct frame frame;

	for (long long at = 1; capture && read_next(capture, &frame) == 1; at++) {
		if (at > number && found)
			break;
		if (!is_first_of(&frame, later))
			continue;
		found = true;
		if (frame.size > FIRST_MAX)
			frame.size = FIRST_MAX;
		(void)json_object_set_new(params, "first", hex_frame(frame.octets, frame.size));
		(void)json_object_set_new(params, "first_size", json_integer(frame.frame_size));
	}
	if (capture)
		pcap_close(capture);
}

static json_t *frame_params(const char *path, long long wanted)
{
	pcap_t *capture = open_capture(path);
	struct frame frame;
	long long number = 0;
	json_t *params = NULL;
	int rc = 1;

	if (!capture)
		return NULL;
	while (number < wanted && (rc = read_next(capture, &frame)) == 1)
		number++;
	if (pcap_datalink(capture) != DLT_EN10MB)
		(void)complain("%s: is no capture of Ethernet frames", path);
	else if (rc == -1)
		(void)complain("%s: frame %lld: %s", path, number + 1, pcap_geterr(capture));
	else if (wanted < 1)
		(void)complain("--frame %lld: frames count from 1", wanted);
	else if (number < wanted)
		(void)complain("%s: has %lld frames, the first is 1: no frame %lld", path, number,
			       wanted);
	else
		params = json_pack("{s:o, s:I}", "frame", hex_frame(frame.octets, frame.size),
				   "frame_size", (json_int_t)frame.frame_size);
	if (params && is_later_fragment(&frame))
		add_first(params, path, &frame, number);
	pcap_close(capture);
	return params;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The first option that describes a packet in words, or NULL. */
static const char *word_given(const struct command *command)
{
	static const char *const words[] = {"src", "sport", "dst", "dport", "proto", "flags"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (command_option(command, words[i]))
			return words[i];
	return NULL;
}

static json_t *tuple_params(const struct command *command)
{
	static const char *const texts[] = {"src", "dst", "proto", "flags"};
	static const char *const ports[] = {"sport", "dport"};
	static const char *const names[] = {"--sport", "--dport"};
	json_t *params = json_object();
	const char *value;
	long long number;

	for (size_t i = 0; i < 4; i++) {
		value = command_option(command, texts[i]);
		if (value)
			(void)json_object_set_new(params, texts[i], json_string(value));
	}
	for (size_t i = 0; i < 2; i++) {
		value = command_option(command, ports[i]);
		if (value && !parse_count(names[i], value, &number)) {
			json_decref(params);
			return NULL;
		}
		if (value)
			(void)json_object_set_new(params, ports[i], json_integer(number));
	}
	return params;
}

static void show_forward(json_t *forward)
{
	const char *name;
	json_t *value;

	json_object_foreach(forward, name, value)
	{
		char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

		printf("  %-14s %s\n", name, text ? text : json_string_value(value));
		free(text);
	}
}

static void show_answer(const json_t *result)
{
	static const struct {
		const char *why, *words;
	} whys[] = {
		{"slot", "its slot's node"},
		{"lent", "its slot's own node is not available, the slot is lent"},
		{"prior", "its slot moved a short while ago: unknown flows stay where they were"},
		{"tracked", "the flow is in a core's table"},
		{"scheduler", "the scheduler would choose it for a new flow"},
		{"full", "its slot's node has max_load times its share of live flows"},
	};
	const char *why = get_string(result, "why");

	if (json_object_get(result, "dropped")) {
		printf("dropped: %s\n", get_string(result, "dropped"));
		return;
	}
	if (json_object_get(result, "punted")) {
		printf("punted: %s\n", get_string(result, "punted"));
		return;
	}
	printf("service %s, pool %s, hash %s, slot %lld, generation %lld\n",
	       get_string(result, "service"), get_string(result, "pool"),
	       get_string(result, "hash"), get_integer(result, "slot"),
	       get_integer(result, "generation"));
	printf("node %s: %s", get_string(result, "node"), why);
	for (size_t i = 0; i < sizeof(whys) / sizeof(whys[0]); i++)
		if (strcmp(whys[i].why, why) == 0)
			printf(" (%s)", whys[i].words);
	printf("\n");
	show_forward(json_object_get(result, "forward"));
}

/* Whether a protocol that has ports is asked about without one of them. */
static bool lacks_ports(const struct command *command)
{
	static const char *const with[] = {"tcp", "udp", "sctp", "dccp", "udplite"};
	const char *protocol = command_option(command, "proto");
	bool given = command_option(command, "sport") && command_option(command, "dport");

	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]) && protocol; i++)
		if (strcmp(protocol, with[i]) == 0)
			return !given;
	return false;
}

int verb_explain(struct command *command)
{
	const char *capture = command_option(command, "pcap");
	const char *frame = command_option(command, "frame");
	long long number = 1;
	json_t *params, *result;
	int rc;

	if (frame && !capture)
		return complain("explain: --frame needs --pcap FILE");
	if (capture && word_given(command))
		return complain("explain: --pcap FILE has the packet: leave --%s out",
				word_given(command));
	if (frame && !parse_count("--frame", frame, &number))
		return EXIT_REFUSED;
	if (!capture && (!command_option(command, "src") || !command_option(command, "dst")))
		return complain("explain: --src and --dst, or --pcap FILE, are needed");
	params = capture ? frame_params(capture, number) : tuple_params(command);
	if (!params)
		return EXIT_REFUSED;
	if (!capture && lacks_ports(command))
		(void)fprintf(stderr, "note: a port that is not given is taken as 0; --sport and "
				      "--dport give it\n");
	rc = call_read(command, "explain", params, &result);
	if (!result)
		return rc;
	show_answer(result);
	json_decref(result);
	return EXIT_DONE;
}
