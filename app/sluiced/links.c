/* SPDX-License-Identifier: BSD-3-Clause */

#include "links.h"

#include <stdio.h>

#include "base/log.h"

#define SENTENCE_SIZE 160

enum sl_link_state links_state(const struct sl_link *link)
{
	if (link->gone)
		return SL_LINK_GONE;
	return link->up ? SL_LINK_UP : SL_LINK_DOWN;
}

static void say(struct sl_model *model, const char *sentence, bool is_bad)
{
	sl_log(is_bad ? SL_LOG_WARNING : SL_LOG_NOTICE, "%s", sentence);
	sl_model_note(model, "link", NULL, NULL, sentence);
}

static void say_state(struct sl_model *model, const struct sl_port *port,
		      const struct sl_link *link)
{
	const char *name = port->name;
	char sentence[SENTENCE_SIZE], speed[48] = "";

	if (link->speed_mbps)
		(void)snprintf(speed, sizeof(speed), " at %u Mbit/s", link->speed_mbps);
	if (link->gone)
		(void)snprintf(sentence, sizeof(sentence),
			       "port %s: its %s is gone: nothing comes and goes there until a "
			       "restart",
			       name, port->interface != 0 ? "interface" : "device");
	else
		(void)snprintf(sentence, sizeof(sentence), "port %s: link %s%s", name,
			       link->up ? "up" : "down", link->up ? speed : "");
	say(model, sentence, !link->up);
}

static void say_mtu(struct sl_model *model, const char *name, const struct sl_link *before,
		    const struct sl_link *link)
{
	char sentence[SENTENCE_SIZE];

	(void)snprintf(sentence, sizeof(sentence), "port %s: mtu %u, was %u", name, link->mtu,
		       before->mtu);
	say(model, sentence, link->mtu < before->mtu);
}

void links_look(struct wire *wire, struct sl_model *model, struct sl_neighbors *neighbors)
{
	for (uint32_t p = 0; p < wire->conf->port_count; p++) {
		struct sl_link *before = &wire->links[p], link;

		sl_link_read(&wire->ports[p], &link);
		if (link.gone)
			link.mtu = before->mtu;
		if (links_state(&link) != links_state(before) ||
		    (link.up && link.speed_mbps != before->speed_mbps))
			say_state(model, &wire->ports[p], &link);
		if (link.up && !before->up)
			sl_neighbors_link_up(neighbors, p);
		if (link.mtu != before->mtu) {
			say_mtu(model, wire->ports[p].name, before, &link);
			sl_model_port_mtu_set(model, p, link.mtu);
		}
		*before = link;
	}
}
