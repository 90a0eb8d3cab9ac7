/* SPDX-License-Identifier: BSD-3-Clause */

#include "yaml/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define ARENA_CHUNK_SIZE (64u << 10)

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(16) char octets[];
};

struct sl_yaml {
	struct chunk *chunks;
	struct sl_yaml_node *root;
};

struct anchor {
	const char *name;
	struct sl_yaml_node *node;
	uint32_t size; /* nodes of it, aliases written out; 0: not ended yet */
};

/* A sequence or mapping that is being read. */
struct level {
	struct sl_yaml_node *node, *last;
	struct anchor *anchor;
	uint32_t size;
	uint32_t height; /* levels below it, through aliases too */
};

struct builder {
	yaml_parser_t parser;
	struct sl_yaml *tree;
	struct sl_yaml_error *error;
	struct level levels[SL_YAML_DEPTH_MAX];
	uint32_t depth;
	uint32_t total; /* nodes, aliases written out */
	uint32_t anchor_count;
	struct anchor anchors[SL_YAML_ANCHORS_MAX];
	uint32_t anchor_heights[SL_YAML_ANCHORS_MAX];
};

static void *arena_take(struct sl_yaml *tree, size_t size)
{
	struct chunk *chunk = tree->chunks;
	size_t rounded = (size + 15) & ~(size_t)15;
	void *memory;

	if (!chunk || chunk->size - chunk->used < rounded) {
		size_t room = rounded > ARENA_CHUNK_SIZE ? rounded : ARENA_CHUNK_SIZE;

		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->next = tree->chunks;
		chunk->used = 0;
		chunk->size = room;
		tree->chunks = chunk;
	}
	memory = chunk->octets + chunk->used;
	chunk->used += rounded;
	return memory;
}

static char *arena_copy(struct sl_yaml *tree, const void *text, size_t length)
{
	char *copy = arena_take(tree, length + 1);

	if (!copy)
		return NULL;
	if (length)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static int fail(struct sl_yaml_error *error, uint32_t line, uint32_t column, const char *text)
{
	error->line = line;
	error->column = column;
	(void)snprintf(error->text, sizeof(error->text), "%s", text);
	return -EINVAL;
}

static int fail_at(struct builder *b, yaml_mark_t mark, const char *text)
{
	return fail(b->error, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, text);
}

/* ---- the text, before libyaml sees it ---------------------------------------------------------*/

/* Octets of the UTF-8 character at text, 0: none. */
static size_t utf8_next(const unsigned char *text, size_t left, uint32_t *value)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = text[0] < 0x80		 ? 1
		      : (text[0] & 0xe0) == 0xc0 ? 2
		      : (text[0] & 0xf0) == 0xe0 ? 3
		      : (text[0] & 0xf8) == 0xf0 ? 4
						 : 0;

	if (!size || size > left)
		return 0;
	*value = size == 1 ? text[0] : text[0] & (0xffu >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*value = *value << 6 | (text[i] & 0x3fu);
	}
	if (*value < least[size] || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000))
		return 0;
	return size;
}

static bool is_control(uint32_t value)
{
	if (value < 0x20)
		return value != '\t' && value != '\n' && value != '\r';
	return (value >= 0x7f && value < 0xa0 && value != 0x85) || value == 0xfeff ||
	       value == 0xfffe || value == 0xffff;
}

static int check_text(const char *text, size_t length, struct sl_yaml_error *error)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t line = 1, column = 1;

	for (size_t left = length; left;) {
		uint32_t value = 0;
		size_t size = utf8_next(at, left, &value);
		char why[80];

		if (!size) {
			(void)snprintf(why, sizeof(why),
				       "octet 0x%02x is not UTF-8; save the file as UTF-8 text",
				       at[0]);
			return fail(error, line, column, why);
		}
		if (is_control(value)) {
			(void)snprintf(why, sizeof(why),
				       "control character U+%04X; a configuration is plain text",
				       value);
			return fail(error, line, column, why);
		}
		column++;
		if (value == '\n') {
			line++;
			column = 1;
		}
		at += size;
		left -= size;
	}
	return 0;
}

/* ---- building the tree ------------------------------------------------------------------------*/

static int add_child(struct builder *b, struct sl_yaml_node *node, uint32_t size, uint32_t height)
{
	struct level *level;

	if (!b->depth) {
		b->tree->root = node;
		return 0;
	}
	level = &b->levels[b->depth - 1];
	if (level->last)
		level->last->next = node;
	else
		level->node->first = node;
	level->last = node;
	level->node->count++;
	level->size += size;
	if (height + 1 > level->height)
		level->height = height + 1;
	return 0;
}

/* Counts nodes that the document has, or has again by an alias. */
static int spend(struct builder *b, yaml_mark_t mark, uint32_t size)
{
	if (size > SL_YAML_NODES_MAX - b->total)
		return fail_at(b, mark, "the document has more than 2500000 values; say less");
	b->total += size;
	return 0;
}

static struct sl_yaml_node *new_node(struct builder *b, enum sl_yaml_kind kind, yaml_mark_t mark)
{
	struct sl_yaml_node *node = arena_take(b->tree, sizeof(*node));

	if (!node)
		return NULL;
	*node = (struct sl_yaml_node){
		.kind = kind,
		.line = (uint32_t)mark.line + 1,
		.column = (uint32_t)mark.column + 1,
		.text = "",
	};
	return node;
}

/* *anchor: NULL for a node without one. */
static int new_anchor(struct builder *b, const yaml_char_t *name, struct sl_yaml_node *node,
		      struct anchor **anchor)
{
	*anchor = NULL;
	if (!name)
		return 0;
	if (b->anchor_count == SL_YAML_ANCHORS_MAX)
		return fail(b->error, node->line, node->column,
			    "more than 100 anchors; write the values out");
	*anchor = &b->anchors[b->anchor_count++];
	**anchor = (struct anchor){
		.name = arena_copy(b->tree, name, strlen((const char *)name)),
		.node = node,
	};
	return (*anchor)->name ? 0 : -ENOMEM;
}

static void end_anchor(struct builder *b, struct anchor *anchor, uint32_t size, uint32_t height)
{
	if (!anchor)
		return;
	anchor->size = size;
	b->anchor_heights[anchor - b->anchors] = height;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct anchor *anchor = NULL;
	struct sl_yaml_node *node;
	uint32_t height;

	for (uint32_t i = b->anchor_count; i && !anchor; i--) {
		if (strcmp(b->anchors[i - 1].name, name) == 0)
			anchor = &b->anchors[i - 1];
	}
	if (!anchor)
		return fail_at(b, event->start_mark, "an alias of an anchor that is not before it");
	if (!anchor->size)
		return fail_at(b, event->start_mark, "an alias inside of what it repeats");
	if (spend(b, event->start_mark, anchor->size))
		return -EINVAL;
	height = b->anchor_heights[anchor - b->anchors];
	if (b->depth + height >= SL_YAML_DEPTH_MAX)
		return fail_at(b, event->start_mark, "more than 32 levels of nesting");
	node = new_node(b, anchor->node->kind, event->start_mark);
	if (!node)
		return -ENOMEM;
	node->quoted = anchor->node->quoted;
	node->text = anchor->node->text;
	node->length = anchor->node->length;
	node->first = anchor->node->first;
	node->count = anchor->node->count;
	return add_child(b, node, anchor->size, height);
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
	struct sl_yaml_node *node = new_node(b, SL_YAML_SCALAR, event->start_mark);
	struct anchor *anchor;
	int err;

	if (!node)
		return -ENOMEM;
	if (event->data.scalar.tag)
		return fail_at(b, event->start_mark,
			       "tags (`!`) have no meaning here; leave it out");
	if (spend(b, event->start_mark, 1))
		return -EINVAL;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->length = event->data.scalar.length;
	node->text = arena_copy(b->tree, event->data.scalar.value, node->length);
	if (!node->text)
		return -ENOMEM;
	err = new_anchor(b, event->data.scalar.anchor, node, &anchor);
	if (err)
		return err;
	end_anchor(b, anchor, 1, 0);
	return add_child(b, node, 1, 0);
}

static int on_start(struct builder *b, const yaml_event_t *event, enum sl_yaml_kind kind,
		    const yaml_char_t *anchor_name, const yaml_char_t *tag)
{
	struct sl_yaml_node *node = new_node(b, kind, event->start_mark);
	struct level *level;

	if (!node)
		return -ENOMEM;
	if (tag)
		return fail_at(b, event->start_mark,
			       "tags (`!`) have no meaning here; leave it out");
	if (b->depth == SL_YAML_DEPTH_MAX)
		return fail_at(b, event->start_mark, "more than 32 levels of nesting");
	if (spend(b, event->start_mark, 1))
		return -EINVAL;
	level = &b->levels[b->depth++];
	*level = (struct level){.node = node, .size = 1};
	return new_anchor(b, anchor_name, node, &level->anchor);
}

static int on_end(struct builder *b)
{
	struct level level = b->levels[--b->depth];

	end_anchor(b, level.anchor, level.size, level.height);
	return add_child(b, level.node, level.size, level.height);
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->tree->root)
			return fail_at(b, event->start_mark,
				       "a second YAML document; a configuration is one document");
		return 0;
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(b, event, SL_YAML_SEQUENCE, event->data.sequence_start.anchor,
				event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_start(b, event, SL_YAML_MAPPING, event->data.mapping_start.anchor,
				event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(b);
	default:
		return 0;
	}
}

/* ---- libyaml's own errors ---------------------------------------------------------------------*/

/* The octet at a mark, '\0' beyond the text. */
static char octet_at(const char *text, size_t length, yaml_mark_t mark)
{
	const char *end = text + length;

	for (size_t line = 0; line < mark.line; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			return '\0';
		text = newline + 1;
	}
	for (size_t column = 0; column < mark.column && text < end; column++) {
		text++;
		while (text < end && ((unsigned char)*text & 0xc0) == 0x80)
			text++;
	}
	return text < end ? *text : '\0';
}

static int fail_syntax(struct builder *b, const char *text, size_t length)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "it cannot be read";
	char why[sizeof(b->error->text)];

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (octet_at(text, length, p->problem_mark) == '\t') {
		(void)snprintf(
			why, sizeof(why),
			"not YAML: a tab stands where YAML wants spaces; indent with spaces");
	} else if (p->context) {
		(void)snprintf(why, sizeof(why), "not YAML: %s (%s that starts in line %zu)",
			       problem, p->context, p->context_mark.line + 1);
	} else {
		(void)snprintf(why, sizeof(why), "not YAML: %s", problem);
	}
	return fail_at(b, p->problem_mark, why);
}

static int build(struct builder *b, const char *text, size_t length)
{
	int err = 0;
	bool ended = false;

	if (!yaml_parser_initialize(&b->parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, length);
	while (!err && !ended) {
		yaml_event_t event;

		if (!yaml_parser_parse(&b->parser, &event)) {
			err = fail_syntax(b, text, length);
			break;
		}
		ended = event.type == YAML_STREAM_END_EVENT;
		err = on_event(b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&b->parser);
	return err;
}

int sl_yaml_parse(const char *text, size_t length, struct sl_yaml **tree,
		  struct sl_yaml_error *error)
{
	struct builder *b;
	int err;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	err = check_text(text, length, error);
	if (err)
		return err;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->error = error;
	b->tree = calloc(1, sizeof(*b->tree));
	err = b->tree ? build(b, text, length) : -ENOMEM;
	if (err || !b->tree->root) {
		sl_yaml_destroy(b->tree);
		b->tree = NULL;
	}
	if (!err)
		*tree = b->tree;
	free(b);
	return err;
}

const struct sl_yaml_node *sl_yaml_root(const struct sl_yaml *tree)
{
	return tree->root;
}

void sl_yaml_destroy(struct sl_yaml *tree)
{
	if (!tree)
		return;
	while (tree->chunks) {
		struct chunk *chunk = tree->chunks;

		tree->chunks = chunk->next;
		free(chunk);
	}
	free(tree);
}

bool sl_yaml_is_text(const char *text, size_t length)
{
	struct sl_yaml_error error;

	return !check_text(text, length, &error);
}

bool sl_yaml_is_null(const struct sl_yaml_node *node)
{
	return node->kind == SL_YAML_SCALAR && !node->quoted &&
	       (!node->length || (!node->verbatim && (strcmp(node->text, "~") == 0 ||
						      strcmp(node->text, "null") == 0)));
}
