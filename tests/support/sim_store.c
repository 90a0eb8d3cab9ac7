/* SPDX-License-Identifier: BSD-3-Clause */

#include "support/sim_store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/bytes.h"
#include "base/prng.h"

#define STORES_MAX 64
#define CUT_NONE   SIZE_MAX

struct item {
	char key[SL_STORE_KEY_SIZE];
	uint8_t *value;
	size_t size;
	const struct sl_store *owner; /* of its lease */
};

/* Something that a member is told in a later step. */
struct letter {
	TAILQ_ENTRY(letter) link;
	enum { LETTER_UP, LETTER_ANSWER, LETTER_NEWS } kind;
	int rc;
	sl_store_done *done;
	void *context;
	struct sl_store_pair *pairs;
	uint32_t count;
	bool more, fresh;
};
TAILQ_HEAD(letters, letter);

struct sl_store {
	uint32_t number;
	struct sl_store_calls calls;
	bool up, fresh;
	struct letters letters;
};

static struct {
	struct sl_prng prng;
	struct item *items; /* in the order of keys */
	uint32_t count, room;
	struct sl_store *stores[STORES_MAX];
	uint32_t store_count;
	size_t cut;
} sim;

/* ---- what is kept ---------------------------------------------------------------------------- */

static uint32_t place_of(const char *key)
{
	uint32_t low = 0, high = sim.count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (strcmp(sim.items[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct item *find(const char *key)
{
	uint32_t at = place_of(key);

	return at < sim.count && strcmp(sim.items[at].key, key) == 0 ? &sim.items[at] : NULL;
}

static void *copy_of(const void *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	assert(copy);
	memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

static struct letter *post(struct sl_store *store)
{
	struct letter *letter = calloc(1, sizeof(*letter));

	assert(letter);
	TAILQ_INSERT_TAIL(&store->letters, letter, link);
	return letter;
}

static void tell(const char *key, const void *value, size_t size)
{
	for (uint32_t s = 0; s < sim.store_count; s++) {
		struct sl_store *store = sim.stores[s];
		struct letter *letter;

		if (!store || !store->up)
			continue;
		letter = post(store);
		letter->kind = LETTER_NEWS;
		letter->pairs = calloc(1, sizeof(*letter->pairs));
		letter->count = 1;
		(void)snprintf(letter->pairs[0].key, SL_STORE_KEY_SIZE, "%s", key);
		letter->pairs[0].value = value ? copy_of(value, size) : NULL;
		letter->pairs[0].size = size;
	}
}

static void put(const char *key, const void *value, size_t size, const struct sl_store *owner)
{
	struct item *item = find(key);
	uint32_t at;

	if (!item) {
		at = place_of(key);
		if (sim.count == sim.room) {
			sim.room = sim.room ? 2 * sim.room : 64;
			sim.items = realloc(sim.items, sim.room * sizeof(*sim.items));
			assert(sim.items);
		}
		memmove(&sim.items[at + 1], &sim.items[at], (sim.count - at) * sizeof(*item));
		sim.count++;
		item = &sim.items[at];
		*item = (struct item){0};
		(void)snprintf(item->key, sizeof(item->key), "%s", key);
	}
	free(item->value);
	item->value = copy_of(value, size);
	item->size = size;
	item->owner = owner;
	tell(key, value, size);
}

static void take_out(uint32_t at)
{
	char key[SL_STORE_KEY_SIZE];

	(void)snprintf(key, sizeof(key), "%s", sim.items[at].key);
	free(sim.items[at].value);
	sim.count--;
	memmove(&sim.items[at], &sim.items[at + 1], (sim.count - at) * sizeof(*sim.items));
	tell(key, NULL, 0);
}

static void expire(const struct sl_store *store)
{
	for (uint32_t i = sim.count; i-- > 0;)
		if (sim.items[i].owner == store)
			take_out(i);
}

/* ---- what is asked --------------------------------------------------------------------------- */

static void fill(struct letter *letter, const struct sl_store_range *range)
{
	uint32_t at = place_of(range->from);

	letter->pairs = calloc(sim.count + 1, sizeof(*letter->pairs));
	for (; at < sim.count; at++) {
		const struct item *item = &sim.items[at];
		struct sl_store_pair *pair = &letter->pairs[letter->count];

		if (range->to ? strcmp(item->key, range->to) >= 0
			      : strcmp(item->key, range->from) != 0)
			break;
		if (range->limit && letter->count == range->limit) {
			letter->more = true;
			break;
		}
		memcpy(pair->key, item->key, sizeof(pair->key));
		pair->size = range->keys_only ? 0 : SL_MIN(item->size, sim.cut);
		pair->value = copy_of(item->value, pair->size);
		letter->count++;
	}
	sim.cut = CUT_NONE;
}

static void sim_read(struct sl_store *store, const struct sl_store_range *range,
		     sl_store_done *done, void *context)
{
	struct letter *letter = post(store);

	letter->kind = LETTER_ANSWER;
	letter->done = done;
	letter->context = context;
	letter->rc = store->up ? 0 : -ENOLINK;
	if (store->up)
		fill(letter, range);
}

static bool holds(const struct sl_store_compare *compare)
{
	const struct item *item = find(compare->key);

	if (!compare->value)
		return !item;
	return item && item->size == strlen(compare->value) &&
	       memcmp(item->value, compare->value, item->size) == 0;
}

static void carry_out(struct sl_store *store, const struct sl_store_put *one)
{
	struct item *item;

	if (one->to) {
		for (uint32_t at = place_of(one->key);
		     at < sim.count && strcmp(sim.items[at].key, one->to) < 0;)
			take_out(at);
		return;
	}
	item = find(one->key);
	if (one->value)
		put(one->key, one->value, one->size, one->leased ? store : NULL);
	else if (item)
		take_out((uint32_t)(item - sim.items));
}

static uint32_t commits;

uint32_t sim_commits(void)
{
	return commits;
}

static void sim_commit(struct sl_store *store, const struct sl_store_commit *commit,
		       sl_store_done *done, void *context)
{
	struct letter *letter;
	bool fits = store->up;
	int rc = store->up ? 0 : -ENOLINK;

	for (uint32_t i = 0; i < commit->compare_count; i++)
		fits = fits && holds(&commit->compares[i]);
	commits += fits;
	for (uint32_t i = 0; fits && i < commit->put_count; i++)
		carry_out(store, &commit->puts[i]);
	letter = post(store);
	letter->kind = LETTER_ANSWER;
	letter->done = done;
	letter->context = context;
	letter->rc = rc ? rc : fits ? 0 : -EAGAIN;
	if (!rc && !fits && commit->read)
		fill(letter, commit->read);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void letter_free(struct letter *letter)
{
	for (uint32_t i = 0; i < letter->count; i++)
		free((void *)(uintptr_t)letter->pairs[i].value);
	free(letter->pairs);
	free(letter);
}

static void deliver(struct sl_store *store, struct letter *letter)
{
	const struct sl_store_answer answer = {.rc = letter->rc,
					       .pairs = letter->pairs,
					       .count = letter->count,
					       .more = letter->more};

	TAILQ_REMOVE(&store->letters, letter, link);
	if (letter->kind == LETTER_UP)
		store->calls.up(store->calls.context, letter->fresh, "192.0.2.1");
	else if (letter->kind == LETTER_ANSWER)
		letter->done(letter->context, &answer);
	else if (store->up)
		store->calls.changed(store->calls.context, letter->pairs, letter->count);
	letter_free(letter);
}

/* The first of its kind, so that news keep their order; an answer may overtake them. */
static struct letter *choose(const struct sl_store *store)
{
	struct letter *letter = TAILQ_FIRST(&store->letters), *other;

	if (letter->kind == LETTER_UP || sl_prng_below(&sim.prng, 2))
		return letter;
	TAILQ_FOREACH(other, &store->letters, link)
	if (other->kind != letter->kind && other->kind != LETTER_UP)
		return other;
	return letter;
}

bool sim_step(void)
{
	uint32_t from = sim.store_count ? sl_prng_below(&sim.prng, sim.store_count) : 0;

	for (uint32_t i = 0; i < sim.store_count; i++) {
		struct sl_store *store = sim.stores[(from + i) % sim.store_count];

		if (!store || TAILQ_EMPTY(&store->letters))
			continue;
		deliver(store, choose(store));
		return true;
	}
	return false;
}

void sim_up(struct sl_store *store, bool expired)
{
	struct letter *letter;

	if (expired)
		expire(store);
	store->fresh = store->fresh || expired;
	store->up = true;
	letter = post(store);
	letter->kind = LETTER_UP;
	letter->fresh = store->fresh;
	store->fresh = false;
}

void sim_down(struct sl_store *store, const char *why)
{
	struct letters old = TAILQ_HEAD_INITIALIZER(old);
	const struct sl_store_answer nobody = {.rc = -ENOLINK};
	struct letter *letter;

	store->up = false;
	TAILQ_CONCAT(&old, &store->letters, link);
	store->calls.down(store->calls.context, why);
	while ((letter = TAILQ_FIRST(&old))) {
		TAILQ_REMOVE(&old, letter, link);
		if (letter->kind == LETTER_ANSWER)
			letter->done(letter->context, &nobody);
		letter_free(letter);
	}
}

/* ---- the engine ------------------------------------------------------------------------------ */

static int sim_create(struct event_base *base, const struct sl_conf_store *conf, const char *prefix,
		      const struct sl_store_calls *calls, struct sl_store **out, struct sl_err *err)
{
	struct sl_store *store = calloc(1, sizeof(*store));

	(void)base;
	(void)conf;
	(void)prefix;
	(void)err;
	assert(store && sim.store_count < STORES_MAX);
	store->number = sim.store_count;
	store->calls = *calls;
	store->fresh = true;
	TAILQ_INIT(&store->letters);
	sim.stores[sim.store_count++] = store;
	sim_up(store, false);
	*out = store;
	return 0;
}

static void sim_destroy(struct sl_store *store)
{
	struct letter *letter;

	if (!store)
		return;
	sim.stores[store->number] = NULL;
	expire(store);
	while ((letter = TAILQ_FIRST(&store->letters))) {
		TAILQ_REMOVE(&store->letters, letter, link);
		letter_free(letter);
	}
	free(store);
}

const struct sl_store_ops sim_store = {
	.name = "sim",
	.create = sim_create,
	.destroy = sim_destroy,
	.read = sim_read,
	.commit = sim_commit,
};

/* ---- for tests ------------------------------------------------------------------------------- */

void sim_begin(uint64_t seed)
{
	memset(&sim, 0, sizeof(sim));
	sim.prng = (struct sl_prng){seed};
	sim.cut = CUT_NONE;
}

void sim_end(void)
{
	for (uint32_t i = 0; i < sim.count; i++)
		free(sim.items[i].value);
	free(sim.items);
	memset(&sim, 0, sizeof(sim));
}

struct sl_store *sim_store_of(uint32_t number)
{
	return sim.stores[number];
}

const char *sim_get(const char *key, size_t *size)
{
	const struct item *item = find(key);

	if (item && size)
		*size = item->size;
	return item ? (const char *)item->value : NULL;
}

void sim_put(const char *key, const void *value, size_t size)
{
	struct item *item = find(key);

	if (value)
		put(key, value, size, NULL);
	else if (item)
		take_out((uint32_t)(item - sim.items));
}

uint32_t sim_count(const char *prefix)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sim.count; i++)
		count += strncmp(sim.items[i].key, prefix, strlen(prefix)) == 0;
	return count;
}

void sim_cut_next(size_t size)
{
	sim.cut = size;
}

size_t sim_size(void)
{
	size_t size = 0;

	for (uint32_t i = 0; i < sim.count; i++)
		size += strlen(sim.items[i].key) + sim.items[i].size;
	return size;
}
