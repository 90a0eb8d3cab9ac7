/* SPDX-License-Identifier: BSD-3-Clause */

#include "status.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "pkt/encap.h"

#define TUNNELS_SIZE 64

static const struct {
	const char *group, *name;
} counters[] = {
#define X(id, group, name) {group, name},
	SL_DECAP_COUNTERS(X)
#undef X
};

static const char *mode_of(const struct sl_decap_state *state)
{
	if (!state->attached)
		return "gone";
	return state->generic ? "generic" : "native";
}

/* "ipip, gue" */
static const char *tunnels_of(const struct sl_decap_state *state, char *text)
{
	size_t length = 0;

	text[0] = '\0';
	for (uint32_t t = SL_ENCAP_IPIP; t <= SL_ENCAP_VXLAN; t++)
		if (state->config.tunnels & 1u << t)
			length += (size_t)snprintf(text + length, TUNNELS_SIZE - length, "%s%s",
						   length ? ", " : "",
						   sl_encap_name((enum sl_encap_type)t));
	return text;
}

void status_line(const struct sl_decap_state *state)
{
	char text[TUNNELS_SIZE];

	printf("%s: %s, %s; %u addresses outside, %u inside%s%s\n", state->config.interface,
	       mode_of(state), tunnels_of(state, text), state->own_count, state->local_count,
	       state->config.from ? ", from named prefixes" : "",
	       state->config.second_chance ? ", second chance" : "");
}

static int show_one(void *context, const struct sl_decap_state *state)
{
	uint32_t *count = context;

	status_line(state);
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(counters); i++)
		printf("  %-13s %-12s %llu\n", counters[i].group, counters[i].name,
		       (unsigned long long)state->count.value[i]);
	++*count;
	return 0;
}

/* The object of a name in another one, which is made when it is not there. */
static json_t *part(json_t *object, const char *name)
{
	json_t *found = json_object_get(object, name);

	if (found)
		return found;
	found = json_object();
	return json_object_set_new(object, name, found) == 0 ? found : NULL;
}

static int add_one(void *context, const struct sl_decap_state *state)
{
	const struct sl_decap_config *config = &state->config;
	json_t *all = context, *decap = json_array();
	json_t *one = json_pack("{s:s, s:s, s:o, s:i, s:b, s:b, s:i, s:i}", "interface",
				config->interface, "mode", mode_of(state), "decap", decap,
				"gue_port", sl_be16(config->gue_port_be), "from", config->from,
				"second_chance", config->second_chance, "outer_addresses",
				state->own_count, "inner_addresses", state->local_count);

	for (uint32_t t = SL_ENCAP_IPIP; one && t <= SL_ENCAP_VXLAN; t++)
		if (config->tunnels & 1u << t)
			(void)json_array_append_new(
				decap, json_string(sl_encap_name((enum sl_encap_type)t)));
	for (uint32_t i = 0; one && i < SL_ARRAY_COUNT(counters); i++)
		(void)json_object_set_new(part(one, counters[i].group), counters[i].name,
					  json_integer((json_int_t)state->count.value[i]));
	return json_array_append_new(all, one) == 0 ? 0 : -ENOMEM;
}

static int show_json(struct sl_err *err)
{
	json_t *all = json_array(), *root = json_pack("{s:o}", "interfaces", all);
	int status = root ? sl_decap_each(add_one, all, err) : -ENOMEM;

	if (status == 0) {
		(void)json_dumpf(root, stdout, isatty(STDOUT_FILENO) ? JSON_INDENT(2) : 0);
		putchar('\n');
	}
	json_decref(root);
	return status;
}

int status_show(bool json, struct sl_err *err)
{
	uint32_t count = 0;
	int status;

	if (json)
		return show_json(err);
	status = sl_decap_each(show_one, &count, err);
	if (status == 0 && count == 0)
		puts("no interface has the program: sluice-node attach IFACE");
	return status;
}
