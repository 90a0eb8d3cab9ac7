/* SPDX-License-Identifier: BSD-3-Clause */

/* The contract of handlers that users write: a shared object that serves the packets of a worker node.
 *
 * Why:     what is to be done with packets is the user's; receiving, spreading and handing over are not.
 * Shape:   the object exports one `const struct sluice_handler sluice_handler`. A node has an
 *          instance; packets come in bursts, parsed, in the order of each flow.
 * Threads: open, close: sluice's control thread. Everything else: the worker's thread of the node,
 *          never two at a time, never before open or after close.
 * Memory:  a packet is the handler's during burst() alone, unless its verdict is SLUICE_KEEP. Texts
 *          given to open() are valid until close().
 * Errors:  open: negative errno, and a sentence in error.
 *
 * Build:   cc -shared -fPIC $(pkg-config --cflags sluice-handler) -o count.so count.c
 */

#ifndef SL_SLUICE_HANDLER_H
#define SL_SLUICE_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this contract. Members are only added at the ends of structs, and the number is raised with them;
 * an object of an older number goes on working, one of a newer number is refused. What travels in arrays
 * (sluice_packet, sluice_row, sluice_option) never changes its size: what they lack comes in an array
 * beside them. */
#define SLUICE_HANDLER_VERSION 1u

#define SLUICE_KEY_SIZE	  64 /* octets of a result's key, with its final zero */
#define SLUICE_ERROR_SIZE 256
#define SLUICE_NO_SLOT	  UINT32_MAX
#define SLUICE_NO_SERVICE UINT32_MAX

/* What becomes of a packet after burst(). */
enum sluice_verdict {
	SLUICE_FREE = 0, /* it has been looked at; unless something else is said */
	SLUICE_SEND = 1, /* leaves by the port that it came in by, as it is now */
	SLUICE_KEEP = 2, /* stays the handler's, until it gives it to host->release or host->send */
};

struct sluice_packet {
	uint8_t *frame;	     /* the Ethernet frame; octets may be changed */
	uint32_t size;	     /* octets that lie there; large frames go on elsewhere */
	uint32_t frame_size; /* octets of all of it */
	uint32_t ip_size;    /* octets of the IP packet; 0: it is none, and what follows is 0 */
	uint16_t l3_offset;  /* of the IP header in the frame */
	uint16_t l4_offset;  /* of the transport header; of the data of a later fragment */
	uint8_t family;	     /* 4 or 6 */
	uint8_t protocol;    /* of the transport header */
	uint8_t tcp_flags;   /* as on the wire */
	uint8_t verdict;     /* enum sluice_verdict; to be written */
	/* The flow key: addresses as on the wire, 4 or 16 octets; ports in host order, 0: it has none.
	 * An ICMP error has the key of the packet that it quotes, turned round; a later fragment has
	 * no ports. */
	const uint8_t *source, *destination;
	uint16_t source_port, destination_port;
	uint16_t vlan; /* outermost tag, 0: none */
	uint16_t spare;
	uint32_t slot;	  /* by which it came to this node; SLUICE_NO_SLOT: it has none now */
	uint32_t service; /* number of the service that took it; SLUICE_NO_SERVICE: none does now */
	void *handle;	  /* for host->release and host->send */
};

struct sluice_burst {
	struct sluice_packet *packets;
	uint32_t count;
	uint32_t spare;
	uint64_t now_ns; /* of the wall clock, a few milliseconds coarse */
	void *worker;	 /* for host->send */
};

/* What sluice does for a handler. */
struct sluice_host {
	uint32_t version; /* SLUICE_HANDLER_VERSION of the daemon */
	uint32_t spare;
	/* A line of sluice's log, level as in syslog(3). Any thread. */
	void (*log)(int level, const char *line);
	/* A packet that was kept. On the worker's thread. */
	void (*release)(void *handle);
	void (*send)(void *worker, void *handle);
};

struct sluice_option {
	const char *name, *value;
};

struct sluice_open {
	const struct sluice_host *host; /* valid until close() */
	const char *pool, *node;
	const struct sluice_option *options; /* as configured */
	uint32_t option_count;
};

/* One line of what a handler has found. Keys of several workers that are equal are added up. */
struct sluice_row {
	char key[SLUICE_KEY_SIZE]; /* text */
	uint64_t packets, octets;
	uint64_t first_ms, last_ms; /* wall clock; 0: unknown */
	uint64_t error;		    /* packets that may be too many in it; 0: exact */
};

struct sluice_total {
	uint64_t packets, octets, keys;
	uint64_t lost; /* packets that are in no row */
};

struct sluice_handler {
	uint32_t version; /* SLUICE_HANDLER_VERSION */
	uint32_t spare;
	const char *name; /* for messages */
	int (*open)(const struct sluice_open *open, void **state, char error[SLUICE_ERROR_SIZE]);
	void (*burst)(void *state, const struct sluice_burst *burst);
	/* All of these may be NULL. */
	void (*close)(void *state);
	/* When the worker has nothing to do, and at least once a second while packets come. */
	void (*tick)(void *state, uint64_t now_ns);
	/* Writes up to `room` rows and returns how many. *cursor is 0 at first and the handler's to
	 * change; UINT64_MAX: there are no more. Called in pieces, between bursts. */
	uint32_t (*results)(void *state, uint64_t *cursor, struct sluice_row *rows, uint32_t room);
	void (*total)(void *state, struct sluice_total *total);
	void (*reset)(void *state); /* results begin anew */
};

#if defined(__GNUC__)
#define SLUICE_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_EXPORT
#endif

/* Every shared object has one, by this name. */
extern SLUICE_EXPORT const struct sluice_handler sluice_handler;

#ifdef __cplusplus
}
#endif

#endif
