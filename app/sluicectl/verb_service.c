/* SPDX-License-Identifier: BSD-3-Clause */

/* Verbs that change services. */

#include "verbs.h"

static int put_service(struct command *command, const char *method)
{
	json_t *keys = key_params(command, 1);

	return keys ? run_change(
			      command, method,
			      json_pack("{s:s, s:o}", "service", command->words[0], "keys", keys),
			      NULL)
		    : EXIT_REFUSED;
}

int verb_add_service(struct command *command)
{
	return put_service(command, "service.add");
}

int verb_set_service(struct command *command)
{
	return put_service(command, "service.set");
}

int verb_remove_service(struct command *command)
{
	return run_change(command, "service.remove",
			  json_pack("{s:s}", "service", command->words[0]), NULL);
}
