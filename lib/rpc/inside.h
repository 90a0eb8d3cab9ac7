/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of the control socket's server, for client.c and server.c.
 *
 * Threads: control.
 * Memory:  sl_client_free() frees a client at once, or when its lines have been handled.
 */

#ifndef SL_RPC_INSIDE_H
#define SL_RPC_INSIDE_H

#include <sys/queue.h>

#include "rpc/server.h"
#include "rpc/socket.h"

struct bufferevent;
struct evconnlistener;
struct event;

enum client_state {
	CLIENT_OPEN = 0,
	CLIENT_DISCARDING =
		1,	   /* a line was too long: its rest is read and forgotten, then closed */
	CLIENT_ENDING = 2, /* reads nothing more; closed once everything is sent */
};

struct sl_client {
	TAILQ_ENTRY(sl_client) link;
	struct sl_server *server;
	struct bufferevent *events;
	struct event *again; /* goes on with its lines in the next turn of the loop */
	struct sl_peer peer;
	enum client_state state;
	uint64_t heard_ms; /* when its last line came */
	uint32_t held;
	size_t discarded;
	bool subscribed;
	bool paused; /* its next line waits for the answer to the last one */
	bool ended;  /* the peer will send nothing more */
	bool deaf;   /* nor read anything: what it is told is forgotten */
	bool busy;   /* its lines are being handled: not to be freed now */
	bool dead;   /* to be freed when no longer busy */
};

struct sl_server {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *accept_retry;
	struct sl_server_calls calls;
	struct sl_socket socket;
	TAILQ_HEAD(, sl_client) clients;
	uint32_t client_count, guest_count;
	uint32_t clients_max, guests_max;
	uint32_t subscriber_count;
};

/* Takes the connection fd over; without memory it is closed. */
void sl_client_create(struct sl_server *server, int fd, const struct sl_peer *peer);
void sl_client_free(struct sl_client *client);
/* Takes no further line; what is due is sent before it is closed. */
void sl_client_end(struct sl_client *client);
/* Frees a client that has nothing more to say and was sent everything. True if it did. */
bool sl_client_end_when_sent(struct sl_client *client);
/* Sends what it can at once; libevent alone would wait for the next turn. */
void sl_client_flush(struct sl_client *client);
/* Goes on with a client that was stopped, once there is room. */
void sl_client_resume(struct sl_client *client);

#endif
