/* SPDX-License-Identifier: BSD-3-Clause */

/* The operations of a step, as octets; for past_write.c and past_read.c only.
 *
 * Threads: any; constants only.
 */

#ifndef SL_CTL_PAST_OP_H
#define SL_CTL_PAST_OP_H

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
};

#endif
