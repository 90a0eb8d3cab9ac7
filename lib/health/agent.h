/* SPDX-License-Identifier: BSD-3-Clause */

/* What an agent says of its server, in one line of words.
 *
 * Shape:   words separated by spaces, tabs or commas: "75%" of the weight; up, ready; down, failed,
 *          stopped, fail; drain, maint. Words it does not know, and "maxconn:N", say nothing. Text
 *          behind '#' explains a down.
 * Threads: any; pure.
 * Errors:  -EINVAL: no known word.
 * Source:  HAProxy configuration manual, "agent-check".
 */

#ifndef SL_HEALTH_AGENT_H
#define SL_HEALTH_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_AGENT_PERCENT_MAX 256u

struct sl_agent_word {
	bool percent_set;
	uint16_t percent; /* of the configured weight */
	bool ready;	  /* ends drain and maint */
	bool drain, maint;
	bool up, down;
};

int sl_agent_parse(const char *line, size_t length, struct sl_agent_word *word);

/* What an agent asks for. */
struct sl_agent_asked {
	uint8_t said; /* enum sl_hand: drain and maint, until it says ready */
	bool zero;    /* a weight of 0 %, until it says another */
};

/* What may have been said that made this; who talks of percents alone ends a drain so. */
struct sl_agent_asked sl_agent_asked_before(uint8_t hand);

/* Takes its words; returns what it asks for by now (enum sl_hand). */
uint8_t sl_agent_asks(struct sl_agent_asked *asked, const struct sl_agent_word *word);

#endif
