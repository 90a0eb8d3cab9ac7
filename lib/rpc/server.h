/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket: a UNIX stream socket that carries lines, with limits on everything.
 *
 * Why:     who speaks is known (peer credentials), what is said is somebody else's (rpc).
 * Shape:   a libevent bufferevent a client. Reading stops while a client has SL_SERVER_HELD_MAX
 *          answers held or does not read what it was sent, and goes on afterwards. Where few
 *          descriptors are allowed there are fewer clients: three of four stay for others.
 * Threads: the control thread; callbacks run in it.
 * Memory:  a client lives until its closed() callback has run.
 * Errors:  0 or negative errno with a sentence for people.
 */

#ifndef SL_RPC_SERVER_H
#define SL_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SL_SERVER_LINE_MAX    1048576u /* octets of a line without its newline */
#define SL_SERVER_CLIENTS_MAX 256u
#define SL_SERVER_GUESTS_MAX  192u /* of them, who may not change things: others always find room */
#define SL_SERVER_IDLE_S      10   /* a guest that was silent for so long makes room for another */
#define SL_SERVER_HELD_MAX    1024u /* requests of one client whose answers are held */
#define SL_SERVER_OUTPUT_MAX                                                                       \
	1048576u		    /* octets a client has not read: then no more is read from it */
#define SL_SERVER_PUSH_MAX 1048576u /* octets not read at which a subscriber is closed */
#define SL_SERVER_SLOW_S   30	    /* a client that reads nothing for so long is closed */

struct event_base;
struct sl_server;
struct sl_client;

/* Who speaks, as the kernel tells. */
struct sl_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool may_change;  /* root, our own user, or a member of the socket's group */
	bool may_connect; /* by the socket's mode */
};

struct sl_server_options {
	const char *path;
	uint32_t mode;	   /* permission bits of the socket */
	const char *group; /* name or number; "" leaves it ours */
};

/* line: a whole line without newline, zero-terminated, valid during the call.
 * closed: the client goes; nothing may be sent to it any more. */
struct sl_server_calls {
	void (*line)(struct sl_client *client, const char *line, size_t length, void *context);
	void (*too_long)(struct sl_client *client, void *context);
	void (*closed)(struct sl_client *client, void *context);
	void *context;
};

/* -EADDRINUSE when a living daemon serves the path: to be asked before anything else is touched. */
int sl_server_probe(const char *path, struct sl_err *err);

/* Makes the folder when its last part is missing, takes over the socket file of a daemon that is
 * dead; -EADDRINUSE when one lives. The process ignores SIGPIPE from then on: clients go when they
 * like. */
int sl_server_create(struct event_base *base, const struct sl_server_options *options,
		     const struct sl_server_calls *calls, struct sl_server **server,
		     struct sl_err *err);

/* Whether there is such a group. */
int sl_server_check(const struct sl_server_options *options, struct sl_err *err);

/* Changes mode and group of a socket in use. Clients have the rights that follow from then on; those
 * that could not connect any more are closed. */
int sl_server_permit(struct sl_server *server, const struct sl_server_options *options,
		     struct sl_err *err);

/* Sends what was said in this turn of the loop, as far as clients take it at once. */
void sl_server_flush(struct sl_server *server);

/* Sends what it can at once, closes all, unlinks the socket when it still is ours. Takes NULL. */
void sl_server_destroy(struct sl_server *server);

const struct sl_peer *sl_client_peer(const struct sl_client *client);

/* Sends text and a newline. */
void sl_client_send(struct sl_client *client, const char *text, size_t length);

/* Octets that wait to be sent. */
size_t sl_client_unsent(struct sl_client *client);

/* One more answer of this client is held back (or one less): bounds requests in flight. */
void sl_client_hold(struct sl_client *client);
void sl_client_release(struct sl_client *client);
/* Its further lines wait until this is taken back. */
void sl_client_pause(struct sl_client *client, bool paused);
bool sl_client_is_held(const struct sl_client *client);

/* The client gets what sl_server_push() says, from now on. */
void sl_client_subscribe(struct sl_client *client);

/* A line to all subscribers; those that do not read are closed. */
void sl_server_push(struct sl_server *server, const char *text, size_t length);
uint32_t sl_server_subscriber_count(const struct sl_server *server);

#endif
