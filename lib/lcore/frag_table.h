/* SPDX-License-Identifier: BSD-3-Clause */

/* Per-core fragment table: which flow a datagram's later fragments belong to.
 *
 * Why:     only the first fragment has ports (or the quote of an ICMP error); the others must reach
 *          the same node.
 * Shape:   buckets of eight tags in a cache line, an entry of a cache line beside each. A tag is a
 *          keyed hash of (addresses, protocol, identification), so that nobody can aim at a bucket.
 *          A full bucket forgets its oldest entry: a flood of fragments costs other datagrams their
 *          memory at worst, never more than the table.
 *          An entry knows whether its datagram is whole: fragments that come after that belong to
 *          another datagram with the same identification, and are early until its first one comes.
 * Threads: one owner core; ask: any. Devices spread all fragments of a datagram alike (by
 *          addresses), so that they meet on one core, but routers need not send them to one port.
 * Memory:  create and destroy (takes NULL); looking up allocates nothing.
 * Errors:  0 or negative errno.
 * Source:  RFC 791 (reassembly identifies a datagram by addresses, protocol, identification),
 *          RFC 8200 section 4.5, RFC 1858 (fragments that hide ports), RFC 4963 (identifications
 *          come again within seconds), RFC 5722.
 */

#ifndef SL_LCORE_FRAG_TABLE_H
#define SL_LCORE_FRAG_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "pkt/parse.h"

#define SL_FRAG_ENTRIES_MIN 8
#define SL_FRAG_ENTRIES	    8192  /* of each receive core: 576 KiB */
#define SL_FRAG_LIFE_MS	    10000 /* of a datagram; its fragments follow one another closely */
#define SL_FRAG_OVERLAP_MS                                                                         \
	1000 /* in which a second beginning of a datagram that is not whole is refused when it has
	      * other ports; later the identification is taken for one used again */

struct sl_frag_table;

enum sl_frag_answer {
	SL_FRAG_KNOWN = 0,   /* the packet's key is its flow's now */
	SL_FRAG_EARLY = 1,   /* a later fragment whose first has not been seen */
	SL_FRAG_REFUSED = 2, /* a fragment that would hide or change the ports of its datagram */
};

/* entries: rounded up to a power of two. secret: the pool's hash key or any other. */
int sl_frag_table_create(uint32_t entries, const struct sl_hash_key *secret,
			 struct sl_frag_table **table);
void sl_frag_table_destroy(struct sl_frag_table *table);

/* Names a fragment's datagram; frame is what pkt was parsed from. */
uint64_t sl_frag_tag(const struct sl_frag_table *table, const uint8_t *frame,
		     const struct sl_pkt *pkt);

/* For a packet with SL_PKT_FRAGMENT: a first fragment is learned; a later one gets its flow's key,
 * the flag NO_PORTS goes. */
enum sl_frag_answer sl_frag_table_follow(struct sl_frag_table *table, uint64_t tag,
					 struct sl_pkt *pkt, uint64_t now_ms);

/* Any thread: gives a later fragment its flow's key where the table knows it. whole: also that of a
 * datagram that is whole already, which a fragment that was sent twice belongs to. False: it does not,
 * or the owner is just writing there. */
bool sl_frag_table_ask(const struct sl_frag_table *table, uint64_t tag, struct sl_pkt *pkt,
		       uint64_t now_ms, bool whole);

/* ---- those of all cores ------------------------------------------------------------------------- */

/* With one secret, so that a datagram has the same tag on each. */
struct sl_frag_tables {
	uint32_t count;
	struct sl_frag_table *core[SL_RX_CORES_MAX]; /* count */
};

int sl_frag_tables_create(uint32_t count, uint32_t entries, struct sl_frag_tables **tables);
void sl_frag_tables_destroy(struct sl_frag_tables *tables);

#endif
