/* SPDX-License-Identifier: BSD-3-Clause */

/* Neighbours: which MAC address an address has on a port, as far as it is known.
 *
 * Why:     whoever sends to a node writes its MAC address into every frame; it changes while flows
 *          live, and whoever lies about it takes them over.
 * Shape:   an entry for each address that somebody uses, and for no other: what is told of others is
 *          not kept. One that is not known is asked for at once, then every second; after three times
 *          in vain it has failed and is asked for more rarely. One that is known is asked for again
 *          every 20 s, so that it is confirmed or fails; where nobody but we asks (SL_NEIGH_OWN), it
 *          is asked itself first, then the whole link. A claim that a known one is elsewhere only
 *          has it asked at once. A hash table; a queue for each pace.
 * Threads: one.
 * Memory:  create and destroy (takes NULL); entries are counted by get and put.
 * Errors:  NULL: no memory, or SL_NEIGH_MAX entries.
 * Source:  the states follow RFC 4861 section 7.3, RFC 826 and RFC 1122 section 2.3.2.1.
 */

#ifndef SL_NEIGH_TABLE_H
#define SL_NEIGH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include "base/addr.h"
#include "base/limit.h"

#define SL_NEIGH_MAX	    65536u
#define SL_NEIGH_RETRY_MS   1000  /* while it is not known */
#define SL_NEIGH_TRIES	    3	  /* then it has failed */
#define SL_NEIGH_FAILED_MS  2000  /* between two tries then */
#define SL_NEIGH_CONFIRM_MS 20000 /* while it is known */
#define SL_NEIGH_POLLS	    2 /* of SL_NEIGH_OWN itself, every SL_NEIGH_RETRY_MS, before the link */
#define SL_NEIGH_CHECKS	    4 /* the same when somebody else claims to have the address */
#define SL_NEIGH_CHECK_MS   100	 /* between those */
#define SL_NEIGH_ANSWER_MS  1000 /* so long after a question an answer is one */
#define SL_NEIGH_QUIET_MS   1000 /* after it confirmed, claims have it asked later */
#define SL_NEIGH_FAILED_MAX 50	 /* failed ones that are asked for in SL_NEIGH_CHECK_MS */

/* id, name: as `sluicectl neighbors` shows them */
#define SL_NEIGH_STATES(X)                                                                         \
	X(STATIC, "static", 0)                                                                     \
	X(RESOLVING, "resolving", 1)                                                               \
	X(RESOLVED, "resolved", 2)                                                                 \
	X(FAILED, "failed", 3)

enum sl_neigh_state {
#define X(id, name, value) SL_NEIGH_##id = (value),
	SL_NEIGH_STATES(X)
#undef X
};
const char *sl_neigh_state_name(enum sl_neigh_state state);

/* What an entry is about. */
enum sl_neigh_kind {
	SL_NEIGH_LINK = 0,   /* an address on the link */
	SL_NEIGH_ROUTE = 1,  /* an address that a route leads to: its MAC is that of `via` */
	SL_NEIGH_GIVEN = 2,  /* the configuration has its MAC */
	SL_NEIGH_NOBODY = 3, /* an address on the link of a port whose neighbours nobody asks for */
	SL_NEIGH_OWN = 4     /* an address on the link that we ask for ourselves */
};

struct sl_neigh_key {
	uint8_t port;
	uint8_t kind; /* enum sl_neigh_kind */
	struct sl_addr addr;
};

struct sl_neigh_entry {
	TAILQ_ENTRY(sl_neigh_entry) link;
	struct sl_neigh_entry *chain; /* of its bucket */
	struct sl_neigh_key key;
	uint32_t uses, place;
	uint8_t queue;
	uint8_t state; /* enum sl_neigh_state */
	uint8_t tries;
	bool has_mac;  /* one that is being resolved again has the MAC it had */
	bool refused;  /* the last answer was one, and it was said */
	bool disputed; /* somebody else claims to have the address; it is being asked */
	struct sl_mac mac;
	struct sl_mac claimed; /* by whom, of a disputed one */
	uint64_t asked_ms;     /* 0: never */
	uint64_t quiet_ms;     /* until then claims say nothing new */
	uint64_t due_ms;
	uint64_t told_ms;	    /* when its MAC or its state was told last */
	struct sl_neigh_entry *via; /* SL_NEIGH_ROUTE: a use of its own; NULL: no route */
};

enum sl_neigh_news {
	SL_NEIGH_NEWS_KNOWN = 0,   /* its MAC is known */
	SL_NEIGH_NEWS_CHANGED = 1, /* another MAC than before */
	SL_NEIGH_NEWS_FAILED = 2,
	SL_NEIGH_NEWS_REFUSED =
		3, /* an answer that no neighbour gives: our own MAC, a group's, none */
	SL_NEIGH_NEWS_KEPT = 4, /* it answered where it was; somebody else's claim is not taken */
};

struct sl_neigh_table;

struct sl_neigh_spec {
	/* mac: the one that was refused or not taken, else NULL */
	void (*news)(void *context, const struct sl_neigh_entry *entry, enum sl_neigh_news news,
		     const struct sl_mac *mac);
	void *context;
	struct sl_mac own[SL_PORTS_MAX]; /* our MAC addresses, by port */
};

struct sl_neigh_table *sl_neigh_table_create(const struct sl_neigh_spec *spec);
void sl_neigh_table_destroy(struct sl_neigh_table *table);

/* A use of the entry, which is made when there is none: then it is due. mac: of SL_NEIGH_GIVEN. */
struct sl_neigh_entry *sl_neigh_get(struct sl_neigh_table *table, const struct sl_neigh_key *key,
				    const struct sl_mac *mac, uint64_t now_ms);
void sl_neigh_put(struct sl_neigh_table *table, struct sl_neigh_entry *entry); /* takes NULL */
struct sl_neigh_entry *sl_neigh_find(const struct sl_neigh_table *table,
				     const struct sl_neigh_key *key);

/* The next entry that is due, NULL: there is none. It is due again later. */
struct sl_neigh_entry *sl_neigh_due(struct sl_neigh_table *table, uint64_t now_ms);

/* True if it is to be asked where it was; false: the whole link is. */
bool sl_neigh_is_polled(const struct sl_neigh_entry *entry);

/* Somebody says that an SL_NEIGH_OWN is at mac: taken if it was asked for, else a reason to ask. */
void sl_neigh_claimed(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		      const struct sl_mac *mac, uint64_t now_ms);

/* What was found: its MAC; that it does not answer; that who knew it has forgotten it. */
void sl_neigh_told(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		   const struct sl_mac *mac, uint64_t now_ms);
void sl_neigh_failed(struct sl_neigh_table *table, struct sl_neigh_entry *entry, uint64_t now_ms);
void sl_neigh_forgotten(struct sl_neigh_table *table, struct sl_neigh_entry *entry);
/* Of SL_NEIGH_ROUTE: the way leads by via (a use that is taken over), NULL: there is none. */
void sl_neigh_route(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		    struct sl_neigh_entry *via, uint64_t now_ms);
/* All routes are due, for some changed; or all entries that are asked for. */
void sl_neigh_again(struct sl_neigh_table *table, bool all);
/* All that we ask for on the port ourselves are due: its link has come up. */
void sl_neigh_again_on(struct sl_neigh_table *table, uint32_t port);
/* It could not be asked: it is due again, and that was no try. */
void sl_neigh_unasked(struct sl_neigh_table *table, struct sl_neigh_entry *entry);

/* The MAC that frames for it have; false: none is known. entry may be NULL. */
bool sl_neigh_mac(const struct sl_neigh_entry *entry, struct sl_mac *mac);

/* All entries by number, in no order. */
uint32_t sl_neigh_count(const struct sl_neigh_table *table);
const struct sl_neigh_entry *sl_neigh_at(const struct sl_neigh_table *table, uint32_t number);

#endif
