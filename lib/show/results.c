/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/results.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "conf/key.h"
#include "pkt/key.h"

#define KEY_TEXT_SIZE 192

/* ---- keys as text ---------------------------------------------------------------------------- */

static const char *const kind_names[] = {
#define X(id, name, value) [value] = (name),
	SL_RESULT_KEYS(X)
#undef X
};

static void address_of(const struct sl_key *key, bool destination, struct sl_addr *addr)
{
	bool is_v4 = key->family == SL_FAMILY_IPV4;
	const void *octets = is_v4 ? (const void *)(destination ? &key->dst4 : &key->src4)
				   : (const void *)(destination ? key->dst : key->src);

	memset(addr, 0, sizeof(*addr));
	addr->family = key->family;
	memcpy(addr->octets, octets, is_v4 ? SL_ADDR4_SIZE : SL_ADDR6_SIZE);
}

static const char *protocol_text(uint8_t protocol, char *text, size_t size)
{
	const char *name = sl_conf_protocol_name(protocol);

	(void)snprintf(text, size, name ? "%s" : "%.0s%u", name ? name : "", protocol);
	return text;
}

/* An address, with its port in 5-tuples. */
static void write_end(const struct sl_key *key, bool destination, bool port, char *text,
		      size_t size)
{
	struct sl_addr addr;
	char plain[SL_ADDR_TEXT_SIZE];
	uint16_t number = sl_be16(destination ? key->dport_be : key->sport_be);

	address_of(key, destination, &addr);
	(void)sl_addr_format(&addr, plain);
	if (!port)
		(void)snprintf(text, size, "%s", plain);
	else if (addr.family == SL_FAMILY_IPV6)
		(void)snprintf(text, size, "[%s]:%u", plain, number);
	else
		(void)snprintf(text, size, "%s:%u", plain, number);
}

static const char *service_name(const struct sl_image *image, uint64_t index)
{
	for (uint32_t s = 0; s < image->service_count; s++)
		if (image->service_index[s] == index)
			return image->conf->services[s].name;
	return "-";
}

/* What users' handlers call a key may be no text: control characters, and all that is not ASCII where it
 * is not UTF-8, become question marks. */
static void clean_text(char *text)
{
	json_t *string = json_string(text);

	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f || (!string && (*at & 0x80)))
			*at = '?';
	json_decref(string);
}

static void write_key(const struct sl_image *image, enum sl_result_key kind,
		      const struct sl_result_row *row, char text[KEY_TEXT_SIZE])
{
	char source[SL_ADDR_TEXT_SIZE + 8], target[SL_ADDR_TEXT_SIZE + 8], protocol[16];
	struct sl_key key;

	memcpy(&key, row->key, sizeof(key));
	(void)protocol_text(key.protocol, protocol, sizeof(protocol));
	switch (kind) {
	case SL_RESULT_SRC:
	case SL_RESULT_DST:
		write_end(&key, kind == SL_RESULT_DST, false, text, KEY_TEXT_SIZE);
		return;
	case SL_RESULT_SRC_DST:
	case SL_RESULT_5_TUPLE:
		write_end(&key, false, kind == SL_RESULT_5_TUPLE, source, sizeof(source));
		write_end(&key, true, kind == SL_RESULT_5_TUPLE, target, sizeof(target));
		(void)snprintf(text, KEY_TEXT_SIZE, "%s%s%s > %s",
			       kind == SL_RESULT_5_TUPLE ? protocol : "",
			       kind == SL_RESULT_5_TUPLE ? " " : "", source, target);
		return;
	case SL_RESULT_SERVICE:
		(void)snprintf(text, KEY_TEXT_SIZE, "%s", service_name(image, key.word[0]));
		return;
	case SL_RESULT_DPORT:
		(void)snprintf(text, KEY_TEXT_SIZE, "%s/%u", protocol, sl_be16(key.dport_be));
		return;
	case SL_RESULT_PROTO:
		(void)snprintf(text, KEY_TEXT_SIZE, "%s", protocol);
		return;
	case SL_RESULT_TEXT:
		break;
	}
	(void)snprintf(text, KEY_TEXT_SIZE, "%.*s", SL_RESULT_KEY_SIZE - 1, (const char *)row->key);
	clean_text(text);
}

/* An address that is asked for, as it is shown. */
static void normal_key(const char *key, char text[KEY_TEXT_SIZE])
{
	struct sl_addr addr;

	if (sl_addr_parse(key, &addr) == 0)
		(void)sl_addr_format(&addr, text);
	else
		(void)snprintf(text, KEY_TEXT_SIZE, "%s", key);
}

/* "A > B" where both are addresses. */
static bool is_pair(const char *key)
{
	const char *arrow = strstr(key, " > ");
	char source[KEY_TEXT_SIZE];
	struct sl_addr addr;

	if (!arrow || (size_t)(arrow - key) >= sizeof(source))
		return false;
	(void)snprintf(source, sizeof(source), "%.*s", (int)(arrow - key), key);
	return sl_addr_parse(source, &addr) == 0 && sl_addr_parse(arrow + 3, &addr) == 0;
}

bool sl_results_key_fits(enum sl_result_key kind, const char *key)
{
	struct sl_addr addr;

	if (kind == SL_RESULT_SRC || kind == SL_RESULT_DST)
		return sl_addr_parse(key, &addr) == 0;
	if (kind == SL_RESULT_SRC_DST)
		return is_pair(key);
	return kind != SL_RESULT_5_TUPLE || strstr(key, " > ") != NULL;
}

const char *sl_results_kind_name(enum sl_result_key kind)
{
	return kind_names[kind];
}

/* ---- merging --------------------------------------------------------------------------------- */

struct merged {
	struct sl_result_row row;
	enum sl_result_key kind;
	uint64_t most; /* packets at the node that has most of them */
	const char *node;
	bool used;
};

struct table {
	struct merged *entries;
	uint64_t mask;
	uint32_t count;
};

static uint64_t hash_of(const uint8_t key[SL_RESULT_KEY_SIZE])
{
	uint64_t hash = 0, word;

	for (size_t i = 0; i < SL_RESULT_KEY_SIZE; i += sizeof(word)) {
		memcpy(&word, key + i, sizeof(word));
		hash = sl_prng_mix(hash ^ word) + i;
	}
	return hash;
}

static void merge(struct table *table, enum sl_result_key kind, const struct sl_result_row *row,
		  const char *node)
{
	uint64_t at = hash_of(row->key) & table->mask;
	struct merged *entry = &table->entries[at];

	while (entry->used &&
	       (entry->kind != kind || memcmp(entry->row.key, row->key, SL_RESULT_KEY_SIZE) != 0)) {
		at = (at + 1) & table->mask;
		entry = &table->entries[at];
	}
	if (!entry->used) {
		*entry = (struct merged){.row = *row,
					 .kind = kind,
					 .most = row->packets,
					 .node = node,
					 .used = true};
		table->count++;
		return;
	}
	entry->row.packets += row->packets;
	entry->row.octets += row->octets;
	entry->row.error += row->error;
	if (row->first_ms && (!entry->row.first_ms || row->first_ms < entry->row.first_ms))
		entry->row.first_ms = row->first_ms;
	entry->row.last_ms = SL_MAX(entry->row.last_ms, row->last_ms);
	if (row->packets > entry->most) {
		entry->most = row->packets;
		entry->node = node;
	}
}

/* Used entries to the start. */
static void compact(struct table *table)
{
	uint32_t to = 0;

	for (uint64_t from = 0; to < table->count; from++)
		if (table->entries[from].used)
			table->entries[to++] = table->entries[from];
}

/* By what is sorted by, then by key, so that answers are the same each time. */
static int compare(const void *a, const void *b, void *context)
{
	const struct merged *x = a, *y = b;
	enum sl_results_sort sort = *(const enum sl_results_sort *)context;
	uint64_t left, right;

	left = sort == SL_RESULTS_OCTETS ? x->row.octets
	       : sort == SL_RESULTS_LAST ? x->row.last_ms
					 : x->row.packets;
	right = sort == SL_RESULTS_OCTETS ? y->row.octets
		: sort == SL_RESULTS_LAST ? y->row.last_ms
					  : y->row.packets;
	if (left != right)
		return left > right ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->row.key, y->row.key, SL_RESULT_KEY_SIZE);
}

/* All rows of all parts, in order; table->entries are the caller's to free. */
static int merge_all(struct table *table, const struct sl_results_part *parts, uint32_t count,
		     enum sl_results_sort sort)
{
	uint64_t rows = 0, places = 16;

	table->count = 0;
	for (uint32_t i = 0; i < count; i++)
		rows += parts[i].set.count;
	while (places < rows * 2)
		places *= 2;
	table->entries = calloc(places, sizeof(*table->entries));
	if (!table->entries)
		return -ENOMEM;
	table->mask = places - 1;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t r = 0; r < parts[i].set.count; r++)
			merge(table, parts[i].set.form.kind, &parts[i].set.rows[r], parts[i].node);
	compact(table);
	qsort_r(table->entries, table->count, sizeof(*table->entries), compare, &sort);
	return 0;
}

int sl_results_top(const struct sl_image *image, const struct sl_results_part *parts,
		   uint32_t count, uint32_t top, sl_results_told *told, void *context)
{
	char text[KEY_TEXT_SIZE];
	struct table table;

	if (merge_all(&table, parts, count, SL_RESULTS_PACKETS))
		return -ENOMEM;
	for (uint32_t i = 0; i < table.count && i < top; i++) {
		write_key(image, table.entries[i].kind, &table.entries[i].row, text);
		told(context, kind_names[table.entries[i].kind], text, &table.entries[i].row);
	}
	free(table.entries);
	return 0;
}

/* ---- answering ------------------------------------------------------------------------------- */

static json_t *row_json(const struct merged *entry, const char *key, uint64_t all)
{
	const struct sl_result_row *row = &entry->row;
	double share = all ? (double)row->packets / (double)all : 0;
	json_t *object =
		json_pack("{s:f, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "share", share, "key", key,
			  "packets", (json_int_t)row->packets, "octets", (json_int_t)row->octets,
			  "first", (json_int_t)row->first_ms, "last", (json_int_t)row->last_ms,
			  "node", entry->node, "error", (json_int_t)row->error);

	return object;
}

/* Whether nodes count by different keys. */
static bool is_mixed(const struct sl_results_part *parts, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (parts[i].set.form.kind != parts[0].set.form.kind)
			return true;
	return false;
}

static json_t *warnings_json(const struct sl_results_part *parts, uint32_t count)
{
	json_t *warnings = json_array();
	uint32_t other = 0;

	while (other < count && parts[other].set.form.kind == parts[0].set.form.kind)
		other++;
	if (other < count)
		(void)json_array_append_new(
			warnings,
			json_sprintf("nodes count by different keys (%s by %s, %s by %s): rows of "
				     "different keys stand apart, and a packet may be in several "
				     "kinds of rows",
				     parts[0].node, kind_names[parts[0].set.form.kind],
				     parts[other].node, kind_names[parts[other].set.form.kind]));
	return warnings;
}

static json_t *rows_json(const struct sl_image *image, const struct sl_results_query *query,
			 const struct table *table, uint64_t all, bool mixed)
{
	json_t *rows = json_array();
	char text[KEY_TEXT_SIZE], wanted[KEY_TEXT_SIZE] = "";

	if (query->key)
		normal_key(query->key, wanted);
	for (uint32_t i = 0; rows && i < table->count; i++) {
		const struct merged *entry = &table->entries[i];

		if (json_array_size(rows) >= query->top)
			break;
		write_key(image, entry->kind, &entry->row, text);
		if (!query->key || strcmp(text, wanted) == 0)
			(void)json_array_append_new(rows, row_json(entry, text, all));
		else
			continue;
		if (mixed)
			(void)json_object_set_new(json_array_get(rows, json_array_size(rows) - 1),
						  "by", json_string(kind_names[entry->kind]));
	}
	return rows;
}

json_t *sl_results_json(const struct sl_image *image, const struct sl_results_query *query,
			const struct sl_results_part *parts, uint32_t count)
{
	struct sl_result_total total = {0};
	struct table table;
	json_t *answer, *rows;
	bool mixed;

	if (merge_all(&table, parts, count, query->sort))
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		total.packets += parts[i].set.total.packets;
		total.octets += parts[i].set.total.octets;
		total.lost += parts[i].set.total.lost;
	}
	mixed = is_mixed(parts, count);
	rows = rows_json(image, query, &table, total.packets, mixed);
	answer = json_pack(
		"{s:s, s:s, s:{s:I, s:I, s:I, s:I}, s:o, s:o}", "pool", query->pool, "key",
		mixed	? "mixed"
		: count ? kind_names[parts[0].set.form.kind]
			: "",
		"total", "packets", (json_int_t)total.packets, "octets", (json_int_t)total.octets,
		"keys", (json_int_t)table.count, "lost", (json_int_t)total.lost, "rows", rows,
		"warnings", warnings_json(parts, count));
	free(table.entries);
	return answer;
}
