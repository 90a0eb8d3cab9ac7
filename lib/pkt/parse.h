/* SPDX-License-Identifier: BSD-3-Clause */

/* From a frame's octets to its flow key and the places of its headers.
 *
 * Why:     everything after this reads struct sl_pkt instead of untrusted octets.
 * Shape:   one cache line a packet; the common packet (Ethernet, IPv4 without options or IPv6
 *          without extension headers, TCP or UDP, no fragment) takes a straight inline way of wide
 *          loads and whole words written, everything else sl_parse_slow(). Both give the same
 *          answer.
 * Threads: any; pure: reads `size` octets, writes *pkt only.
 * Errors:  none; what is wrong with a packet is pkt->status. Octets that a header or a length asks
 *          for and that are not there: truncated. A value that no packet can have: bad header.
 * Source:  RFC 791, 8200 (headers, extension header order), 792, 4443 (ICMP), 4884, IEEE 802.1Q.
 */

#ifndef SL_PKT_PARSE_H
#define SL_PKT_PARSE_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"
#include "pkt/quic.h"

/* Reads a frame. size: octets that are contiguous at frame (at least all headers where the frame
 * has them: min(frame_size, 512)); frame_size: octets of the whole frame, all segments. With
 * another status than OK, only status, l3_off, vlan and the flags GROUP, VLAN and OWN mean something;
 * the rest is zero. */
void sl_parse_slow(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t options,
		   struct sl_pkt *pkt);

/* The same for octets that have an IP header at l3_off, whatever stands before it: what a tunnel
 * carries. */
void sl_parse_ip(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t l3_off,
		 uint32_t options, struct sl_pkt *pkt);

/* ---- the inline way ---------------------------------------------------------------------------- */

/* Where the octets of a header go is a shuffle. By protocol: that of a TCP or UDP header into words
 * 5 and 6, and its least size; other protocols ask for more than any packet has. */
struct sl_parse_l4 {
	uint8_t shuffle[16];
	uint32_t size_min;
	uint32_t spare[3];
};

extern const struct sl_parse_l4 sl_parse_l4_table[256];

#define SL_PARSE_L4_SIZE 20 /* octets of the transport header that are read */
#define SL_PARSE_SIZE4	 (SL_ETH_SIZE + SL_IP4_SIZE + SL_PARSE_L4_SIZE)
#define SL_PARSE_SIZE6	 (SL_ETH_SIZE + SL_IP6_SIZE + SL_PARSE_L4_SIZE)

/* Frame octets 12..19 as a word: EtherType, then the start of the IP header. */
#define SL_PARSE_HEAD4_MASK	0xffffffull
#define SL_PARSE_HEAD4_VALUE	0x450008ull /* 08 00 45 */
#define SL_PARSE_FRAGMENT4_MASK 0xff3full   /* octets 20, 21: more fragments, offset */
#define SL_PARSE_HEAD6_MASK	0xf0ffffull
#define SL_PARSE_HEAD6_VALUE	0x60dd86ull /* 86 dd 6. */

static inline __m128i sl_parse_load(const void *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

static inline void sl_parse_store(void *at, __m128i value)
{
	_mm_storeu_si128((__m128i *)at, value);
}

/* What the transport header's own length field asks for: both protocols' are read and one is taken
 * without a branch, since real traffic mixes them. */
static inline uint32_t sl_parse_need(const uint8_t *l4, uint8_t protocol)
{
	uint32_t tcp = l4[SL_TCP_OFFSET] >> 2 & 0x3c, udp = sl_load_be16(l4 + SL_UDP_LENGTH);

	return udp ^ ((udp ^ tcp) & -(uint32_t)(protocol == SL_PROTO_TCP));
}

/* A word that few but QUIC Initials have goes on to be looked at. */
static inline uint32_t sl_parse_quic(const uint8_t *l4, uint8_t protocol, uint32_t need)
{
	if (sl_likely((sl_load32(l4 + SL_UDP_SIZE) & SL_QUIC_HINT_MASK) != SL_QUIC_HINT_VALUE))
		return 0;
	if (protocol != SL_PROTO_UDP || need < SL_UDP_SIZE + SL_QUIC_HEAD_SIZE)
		return 0;
	return sl_quic_initial(sl_load64(l4 + SL_UDP_SIZE)) ? SL_PKT_QUIC_INITIAL : 0;
}

/* Word 7 of a plain packet: where its headers are, and the flags that all of its family have. */
#define SL_PARSE_PLACES4 (SL_ETH_SIZE << 16 | (uint64_t)(SL_ETH_SIZE + SL_IP4_SIZE) << 32)
#define SL_PARSE_PLACES6                                                                           \
	(SL_PKT_IPV6 | SL_PKT_DF | SL_ETH_SIZE << 16 | (uint64_t)(SL_ETH_SIZE + SL_IP6_SIZE) << 32)

/* Flags and offsets: word 7. */
static inline uint64_t sl_parse_places(const uint8_t *frame, uint32_t flags, uint32_t l4_off)
{
	flags |= (frame[0] & SL_ETH_GROUP_BIT) << 6;
	_Static_assert(SL_PKT_GROUP == SL_ETH_GROUP_BIT << 6, "the bit is shifted into its flag");
	return flags | SL_ETH_SIZE << 16 | (uint64_t)l4_off << 32;
}

/* Whether the 20 octets of an IPv4 header without options sum up as they should. One's complement
 * sums do not mind the width of their words, as long as carries come back in below. */
static inline bool sl_parse_sum_right(const uint8_t *ip)
{
	unsigned long long first, second;
	uint32_t word;
	uint8_t carry;

	carry = _addcarry_u64(0, sl_load64(ip), sl_load64(ip + 8), &first);
	carry = _addcarry_u64(carry, first, sl_load32(ip + 16), &second);
	(void)_addcarry_u64(carry, second, 0, &second);
	/* Both halves added with the carry between them, in the upper one: of 64 bits, of 32. */
	word = (uint32_t)((second + (second << 32 | second >> 32)) >> 32);
	return word + (word << 16 | word >> 16) >= 0xffff0000u;
}

/* False: not a plain packet, nothing is written. */
static inline bool sl_parse_plain4(const uint8_t *frame, uint32_t frame_size, uint32_t options,
				   struct sl_pkt *pkt)
{
	const uint32_t l4_off = SL_ETH_SIZE + SL_IP4_SIZE;
	const uint8_t *ip = frame + SL_ETH_SIZE, *l4 = frame + l4_off;
	const struct sl_parse_l4 *kind = &sl_parse_l4_table[ip[SL_IP4_PROTOCOL]];
	/* Octets 22..37: TTL, protocol, checksum, addresses, ports. */
	const __m128i to_key =
		_mm_setr_epi8(12, 13, 14, 15, 1, -1, -1, -1, 4, 5, 6, 7, 8, 9, 10, 11);
	const __m128i family = _mm_set_epi32(0, 0, SL_FAMILY_IPV4 << 8, 0);
	/* Octets 12..27: EtherType, version, TOS, total length ... protocol. */
	const __m128i to_words =
		_mm_setr_epi8(-1, -1, -1, -1, 5, 4, -1, -1, -1, -1, 11, 3, -1, -1, -1, -1);
	uint32_t total = sl_load_be16(ip + SL_IP4_TOTAL), bits = sl_load16(ip + SL_IP4_FRAGMENT);
	uint32_t need = sl_parse_need(l4, ip[SL_IP4_PROTOCOL]), flags;
	__m128i key, words;

	if ((bits & SL_PARSE_FRAGMENT4_MASK) != 0 || total > frame_size - SL_ETH_SIZE ||
	    need < kind->size_min || need + SL_IP4_SIZE > total)
		return false;
	if ((options & SL_PARSE_CHECK_SUM) && !sl_parse_sum_right(ip))
		return false;
	key = _mm_shuffle_epi8(sl_parse_load(frame + 22), to_key);
	words = _mm_or_si128(_mm_shuffle_epi8(sl_parse_load(frame + 12), to_words),
			     _mm_shuffle_epi8(sl_parse_load(l4 - 2), sl_parse_load(kind->shuffle)));
	sl_parse_store(&pkt->word[0], _mm_or_si128(key, family));
	sl_parse_store(&pkt->word[2], _mm_setzero_si128());
	pkt->word[4] = 0;
	sl_parse_store(&pkt->word[5], words);
	flags = sl_parse_quic(l4, ip[SL_IP4_PROTOCOL], need) | (bits & 0x40) << 2;
	_Static_assert(SL_PKT_DF == 0x40 << 2, "DF is shifted into its flag");
	pkt->word[7] = sl_parse_places(frame, flags, l4_off);
	return true;
}

static inline bool sl_parse_plain6(const uint8_t *frame, uint32_t frame_size, struct sl_pkt *pkt)
{
	const uint32_t l4_off = SL_ETH_SIZE + SL_IP6_SIZE;
	const uint8_t *ip = frame + SL_ETH_SIZE, *l4 = frame + l4_off;
	uint8_t protocol = ip[SL_IP6_NEXT];
	const struct sl_parse_l4 *kind = &sl_parse_l4_table[protocol];
	uint32_t payload = sl_load_be16(ip + SL_IP6_PAYLOAD), need = sl_parse_need(l4, protocol);
	uint32_t total = payload + SL_IP6_SIZE, tos = sl_load_be16(ip) >> 4 & 0xff;
	__m128i words;

	if (total > frame_size - SL_ETH_SIZE || need < kind->size_min || need > payload)
		return false;
	words = _mm_set_epi64x((uint32_t)(protocol << 16 | tos << 24), (long long)total << 32);
	words = _mm_or_si128(words,
			     _mm_shuffle_epi8(sl_parse_load(l4 - 2), sl_parse_load(kind->shuffle)));
	pkt->word[0] = sl_load32(l4) | (uint64_t)protocol << 32 | (uint64_t)SL_FAMILY_IPV6 << 40;
	sl_parse_store(&pkt->word[1], sl_parse_load(ip + SL_IP6_SRC));
	sl_parse_store(&pkt->word[3], sl_parse_load(ip + SL_IP6_DST));
	sl_parse_store(&pkt->word[5], words);
	pkt->word[7] = sl_parse_places(
		frame, sl_parse_quic(l4, protocol, need) | SL_PKT_IPV6 | SL_PKT_DF, l4_off);
	return true;
}

/* The inline way alone. False: nothing is written, the packet is sl_parse_slow()'s. True: its
 * status is OK and it has no flags but IPV6, DF, GROUP and QUIC_INITIAL. */
static inline bool sl_parse_plain(const uint8_t *frame, uint32_t size, uint32_t frame_size,
				  uint32_t options, struct sl_pkt *pkt)
{
	uint64_t head;

	if (sl_unlikely(size < SL_PARSE_SIZE4))
		return false;
	head = sl_load64(frame + SL_ETH_TYPE);
	if (sl_likely((head & SL_PARSE_HEAD4_MASK) == SL_PARSE_HEAD4_VALUE))
		return sl_parse_plain4(frame, frame_size, options, pkt);
	return (head & SL_PARSE_HEAD6_MASK) == SL_PARSE_HEAD6_VALUE && size >= SL_PARSE_SIZE6 &&
	       sl_parse_plain6(frame, frame_size, pkt);
}

static inline void sl_parse(const uint8_t *frame, uint32_t size, uint32_t frame_size,
			    uint32_t options, struct sl_pkt *pkt)
{
	if (sl_unlikely(!sl_parse_plain(frame, size, frame_size, options, pkt)))
		sl_parse_slow(frame, size, frame_size, options, pkt);
}

#endif
