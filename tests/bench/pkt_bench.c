/* SPDX-License-Identifier: BSD-3-Clause */

/* Cycles a packet of the stages that only look at octets: parse, key hash, encapsulation; and how
 * good the hash is.
 *
 * Usage:   pkt_bench [PREFIX...]   only names that begin so
 * Output:  one JSON object a line. Cycles are those of the time stamp counter, over bursts of 32
 *          packets that lie in the first-level cache; value is the median of ROUNDS rounds.
 */

#include <nmmintrin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "base/hash.h"
#include "base/prng.h"
#include "pkt/encap.h"
#include "pkt/parse.h"
#include "support/hash_quality.h"
#include "support/packet.h"

#define ROUNDS	   101
#define PACKETS	   128 /* 64 octets each that are looked at: 8 KiB, and as much of results */
#define BURST	   32
#define PASSES	   64 /* over all packets a round */
#define FRAME_ROOM 384
#define HEADROOM   128

static const struct sl_hash_key secret = {{0x7766554433221100ull, 0xffeeddccbbaa9988ull}};
static const struct sl_key_mask all = {~0ull, ~0ull, ~0ull};

struct frame {
	uint8_t octets[FRAME_ROOM];
	uint32_t size;
} __attribute__((aligned(64)));

static struct frame frames[PACKETS];
static struct sl_pkt pkts[PACKETS];
static uint64_t sums[PACKETS];
static struct sl_encap encap;
static uint64_t sink;

static char **wanted;
static int wanted_count;

static bool is_wanted(const char *name)
{
	for (int i = 0; i < wanted_count; i++)
		if (strncmp(name, wanted[i], strlen(wanted[i])) == 0)
			return true;
	return wanted_count == 0;
}

static int compare(const void *a, const void *b)
{
	double left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return (left > right) - (left < right);
}

/* One pass over all packets, in bursts. */
typedef void pass(void);

/* Inlined into each pass, so that the stage under test is, too. */
#define PASS(name, statement)                                                                      \
	static void name(void)                                                                     \
	{                                                                                          \
		for (uint32_t burst = 0; burst < PACKETS; burst += BURST)                          \
			for (uint32_t i = burst; i < burst + BURST; i++)                           \
				statement;                                                         \
	}

static uint8_t *frame_at(uint32_t i)
{
	return frames[i].octets + HEADROOM;
}

/* CRC32c of an IPv4 or IPv6 key's words: what hardware gives, without a key. */
static uint64_t crc_hash(const struct sl_key *key, uint32_t words)
{
	uint64_t crc = 0;

	for (uint32_t i = 0; i < words; i++)
		crc = _mm_crc32_u64(crc, key->word[i]);
	return crc;
}

#define SIP_ROUND                                                                                  \
	do {                                                                                       \
		v0 += v1, v1 = (v1 << 13 | v1 >> 51) ^ v0, v0 = v0 << 32 | v0 >> 32;               \
		v2 += v3, v3 = (v3 << 16 | v3 >> 48) ^ v2;                                         \
		v0 += v3, v3 = (v3 << 21 | v3 >> 43) ^ v0;                                         \
		v2 += v1, v1 = (v1 << 17 | v1 >> 47) ^ v2, v2 = v2 << 32 | v2 >> 32;               \
	} while (0)

/* SipHash-1-3 of whole words (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012). */
static inline uint64_t sip_hash(const struct sl_key *key, uint32_t words)
{
	uint64_t v0 = secret.word[0] ^ 0x736f6d6570736575ull;
	uint64_t v1 = secret.word[1] ^ 0x646f72616e646f6dull;
	uint64_t v2 = secret.word[0] ^ 0x6c7967656e657261ull;
	uint64_t v3 = secret.word[1] ^ 0x7465646279746573ull;

	for (uint32_t i = 0; i <= words; i++) {
		uint64_t word = i < words ? key->word[i] : (uint64_t)words * 8 << 56;

		v3 ^= word;
		SIP_ROUND;
		v0 ^= word;
	}
	v2 ^= 0xff;
	SIP_ROUND;
	SIP_ROUND;
	SIP_ROUND;
	return v0 ^ v1 ^ v2 ^ v3;
}

PASS(pass_empty, sums[i] = pkts[i].word[0])
PASS(pass_parse, sl_parse(frame_at(i), frames[i].size, frames[i].size, 0, &pkts[i]))
PASS(pass_parse_sum,
     sl_parse(frame_at(i), frames[i].size, frames[i].size, SL_PARSE_CHECK_SUM, &pkts[i]))
PASS(pass_parse_slow, sl_parse_slow(frame_at(i), frames[i].size, frames[i].size, 0, &pkts[i]))
PASS(pass_hash, sums[i] = sl_key_hash(&secret, &pkts[i].key, &all))
PASS(pass_hash2, sums[i] = sl_hash2(&secret, pkts[i].word[0], pkts[i].word[1]))
PASS(pass_hash5, sums[i] = sl_hash5(&secret, pkts[i].word[0], pkts[i].word[1], pkts[i].word[2],
				    pkts[i].word[3], pkts[i].word[4]))
PASS(pass_crc2, sums[i] = crc_hash(&pkts[i].key, 2))
PASS(pass_crc5, sums[i] = crc_hash(&pkts[i].key, 5))
PASS(pass_sip2, sums[i] = sip_hash(&pkts[i].key, 2))
PASS(pass_sip5, sums[i] = sip_hash(&pkts[i].key, 5))
PASS(pass_encap, sl_encap_write(&encap, frame_at(i) + SL_ETH_SIZE, &pkts[i], sums[i], (uint16_t)i))

static void make_frames(bool v6, bool udp)
{
	static struct packet packet;
	char src[64];

	for (uint32_t i = 0; i < PACKETS; i++) {
		const char *dst = v6 ? "2001:db8::2" : "192.0.2.2";
		uint16_t sport = (uint16_t)(1024 + i * 7);

		(void)snprintf(src, sizeof(src), v6 ? "2001:db8:1::%x" : "10.1.2.%u", i);
		if (udp)
			packet_make_udp(&packet, src, sport, dst, 53, 30);
		else
			packet_make_tcp(&packet, src, sport, dst, 80, SL_TCP_ACK, 30);
		memcpy(frame_at(i), packet.octets, packet.size);
		frames[i].size = packet.size;
	}
	pass_parse();
	pass_hash();
}

static void print_figure(const char *name, const char *unit, double value, double min, double max)
{
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"value\": %.2f, \"min\": %.2f, "
	       "\"max\": %.2f, \"rounds\": %d}\n",
	       name, unit, value, min, max, ROUNDS);
}

static void measure(const char *name, pass *run)
{
	double cycles[ROUNDS];

	if (!is_wanted(name))
		return;
	for (int round = -5; round < ROUNDS; round++) {
		uint64_t start = __rdtsc();

		for (int i = 0; i < PASSES; i++) {
			run();
			__asm__ volatile("" ::: "memory");
		}
		if (round >= 0)
			cycles[round] = (double)(__rdtsc() - start) / (PASSES * PACKETS);
		sink += sums[round & 15];
	}
	qsort(cycles, ROUNDS, sizeof(cycles[0]), compare);
	print_figure(name, "cycles/packet", cycles[ROUNDS / 2], cycles[0], cycles[ROUNDS - 1]);
}

static void measure_encap(const char *name, enum sl_encap_type type, bool v6)
{
	struct sl_encap_spec spec = {.type = type, .port = SL_GUE_PORT, .vni = 1};
	uint8_t *ttl = frame_at(0);

	(void)sl_addr_parse(v6 ? "2001:db8::a" : "192.0.2.3", &spec.src);
	(void)sl_addr_parse(v6 ? "2001:db8::b" : "192.0.2.4", &spec.dst);
	if (sl_encap_build(&spec, &encap) != 0)
		abort();
	sink += *ttl;
	measure(name, pass_encap);
}

static uint64_t quality_hash2(const uint64_t *word)
{
	return sl_hash2(&secret, word[0], word[1]);
}

static uint64_t quality_hash5(const uint64_t *word)
{
	return sl_hash5(&secret, word[0], word[1], word[2], word[3], word[4]);
}

static void print_quality(const char *family, hash_function *hash, uint32_t words)
{
	const uint32_t count = 1u << 22;
	uint64_t *hashes = calloc(count, sizeof(*hashes));
	char name[64];
	double worst;

	(void)snprintf(name, sizeof(name), "hash.quality.%s", family);
	if (hashes == NULL || !is_wanted(name)) {
		free(hashes);
		return;
	}
	worst = hash_avalanche(hash, words, 65536);
	hash_pattern_fill(hash, words, HASH_PORTS, count, hashes);
	printf("{\"name\": \"%s.avalanche\", \"unit\": \"distance from 1/2\", \"value\": %.5f, "
	       "\"chance\": 0.0085, \"rounds\": 65536}\n",
	       name, worst);
	printf("{\"name\": \"%s.collisions\", \"unit\": \"pairs of 2^22 flows in 32 bits\", "
	       "\"value\": %llu, \"chance\": 2048, \"in_64_bits\": %llu}\n",
	       name, (unsigned long long)hash_collisions(hashes, count, 0, 0xffffffff),
	       (unsigned long long)hash_collisions(hashes, count, 0, ~0ull));
	printf("{\"name\": \"%s.evenness\", \"unit\": \"chi-square of 65,536 slots, 1 is chance\", "
	       "\"value\": %.4f, \"high_bits\": %.4f}\n",
	       name, hash_evenness(hashes, count, 0), hash_evenness(hashes, count, 48));
	free(hashes);
}

int main(int argc, char **argv)
{
	wanted = argv + 1;
	wanted_count = argc - 1;
	measure("loop.empty", pass_empty);
	make_frames(false, false);
	measure("parse.ipv4.tcp", pass_parse);
	measure("parse.ipv4.tcp.checksum", pass_parse_sum);
	measure("parse.ipv4.tcp.slow", pass_parse_slow);
	measure("hash.ipv4", pass_hash);
	measure("hash.ipv4.words", pass_hash2);
	measure("hash.ipv4.crc32c", pass_crc2);
	measure("hash.ipv4.siphash13", pass_sip2);
	make_frames(false, true);
	measure("parse.ipv4.udp", pass_parse);
	measure_encap("encap.ipip.ipv4", SL_ENCAP_IPIP, false);
	measure_encap("encap.gre.ipv4", SL_ENCAP_GRE, false);
	measure_encap("encap.gue.ipv4", SL_ENCAP_GUE, false);
	measure_encap("encap.vxlan.ipv4", SL_ENCAP_VXLAN, false);
	measure_encap("encap.ipip.ipv6", SL_ENCAP_IPIP, true);
	measure_encap("encap.gue.ipv6", SL_ENCAP_GUE, true);
	measure_encap("encap.vxlan.ipv6", SL_ENCAP_VXLAN, true);
	measure_encap("encap.none", SL_ENCAP_NONE, false);
	make_frames(true, false);
	measure("parse.ipv6.tcp", pass_parse);
	measure("parse.ipv6.tcp.slow", pass_parse_slow);
	measure("hash.ipv6", pass_hash);
	measure("hash.ipv6.words", pass_hash5);
	measure("hash.ipv6.crc32c", pass_crc5);
	measure("hash.ipv6.siphash13", pass_sip5);
	print_quality("ipv4", quality_hash2, 2);
	print_quality("ipv6", quality_hash5, 5);
	return sink == 1 ? 1 : 0;
}
