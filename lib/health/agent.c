/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/agent.h"

#include <errno.h>
#include <string.h>

#include "image/pool.h"

#define PERCENT_DIGITS 3

static bool is(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

static bool take_percent(const char *text, size_t length, struct sl_agent_word *word)
{
	uint32_t value = 0;

	if (length < 2 || length > PERCENT_DIGITS + 1 || text[length - 1] != '%')
		return false;
	for (size_t i = 0; i + 1 < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	if (value > SL_AGENT_PERCENT_MAX)
		return false;
	word->percent_set = true;
	word->percent = (uint16_t)value;
	return true;
}

/* Returns whether the word is a known one. The last of several that contradict each other counts. */
static bool take(const char *text, size_t length, struct sl_agent_word *word)
{
	if (take_percent(text, length, word))
		return true;
	if (is(text, length, "up"))
		word->up = true, word->down = false;
	else if (is(text, length, "ready"))
		word->ready = true, word->drain = word->maint = false;
	else if (is(text, length, "drain"))
		word->drain = true, word->ready = word->maint = false;
	else if (is(text, length, "maint"))
		word->maint = true, word->ready = word->drain = false;
	else if (is(text, length, "down") || is(text, length, "failed") ||
		 is(text, length, "fail") || is(text, length, "stopped"))
		word->down = true, word->up = false;
	else
		return false;
	return true;
}

int sl_agent_parse(const char *line, size_t length, struct sl_agent_word *out)
{
	struct sl_agent_word word = {0};
	bool known = false;

	for (size_t at = 0; at < length && line[at] != '#';) {
		size_t start = at;

		while (at < length && !strchr(" \t,\r\n#", line[at]))
			at++;
		if (at > start)
			known |= take(line + start, at - start, &word);
		else
			at++;
	}
	if (!known)
		return -EINVAL;
	*out = word;
	return 0;
}

struct sl_agent_asked sl_agent_asked_before(uint8_t hand)
{
	return (struct sl_agent_asked){.said = hand == SL_HAND_DISABLED ? hand : SL_HAND_UP,
				       .zero = hand == SL_HAND_DRAINING};
}

uint8_t sl_agent_asks(struct sl_agent_asked *asked, const struct sl_agent_word *word)
{
	if (word->maint)
		asked->said = SL_HAND_DISABLED;
	else if (word->drain)
		asked->said = SL_HAND_DRAINING;
	else if (word->ready)
		asked->said = SL_HAND_UP;
	if (word->percent_set)
		asked->zero = word->percent == 0;
	return asked->zero && asked->said == SL_HAND_UP ? SL_HAND_DRAINING : asked->said;
}
