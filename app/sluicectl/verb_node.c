/* SPDX-License-Identifier: BSD-3-Clause */

/* Verbs that change nodes, and what all changing verbs share. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "base/number.h"
#include "show.h"
#include "verbs.h"

bool parse_count(const char *what, const char *text, long long *number)
{
	uint64_t value;

	if (sl_number_parse(text, &value)) {
		(void)complain("%s \"%s\" is no whole number", what, text);
		return false;
	}
	*number = (long long)value;
	return true;
}

bool parse_least(const char *what, const char *text, long long *number)
{
	if (!parse_count(what, text, number))
		return false;
	if (*number == 0)
		(void)complain("%s 0 asks for nothing: 1 is the least", what);
	return *number > 0;
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

static const char *text_of(const json_t *value)
{
	return json_is_string(value) ? json_string_value(value) : "";
}

void show_warnings(const json_t *result)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(result, "warnings"), i, line)(void)
		fprintf(stderr, "warning: %s\n", text_of(line));
}

void show_change(const struct command *command, const json_t *result)
{
	const json_t *left = json_object_get(result, "left"), *line;
	json_t *least = json_object_get(result, "least_slots"), *moved;
	const char *pool;
	size_t i;

	json_array_foreach(json_object_get(result, "changes"), i, line)
		printf("%s\n", text_of(line));
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
	show_warnings(result);
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

json_t *node_params(const struct command *command)
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
	const char *word = command->words[1], *why;
	uint64_t weight;

	if (sl_weight_parse(word, &weight, &why)) {
		json_decref(params);
		return complain("weight \"%s\" %s", word, why);
	}
	(void)json_object_set_new(params, "weight",
				  json_real((double)weight / (double)SL_WEIGHT_UNIT));
	if (!split_pool_node(command->words[0], params)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	return run_change(command, "node.set_weight", params, NULL);
}

json_t *key_params(const struct command *command, uint32_t first)
{
	json_t *keys = json_object();

	for (uint32_t i = first; i < command->word_count; i++) {
		const char *word = command->words[i], *equal = strchr(word, '=');
		char key[64];

		if (!equal || equal == word || (size_t)(equal - word) >= sizeof(key)) {
			json_decref(keys);
			(void)complain("\"%s\" is not key=value, as in weight=50", word);
			return NULL;
		}
		(void)snprintf(key, sizeof(key), "%.*s", (int)(equal - word), word);
		if (json_object_get(keys, key)) {
			json_decref(keys);
			(void)complain("key \"%s\" is given twice", key);
			return NULL;
		}
		(void)json_object_set_new(keys, key, json_string(equal + 1));
	}
	return keys;
}

int verb_add_node(struct command *command)
{
	json_t *keys = key_params(command, 2);

	return keys ? run_change(command, "node.add",
				 json_pack("{s:s, s:s, s:o}", "pool", command->words[0], "node",
					   command->words[1], "keys", keys),
				 NULL)
		    : EXIT_REFUSED;
}

int verb_enable(struct command *command)
{
	return change_node(command, "node.enable");
}

int verb_disable(struct command *command)
{
	return change_node(command, "node.disable");
}
