/* SPDX-License-Identifier: BSD-3-Clause */

/* Events, over restarts of the daemon: what its history has of the time between is told first. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "show.h"
#include "verbs.h"

#define AGAIN_NS 250000000 /* between two looks whether the daemon is back */

static void show_event(const struct command *command, const json_t *event)
{
	char time[SHOW_TEXT_SIZE];

	const char *kind = get_string(event, "kind"), *node = get_string(event, "node");

	if (command->json)
		show_json(event);
	else if (strcmp(kind, "health") == 0 && *node)
		printf("%s %s: %s/%s: %s\n", show_time(get_number(event, "time_ms"), time), kind,
		       get_string(event, "pool"), node, get_string(event, "text"));
	else
		printf("%s %s: %s\n", show_time(get_number(event, "time_ms"), time), kind,
		       get_string(event, "text"));
	(void)fflush(stdout);
}

/* What history has after a generation, up to the one that events go on from. Asked on another
 * connection, since events come on the first by now. */
static int show_since(const struct command *command, long long since, long long until)
{
	struct client *client;
	json_t *result, *line;
	int rc = client_open(&command->target, &client);
	size_t i;

	if (rc)
		return rc;
	result = fetch_history(client, NULL);
	json_array_foreach(json_object_get(result, "history"), i, line)
	{
		json_t *event;

		if (get_integer(line, "generation") <= since ||
		    get_integer(line, "generation") > until)
			continue;
		event = json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:s}", "kind", "generation",
				  "time_ms", get_integer(line, "time_ms"), "generation",
				  get_integer(line, "generation"), "verb", get_string(line, "verb"),
				  "uid", get_integer(line, "uid"), "pid", get_integer(line, "pid"),
				  "text", get_string(line, "what"));
		show_event(command, event);
		json_decref(event);
	}
	rc = result ? EXIT_DONE : client_status(client);
	json_decref(result);
	client_close(client);
	return rc;
}

/* The last generation that was told, or that was there when nothing was asked of before. */
struct told {
	bool any;
	long long generation;
};

/* Subscribes, and tells what happened since. Returns an exit status. */
static int begin(const struct command *command, struct client *client, struct told *told)
{
	json_t *result = client_call(client, "events", NULL, NULL);
	long long generation = get_integer(result, "generation");
	int rc = EXIT_DONE;

	if (!result)
		return client_status(client);
	json_decref(result);
	if (told->any && generation > told->generation)
		rc = show_since(command, told->generation, generation);
	if (rc == EXIT_DONE)
		*told = (struct told){true, generation};
	client_wait_long(client);
	return rc;
}

/* Until the daemon goes; then an exit status. */
static int follow(const struct command *command, struct client *client, struct told *told)
{
	json_t *event;

	while ((event = client_event(client))) {
		show_event(command, event);
		if (strcmp(get_string(event, "kind"), "generation") == 0)
			told->generation = get_integer(event, "generation");
		json_decref(event);
	}
	return client_status(client);
}

/* The next daemon at that socket. */
static int wait_back(struct command *command)
{
	const struct timespec pause = {.tv_nsec = AGAIN_NS};
	struct client_target target = command->target;
	int rc;

	target.quiet = true;
	client_close(command->client);
	command->client = NULL;
	(void)fprintf(stderr, "waiting until it is back\n");
	do {
		(void)nanosleep(&pause, NULL);
		rc = client_open(&target, &command->client);
	} while (rc == EXIT_NO_DAEMON);
	if (rc == EXIT_DONE)
		(void)fprintf(stderr, "the daemon is back\n");
	return rc;
}

int verb_events(struct command *command)
{
	const char *since = command_option(command, "since");
	struct told told = {.any = since != NULL};
	bool subscribed = false;
	int rc;

	if (since && !parse_count("--since", since, &told.generation))
		return EXIT_REFUSED;
	for (;;) {
		rc = begin(command, command->client, &told);
		subscribed |= rc == EXIT_DONE;
		if (rc == EXIT_DONE)
			rc = follow(command, command->client, &told);
		if (rc == EXIT_NO_DAEMON && subscribed)
			rc = wait_back(command);
		if (rc != EXIT_DONE)
			return rc;
	}
}
