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

/* What an agent asks for (enum sl_hand) by its words, after what it asked before. */
uint8_t sl_agent_asks(const struct sl_agent_word *word, uint8_t before);

#endif
