/* SPDX-License-Identifier: BSD-3-Clause */

/* Verbs that may wait until nothing is left of a node: drain, remove-node. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "show.h"
#include "verbs.h"

#define WAIT_NS	  200000000 /* between two looks */
#define NAME_SIZE 128

/* A node that goes, in all pools that were meant, and what is left of it. */
struct going {
	char pool[NAME_SIZE];
	const char *node;
	bool removed; /* else it drains */
	long long slots, flows;
	double seconds;	  /* until the last deadline; 0: there is none */
	long long nodes;  /* that go still */
	long long others; /* that were brought back */
	char why[NAME_SIZE];
};

/* Another node of the name may be there by now: then leaving ones have a number behind it. */
static bool is_meant(const struct going *going, const char *name)
{
	size_t length = strlen(going->node);

	return strncmp(name, going->node, length) == 0 &&
	       (name[length] == '\0' || (going->removed && name[length] == '#'));
}

static void look_at(struct going *going, const json_t *node)
{
	const char *state = get_string(node, "state");
	double seconds = get_number(node, "deadline_left_seconds");

	if (strcmp(state, going->removed ? "leaving" : "draining") == 0) {
		going->nodes++;
		going->slots += get_integer(node, "open_slots");
		going->flows += get_integer(node, "flows");
		going->seconds = seconds > going->seconds ? seconds : going->seconds;
	} else if (!going->removed && strcmp(state, "drained") != 0) {
		going->others++;
	}
	(void)snprintf(going->why, sizeof(going->why), "%s", get_string(node, "why"));
}

static void look(struct going *going, json_t *pools)
{
	const char *name, *node_name;
	json_t *nodes, *node;

	going->slots = going->flows = going->nodes = going->others = 0;
	going->seconds = 0;
	json_object_foreach(pools, name, nodes)
	{
		if (strcmp(going->pool, "*") != 0 && strcmp(going->pool, name) != 0)
			continue;
		json_object_foreach(nodes, node_name, node) if (is_meant(going, node_name))
			look_at(going, node);
	}
}

/* Flows that nobody has heard of since the change may be in slots that are still open. */
static void show_left(const struct going *going)
{
	char time[SHOW_TEXT_SIZE];

	printf("%s/%s: ", going->pool, going->node);
	if (going->slots > 0)
		printf("%lld slots still open, %lld flows known by now", going->slots,
		       going->flows);
	else
		printf("%lld flows left", going->flows);
	if (going->seconds > 0)
		printf(", %s until the rest is cut", show_duration(going->seconds, time));
	putchar('\n');
	(void)fflush(stdout);
}

/* The nodes of the pool that is meant, or of all, by pool; NULL was told. */
static json_t *fetch(struct command *command, const struct going *going)
{
	bool all = strcmp(going->pool, "*") == 0;
	json_t *params = all ? NULL : json_pack("{s:s}", "pool", going->pool);
	json_t *result = client_call_parts(command->client, "nodes", params);
	json_t *nodes = json_incref(json_object_get(result, "nodes"));

	json_decref(result);
	if (!all && nodes)
		nodes = json_pack("{s:o}", going->pool, nodes);
	return nodes;
}

static int wait_gone(struct command *command, struct going *going)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS};
	long long slots = -1, flows = -1;

	for (;;) {
		json_t *pools = fetch(command, going);

		if (!pools)
			return client_status(command->client);
		look(going, pools);
		json_decref(pools);
		if (going->others > 0)
			return complain("%s/%s drains no longer: somebody changed its state",
					going->pool, going->node);
		if (going->nodes == 0)
			return EXIT_DONE;
		if (!command->json && (going->slots != slots || going->flows != flows))
			show_left(going);
		slots = going->slots;
		flows = going->flows;
		(void)nanosleep(&pause, NULL);
	}
}

static int change_and_wait(struct command *command, const char *method, bool removed)
{
	json_t *params = node_params(command), *result;
	struct going going = {.removed = removed};
	int rc;

	if (!params)
		return EXIT_REFUSED;
	if (!command_option(command, "wait") || command_option(command, "dry-run"))
		return run_change(command, method, params, NULL);
	(void)snprintf(going.pool, sizeof(going.pool), "%s", get_string(params, "pool"));
	going.node = strchr(command->words[0], '/') + 1;
	if (!change_params(command, params)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	result = client_call(command->client, method, params, NULL);
	if (!result)
		return client_status(command->client);
	if (!command->json)
		show_change(command, result);
	(void)fflush(stdout);
	rc = wait_gone(command, &going);
	(void)json_object_set_new(result, "left",
				  json_pack("{s:i, s:I, s:b}", "slots", 0, "flows",
					    (json_int_t)going.flows, "exact", 1));
	if (rc == EXIT_DONE && command->json)
		show_json(result);
	else if (rc == EXIT_DONE)
		printf("%s%s\n", removed ? "removed" : "drained: ", removed ? "" : going.why);
	json_decref(result);
	return rc;
}

int verb_drain(struct command *command)
{
	return change_and_wait(command, "node.drain", false);
}

int verb_remove_node(struct command *command)
{
	return change_and_wait(command, "node.remove", true);
}
