/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/majority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limit.h"

#define NODE_SIZE (2 * SL_NAME_SIZE) /* "POOL/NODE" */

/* What a member says of a node; names point into its text. */
struct said {
	const char *node;
	uint32_t says; /* bits of enum sl_says */
};

struct member {
	char name[SL_NAME_SIZE];
	char *text;
	struct said *said; /* by node, one of each */
	uint32_t count, down;
};

/* What all say of a node; the name is one of theirs. */
struct tally {
	const char *node;
	struct sl_votes votes;
	uint32_t unknown;
};

struct sl_majority {
	struct member *members;
	uint32_t member_count;
	struct tally *tallies; /* by node */
	uint32_t tally_count;
};

static const struct {
	const char *word;
	enum sl_says says;
} words[] = {{"down ", SL_SAYS_DOWN},
	     {"drain ", SL_SAYS_DRAIN},
	     {"maint ", SL_SAYS_MAINT},
	     {"unknown ", SL_SAYS_UNKNOWN}};

/* ---- one member ------------------------------------------------------------------------------ */

static int by_node(const void *a, const void *b)
{
	return strcmp(((const struct said *)a)->node, ((const struct said *)b)->node);
}

static void read_line(struct member *member, char *line)
{
	for (size_t w = 0; w < SL_ARRAY_COUNT(words); w++) {
		size_t length = strlen(words[w].word);

		if (strncmp(line, words[w].word, length) == 0 && strlen(line + length) < NODE_SIZE)
			member->said[member->count++] = (struct said){line + length, words[w].says};
	}
}

/* Several lines of a node become one. */
static void merge(struct member *member)
{
	uint32_t kept = 0;

	qsort(member->said, member->count, sizeof(*member->said), by_node);
	for (uint32_t i = 0; i < member->count; i++)
		if (kept && strcmp(member->said[kept - 1].node, member->said[i].node) == 0)
			member->said[kept - 1].says |= member->said[i].says;
		else
			member->said[kept++] = member->said[i];
	member->count = kept;
	for (uint32_t i = 0; i < kept; i++)
		member->down +=
			(member->said[i].says & (SL_SAYS_DOWN | SL_SAYS_UNKNOWN)) == SL_SAYS_DOWN;
}

static void member_fini(struct member *member)
{
	free(member->text);
	free(member->said);
}

static int read_member(struct member *member, const char *name, const char *text)
{
	size_t lines = 1;
	char *rest, *line;

	*member = (struct member){0};
	(void)snprintf(member->name, sizeof(member->name), "%s", name);
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	member->text = strdup(text);
	member->said = calloc(lines, sizeof(*member->said));
	if (!member->text || !member->said) {
		member_fini(member);
		return -ENOMEM;
	}
	for (line = strtok_r(member->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		read_line(member, line);
	merge(member);
	return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void add(struct tally *tally, uint32_t says)
{
	if (says & SL_SAYS_UNKNOWN) {
		tally->unknown++;
		return;
	}
	tally->votes.down += (says & SL_SAYS_DOWN) != 0;
	tally->votes.drain += (says & SL_SAYS_DRAIN) != 0;
	tally->votes.maint += (says & SL_SAYS_MAINT) != 0;
}

/* What these members say together; NULL: no memory. */
static struct tally *tally_all(const struct member *members, uint32_t member_count, uint32_t *count)
{
	uint32_t all = 0, kept = 0;
	struct tally *tallies;
	struct said *said;

	for (uint32_t m = 0; m < member_count; m++)
		all += members[m].count;
	said = calloc(all + 1, sizeof(*said));
	tallies = calloc(all + 1, sizeof(*tallies));
	if (!said || !tallies) {
		free(said);
		free(tallies);
		return NULL;
	}
	all = 0;
	for (uint32_t m = 0; m < member_count; m++) {
		memcpy(&said[all], members[m].said, members[m].count * sizeof(*said));
		all += members[m].count;
	}
	qsort(said, all, sizeof(*said), by_node);
	for (uint32_t i = 0; i < all; i++) {
		if (!kept || strcmp(tallies[kept - 1].node, said[i].node) != 0)
			tallies[kept++].node = said[i].node;
		add(&tallies[kept - 1], said[i].says);
	}
	free(said);
	for (uint32_t t = 0; t < kept; t++)
		tallies[t].votes.members = member_count - tallies[t].unknown;
	*count = kept;
	return tallies;
}

static void forget_all(struct sl_majority *majority)
{
	for (uint32_t m = 0; m < majority->member_count; m++)
		member_fini(&majority->members[m]);
	majority->member_count = majority->tally_count = 0;
}

/* The place of a name in the order of names, and whether it is there. */
static bool find_place(const struct sl_majority *majority, const char *name, uint32_t *place)
{
	uint32_t m = 0;

	while (m < majority->member_count && strcmp(majority->members[m].name, name) < 0)
		m++;
	*place = m;
	return m < majority->member_count && strcmp(majority->members[m].name, name) == 0;
}

int sl_majority_say(struct sl_majority *majority, const char *name, const char *text)
{
	struct member *members = majority->members, before = {0}, fresh;
	uint32_t place = 0, count = 0, all = majority->member_count;
	bool was_there = name && find_place(majority, name, &place);
	struct tally *tallies;

	if (!name)
		forget_all(majority);
	if (!name || (!was_there && (!text || all == SL_MAJORITY_MEMBERS_MAX)))
		return 0;
	if (text && read_member(&fresh, name, text))
		return -ENOMEM;
	if (was_there) {
		before = members[place];
		memmove(&members[place], &members[place + 1], (--all - place) * sizeof(*members));
	}
	if (text) {
		memmove(&members[place + 1], &members[place], (all++ - place) * sizeof(*members));
		members[place] = fresh;
	}
	tallies = tally_all(members, all, &count);
	free(majority->tallies);
	member_fini(&before);
	majority->tallies = tallies;
	majority->tally_count = count;
	majority->member_count = all;
	return tallies ? 0 : -ENOMEM;
}

int sl_majority_create(struct sl_majority **out)
{
	struct sl_majority *majority = calloc(1, sizeof(*majority));

	if (majority)
		majority->members = calloc(SL_MAJORITY_MEMBERS_MAX, sizeof(*majority->members));
	if (!majority || !majority->members) {
		free(majority);
		return -ENOMEM;
	}
	*out = majority;
	return 0;
}

void sl_majority_destroy(struct sl_majority *majority)
{
	if (!majority)
		return;
	forget_all(majority);
	free(majority->tallies);
	free(majority->members);
	free(majority);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int tally_by_node(const void *name, const void *tally)
{
	return strcmp(name, ((const struct tally *)tally)->node);
}

static int said_by_node(const void *name, const void *said)
{
	return strcmp(name, ((const struct said *)said)->node);
}

void sl_majority_count(const struct sl_majority *majority, const char *pool, const char *node,
		       struct sl_votes *votes)
{
	const struct tally *tally;
	char name[NODE_SIZE];

	(void)snprintf(name, sizeof(name), "%s/%s", pool, node);
	*votes = (struct sl_votes){.members = majority->member_count};
	if (!majority->tally_count)
		return;
	tally = bsearch(name, majority->tallies, majority->tally_count, sizeof(*tally),
			tally_by_node);
	if (tally)
		*votes = tally->votes;
}

void sl_majority_who(const struct sl_majority *majority, const char *pool, const char *node,
		     enum sl_says says, char *names, size_t size)
{
	char name[NODE_SIZE];
	size_t used = 0;

	(void)snprintf(name, sizeof(name), "%s/%s", pool, node);
	names[0] = '\0';
	for (uint32_t m = 0; m < majority->member_count; m++) {
		const struct member *member = &majority->members[m];
		const struct said *said = member->count ? bsearch(name, member->said, member->count,
								  sizeof(*said), said_by_node)
							: NULL;

		if (!said || !(said->says & says) || used + strlen(member->name) + 3 > size)
			continue;
		used += (size_t)snprintf(names + used, size - used, "%s%s", used ? ", " : "",
					 member->name);
	}
}

uint32_t sl_majority_down_at(const struct sl_majority *majority, const char *member)
{
	uint32_t place;

	return find_place(majority, member, &place) ? majority->members[place].down : UINT32_MAX;
}
