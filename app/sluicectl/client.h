/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection to the daemon's control socket: calls and their answers.
 *
 * Shape:   what comes is free of control characters, whoever sent it.
 * Threads: one; calls block, for as long as the target's timeout.
 * Errors:  told to the user on standard error; functions answer NULL, or an exit status.
 */

#ifndef SL_SLUICECTL_CLIENT_H
#define SL_SLUICECTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct client;

/* Whom to speak to. */
struct client_target {
	const char *path;     /* of the socket; NULL: SLUICE_SOCKET, or that of the instance */
	const char *instance; /* NULL: the default one */
	uint64_t timeout_ms;  /* of a call */
	bool quiet;	      /* it is no news that no daemon is there */
};

/* Returns an exit status. */
int client_open(const struct client_target *target, struct client **client);
void client_close(struct client *client); /* takes NULL */

/* Calls a method; params become the client's. Returns the result (a new reference), or NULL when it
 * was refused or the daemon went, which was told; client_status() is then the exit status.
 * file names the configuration in errors that have a place; may be NULL. */
json_t *client_call(struct client *client, const char *method, json_t *params, const char *file);
/* The same for a method that answers by parts (from, count, next), put together. */
json_t *client_call_parts(struct client *client, const char *method, json_t *params);
int client_status(const struct client *client);

/* From now on what comes is waited for without end. */
void client_wait_long(struct client *client);
/* The next notification's params (a new reference), or NULL when the daemon went. */
json_t *client_event(struct client *client);

#endif
