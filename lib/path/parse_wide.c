/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/parse_wide.h"
#include "path/parse.h"

/* Headers are fetched this many packets ahead of parsing: two turns. */
#define AHEAD (2 * SL_PARSE_WIDE_COUNT)

/* Buckets of flows are asked for eight at a time: what the CPU looks up to find where a line lies then goes on
 * side by side. By fours, eights, sixteens, all of a burst: 1M flows 2.7, 2.5, 2.6, 2.9 x floor; 10M 3.8, 3.3,
 * 3.5, 3.3 (one machine, busy). */
#define TOGETHER (2 * SL_PARSE_WIDE_COUNT)

/* Where frames nearly always start in buffers of our own pools; elsewhere a prefetch is in vain. */
#define FRAME_OFF (sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM)

/* From pkt_len on: it, data_len, and the VLAN that the device took away. */
#define SIZES_OFF offsetof(struct rte_mbuf, pkt_len)
_Static_assert(offsetof(struct rte_mbuf, data_len) == SIZES_OFF + 4, "a word of sizes");

/* A word of four packets. */
static inline __m256i load_sizes(struct rte_mbuf *const *packets)
{
	const uint8_t *const at[4] = {
		(const uint8_t *)packets[0] + SIZES_OFF, (const uint8_t *)packets[1] + SIZES_OFF,
		(const uint8_t *)packets[2] + SIZES_OFF, (const uint8_t *)packets[3] + SIZES_OFF};

	return sl_parse_wide_words(at);
}

static inline bool has_type(const uint8_t *frame, uint16_t type)
{
	return sl_load16(frame + SL_ETH_TYPE) == sl_be16(type);
}

/* What was seen in the packets of a burst that were parsed by four. */
struct seen {
	uint64_t special;
	uint32_t groups; /* has SL_ETH_GROUP_BIT when a frame is to one */
	bool ipv4, ipv6;
};

/* Four packets from i on. */
static inline __attribute__((always_inline)) void parse_four(struct sl_path_core *core, uint32_t i,
							     bool checksum, struct seen *seen)
{
	struct sl_burst *burst = &core->burst;
	struct rte_mbuf *const *packets = &core->packets[i];
	__m256i words = load_sizes(packets);
	__m256i sizes = _mm256_and_si256(words, SL_PARSE_LANE(low32));
	__m256i lengths = _mm256_shuffle_epi8(words, SL_PARSE_LANE(le16_at4));
	__m256i single = _mm256_cmpeq_epi64(sizes, lengths);
	const uint8_t *frame[SL_PARSE_WIDE_COUNT];
	uint32_t plain = 0, syns = 0, group = 0;

	for (uint32_t k = 0; k < SL_PARSE_WIDE_COUNT; k++) {
		frame[k] = rte_pktmbuf_mtod(packets[k], const uint8_t *);
		group |= frame[k][0];
	}
	if (sl_likely(has_type(frame[0], SL_ETHERTYPE_IPV4))) {
		plain = sl_parse_wide4(frame, sizes, &burst->pkt[i], &burst->target[i], &syns);
		seen->ipv4 = true;
	} else if (has_type(frame[0], SL_ETHERTYPE_IPV6)) {
		plain = sl_parse_wide6(frame, sizes, &burst->pkt[i], &syns);
		seen->ipv6 = true;
	}
	plain &= (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(single));
	if (sl_unlikely(plain != 0xf)) {
		for (uint32_t k = 0; k < SL_PARSE_WIDE_COUNT; k++)
			sl_path_parse_one(core, i + k, checksum);
		return;
	}
	_mm_storeu_ps((float *)&burst->frame_size[i],
		      _mm_shuffle_ps(_mm_castsi128_ps(_mm256_castsi256_si128(sizes)),
				     _mm_castsi128_ps(_mm256_extracti128_si256(sizes, 1)), 0x88));
	seen->special |= (uint64_t)syns << i;
	seen->groups |= group;
}

/* Frames to groups among plain packets: seldom, so they are looked for afterwards. */
static __attribute__((noinline, cold)) void mark_groups(struct sl_path_core *core)
{
	struct sl_burst *burst = &core->burst;

	for (uint32_t i = 0; i < burst->count; i++) {
		if (burst->pkt[i].status != SL_PKT_OK ||
		    !(*rte_pktmbuf_mtod(core->packets[i], const uint8_t *) & SL_ETH_GROUP_BIT))
			continue;
		burst->pkt[i].flags |= SL_PKT_GROUP;
		burst->special |= 1ull << i;
	}
}

void sl_path_parse_wide(struct sl_path_core *core, uint32_t count, bool checksum)
{
	struct rte_mbuf **packets = core->packets;
	struct seen seen = {0};
	uint32_t i = 0;

	sl_path_parse_begin(core, count);
	for (uint32_t k = 0; k < SL_MIN(count, AHEAD); k++)
		rte_prefetch0((const uint8_t *)packets[k] + FRAME_OFF);
	for (; i + SL_PARSE_WIDE_COUNT <= count; i += SL_PARSE_WIDE_COUNT) {
		if (i + AHEAD + SL_PARSE_WIDE_COUNT <= count)
			for (uint32_t k = 0; k < SL_PARSE_WIDE_COUNT; k++)
				rte_prefetch0((const uint8_t *)packets[i + AHEAD + k] + FRAME_OFF);
		parse_four(core, i, checksum, &seen);
		if ((i + SL_PARSE_WIDE_COUNT) % TOGETHER == 0)
			sl_path_parse_ahead(core, i + SL_PARSE_WIDE_COUNT - TOGETHER,
					    i + SL_PARSE_WIDE_COUNT);
	}
	for (; i < count; i++)
		sl_path_parse_one(core, i, checksum);
	sl_path_parse_ahead(core, count - count % TOGETHER, count);
	sl_path_parse_end(core);
	core->burst.special |= seen.special;
	core->burst.ipv4 &= !seen.ipv6;
	core->burst.ipv6 &= !seen.ipv4;
	if (sl_unlikely(seen.groups & SL_ETH_GROUP_BIT))
		mark_groups(core);
}
