/* SPDX-License-Identifier: BSD-3-Clause */

/* What the past is written in: a whole state, and the step from one state to the next.
 *
 * Why:     history keeps hundreds of generations, the state file grows by one step a change: both
 *          hold the same octets, a few hundred for a change of a weight.
 * Shape:   a state is the configuration as text, the nodes' states by hand, and each pool's home
 *          and former tables in names. A step is what was asked (a weight, a node more or less, a
 *          state, or a whole new text) and the slots that moved.
 * Threads: the control thread.
 * Memory:  images that are read are the caller's alone, and are changed in place by steps.
 * Errors:  0, -EINVAL for octets that make no sense, -ENOMEM.
 */

#ifndef SL_KEEP_RECORD_H
#define SL_KEEP_RECORD_H

#include "base/hash.h"
#include "image/image.h"
#include "keep/gone.h"
#include "keep/pack.h"
#include "model/change.h"

/* The image between readings. */
struct sl_past {
	struct sl_image *image;
	struct sl_hash_key hash_key;
	uint32_t index_next; /* for the next node */
	struct sl_gone gone; /* what former names and the image has not */
};

/* Times in images are of this process's clock; in octets they are wall-clock time. */
struct sl_past_clock {
	uint64_t now_ms, wall_ms;
};

void sl_past_write_state(struct sl_pack *pack, const struct sl_image *image,
			 const struct sl_hash_key *key, const struct sl_past_clock *clock);
void sl_past_write_step(struct sl_pack *pack, const struct sl_change *change,
			const struct sl_image *before, const struct sl_image *after,
			const struct sl_hash_key *key, const struct sl_past_clock *clock);

int sl_past_read_state(struct sl_unpack *unpack, const struct sl_past_clock *clock,
		       struct sl_past *past);
/* On failure the past is of no use any more. */
int sl_past_read_step(struct sl_unpack *unpack, const struct sl_past_clock *clock,
		      struct sl_past *past);
void sl_past_fini(struct sl_past *past);

#endif
