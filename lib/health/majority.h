/* SPDX-License-Identifier: BSD-3-Clause */

/* What most members of a cluster say of nodes.
 *
 * Why:     a node that one member cannot reach may be in order, and members that judge alike have the
 *          same slots.
 * Shape:   a member's word is a text, a line a node that it does not find up: "down web/a",
 *          "drain web/a", "maint web/a" (what an agent asks for), "unknown web/a": it has yet to find
 *          out, and has no vote; of nodes that it does not name it says that they are up. Lines of other
 *          words are for members to come. What a member says replaces what it said before.
 * Threads: one owner; pure.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or -ENOMEM: of nodes that members name nobody says anything until more is said.
 */

#ifndef SL_HEALTH_MAJORITY_H
#define SL_HEALTH_MAJORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_MAJORITY_MEMBERS_MAX 1024u

/* Bits of what is said of a node. */
enum sl_says {
	SL_SAYS_UNKNOWN = 1,
	SL_SAYS_DOWN = 2,
	SL_SAYS_DRAIN = 4,
	SL_SAYS_MAINT = 8,
};

struct sl_majority;

int sl_majority_create(struct sl_majority **majority);
void sl_majority_destroy(struct sl_majority *majority);

/* text NULL: the member is gone; member NULL: all are. */
int sl_majority_say(struct sl_majority *majority, const char *member, const char *text);

/* How many members say what of a node. */
struct sl_votes {
	uint32_t members; /* that have a vote */
	uint32_t down, drain, maint;
};

void sl_majority_count(const struct sl_majority *majority, const char *pool, const char *node,
		       struct sl_votes *votes);

/* True if more than half of those that have a vote are as many. */
static inline bool sl_votes_carry(const struct sl_votes *votes, uint32_t count)
{
	return 2 * count > votes->members;
}

/* The names of those that say this of a node, with commas, as many as have room. */
void sl_majority_who(const struct sl_majority *majority, const char *pool, const char *node,
		     enum sl_says says, char *names, size_t size);

/* Nodes that a member says are down; UINT32_MAX: it has said nothing. */
uint32_t sl_majority_down_at(const struct sl_majority *majority, const char *member);

#endif
