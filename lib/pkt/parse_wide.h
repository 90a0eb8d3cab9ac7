/* SPDX-License-Identifier: BSD-3-Clause */

/* Four frames parsed at once: the inline way of parse.h with AVX2.
 *
 * Why:     most of what parsing costs are checks that are the same for every packet; four packets in
 *          the lanes of a vector share them.
 * Shape:   headers of four frames are turned into columns, a word of each frame in a lane; a packet
 *          that is anything but plain is named, and its scalar twin decides on it.
 * Threads: any; pure: reads the first SL_PARSE_WIDE_SIZE4 or 6 octets of the frames.
 * Errors:  none.
 */

#ifndef SL_PKT_PARSE_WIDE_H
#define SL_PKT_PARSE_WIDE_H

#include "pkt/parse.h"

#define SL_PARSE_WIDE_COUNT 4
#define SL_PARSE_WIDE_SIZE4 50 /* octets of a frame that are read, whatever it has */
#define SL_PARSE_WIDE_SIZE6 70

_Static_assert(SL_PARSE_WIDE_SIZE4 <= SL_PARSE_SIZE4 && SL_PARSE_WIDE_SIZE6 <= SL_PARSE_SIZE6,
	       "plain frames have them");

/* SL_TCP_SYN in word 6. */
#define SL_PARSE_WIDE_SYN_BIT 9
_Static_assert(SL_TCP_SYN << 8 == 1 << SL_PARSE_WIDE_SYN_BIT &&
		       offsetof(struct sl_pkt, tcp_flags) == 49,
	       "a bit of the second octet");

/* Constants of all lanes, defined elsewhere: as operands in memory they cost no instruction, while a
 * compiler that sees them makes each from a word. */
#define SL_PARSE_LANES(X)                                                                          \
	X(protocol, 0xff000000, 0xff000000)                                                        \
	X(tcp, (uint64_t)SL_PROTO_TCP << 24, (uint64_t)SL_PROTO_TCP << 24)                         \
	X(udp, (uint64_t)SL_PROTO_UDP << 24, (uint64_t)SL_PROTO_UDP << 24)                         \
	X(tos, 0xff000000, 0xff000000)                                                             \
	X(tcp_size, 0x3c, 0x3c)                                                                    \
	X(tcp_least, SL_TCP_SIZE, SL_TCP_SIZE)                                                     \
	X(udp_less, SL_TCP_SIZE - SL_UDP_SIZE, SL_TCP_SIZE - SL_UDP_SIZE)                          \
	X(ip_size, SL_IP4_SIZE, SL_IP4_SIZE)                                                       \
	X(eth_size, SL_ETH_SIZE, SL_ETH_SIZE)                                                      \
	X(least, SL_PARSE_SIZE4, SL_PARSE_SIZE4)                                                   \
	X(quic_mask, SL_QUIC_HINT_MASK, SL_QUIC_HINT_MASK)                                         \
	X(quic_value, SL_QUIC_HINT_VALUE, SL_QUIC_HINT_VALUE)                                      \
	X(head_mask, SL_PARSE_HEAD4_MASK, SL_PARSE_HEAD4_MASK)                                     \
	X(head_value, SL_PARSE_HEAD4_VALUE, SL_PARSE_HEAD4_VALUE)                                  \
	X(fragment_mask, SL_PARSE_FRAGMENT4_MASK, SL_PARSE_FRAGMENT4_MASK)                         \
	X(family, (uint64_t)SL_FAMILY_IPV4 << 40, (uint64_t)SL_FAMILY_IPV4 << 40)                  \
	X(tcp_flags, 0xff00, 0xff00)                                                               \
	X(df, SL_PKT_DF, SL_PKT_DF)                                                                \
	X(places, SL_PARSE_PLACES4, SL_PARSE_PLACES4)                                              \
	X(sign16, 0x8000800080008000, 0x8000800080008000)                                          \
	X(ones, 0x0001000100010001, 0x0001000100010001)                                            \
	X(not_first, 0x0001000100010000, 0x0001000100010000)                                       \
	X(not_last, 0x0000000100010001, 0x0000000100010001)                                        \
	X(low16, 0x0000ffff0000ffff, 0x0000ffff0000ffff)                                           \
	X(sum, 0x0000fffa0000fffa, 0x0000fffa0000fffa)                                             \
	X(head6_mask, SL_PARSE_HEAD6_MASK, SL_PARSE_HEAD6_MASK)                                    \
	X(head6_value, SL_PARSE_HEAD6_VALUE, SL_PARSE_HEAD6_VALUE)                                 \
	X(ip6_size, SL_IP6_SIZE, SL_IP6_SIZE)                                                      \
	X(least6, SL_PARSE_SIZE6, SL_PARSE_SIZE6)                                                  \
	X(family6, (uint64_t)SL_FAMILY_IPV6 << 40, (uint64_t)SL_FAMILY_IPV6 << 40)                 \
	X(places6, SL_PARSE_PLACES6, SL_PARSE_PLACES6)                                             \
	X(low32, 0x00000000ffffffff, 0x00000000ffffffff)                                           \
	/* shuffles of octets, the same for both words of a lane: 5, 4; 7, 6, 5, 4; ... */         \
	X(be16_at2, 0x8080808080800203, 0x8080808080800a0b)                                        \
	X(be16_at6, 0x8080808080800607, 0x8080808080800e0f)                                        \
	X(le16_at4, 0x8080808080800504, 0x8080808080800d0c)                                        \
	X(be16_at4, 0x8080808080800405, 0x8080808080800c0d)                                        \
	X(be32_at4, 0x8080808004050607, 0x808080800c0d0e0f)

struct sl_parse_lanes {
#define X(name, even, odd) uint64_t name[4];
	SL_PARSE_LANES(X)
#undef X
};

extern const struct sl_parse_lanes sl_parse_lanes;

#ifdef __AVX2__

#define SL_PARSE_LANE(name) _mm256_load_si256((const __m256i *)sl_parse_lanes.name)

/* Words of each frame: octets 12..19 and 20..27; of IPv4 26..33; transport's ports and the four octets
 * after them; the eight after these. */
struct sl_parse_columns {
	__m256i head, middle, addrs, ports, tail;
};

/* A word from each of four places, in order. */
static inline __m256i sl_parse_wide_words(const uint8_t *const *at)
{
	__m128i low = _mm_insert_epi64(_mm_loadl_epi64((const __m128i *)at[0]),
				       (long long)sl_load64(at[1]), 1);
	__m128i high = _mm_insert_epi64(_mm_loadl_epi64((const __m128i *)at[2]),
					(long long)sl_load64(at[3]), 1);

	return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Two words each: the lanes of two pairs, packet 0 and 2, 1 and 3, become columns in order. */
static inline void sl_parse_wide_pair(const uint8_t *const *frame, uint32_t off, __m256i *low,
				      __m256i *high)
{
	__m256i even = _mm256_loadu2_m128i((const __m128i *)(frame[2] + off),
					   (const __m128i *)(frame[0] + off));
	__m256i odd = _mm256_loadu2_m128i((const __m128i *)(frame[3] + off),
					  (const __m128i *)(frame[1] + off));

	*low = _mm256_unpacklo_epi64(even, odd);
	*high = _mm256_unpackhi_epi64(even, odd);
}

/* Sign bits of the upper halves: whether the header's 16-bit words sum up as they should. Words are
 * taken as signed, less 2^15, by the instruction that adds pairs; ten of them make 5 * 2^16 less. */
static inline __m256i sl_parse_wide_sum_right(const struct sl_parse_columns *columns)
{
	const __m256i half = SL_PARSE_LANE(sign16);
	__m256i sum =
		_mm256_madd_epi16(_mm256_xor_si256(columns->addrs, half), SL_PARSE_LANE(ones));

	sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_xor_si256(columns->head, half),
						      SL_PARSE_LANE(not_first)));
	sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_xor_si256(columns->middle, half),
						      SL_PARSE_LANE(not_last)));
	sum = _mm256_add_epi32(sum, _mm256_slli_epi64(sum, 32));
	sum = _mm256_add_epi32(_mm256_and_si256(sum, SL_PARSE_LANE(low16)),
			       _mm256_srai_epi32(sum, 16));
	return _mm256_cmpeq_epi32(sum, SL_PARSE_LANE(sum));
}

/* Words 0 to 3 of four packets over IPv4. */
static inline void sl_parse_wide_store4(__m256i word0, __m256i word1, struct sl_pkt *pkt)
{
	__m256i even = _mm256_unpacklo_epi64(word0, word1);
	__m256i odd = _mm256_unpackhi_epi64(word0, word1);

	_mm256_storeu_si256((__m256i *)&pkt[0], _mm256_permute2x128_si256(even, even, 0x80));
	_mm256_storeu_si256((__m256i *)&pkt[1], _mm256_permute2x128_si256(odd, odd, 0x80));
	_mm256_storeu_si256((__m256i *)&pkt[2], _mm256_permute2x128_si256(even, even, 0x81));
	_mm256_storeu_si256((__m256i *)&pkt[3], _mm256_permute2x128_si256(odd, odd, 0x81));
}

/* Words 0 to 4 of four packets over IPv6: word 0, and both addresses as they are. */
static inline void sl_parse_wide_store6(__m256i word0, const uint8_t *const *frame,
					struct sl_pkt *pkt)
{
	uint64_t words[SL_PARSE_WIDE_COUNT];

	_mm256_storeu_si256((__m256i *)words, word0);
	for (uint32_t k = 0; k < SL_PARSE_WIDE_COUNT; k++) {
		const uint8_t *addrs = frame[k] + SL_ETH_SIZE + SL_IP6_SRC;

		pkt[k].word[0] = words[k];
		_mm256_storeu_si256((__m256i *)&pkt[k].word[1],
				    _mm256_loadu_si256((const __m256i *)addrs));
	}
}

/* Words 4 to 7, 4 is zero. */
static inline void sl_parse_wide_store_tail(__m256i word5, __m256i word6, __m256i word7,
					    struct sl_pkt *pkt)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i even5 = _mm256_unpacklo_epi64(zero, word5);
	__m256i odd5 = _mm256_unpackhi_epi64(zero, word5);
	__m256i even6 = _mm256_unpacklo_epi64(word6, word7);
	__m256i odd6 = _mm256_unpackhi_epi64(word6, word7);

	_mm256_storeu_si256((__m256i *)&pkt[0].word[4],
			    _mm256_permute2x128_si256(even5, even6, 0x20));
	_mm256_storeu_si256((__m256i *)&pkt[1].word[4],
			    _mm256_permute2x128_si256(odd5, odd6, 0x20));
	_mm256_storeu_si256((__m256i *)&pkt[2].word[4],
			    _mm256_permute2x128_si256(even5, even6, 0x31));
	_mm256_storeu_si256((__m256i *)&pkt[3].word[4],
			    _mm256_permute2x128_si256(odd5, odd6, 0x31));
}

/* What both families' checks and words are made of. */
struct sl_parse_kinds {
	__m256i protocol; /* in the fourth octet */
	__m256i total;	  /* octets of the IP packet */
	__m256i tos;	  /* in the fourth octet */
	__m256i is_tcp, is_udp;
};

static inline void sl_parse_wide_kinds(__m256i protocol, __m256i total, __m256i tos,
				       struct sl_parse_kinds *kinds)
{
	kinds->protocol = _mm256_and_si256(protocol, SL_PARSE_LANE(protocol));
	kinds->total = total;
	kinds->tos = _mm256_and_si256(tos, SL_PARSE_LANE(tos));
	kinds->is_tcp = _mm256_cmpeq_epi64(kinds->protocol, SL_PARSE_LANE(tcp));
	kinds->is_udp = _mm256_cmpeq_epi64(kinds->protocol, SL_PARSE_LANE(udp));
}

/* Sign bits: lengths that contradict each other, what may be a QUIC Initial, neither TCP nor UDP. */
static inline __m256i sl_parse_wide_bad(const struct sl_parse_columns *at,
					const struct sl_parse_kinds *kinds, __m256i sizes,
					__m256i ip_size, __m256i frame_least)
{
	__m256i tcp = _mm256_and_si256(_mm256_srli_epi64(at->tail, 34), SL_PARSE_LANE(tcp_size));
	__m256i udp = _mm256_shuffle_epi8(at->ports, SL_PARSE_LANE(be16_at4));
	__m256i need = _mm256_or_si256(_mm256_and_si256(tcp, kinds->is_tcp),
				       _mm256_andnot_si256(kinds->is_tcp, udp));
	__m256i more =
		_mm256_add_epi64(need, _mm256_and_si256(kinds->is_udp, SL_PARSE_LANE(udp_less)));
	__m256i whole = _mm256_add_epi64(need, ip_size);
	__m256i frame = _mm256_add_epi64(kinds->total, SL_PARSE_LANE(eth_size));
	__m256i hint = _mm256_and_si256(at->tail, SL_PARSE_LANE(quic_mask));
	__m256i bad = _mm256_and_si256(_mm256_cmpeq_epi64(hint, SL_PARSE_LANE(quic_value)),
				       kinds->is_udp);

	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(SL_PARSE_LANE(tcp_least), more));
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(whole, kinds->total));
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(frame, sizes));
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(frame_least, sizes));
	return _mm256_or_si256(bad,
			       _mm256_cmpeq_epi64(_mm256_or_si256(kinds->is_tcp, kinds->is_udp),
						  _mm256_setzero_si256()));
}

/* Sign bits: IPv4 without options, no fragment, a right sum. */
static inline __m256i sl_parse_wide_good4(const struct sl_parse_columns *at)
{
	__m256i head = _mm256_and_si256(at->head, SL_PARSE_LANE(head_mask));
	__m256i fragment = _mm256_and_si256(at->middle, SL_PARSE_LANE(fragment_mask));

	head = _mm256_xor_si256(head, SL_PARSE_LANE(head_value));
	head = _mm256_cmpeq_epi64(_mm256_or_si256(head, fragment), _mm256_setzero_si256());
	return _mm256_and_si256(head, sl_parse_wide_sum_right(at));
}

/* Word 0, and words 5 to 7 stored; a bit for each SYN. */
static inline __m256i sl_parse_wide_rest(const struct sl_parse_columns *at,
					 const struct sl_parse_kinds *kinds, __m256i family,
					 __m256i word7, struct sl_pkt *pkt, uint32_t *syns)
{
	__m256i seq = _mm256_shuffle_epi8(at->ports, SL_PARSE_LANE(be32_at4));
	__m256i flags = _mm256_and_si256(_mm256_srli_epi64(at->tail, 32), SL_PARSE_LANE(tcp_flags));
	__m256i word0 = _mm256_or_si256(_mm256_slli_epi64(kinds->protocol, 8), family), word5,
		word6;

	seq = _mm256_and_si256(seq, kinds->is_tcp);
	flags = _mm256_and_si256(flags, kinds->is_tcp);
	word5 = _mm256_blend_epi32(seq, _mm256_slli_epi64(kinds->total, 32), 0xaa);
	word6 = _mm256_or_si256(_mm256_srli_epi64(kinds->protocol, 8), kinds->tos);
	word6 = _mm256_or_si256(word6, flags);
	sl_parse_wide_store_tail(word5, word6, word7, pkt);
	*syns = (uint32_t)_mm256_movemask_pd(
		_mm256_castsi256_pd(_mm256_slli_epi64(flags, 63 - SL_PARSE_WIDE_SYN_BIT)));
	return _mm256_blend_epi32(at->ports, word0, 0xaa);
}

/* Parses four frames of the given sizes (one a lane), checksums too. Returns a bit for each that is
 * plain IPv4 and no QUIC Initial, whose pkt is then what sl_parse_plain() would have made but for
 * SL_PKT_GROUP, its sl_pkt_target() in target, and a bit in *syns when it is a SYN of TCP.
 * What is written for the others means nothing. */
static inline uint32_t sl_parse_wide4(const uint8_t *const *frame, __m256i sizes,
				      struct sl_pkt *pkt, uint64_t *target, uint32_t *syns)
{
	const uint8_t *const tail[4] = {frame[0] + 42, frame[1] + 42, frame[2] + 42, frame[3] + 42};
	struct sl_parse_columns at;
	struct sl_parse_kinds kinds;
	__m256i good, word0, word7;

	sl_parse_wide_pair(frame, 12, &at.head, &at.middle);
	sl_parse_wide_pair(frame, 26, &at.addrs, &at.ports);
	at.tail = sl_parse_wide_words(tail);
	sl_parse_wide_kinds(at.middle, _mm256_shuffle_epi8(at.head, SL_PARSE_LANE(be16_at4)),
			    at.head, &kinds);
	good = _mm256_andnot_si256(
		sl_parse_wide_bad(&at, &kinds, sizes, SL_PARSE_LANE(ip_size), SL_PARSE_LANE(least)),
		sl_parse_wide_good4(&at));
	word7 = _mm256_and_si256(_mm256_slli_epi64(at.middle, 2), SL_PARSE_LANE(df));
	word7 = _mm256_or_si256(word7, SL_PARSE_LANE(places));
	word0 = sl_parse_wide_rest(&at, &kinds, SL_PARSE_LANE(family), word7, pkt, syns);
	sl_parse_wide_store4(word0, at.addrs, pkt);
	_mm256_storeu_si256((__m256i *)target,
			    _mm256_blend_epi32(_mm256_srli_epi64(word0, 16), at.addrs, 0xaa));
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(good));
}

/* The same for IPv6 without extension headers; it has no target. */
static inline uint32_t sl_parse_wide6(const uint8_t *const *frame, __m256i sizes,
				      struct sl_pkt *pkt, uint32_t *syns)
{
	struct sl_parse_columns at;
	struct sl_parse_kinds kinds;
	__m256i good, word0, total, tos;

	sl_parse_wide_pair(frame, 12, &at.head, &at.middle);
	sl_parse_wide_pair(frame, SL_ETH_SIZE + SL_IP6_SIZE, &at.ports, &at.tail);
	total = _mm256_shuffle_epi8(at.head, SL_PARSE_LANE(be16_at6));
	total = _mm256_add_epi64(total, SL_PARSE_LANE(ip6_size));
	tos = _mm256_shuffle_epi8(at.head, SL_PARSE_LANE(be16_at2));
	sl_parse_wide_kinds(_mm256_slli_epi64(at.middle, 24), total, _mm256_slli_epi64(tos, 20),
			    &kinds);
	good = _mm256_cmpeq_epi64(_mm256_and_si256(at.head, SL_PARSE_LANE(head6_mask)),
				  SL_PARSE_LANE(head6_value));
	good = _mm256_andnot_si256(sl_parse_wide_bad(&at, &kinds, sizes, SL_PARSE_LANE(ip6_size),
						     SL_PARSE_LANE(least6)),
				   good);
	word0 = sl_parse_wide_rest(&at, &kinds, SL_PARSE_LANE(family6), SL_PARSE_LANE(places6), pkt,
				   syns);
	sl_parse_wide_store6(word0, frame, pkt);
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(good));
}

#endif

#endif
