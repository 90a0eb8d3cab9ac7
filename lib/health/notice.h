/* SPDX-License-Identifier: BSD-3-Clause */

/* Notices: what the model is to be told of nodes, all of a turn in one change.
 *
 * Why:     a change builds its pools' slots, which takes milliseconds: a rack that fails must not hold
 *          control for as long as it has nodes.
 * Shape:   plain data in the order in which it was found; the last notice of a node counts.
 * Threads: control.
 * Memory:  the caller's; a notice borrows the names of its pool and node.
 * Errors:  0 or negative errno of sl_model_change(): the model was told nothing.
 */

#ifndef SL_HEALTH_NOTICE_H
#define SL_HEALTH_NOTICE_H

#include "health/prober.h"
#include "model/model.h"

#define SL_NOTICES_MAX	   1024
#define SL_NOTICE_WHY_SIZE 160

struct sl_notice {
	uint32_t id;		 /* of its target */
	bool is_said;		 /* not only another weight: it is a note, too */
	struct sl_change change; /* why and next are filled in when it is told */
	char why[SL_NOTICE_WHY_SIZE];
};

struct sl_notices {
	uint32_t count;
	struct sl_notice of[SL_NOTICES_MAX];
};

/* In words: "timeout: no answer within 100 ms", "status 500". */
void sl_notice_why(struct sl_notice *notice, const struct sl_finding *finding);

/* One change of all, a note of each that is said, and a loud one of pools that nobody is left of. */
int sl_notices_tell(struct sl_notices *notices, struct sl_model *model);

#endif
