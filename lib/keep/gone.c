/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/gone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"

struct sl_gone_node {
	struct sl_gone_node *next;
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	uint32_t index;
	bool cut;
};

void sl_gone_fini(struct sl_gone *gone)
{
	for (uint32_t i = 0; i < gone->room; i++)
		while (gone->lists[i]) {
			struct sl_gone_node *next = gone->lists[i]->next;

			free(gone->lists[i]);
			gone->lists[i] = next;
		}
	free(gone->lists);
	*gone = (struct sl_gone){0};
}

/* The list that nodes of that name are in, the last removed first. */
static struct sl_gone_node **list_of(const struct sl_gone *gone, const char *pool, const char *node)
{
	uint64_t hash = sl_image_seed(node) ^ sl_image_seed(pool) >> 1;

	return &gone->lists[hash & (gone->room - 1)];
}

/* Twice the room; the order of nodes of one name stays. */
static int grow(struct sl_gone *gone)
{
	struct sl_gone old = *gone;
	uint32_t room = old.room ? 2 * old.room : 64;
	struct sl_gone_node **lists = calloc(room, sizeof(*lists));

	if (!lists)
		return -ENOMEM;
	gone->lists = lists;
	gone->room = room;
	for (uint32_t i = 0; i < old.room; i++)
		while (old.lists[i]) {
			struct sl_gone_node *node = old.lists[i], **at;

			old.lists[i] = node->next;
			at = list_of(gone, node->pool, node->node);
			while (*at)
				at = &(*at)->next;
			node->next = NULL;
			*at = node;
		}
	free(old.lists);
	return 0;
}

int sl_gone_add(struct sl_gone *gone, const char *pool, const char *node, uint32_t index, bool cut)
{
	struct sl_gone_node *entry, **list;

	if (gone->count >= gone->room && grow(gone))
		return -ENOMEM;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	memcpy(entry->pool, pool, strnlen(pool, SL_NAME_LENGTH_MAX));
	memcpy(entry->node, node, strnlen(node, SL_NAME_LENGTH_MAX));
	entry->index = index;
	entry->cut = cut;
	list = list_of(gone, pool, node);
	entry->next = *list;
	*list = entry;
	gone->count++;
	return 0;
}

/* The link to the last removed node of that name, or NULL. */
static struct sl_gone_node **link_to(const struct sl_gone *gone, const char *pool, const char *node)
{
	struct sl_gone_node **at = gone->room ? list_of(gone, pool, node) : NULL;

	while (at && *at && (strcmp((*at)->pool, pool) != 0 || strcmp((*at)->node, node) != 0))
		at = &(*at)->next;
	return at && *at ? at : NULL;
}

uint32_t sl_gone_find(const struct sl_gone *gone, const char *pool, const char *node)
{
	struct sl_gone_node **at = link_to(gone, pool, node);

	return at ? (*at)->index : 0;
}

uint32_t sl_gone_take(struct sl_gone *gone, const char *pool, const char *node)
{
	struct sl_gone_node **at = link_to(gone, pool, node), *entry = at ? *at : NULL;
	uint32_t index = entry ? entry->index : 0;

	if (!entry)
		return 0;
	*at = entry->next;
	free(entry);
	gone->count--;
	return index;
}

bool sl_gone_cut(struct sl_gone *gone, const char *pool, const char *node)
{
	struct sl_gone_node **at = link_to(gone, pool, node);

	if (at)
		(*at)->cut = true;
	return at;
}

bool sl_gone_keeps(const struct sl_gone *gone, const char *pool, const char *node, uint32_t index)
{
	const struct sl_gone_node *at = gone->room ? *list_of(gone, pool, node) : NULL;

	while (at &&
	       (at->index != index || strcmp(at->pool, pool) != 0 || strcmp(at->node, node) != 0))
		at = at->next;
	return at && !at->cut;
}
