/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection to the daemon's control socket: calls and their answers.
 *
 * Threads: one; calls block.
 * Errors:  told to the user on standard error; functions answer NULL, or an exit status.
 */

#ifndef SL_SLUICECTL_CLIENT_H
#define SL_SLUICECTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct client;

/* Connects to path, or where the daemon listens by default when that is NULL. Returns an exit
 * status. */
int client_open(const char *path, struct client **client);
void client_close(struct client *client); /* takes NULL */

/* Calls a method; params become the client's. Returns the result (a new reference), or NULL when it
 * was refused or the daemon went, which was told; client_status() is then the exit status.
 * file names the configuration in errors that have a place; may be NULL. */
json_t *client_call(struct client *client, const char *method, json_t *params, const char *file);
/* The same for a method that answers by parts (from, count, next), put together. */
json_t *client_call_parts(struct client *client, const char *method, json_t *params);
int client_status(const struct client *client);

/* The next notification's params (a new reference), or NULL when the daemon went. */
json_t *client_event(struct client *client);

#endif
