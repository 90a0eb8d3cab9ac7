/* SPDX-License-Identifier: BSD-3-Clause */

/* Verbs that change nodes, and what all changing verbs share. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "show.h"
#include "verbs.h"

#define WAIT_NS 200000000 /* between two looks at a draining node */

bool parse_count(const char *what, const char *text, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	if (errno || end == text || *end || *number < 0) {
		(void)complain("%s \"%s\" is no whole number", what, text);
		return false;
	}
	return true;
}

bool split_pool_node(const char *word, json_t *params)
{
	const char *slash = strchr(word, '/');

	if (!slash || slash == word || slash[1] == '\0') {
		(void)complain("\"%s\" is not POOL/NODE", word);
		return false;
	}
	(void)json_object_set_new(params, "pool", json_stringn(word, (size_t)(slash - word)));
	(void)json_object_set_new(params, "node", json_string(slash + 1));
	return true;
}

bool change_params(const struct command *command, json_t *params)
{
	const char *generation = command_option(command, "if-generation");
	long long number;

	if (generation && !parse_count("--if-generation", generation, &number))
		return false;
	if (generation)
		(void)json_object_set_new(params, "if_generation", json_integer(number));
	if (command_option(command, "dry-run"))
		(void)json_object_set_new(params, "dry_run", json_true());
	if (command_option(command, "force"))
		(void)json_object_set_new(params, "force", json_true());
	return true;
}

void show_change(const struct command *command, const json_t *result)
{
	const json_t *left = json_object_get(result, "left"), *line;
	json_t *least = json_object_get(result, "least_slots"), *moved;
	const char *pool;
	size_t i;

	json_array_foreach(json_object_get(result, "changes"), i, line)
		printf("%s\n", json_string_value(line));
	if (json_object_get(result, "changes") && i == 0)
		printf("nothing differs\n");
	printf("generation %lld%s\n", get_integer(result, "generation"),
	       command_option(command, "dry-run") ? " (nothing was changed: dry run)" : "");
	json_object_foreach(json_object_get(result, "moved_slots"), pool, moved)
		printf("pool %s: %lld slots moved, %lld at least\n", pool,
		       json_integer_value(moved), get_integer(least, pool));
	if (left)
		printf("left: %lld slots, %lld flows%s\n", get_integer(left, "slots"),
		       get_integer(left, "flows"),
		       json_is_true(json_object_get(left, "exact")) ? ""
								    : " known by now, maybe more");
	json_array_foreach(json_object_get(result, "warnings"), i, line)(void)
		fprintf(stderr, "warning: %s\n", json_string_value(line));
}

int run_change(struct command *command, const char *method, json_t *params, const char *file)
{
	json_t *result;

	if (!change_params(command, params)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	result = client_call(command->client, method, params, file);
	if (!result)
		return client_status(command->client);
	if (command->json)
		show_json(result);
	else
		show_change(command, result);
	json_decref(result);
	return EXIT_DONE;
}

/* What a verb whose only word is POOL/NODE asks for; NULL: a mistake, which was told. */
static json_t *node_params(const struct command *command)
{
	json_t *params = json_object();

	if (!split_pool_node(command->words[0], params)) {
		json_decref(params);
		return NULL;
	}
	if (command_option(command, "now"))
		(void)json_object_set_new(params, "now", json_true());
	if (command_option(command, "deadline"))
		(void)json_object_set_new(params, "deadline",
					  json_string(command_option(command, "deadline")));
	return params;
}

static int change_node(struct command *command, const char *method)
{
	json_t *params = node_params(command);

	return params ? run_change(command, method, params, NULL) : EXIT_REFUSED;
}

int verb_set_weight(struct command *command)
{
	json_t *params = json_object();
	const char *word = command->words[1];
	char *end;
	double weight = strtod(word, &end);

	if (end == word || *end || strpbrk(word, "xXnN") || !(weight > -1e300 && weight < 1e300)) {
		json_decref(params);
		return complain("weight \"%s\" is no decimal number such as 50.5", word);
	}
	(void)json_object_set_new(params, "weight", json_real(weight));
	if (!split_pool_node(command->words[0], params)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	return run_change(command, "node.set_weight", params, NULL);
}

int verb_add_node(struct command *command)
{
	json_t *params =
		json_pack("{s:s, s:s}", "pool", command->words[0], "node", command->words[1]);
	json_t *keys = json_object();

	for (uint32_t i = 2; i < command->word_count; i++) {
		const char *word = command->words[i], *equal = strchr(word, '=');
		char key[64];

		if (!equal || equal == word || (size_t)(equal - word) >= sizeof(key)) {
			json_decref(keys);
			json_decref(params);
			return complain("\"%s\" is not key=value, as in weight=50", word);
		}
		(void)snprintf(key, sizeof(key), "%.*s", (int)(equal - word), word);
		if (json_object_get(keys, key)) {
			json_decref(keys);
			json_decref(params);
			return complain("key \"%s\" is given twice", key);
		}
		(void)json_object_set_new(keys, key, json_string(equal + 1));
	}
	(void)json_object_set_new(params, "keys", keys);
	return run_change(command, "node.add", params, NULL);
}

int verb_remove_node(struct command *command)
{
	return change_node(command, "node.remove");
}

int verb_enable(struct command *command)
{
	return change_node(command, "node.enable");
}

int verb_disable(struct command *command)
{
	return change_node(command, "node.disable");
}

/* Draining nodes of that name, the flows that they still have, and how many were brought back. */
struct draining {
	const char *pool, *node;
	long long flows, nodes, others;
	char why[64]; /* the last of them is drained */
};

static void look(struct draining *draining, json_t *pools)
{
	const char *name;
	json_t *nodes;

	draining->flows = draining->nodes = draining->others = 0;
	json_object_foreach(pools, name, nodes)
	{
		bool meant = strcmp(draining->pool, "*") == 0 || strcmp(draining->pool, name) == 0;
		json_t *node = meant ? json_object_get(nodes, draining->node) : NULL;
		const char *state = get_string(node, "state");

		draining->flows += get_integer(node, "flows");
		draining->nodes += strcmp(state, "draining") == 0;
		if (node)
			(void)snprintf(draining->why, sizeof(draining->why), "%s",
				       get_string(node, "why"));
		draining->others +=
			strcmp(state, "draining") != 0 && strcmp(state, "drained") != 0 && node;
	}
}

/* Until nothing is left: then `left` says so. */
static int wait_drained(struct command *command, struct draining *draining)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS};
	long long before = -1;

	for (;;) {
		json_t *result = client_call_parts(command->client, "nodes", NULL);

		if (!result)
			return client_status(command->client);
		look(draining, json_object_get(result, "nodes"));
		json_decref(result);
		if (draining->others > 0)
			return complain("%s/%s drains no longer: somebody changed its state",
					draining->pool, draining->node);
		if (draining->nodes == 0)
			return EXIT_DONE;
		if (!command->json && draining->flows != before) {
			printf("%lld flows left\n", draining->flows);
			(void)fflush(stdout);
		}
		before = draining->flows;
		(void)nanosleep(&pause, NULL);
	}
}

int verb_drain(struct command *command)
{
	json_t *params = node_params(command), *result;
	bool waits = command_option(command, "wait") && !command_option(command, "dry-run");
	struct draining draining;
	char pool[128];
	int rc = EXIT_DONE;

	if (!params || !waits)
		return params ? run_change(command, "node.drain", params, NULL) : EXIT_REFUSED;
	(void)snprintf(pool, sizeof(pool), "%s", get_string(params, "pool"));
	draining = (struct draining){.pool = pool, .node = strchr(command->words[0], '/') + 1};
	if (!change_params(command, params)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	result = client_call(command->client, "node.drain", params, NULL);
	if (!result)
		return client_status(command->client);
	if (!command->json)
		show_change(command, result);
	(void)fflush(stdout);
	rc = wait_drained(command, &draining);
	(void)json_object_set_new(result, "left",
				  json_pack("{s:i, s:I, s:b}", "slots", 0, "flows",
					    (json_int_t)draining.flows, "exact", 1));
	if (rc == EXIT_DONE && command->json)
		show_json(result);
	else if (rc == EXIT_DONE)
		printf("drained: %s\n", draining.why);
	json_decref(result);
	return rc;
}
