/* SPDX-License-Identifier: BSD-3-Clause */

/* A member of a cluster that judges by majority: what it says, and what it believes. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "health/inside.h"

static bool is_unknown(const struct sl_checked *entry)
{
	return !entry->answered || entry->blind || entry->state == SL_HEALTH_UNKNOWN;
}

struct sl_judged sl_together_judge(const struct sl_health *health, const struct sl_checked *entry)
{
	struct sl_judged judged = {.down = entry->down, .asked = entry->asked_here};
	struct sl_votes votes;

	if (!health->together) {
		judged.down = entry->answered ? entry->state == SL_HEALTH_DOWN : entry->down;
		return judged;
	}
	judged.asked = entry->asked;
	sl_majority_count(health->majority, entry->pool, entry->node, &votes);
	if (!votes.members)
		return judged;
	judged.down = sl_votes_carry(&votes, votes.down);
	if (sl_votes_carry(&votes, votes.maint))
		judged.asked = SL_HAND_DISABLED;
	else
		judged.asked = sl_votes_carry(&votes, votes.maint + votes.drain) ? SL_HAND_DRAINING
										 : SL_HAND_UP;
	return judged;
}

void sl_together_why(const struct sl_health *health, const struct sl_checked *entry, char *why,
		     size_t size)
{
	struct sl_votes votes;
	char names[SL_DOWN_AT_SIZE / 2];

	why[0] = '\0';
	if (!health->together)
		return;
	sl_majority_count(health->majority, entry->pool, entry->node, &votes);
	if (!votes.members || (!votes.down && entry->state != SL_HEALTH_DOWN))
		return;
	sl_majority_who(health->majority, entry->pool, entry->node, SL_SAYS_DOWN, names,
			sizeof(names));
	(void)snprintf(why, size, "%" PRIu32 " of %" PRIu32 " members find it down%s%s", votes.down,
		       votes.members, names[0] ? ": " : "", names);
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void say_of(FILE *out, const struct sl_checked *entry)
{
	static const char *const asks[] = {
		[SL_HAND_DRAINING] = "drain", [SL_HAND_DISABLED] = "maint"};

	if (is_unknown(entry))
		(void)fprintf(out, "unknown %s/%s\n", entry->pool, entry->node);
	else if (entry->state == SL_HEALTH_DOWN)
		(void)fprintf(out, "down %s/%s\n", entry->pool, entry->node);
	if (!is_unknown(entry) && entry->asked_here != SL_HAND_UP)
		(void)fprintf(out, "%s %s/%s\n", asks[entry->asked_here], entry->pool, entry->node);
}

/* All that is not up here; to be freed, NULL: no memory. */
static char *own_text(const struct sl_health *health)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool fine;

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < SL_NODE_INDEX_MAX; i++)
		if (health->entries[i])
			say_of(out, health->entries[i]);
	fine = !ferror(out);
	fine &= fclose(out) == 0;
	if (fine)
		return text;
	free(text);
	return NULL;
}

void sl_together_turn(struct sl_health *health)
{
	char *text;

	if (!health->majority)
		return;
	if (health->say_due) {
		text = own_text(health);
		health->say_due = !text || health->peers.say(health->peers.context, text) != 0;
		free(text);
	}
	if (!health->judge_due)
		return;
	health->judge_due = false;
	for (uint32_t i = 0; i < SL_NODE_INDEX_MAX; i++)
		if (health->entries[i])
			sl_found_settle(health, health->entries[i]);
	sl_found_tell(health);
}

/* ---- the others ------------------------------------------------------------------------------ */

int sl_health_join(struct sl_health *health, const struct sl_health_peers *peers)
{
	health->peers = *peers;
	health->say_due = true;
	return sl_majority_create(&health->majority);
}

void sl_health_hear(struct sl_health *health, const char *member, const char *text)
{
	if (!health->majority)
		return;
	if (sl_majority_say(health->majority, member, text))
		sl_log(SL_LOG_ERROR, "no memory for what member %s finds of nodes", member);
	health->judge_due = true;
}

void sl_health_together(struct sl_health *health, bool together)
{
	if (!health->majority || together == health->together)
		return;
	health->together = together;
	health->judge_due = true;
	sl_log(together ? SL_LOG_NOTICE : SL_LOG_WARNING, "%s",
	       together ? "health: a node is away when most members say so"
			: "health: the other members are not heard: this one judges alone");
	sl_model_note(health->model, "health", NULL, NULL,
		      together ? "by majority of the members"
			       : "the other members are not heard: judged alone");
}

uint32_t sl_health_down_at(const struct sl_health *health, const char *member)
{
	return health->majority ? sl_majority_down_at(health->majority, member) : UINT32_MAX;
}
