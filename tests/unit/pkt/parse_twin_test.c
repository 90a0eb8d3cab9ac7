/* SPDX-License-Identifier: BSD-3-Clause */

/* The parser and its twin over random damage of packets of every shape, and over real captures
 * (SLUICE_CAPTURES, or ../shared/captures beside the source). SLUICE_SEED repeats a run. */

#include "fuzz/parse_twin.h"

#include <ftw.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "support/packet.h"

#define ROUNDS 400000

static struct packet packet;
static struct sl_prng prng;

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static bool same(const uint8_t *frame, uint32_t size, uint32_t options)
{
	struct sl_pkt wanted, got, slow;

	memset(&got, 0xa5, sizeof(got));
	memset(&slow, 0x5a, sizeof(slow));
	parse_twin(frame, size, options, &wanted);
	sl_parse(frame, size, size, options, &got);
	sl_parse_slow(frame, size, size, options, &slow);
	return parse_twin_same(&wanted, &got) && parse_twin_same(&wanted, &slow);
}

static void add_transport(bool v6, uint8_t protocol)
{
	if (protocol == 6) {
		packet_tcp(&packet, &(struct packet_tcp){.sport = 1, .dport = 2, .seq = 3});
	} else if (protocol == 17) {
		packet_udp(&packet, 7, 443);
		if (below(2))
			packet_hex(&packet, below(2) ? "c30000000108" : "d36b3343cf14");
	} else if (protocol == 1 || protocol == 58) {
		packet_icmp(&packet, v6 ? 6 : 4, (uint8_t)below(13), 0, below(40) << 16);
	}
	packet_pattern(&packet, below(64));
}

static void add_chain(uint8_t last)
{
	static const uint8_t kinds[] = {0, 43, 44, 51, 60, 135};
	uint32_t count = below(10);
	uint8_t header[16] = {0};
	uint8_t *next = packet.octets + packet.size - 34;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t kind = kinds[below(6)];

		*next = kind;
		next = packet.octets + packet.size;
		header[1] = (uint8_t)(kind == 51 ? 2 : below(2));
		header[2] = 0;
		header[3] = (uint8_t)(kind == 44 && below(3) == 0 ? below(17) : 0);
		packet_octets(&packet, header,
			      kind == 51   ? 16
			      : kind == 44 ? 8
					   : 8 + 8 * header[1]);
	}
	*next = last;
}

static void add_ip(bool v6, uint8_t protocol)
{
	static const uint16_t fragments[] = {0, 0, 0, 0x4000, 0x2000, 0x2001, 5, 0x1fff};

	packet_ip(&packet, &(struct packet_ip){.src = v6 ? "2001:db8::1" : "192.0.2.1",
					       .dst = v6 ? "2001:db8::2" : "192.0.2.2",
					       .protocol = protocol,
					       .tos = (uint8_t)below(256),
					       .fragment = fragments[below(8)],
					       .options = below(4) ? NULL : "01010101"});
	if (v6 && below(2))
		add_chain(protocol);
}

static void make(void)
{
	static const uint8_t protocols[] = {6, 6, 17, 17, 1, 58, 132, 33, 136, 50, 47, 4};
	bool v6 = below(2);
	uint8_t protocol = protocols[below(12)];
	uint16_t type = v6 ? 0x86dd : 0x0800;
	uint32_t tags = below(4) ? 0 : below(4);

	packet_init(&packet);
	packet_eth(&packet, tags ? 0x88a8 : type);
	for (uint32_t i = 0; i < tags; i++)
		packet_vlan(&packet, (uint16_t)below(65536), i + 1 < tags ? 0x8100 : type);
	add_ip(v6, protocol);
	add_transport(v6, protocol);
	if (protocol == 1 || protocol == 58) {
		packet.size -= below(packet.size / 2);
		while (packet.layers[packet.layer_count - 1].off >= packet.size)
			packet.layer_count--;
		add_ip(v6, protocols[below(12)]);
		add_transport(v6, protocols[below(12)]);
	}
	packet_finish(&packet);
}

static void damage(void)
{
	for (uint32_t i = below(4); i > 0; i--)
		packet.octets[below(SL_MIN(packet.size, 120))] = (uint8_t)sl_prng_next(&prng);
	if (below(4) == 0)
		packet.size = below(packet.size) + 1;
	else if (below(4) == 0)
		packet_pattern(&packet, below(20));
}

static void both_answer_alike_to_random_packets(void **state)
{
	const char *text = getenv("SLUICE_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
	uint32_t statuses[SL_PKT_TINY + 1] = {0};

	(void)state;
	prng.state = seed;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct sl_pkt pkt;

		make();
		damage();
		parse_twin(packet.octets, packet.size, false, &pkt);
		statuses[pkt.status]++;
		if (same(packet.octets, packet.size, round & SL_PARSE_CHECK_SUM))
			continue;
		print_error("seed %llu, round %u\n", (unsigned long long)seed, round);
		fail();
	}
	for (int i = 0; i < SL_PKT_TINY; i++) /* every answer but the last is given often */
		assert_true(statuses[i] > ROUNDS / 100);
}

static uint64_t frames, files;

static int read_capture(const char *path, const struct stat *info, int kind, struct FTW *place)
{
	char errors[PCAP_ERRBUF_SIZE];
	const u_char *octets;
	struct pcap_pkthdr *header;
	pcap_t *capture;

	(void)info, (void)place;
	if (kind != FTW_F || strstr(path, ".pcap") == NULL)
		return 0;
	capture = pcap_open_offline(path, errors);
	if (capture == NULL)
		return 0;
	files++;
	while (pcap_next_ex(capture, &header, &octets) == 1) {
		uint8_t *frame = malloc(header->caplen + 1);

		memcpy(frame, octets, header->caplen);
		frames++;
		for (uint32_t options = 0; options < 2; options++) {
			if (same(frame, header->caplen, options))
				continue;
			print_error("%s\n", path);
			fail();
		}
		free(frame);
	}
	pcap_close(capture);
	return 0;
}

static void both_answer_alike_to_real_captures(void **state)
{
	const char *folder = getenv("SLUICE_CAPTURES");

	(void)state;
	if (folder == NULL)
		folder = SOURCE_ROOT "/../shared/captures";
	if (nftw(folder, read_capture, 16, FTW_PHYS) != 0 || files == 0) {
		print_message("no captures in %s\n", folder);
		skip();
	}
	print_message("%llu frames of %llu captures\n", (unsigned long long)frames,
		      (unsigned long long)files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_answer_alike_to_random_packets),
		cmocka_unit_test(both_answer_alike_to_real_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
