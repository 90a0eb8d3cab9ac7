/* SPDX-License-Identifier: BSD-3-Clause */

/* A YAML document as a tree of places and texts.
 *
 * Why:     whoever reads a configuration needs the line and column of every key and value, and must
 *          not be killed by a file that nests or repeats itself without end.
 * Shape:   scalars, sequences and mappings; children are a linked list, a mapping's are key, value,
 *          key, value. An alias is a second look at the children of its anchor. What the tree is
 *          when aliases are written out is bounded by SL_YAML_NODES_MAX and SL_YAML_DEPTH_MAX.
 * Threads: any; the tree is read-only once it is there.
 * Memory:  sl_yaml_parse() allocates, sl_yaml_destroy() frees (takes NULL).
 * Errors:  0, -EINVAL with the place and a sentence, -ENOMEM.
 * Source:  YAML 1.1 as libyaml reads it; one document, UTF-8, no tags.
 */

#ifndef SL_YAML_YAML_H
#define SL_YAML_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_YAML_DEPTH_MAX   32
#define SL_YAML_NODES_MAX   2500000u
#define SL_YAML_ANCHORS_MAX 100u

enum sl_yaml_kind { SL_YAML_SCALAR = 0, SL_YAML_SEQUENCE = 1, SL_YAML_MAPPING = 2 };

struct sl_yaml_node {
	enum sl_yaml_kind kind;
	bool quoted;	       /* a scalar in quotes or a block: never a number */
	bool verbatim;	       /* a scalar of no document: `~` and `null` are texts */
	uint32_t line, column; /* from 1; columns count characters */
	const char *text;      /* scalar; never NULL, ends with a zero */
	size_t length;	       /* octets of text */
	const struct sl_yaml_node *first, *next;
	uint32_t count; /* children */
};

struct sl_yaml_error {
	uint32_t line, column;
	char text[256];
};

struct sl_yaml;

/* *tree is NULL for a text without a document (empty, or comments alone). */
int sl_yaml_parse(const char *text, size_t length, struct sl_yaml **tree,
		  struct sl_yaml_error *error);
const struct sl_yaml_node *sl_yaml_root(const struct sl_yaml *tree);
void sl_yaml_destroy(struct sl_yaml *tree);

/* Whether a text could stand in a document: UTF-8 without control characters but white space. */
bool sl_yaml_is_text(const char *text, size_t length);

/* A plain scalar that stands for nothing: empty, `~` or `null`. */
bool sl_yaml_is_null(const struct sl_yaml_node *node);

#endif
