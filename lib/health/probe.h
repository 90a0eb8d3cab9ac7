/* SPDX-License-Identifier: BSD-3-Clause */

/* One check of one node while it runs, and the kinds of checks behind one table.
 *
 * Why:     timing, results and limits are the prober's; a kind only speaks its protocol.
 * Shape:   start() begins, and ends at once or later with sl_probe_end(); stop() gives up what
 *          start() took, after an end as well as when time is over. What comes from a node is
 *          bounded by SL_PROBE_TEXT_MAX.
 * Threads: the prober's.
 * Memory:  embedded in a target; buffer and events are freed by sl_probe_clear().
 * Errors:  are results; SL_HEALTH_CANNOT when the check could not be made.
 */

#ifndef SL_HEALTH_PROBE_H
#define SL_HEALTH_PROBE_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/limit.h"
#include "health/agent.h"
#include "health/spec.h"
#include "health/transfer.h"

#define SL_PROBE_TEXT_MAX 65536u /* octets of an answer that are looked at */
#define SL_PROBE_SAY_SIZE 96	 /* a result in words */

struct event_base;
struct event;
struct sl_probe;
struct sl_icmp_probes;
struct sl_external_left;
struct sl_way;

struct sl_probe_ops {
	void (*start)(struct sl_probe *probe);
	void (*stop)(struct sl_probe *probe);
};

/* What probes of a thread share. */
struct sl_probe_bench {
	struct event_base *base;
	struct sl_transfers *http; /* made when the first one needs it */
	struct sl_icmp_probes *icmp;
	struct sl_way *way;	       /* NULL: no probe goes it */
	struct sl_external_left *left; /* programs that were killed and have not ended yet */
};

struct sl_probe {
	struct sl_probe_bench *bench;
	const struct sl_health_spec *spec;
	bool is_agent; /* the agent beside a check */
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	struct sl_addr address; /* family NONE: there is no service to ask for */
	uint16_t port;
	bool by_way; /* the packets' way, to this node behind this port of ours */
	uint32_t way_node, way_port;
	void (*ended)(struct sl_probe *probe);
	/* out */
	enum sl_health_result result;
	char say[SL_PROBE_SAY_SIZE];
	char lost[SL_PROBE_SAY_SIZE]; /* why there is no socket */
	struct sl_agent_word agent;   /* of agents, when the result is OK */
	/* of the kind that runs */
	const struct sl_probe_ops *running; /* NULL: none */
	int fd;				    /* -1: none */
	struct event *event;
	char *text; /* what came, zero-terminated */
	uint32_t length, sent;
	struct sl_transfer transfer; /* curl's */
	void *options;
	uint16_t sequence;
	pid_t pid;
};

extern const struct sl_probe_ops sl_probe_tcp, sl_probe_udp, sl_probe_icmp, sl_probe_http,
	sl_probe_external;

const struct sl_probe_ops *sl_probe_ops_of(const struct sl_probe *probe);

/* The check begins; it may be over at once. */
void sl_probe_begin(struct sl_probe *probe);
/* The check is over: tells the prober, which stops it. Nothing of the probe may be touched afterwards. */
void sl_probe_end(struct sl_probe *probe, enum sl_health_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* By what errno says of a socket. */
void sl_probe_end_errno(struct sl_probe *probe, int code);

/* Closes the socket and frees event and text. */
void sl_probe_clear(struct sl_probe *probe);

/* A non-blocking socket on the probe's way; negative errno: probe->lost says why there is none. */
int sl_probe_socket(struct sl_probe *probe, int type);
/* A non-blocking socket to the node's address in probe->fd; false: the probe has ended. */
bool sl_probe_open(struct sl_probe *probe, int type);
socklen_t sl_probe_sockaddr(const struct sl_addr *address, uint16_t port,
			    struct sockaddr_storage *out);
/* Waits for what (EV_READ, EV_WRITE) on the socket; false: the probe has ended. */
bool sl_probe_wait(struct sl_probe *probe, short what,
		   void (*called)(int fd, short what, void *probe));
/* Appends to the text, up to SL_PROBE_TEXT_MAX: -ENOMEM, -ENOSPC when not all had room. */
int sl_probe_append(struct sl_probe *probe, const void *data, size_t size);

/* Ends a shared part. Takes NULL. */
void sl_icmp_probes_destroy(struct sl_icmp_probes *icmp);
void sl_external_left_destroy(struct sl_external_left *left);

#endif
