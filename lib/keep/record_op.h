/* SPDX-License-Identifier: BSD-3-Clause */

/* The operations of a step, as octets, and nodes in them; for record.c, replay.c and what is carried
 * beside.
 *
 * Threads: control.
 */

#ifndef SL_KEEP_RECORD_OP_H
#define SL_KEEP_RECORD_OP_H

#include "conf/conf.h"
#include "image/image.h"
#include "keep/pack.h"

enum sl_past_op {
	SL_PAST_END = 0,
	SL_PAST_WEIGHT = 1, /* pool, node, millionths */
	SL_PAST_ADD = 2,    /* pool, node, whether a leaving one came back, count, "key=value"... */
	SL_PAST_REMOVE = 3, /* pool, node */
	SL_PAST_HAND = 4,   /* pool, node, hand, cut, deadline, since, why */
	SL_PAST_TEXT = 5,   /* configuration, hash key; states by hand begin anew */
	SL_PAST_MOVE = 6,   /* pool, names, count, (slots since the last one, name)... */
	SL_PAST_HOME = 7,   /* pool, names, count, name... */
	SL_PAST_FORMER = 8, /* pool, names, count, name... */
	SL_PAST_CUT = 9,    /* pool, node that was removed: its live flows go elsewhere */
	SL_PAST_SERVICE = 10, /* name, count of its keys, "key=value"...; no keys: it is gone */
	/* behind a text: pool, count, (node, SL_PAST_IS_*)...: not who had that name before */
	SL_PAST_OTHERS = 11,
};

#define SL_PAST_IS_BACK	 1u /* a leaving one came back */
#define SL_PAST_IS_AFTER 2u /* a listed one of that name left */
#define SL_PAST_IS_CUT	 4u /* and its live flows went elsewhere */

/* The node's keys as add-node takes them: count, "key=value"... */
void sl_past_write_node(struct sl_pack *pack, const struct sl_conf *conf,
			const struct sl_conf_node *node);
/* 0, -EINVAL (also where the configuration has no such port or worker), -ENOMEM; the node's strings
 * are freed with sl_conf_node_fini(). */
int sl_past_read_node(struct sl_unpack *unpack, const struct sl_conf *conf, const char *name,
		      struct sl_conf_node *node);

/* Pairs as they were written: how many; 0 also where they make no sense. */
#define SL_PAST_PAIRS_MAX 64
uint32_t sl_past_read_pairs(struct sl_unpack *unpack, const char *pairs[SL_PAST_PAIRS_MAX]);
/* SL_PAST_SERVICE, into an image of the caller's alone: 0, -EINVAL, -ENOMEM. */
int sl_past_read_service(struct sl_unpack *unpack, struct sl_image *image);

/* For look-ups: the name of the node at a place of a struct sl_image_pool; NULL: it is leaving. */
const char *sl_past_name_at(const void *pool, uint32_t place);

#endif
