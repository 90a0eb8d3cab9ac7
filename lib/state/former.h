/* SPDX-License-Identifier: BSD-3-Clause */

/* The services as they were before some of their packets became another service's.
 *
 * Why:     a service that is added, renamed, removed, narrowed or widened takes packets from others or
 *          leaves them to others: their live flows stay with the pool and the node before.
 * Shape:   the service table before a change, with what each service said then. For one idle timeout
 *          the packets of such a region are open as those of a slot that moved: unknown flows go by
 *          the service that they had, beginnings by the one they have. Who gained a region is
 *          unsettled as a service that was pointed at another pool, so that packets of all others
 *          pay nothing; origin.h finds out where a packet was.
 *          A change while the last former is open melts into it when it moves regions that had not
 *          moved since, whose services are as they were: all of them are open for the longer. Others
 *          are one former more, SL_FORMERS_MAX at most. A former is no more asked once every
 *          live flow of its regions must have been entered where it is now: two idle timeouts.
 * Threads: immutable once it is part of a snapshot; building, references: control.
 * Memory:  one allocation, counted references; a reference to its table.
 * Errors:  0 or negative errno.
 */

#ifndef SL_STATE_FORMER_H
#define SL_STATE_FORMER_H

#include <stdbool.h>
#include <stdint.h>

#include "state/snapshot.h"

struct sl_former {
	uint32_t references;
	uint32_t count;			/* of views */
	struct sl_service_table *table; /* a reference */
	uint64_t since_ms;		/* when the first of its regions moved */
	uint64_t open_until_ms;
	uint64_t idle_ms;	       /* the longest idle timeout concerned */
	struct sl_service_view view[]; /* by index, of the services in the table; else all zero */
};

/* A service table that takes the place of another. */
struct sl_former_move {
	struct sl_former *const *before; /* before_count, the latest first */
	uint32_t before_count;
	struct sl_service_table *from, *to;
	const struct sl_service_view *was; /* by index, of the services in from */
	struct sl_service_view *is;	   /* of those in to: who gains is made unsettled */
	uint64_t now_ms;
	uint64_t open_ms, idle_ms; /* for how long regions are open, the longest idle timeout */
	bool force;		   /* when there are too many the first of them is forgotten */
};

/* The formers after the move: *count of them, SL_FORMERS_MAX at most, the caller has a reference to each.
 * -ENOMEM; -EBUSY: regions moved too often within two idle timeouts. */
int sl_former_move(const struct sl_former_move *move, struct sl_former **after, uint32_t *count);

/* A former of a table, one more reference to it, with room for so many views, all zero. NULL: no memory. */
struct sl_former *sl_former_create(struct sl_service_table *table, uint32_t count);

/* The same former, open and asked for longer_ms more. */
int sl_former_prolong(const struct sl_former *former, uint64_t now_ms, int64_t longer_ms,
		      struct sl_former **after);

/* Whether it need not be asked any more. */
bool sl_former_is_over(const struct sl_former *former, uint64_t now_ms);

/* Whether some region's flows may be where the pool says, or known in its tables. */
bool sl_former_goes_by(const struct sl_former *former, uint32_t pool);

struct sl_former *sl_former_get(struct sl_former *former);
void sl_former_put(struct sl_former *former); /* takes NULL */

#endif
