/* SPDX-License-Identifier: BSD-3-Clause */

/* The handler tally: counts packets and octets by a key, exactly as long as its memory lasts, then the
 * heaviest with a bound of the error.
 *
 * A hash table with linear probing. Once it has as many keys as it may have, a new one takes the place
 * of the least of the WINDOW entries from its own place on, and that one's count as its error. Windows
 * differ, so a key may leave one with more than the least of the one that it comes back to: each place
 * knows the most that a key which belongs there has left with, and the error of a new one is no less.
 * So no count of packets is too small, and each says by how much it may be too large.
 * Source: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data
 * Streams", ICDT 2005 (Space-Saving), within windows instead of over all. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pkt/parse.h"
#include "state/service.h"
#include "state/snapshot.h"
#include "work/builtin.h"

#define KEYS_DEFAULT 65536u
#define KEYS_MIN     16u
#define KEYS_MAX     (1u << 24)
#define WINDOW	     8u
#define WORDS	     5u /* of a key */

struct entry {
	uint64_t key[WORDS];
	uint64_t packets, octets, first_ms, last_ms, error;
	uint64_t gone;	     /* the place's: the most of a key that belongs here and is not there */
	uint32_t epoch;	     /* of the table; another one: empty */
	uint32_t gone_epoch; /* another one: nothing is gone */
};

struct tally {
	enum sl_result_key kind;
	uint32_t top;		      /* as configured; 0: not */
	uint32_t epoch, count, limit; /* keys at most */
	uint64_t mask;		      /* of places */
	struct sl_hash_key secret;
	struct sl_result_total total;
	struct entry *entries;
	size_t size;
};

/* ---- options --------------------------------------------------------------------------------- */

static int read_key(const char *text, enum sl_result_key *kind)
{
	static const char *const names[] = {
#define X(id, name, value) [value] = (name),
		SL_RESULT_KEYS(X)
#undef X
	};

	for (uint32_t i = SL_RESULT_SRC; i < SL_ARRAY_COUNT(names); i++)
		if (strcmp(names[i], text) == 0) {
			*kind = (enum sl_result_key)i;
			return 0;
		}
	return -EINVAL;
}

static int read_number(const char *text, uint32_t least, uint32_t most, uint32_t *value)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || number < least || number > most)
		return -EINVAL;
	*value = (uint32_t)number;
	return 0;
}

static int read_options(const struct sl_handler_args *args, struct tally *tally, struct sl_err *err)
{
	const char *key = sl_handler_option(args, "key", "src");
	const char *keys = sl_handler_option(args, "keys", NULL);
	const char *top = sl_handler_option(args, "top", NULL);

	for (uint32_t i = 0; i < args->option_count; i++)
		if (strcmp(args->options[i].name, "key") != 0 &&
		    strcmp(args->options[i].name, "keys") != 0 &&
		    strcmp(args->options[i].name, "top") != 0)
			return sl_err_set(
				err, -EINVAL,
				"handler tally has no option \"%s\": key, keys and top are "
				"there",
				args->options[i].name);
	if (read_key(key, &tally->kind))
		return sl_err_set(
			err, -EINVAL,
			"option key \"%s\" of handler tally is none of src, dst, src-dst, "
			"5-tuple, service, dport, proto",
			key);
	tally->limit = KEYS_DEFAULT;
	if (keys && read_number(keys, KEYS_MIN, KEYS_MAX, &tally->limit))
		return sl_err_set(err, -EINVAL,
				  "option keys \"%s\" of handler tally is no number from %u to %u",
				  keys, KEYS_MIN, KEYS_MAX);
	if (top && read_number(top, 1, KEYS_MAX, &tally->top))
		return sl_err_set(err, -EINVAL,
				  "option top \"%s\" of handler tally is no number from 1 to %u",
				  top, KEYS_MAX);
	return 0;
}

static int tally_check(const struct sl_handler_args *args, struct sl_err *err)
{
	struct tally tally = {0};

	return read_options(args, &tally, err);
}

static int tally_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	struct tally *tally = sl_mem_alloc(sizeof(*tally));
	uint64_t places = WINDOW;
	int rc;

	if (!tally)
		return sl_err_set(err, -ENOMEM, "no memory for a tally");
	rc = read_options(args, tally, err);
	if (rc) {
		sl_mem_free(tally, sizeof(*tally));
		return rc;
	}
	while (places / 4 * 3 < tally->limit)
		places *= 2;
	tally->mask = places - 1;
	tally->epoch = 1;
	tally->size = places * sizeof(struct entry);
	tally->entries = sl_mem_alloc(tally->size);
	if (!tally->entries || getrandom(&tally->secret, sizeof(tally->secret), 0) < 0) {
		sl_mem_free(tally->entries, tally->size);
		sl_mem_free(tally, sizeof(*tally));
		return sl_err_set(err, -ENOMEM, "no memory for a tally of %u keys", tally->limit);
	}
	*state = tally;
	return 0;
}

static void tally_close(void *state)
{
	struct tally *tally = state;

	sl_mem_free(tally->entries, tally->size);
	sl_mem_free(tally, sizeof(*tally));
}

/* ---- counting -------------------------------------------------------------------------------- */

/* What of a packet is the key; the rest is zero. */
static void make_key(const struct tally *tally, const struct sl_pkt *pkt, uint32_t service,
		     uint64_t key[WORDS])
{
	static const uint64_t ports = 0xffffffffull, proto = 0xffull << 32, family = 0xffull << 40;
	const struct sl_key *from = &pkt->key;
	bool is_v4 = from->family == SL_FAMILY_IPV4;
	uint64_t src = is_v4 ? 0xffffffffull : ~0ull, dst = ~0ull;
	uint64_t misc = ports | proto | family;

	memset(key, 0, WORDS * sizeof(*key));
	switch (tally->kind) {
	case SL_RESULT_SERVICE:
		key[0] = service;
		return;
	case SL_RESULT_DPORT:
		key[0] = from->word[0] & (0xffff0000ull | proto);
		return;
	case SL_RESULT_PROTO:
		key[0] = from->word[0] & proto;
		return;
	case SL_RESULT_SRC:
		misc = family;
		dst = 0;
		break;
	case SL_RESULT_DST:
		misc = family;
		src = 0;
		break;
	case SL_RESULT_SRC_DST:
		misc = family;
		break;
	default:
		break;
	}
	key[0] = from->word[0] & misc;
	if (is_v4) {
		key[1] = from->word[1] & (src | (dst << 32));
		return;
	}
	key[1] = from->word[1] & src;
	key[2] = from->word[2] & src;
	key[3] = from->word[3] & dst;
	key[4] = from->word[4] & dst;
}

static uint64_t home_of(const struct tally *tally, const uint64_t key[WORDS])
{
	return sl_hash5(&tally->secret, key[0], key[1], key[2], key[3], key[4]) & tally->mask;
}

static bool is_key(const struct entry *entry, const uint64_t key[WORDS])
{
	return memcmp(entry->key, key, sizeof(entry->key)) == 0;
}

/* The key's entry, or the empty place where it would be. There is always an empty one. */
static struct entry *look(const struct tally *tally, const uint64_t key[WORDS])
{
	uint64_t at = home_of(tally, key);

	while (tally->entries[at].epoch == tally->epoch && !is_key(&tally->entries[at], key))
		at = (at + 1) & tally->mask;
	return &tally->entries[at];
}

/* A place for a new key when there are as many as there may be: that of the least of the entries which
 * look() passes on its way, WINDOW at most; where it passes none, the empty place, as long as the table
 * is not full. NULL: there is none. */
static struct entry *displace(struct tally *tally, const uint64_t key[WORDS])
{
	uint64_t at = home_of(tally, key);
	struct entry *least = NULL;

	for (uint32_t i = 0; i < WINDOW; i++, at = (at + 1) & tally->mask) {
		struct entry *entry = &tally->entries[at];

		if (entry->epoch != tally->epoch)
			break;
		if (!least || entry->packets < least->packets)
			least = entry;
	}
	if (!least && tally->count < tally->mask - tally->mask / 16)
		return &tally->entries[home_of(tally, key)];
	return least;
}

static uint64_t gone_from(const struct tally *tally, const struct entry *home)
{
	return home->gone_epoch == tally->epoch ? home->gone : 0;
}

static void let_go(const struct tally *tally, struct entry *home, uint64_t packets)
{
	home->gone = SL_MAX(gone_from(tally, home), packets);
	home->gone_epoch = tally->epoch;
}

/* A new key's entry; NULL: there is no place. */
static struct entry *enter(struct tally *tally, struct entry *entry, const uint64_t key[WORDS],
			   uint64_t now_ms)
{
	struct entry *home = &tally->entries[home_of(tally, key)];
	uint64_t error = 0;

	if (tally->count >= tally->limit)
		entry = displace(tally, key);
	if (!entry) {
		let_go(tally, home, gone_from(tally, home) + 1);
		return NULL;
	}
	if (entry->epoch == tally->epoch) {
		error = entry->packets;
		let_go(tally, &tally->entries[home_of(tally, entry->key)], error);
	} else {
		tally->count++;
	}
	error = SL_MAX(error, gone_from(tally, home));
	*entry = (struct entry){.first_ms = now_ms,
				.packets = error,
				.error = error,
				.gone = entry->gone,
				.epoch = tally->epoch,
				.gone_epoch = entry->gone_epoch};
	memcpy(entry->key, key, sizeof(entry->key));
	return entry;
}

static void count(struct tally *tally, const uint64_t key[WORDS], uint32_t octets, uint64_t now_ms)
{
	struct entry *entry = look(tally, key);

	tally->total.packets++;
	tally->total.octets += octets;
	if (sl_unlikely(entry->epoch != tally->epoch))
		entry = enter(tally, entry, key, now_ms);
	if (!entry) {
		tally->total.lost++;
		return;
	}
	entry->packets++;
	entry->octets += octets;
	entry->last_ms = now_ms;
}

static void tally_burst(void *state, const struct sl_handler_burst *burst)
{
	struct tally *tally = state;
	struct sl_pkt pkts[SL_BURST_MAX];
	uint32_t services[SL_BURST_MAX];
	const struct sl_handler_view view = {
		.pkts = pkts, .services = tally->kind == SL_RESULT_SERVICE ? services : NULL};

	sl_handler_parse(burst, &view);
	for (uint32_t i = 0; i < burst->count; i++) {
		uint64_t key[WORDS];

		if (pkts[i].status != SL_PKT_OK) {
			tally->total.lost++;
			continue;
		}
		make_key(tally, &pkts[i], view.services ? services[i] : 0, key);
		count(tally, key, pkts[i].l3_size, burst->wall_ms);
	}
	rte_pktmbuf_free_bulk(burst->packets, burst->count);
}

/* ---- results --------------------------------------------------------------------------------- */

static void write_row(const struct entry *entry, struct sl_result_row *row)
{
	memset(row, 0, sizeof(*row));
	memcpy(row->key, entry->key, sizeof(entry->key));
	row->packets = entry->packets;
	row->octets = entry->octets;
	row->first_ms = entry->first_ms;
	row->last_ms = entry->last_ms;
	row->error = entry->error;
}

static uint32_t tally_results(void *state, uint64_t *cursor, struct sl_result_row *rows,
			      uint32_t room)
{
	const struct tally *tally = state;
	uint64_t at = *cursor, end = SL_MIN(at + room, tally->mask + 1);
	uint32_t written = 0;

	for (; at < end; at++)
		if (tally->entries[at].epoch == tally->epoch)
			write_row(&tally->entries[at], &rows[written++]);
	*cursor = at > tally->mask ? UINT64_MAX : at;
	return written;
}

static void tally_total(void *state, struct sl_result_total *total)
{
	const struct tally *tally = state;

	*total = tally->total;
	total->keys = tally->count;
}

static void tally_reset(void *state)
{
	struct tally *tally = state;

	tally->epoch++;
	tally->count = 0;
	tally->total = (struct sl_result_total){0};
}

static void tally_form(const void *state, struct sl_result_form *form)
{
	const struct tally *tally = state;

	*form = (struct sl_result_form){.kind = tally->kind, .top = tally->top};
}

const struct sl_handler_ops sl_handler_tally = {
	.name = "tally",
	.check = tally_check,
	.open = tally_open,
	.burst = tally_burst,
	.close = tally_close,
	.results = tally_results,
	.total = tally_total,
	.reset = tally_reset,
	.form = tally_form,
};
