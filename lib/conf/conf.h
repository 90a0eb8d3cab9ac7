/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration file: what the operator asked, as plain data.
 *
 * Why:     a file is read whole, every error of it is reported with its place, and what comes out
 *          is valid.
 * Shape:   arrays in file order; names are resolved to indices (`pool`, `port`); absent keys have
 *          their defaults.
 * Threads: any; plain data of the caller.
 * Memory:  sl_conf_parse() allocates, sl_conf_destroy() frees (takes NULL). Strings and arrays are
 *          from malloc(), so that an owner may replace them.
 * Errors:  0, -EINVAL with a list of errors, -ENOMEM.
 */

#ifndef SL_CONF_CONF_H
#define SL_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/limit.h"
#include "conf/port.h"
#include "pkt/encap.h"
#include "sched/sched.h"
#include "state/service.h"
#include "state/snapshot.h"

enum sl_conf_auto { SL_AUTO = 0, SL_REQUIRE = 1, SL_OFF = 2 };
enum sl_conf_idle { SL_IDLE_BACKOFF = 0, SL_IDLE_POLL = 1 };
enum sl_conf_queue_full { SL_QUEUE_FULL_AUTO = 0, SL_QUEUE_FULL_DROP = 1, SL_QUEUE_FULL_WAIT = 2 };
enum sl_conf_echo { SL_ECHO_ANSWER = 0, SL_ECHO_FORWARD = 1, SL_ECHO_PUNT = 2 };
enum sl_conf_tracking {
	SL_CONF_TRACKING_AUTO = 0,
	SL_CONF_TRACKING_NONE = 1,
	SL_CONF_TRACKING_FULL = 2,
	SL_CONF_TRACKING_TRANSITION = 3,
};
enum sl_conf_hash {
	SL_CONF_HASH_5_TUPLE = 0,
	SL_CONF_HASH_3_TUPLE = 1,
	SL_CONF_HASH_SRC_DST = 2,
	SL_CONF_HASH_SRC = 3,
	SL_CONF_HASH_DST = 4,
	SL_CONF_HASH_INNER_5_TUPLE = 5,
};
/* What becomes of packets without DF that are too big once encapsulated. */
/* The UDP checksum of tunnels over IPv6. */
enum sl_conf_udp6 { SL_UDP6_FULL = 0, SL_UDP6_ZERO = 1 };

enum sl_conf_oversize { SL_OVERSIZE_DROP = 0, SL_OVERSIZE_FRAGMENT = 1 };
/* The outer IPv4 header's don't-fragment bit. */
enum sl_conf_outer_df {
	SL_OUTER_DF_POOL = 0, /* of a node: as its pool says */
	SL_OUTER_DF_COPY = 1, /* the inner packet's; set for IPv6 inside */
	SL_OUTER_DF_SET = 2,
	SL_OUTER_DF_CLEAR = 3,
};
/* id, name */
#define SL_HEALTH_TYPES(X)                                                                         \
	X(NONE, "none", 0)                                                                         \
	X(TCP, "tcp", 1)                                                                           \
	X(HTTP, "http", 2)                                                                         \
	X(UDP, "udp", 3)                                                                           \
	X(ICMP, "icmp", 4)                                                                         \
	X(HTTPS, "https", 5)                                                                       \
	X(AGENT, "agent", 6)                                                                       \
	X(EXTERNAL, "external", 7)

enum sl_conf_health_type {
#define X(id, name, value) SL_HEALTH_TYPE_##id = (value),
	SL_HEALTH_TYPES(X)
#undef X
};

/* What becomes of the live flows of a node that is down. */
enum sl_conf_on_down { SL_ON_DOWN_MOVE = 0, SL_ON_DOWN_KEEP = 1 };

/* Which way a check goes to a node. */
enum sl_conf_via { SL_VIA_KERNEL = 0, SL_VIA_PATH = 1 };

struct sl_conf_dataplane {
	char instance[SL_NAME_SIZE];
	int control_cpu; /* -1: first allowed */
	int *rx_cpus;
	uint32_t rx_cpu_count; /* 0: the control CPU */
	int *worker_cpus;
	uint32_t worker_cpu_count;
	enum sl_conf_idle idle;
	enum sl_conf_queue_full queue_full;
	enum sl_conf_auto hugepages;
	uint32_t memory_mb;
	uint32_t packet_buffers;
	uint32_t burst;
	uint32_t ring_size;
	bool hash_key_set;
	uint8_t hash_key[SL_HASH_KEY_SIZE];
	char **eal;
	uint32_t eal_count;
	uint32_t line, column; /* of the section, for messages; 0: it is not there */
};

struct sl_conf_control {
	char *socket; /* never NULL */
	uint32_t mode;
	char *group;   /* "" : none */
	char *state;   /* "" : not kept */
	char *metrics; /* "" : off */
	uint32_t line, column;
};

enum sl_conf_store_type { SL_STORE_ETCD = 0 };

#define SL_ENDPOINTS_MAX 16u
/* Where a cluster keeps its log. */
struct sl_conf_store {
	enum sl_conf_store_type type;
	char **endpoints; /* "http://192.0.2.5:2379" */
	uint32_t endpoint_count;
	char *prefix;	       /* of all keys, "/sluice" */
	char *user, *password; /* "": none */
	char *ca, *cert, *key; /* files; "": none */
};

enum sl_conf_judges { SL_JUDGES_MAJORITY = 0, SL_JUDGES_OWN = 1 };

struct sl_conf_cluster {
	char name[SL_NAME_SIZE]; /* "": there is no cluster */
	char member[SL_NAME_SIZE];
	struct sl_conf_store store;
	enum sl_conf_judges health;
	uint32_t line, column;
};

/* The kernel's interface that carries services' addresses. */
struct sl_conf_announce {
	char *interface; /* NULL: none */
	uint32_t grace_ms;
	uint32_t line, column;
};

#define SL_HEALTH_WORDS_MAX 32u
struct sl_conf_health {
	enum sl_conf_health_type type;
	uint16_t port;
	uint32_t interval_ms, timeout_ms;
	uint32_t fast_ms; /* 0: a third of the interval */
	uint32_t rise, fall;
	char *path;	     /* http; NULL: "/" */
	char *host;	     /* http: the Host header and TLS name, NULL: the node's address */
	char *send;	     /* tcp, udp, agent; NULL: nothing */
	char *expect_status; /* http; NULL: "200-399" */
	char *expect_body;   /* a POSIX extended regular expression, NULL: anything */
	bool tls_verify;
	char *ca;      /* a file of certificates; NULL: the system's */
	char *command; /* external: a program and its arguments, SL_HEALTH_WORDS_MAX words */
	bool agent_set;
	uint16_t agent_port; /* an agent beside the check */
	uint32_t agent_interval_ms;
	enum sl_conf_on_down on_down;
	enum sl_conf_via via;
	/* of a node's: which of these it has in place of its pool's */
	bool type_set, port_set, interval_set, timeout_set, fast_set, rise_set, fall_set,
		tls_verify_set, on_down_set, via_set;
};

/* Statuses that are good, as ranges. */
#define SL_CONF_STATUSES_MAX 16u
struct sl_conf_statuses {
	uint32_t count;
	uint16_t first[SL_CONF_STATUSES_MAX], last[SL_CONF_STATUSES_MAX];
};

/* A text that a handler reads. */
struct sl_conf_option {
	char *name, *value;
};

struct sl_conf_node {
	char name[SL_NAME_SIZE];
	enum sl_node_kind kind;
	uint64_t weight; /* millionths */
	/* worker */
	uint32_t worker;
	char *handler; /* "sink", "echo", "capture", ...; NULL: no worker */
	char *file;    /* of the handler; NULL: none */
	struct sl_conf_option *options;
	uint32_t option_count;
	struct sl_conf_health health; /* remote: what differs from its pool's */
	bool backup;		      /* serves only while no node without it can */
	/* remote */
	struct sl_addr address;
	enum sl_encap_type encap;
	uint16_t gue_port;
	uint32_t vni;
	enum sl_conf_outer_df outer_df;
	bool mac_set; /* as written; sl_conf_next_hop() knows where it follows from the port */
	struct sl_mac mac;
	bool inner_mac_set; /* else the next hop's */
	struct sl_mac inner_mac;
	/* remote, output */
	uint32_t port; /* index */
	uint32_t line, column;
};

/* What scales the weights of a pool's nodes at run time. */
enum sl_conf_weight_from {
	SL_WEIGHT_FROM_NONE = 0,
	SL_WEIGHT_FROM_AGENT = 1,
	SL_WEIGHT_FROM_LATENCY = 2,
};

#define SL_CONF_FALLBACKS_MAX 4u /* pools behind one another */

struct sl_conf_pool {
	char name[SL_NAME_SIZE];
	enum sl_scheduler scheduler;
	uint32_t slots;
	enum sl_conf_tracking tracking;
	enum sl_conf_hash hash;
	bool symmetric;
	enum sl_no_node no_node;
	uint32_t idle_ms_tcp, idle_ms_udp, idle_ms_other;
	uint32_t flow_entries;
	bool flow_addresses;
	enum sl_conf_outer_df outer_df; /* never SL_OUTER_DF_POOL */
	enum sl_conf_oversize oversize;
	enum sl_conf_udp6 udp6_checksum;
	bool second_chance; /* GUE names the other node of an open slot: pkt/gue.h */
	struct sl_conf_health health;
	uint32_t slow_start_ms; /* a node that comes up gets its weight in steps; 0: at once */
	enum sl_conf_weight_from weight_from;
	char fallback[SL_NAME_SIZE]; /* the pool that serves while nobody here can; "": none */
	uint64_t max_load;	     /* times the fair share of flows, millionths; 0: none */
	uint64_t fallback_below;     /* or while less than this share is up; millionths */
	struct sl_conf_node *nodes;
	uint32_t node_count;
	uint32_t line, column, fallback_line, fallback_column; /* the latter of its name */
};

/* A class of service: who goes first at workers. */
struct sl_conf_traffic {
	char name[SL_NAME_SIZE];
	uint32_t priority, max_wait_ms; /* 0: the first */
	uint32_t line, column;
};

struct sl_conf_service {
	char name[SL_NAME_SIZE];
	bool any;
	struct sl_prefix prefix;
	int16_t protocol; /* -1: all */
	struct sl_port_range *ports;
	struct sl_prefix *sources;
	uint32_t port_count, source_count; /* 0: all */
	uint16_t vlan;			   /* 0: any */
	enum sl_conf_echo echo;
	uint16_t mss_clamp;	  /* 0: none */
	uint8_t flow_weight;	  /* what a flow of its counts for in loads */
	char class[SL_NAME_SIZE]; /* "": as sl_conf_class() says */
	uint32_t pool;		  /* index */
	uint32_t line, column;
};

struct sl_conf {
	struct sl_conf_dataplane dataplane;
	struct sl_conf_port *ports;
	uint32_t port_count;
	struct sl_conf_control control;
	struct sl_conf_cluster cluster;
	struct sl_conf_announce announce;
	struct sl_conf_traffic *classes;
	uint32_t class_count; /* 0: there is one */
	struct sl_conf_pool *pools;
	struct sl_conf_service *services;
	uint32_t pool_count, service_count;
};

struct sl_conf_error {
	uint32_t line, column; /* from 1 */
	char *message;	       /* what is wrong, and what would be right */
};

struct sl_conf_errors {
	struct sl_conf_error *list; /* in the order of the file */
	uint32_t count;
	struct sl_conf_error *warnings;
	uint32_t warning_count;
};

#define SL_CONF_TEXT_MAX   (16u << 20) /* octets of a file */
#define SL_CONF_ERRORS_MAX 1000u       /* errors, and warnings, that are listed */

/* Reads YAML text of length octets. errors is initialised by the callee and freed with
 * sl_conf_errors_fini() in every case; warnings may be there on success. */
int sl_conf_parse(const char *text, size_t length, struct sl_conf **conf,
		  struct sl_conf_errors *errors);
void sl_conf_destroy(struct sl_conf *conf);
/* Frees what is in conf, not conf itself. */
void sl_conf_fini(struct sl_conf *conf);
void sl_conf_errors_fini(struct sl_conf_errors *errors);

/* The handlers that worker nodes may name; names are borrowed for ever. Before the first parse and
 * before there are threads; without it they are sink, echo and capture. */
struct sl_conf_handler {
	const char *name;
	bool needs_file;
	int (*check)(const struct sl_conf_node *node, struct sl_err *err); /* options; NULL: any */
};
void sl_conf_handlers_set(const struct sl_conf_handler *handlers, uint32_t count);

/* "200-299, 304" (NULL: what is good by default): 0 or -EINVAL. */
int sl_conf_statuses_parse(const char *text, struct sl_conf_statuses *statuses);

/* The check of a node: its pool's keys, or its own one by one. Texts are borrowed from both. */
void sl_conf_health_merge(const struct sl_conf_health *pool, const struct sl_conf_health *node,
			  struct sl_conf_health *merged);

/* A health check alone: a copy that owns its texts (-ENOMEM: to is empty), and whether two are equal. */
int sl_conf_health_copy(const struct sl_conf_health *from, struct sl_conf_health *to);
void sl_conf_health_fini(struct sl_conf_health *health);
bool sl_conf_health_equal(const struct sl_conf_health *a, const struct sl_conf_health *b);

/* A node alone, from name=value pairs as in the file ("weight=5", "address=10.0.0.1"); for
 * add-node. The names of ports are looked up in conf; beside is its pool's health check, which the
 * node's own keys go before (NULL: it was judged before). The node's strings are freed with sl_conf_node_fini().
 * Places in errors: line 1, column the number of the pair. */
int sl_conf_node_parse(const struct sl_conf *conf, const struct sl_conf_pool *beside,
		       const char *name, const char *const *pairs, uint32_t count,
		       struct sl_conf_node *node, struct sl_conf_errors *errors);
void sl_conf_node_fini(struct sl_conf_node *node);

/* The pairs that make such a node, each with a zero behind it, *count of them. Allocated; NULL: no
 * memory. */
char *sl_conf_node_pairs(const struct sl_conf *conf, const struct sl_conf_node *node,
			 uint32_t *count);

/* The keys of nodes but `name`, by number; NULL: there is none of that number. */
const char *sl_conf_node_key(uint32_t number);

/* A service alone, likewise; lists have commas ("ports=80,8000-8099"). Keys of `before` stay where no pair
 * has another value, and a pair without a value takes its key away; NULL: there is none before. It is
 * judged beside conf's services of other names; its pool is an index of conf. Its lists are freed with
 * sl_conf_service_fini(). */
int sl_conf_service_parse(const struct sl_conf *conf, const struct sl_conf_service *before,
			  const char *name, const char *const *pairs, uint32_t count,
			  struct sl_conf_service *service, struct sl_conf_errors *errors);
void sl_conf_service_fini(struct sl_conf_service *service);
char *sl_conf_service_pairs(const struct sl_conf *conf, const struct sl_conf_service *service,
			    uint32_t *count);
const char *sl_conf_service_key(uint32_t number);
int sl_conf_service_copy(const struct sl_conf_service *from, struct sl_conf_service *to);
/* Into the place of the service of its name, or behind the last; taken over unless it is -ENOMEM. */
int sl_conf_services_put(struct sl_conf *conf, struct sl_conf_service *service);
/* Takes one out. */
void sl_conf_services_drop(struct sl_conf *conf, uint32_t place);

/* to becomes a node of its own with the same content. -ENOMEM: to is as before. */
int sl_conf_node_copy(const struct sl_conf_node *from, struct sl_conf_node *to);

/* The same of a pool, without its nodes. */
int sl_conf_pool_copy(const struct sl_conf_pool *from, struct sl_conf_pool *to);
void sl_conf_pool_fini(struct sl_conf_pool *conf);

/* The configuration as YAML that sl_conf_parse() takes and that gives an equal struct. Allocated;
 * NULL: no memory. */
char *sl_conf_format(const struct sl_conf *conf);
/* The same with "***" for what is secret. */
char *sl_conf_format_public(const struct sl_conf *conf);

/* Deep copy; NULL: no memory. */
struct sl_conf *sl_conf_copy(const struct sl_conf *conf);

/* The same without what is a cluster's member's own: `control`, `cluster` and `announce` are as if they
 * were not there;
 * NULL: no memory. */
struct sl_conf *sl_conf_shared(const struct sl_conf *conf);
/* The sections of one with the pools and services of another, whose ports are found by name; NULL: there is
 * no such port, or no memory. */
struct sl_conf *sl_conf_graft(const struct sl_conf *sections, const struct sl_conf *pools);

/* ---- comparing ------------------------------------------------------------------------------- */

/* What differs between two configurations. Names are compared where indices may shift. */
#define SL_CONF_DATAPLANE 0x01 /* all of it but hash_key, and `classes`; needs a restart */
#define SL_CONF_HASH_KEY  0x02
#define SL_CONF_PORTS	  0x04 /* needs a restart */
#define SL_CONF_SOCKET	  0x08 /* control.socket; needs a restart */
#define SL_CONF_CONTROL	  0x10 /* the rest of control */
#define SL_CONF_POOLS	  0x20
#define SL_CONF_SERVICES  0x40
#define SL_CONF_CLUSTER	  0x80 /* and announce; needs a restart */
uint32_t sl_conf_changes(const struct sl_conf *a, const struct sl_conf *b);

/* Parts of a configuration whose keys are told one by one where they differ. */
enum sl_conf_part {
	SL_CONF_PART_POOL = 0, /* without its nodes */
	SL_CONF_PART_NODE = 1,
	SL_CONF_PART_SERVICE = 2, /* without its pool */
	SL_CONF_PART_CONTROL = 3,
};

/* A part, and the configuration that it is in. */
struct sl_conf_side {
	const struct sl_conf *conf;
	const void *object;
};

typedef void sl_conf_told(void *context, const char *key, const char *before, const char *after);

/* 0 or -ENOMEM. Values are as a file has them. */
int sl_conf_tell(enum sl_conf_part part, const struct sl_conf_side *before,
		 const struct sl_conf_side *after, sl_conf_told *told, void *context);

/* Tells each key that differs in what needs a restart ("dataplane.worker_cpus", "mtu of port p0"),
 * and where the entry stands that b has it in. */
typedef void sl_conf_restart_told(void *context, uint32_t line, uint32_t column, const char *key);
void sl_conf_restart_keys(const struct sl_conf *a, const struct sl_conf *b,
			  sl_conf_restart_told *told, void *context);

bool sl_conf_node_equal(const struct sl_conf_node *a, const struct sl_conf_node *b);
bool sl_conf_pool_equal(const struct sl_conf_pool *a, const struct sl_conf_pool *b);
/* Of two configurations: their pools are compared by name. */
bool sl_conf_service_equal(const struct sl_conf *conf_a, const struct sl_conf_service *a,
			   const struct sl_conf *conf_b, const struct sl_conf_service *b);

/* ---- what follows from it -------------------------------------------------------------------- */

/* What is known of the next hop to a remote node. */
enum sl_conf_hop {
	SL_HOP_KNOWN = 0, /* its MAC address */
	SL_HOP_LINK = 1,  /* its address, which is on the link */
	SL_HOP_ROUTE = 2, /* nothing: whoever knows routes does, too */
};

/* Where frames for a remote node go: *mac of SL_HOP_KNOWN; *hop is the node itself, or its port's
 * gateway. */
enum sl_conf_hop sl_conf_next_hop(const struct sl_conf *conf, const struct sl_conf_node *node,
				  struct sl_mac *mac, struct sl_addr *hop);

/* Who resolves the port's next hops, never AUTO: the kernel where the port has an interface of its;
 * nobody on captures and where there is no link; else sluice. */
enum sl_conf_neighbors sl_conf_resolver(const struct sl_conf_port *port);

/* Whether what the port answers for is announced: on links alone, so that a capture holds no more than
 * what was forwarded. */
bool sl_conf_announces(const struct sl_conf_port *port);
/* Whether the kernel hears what comes in by the port for the host: it has an interface there, or beside it. */
bool sl_conf_is_heard(const struct sl_conf_port *port);
/* The place of the service whose address probes of the pool ask for, by protocol (IPPROTO_): the first with
 * one address; -1: there is none. */
int sl_conf_probed_service(const struct sl_conf *conf, uint32_t pool, int16_t protocol);
/* The service that takes answers to such probes, which come in by the port for the host; NULL: none does. */
const struct sl_conf_service *sl_conf_answer_taker(const struct sl_conf *conf, uint32_t port,
						   int16_t protocol);

/* Our address that a neighbour of the port is asked from: of its network, else of its family. NULL:
 * there is none. */
const struct sl_addr *sl_conf_asking(const struct sl_conf_port *port, const struct sl_addr *hop);

/* The interface of a device `xdp:INTERFACE`; NULL: it is no such device. */
const char *sl_conf_xdp_interface(const struct sl_conf_port *port);

/* The outer source address of what is encapsulated for a remote node; NULL: its port has none of
 * that family (never so in a configuration that was parsed). */
const struct sl_addr *sl_conf_outer_source(const struct sl_conf *conf,
					   const struct sl_conf_node *node);

/* What the outer IPv4 header's don't-fragment bit is for a node: its own word, else its pool's. */
enum sl_encap_df sl_conf_outer_df(const struct sl_conf_pool *pool, const struct sl_conf_node *node);

/* The least `slots` of which weight gets a whole one; 0: more than SL_SLOTS_MAX, or no weight. */
uint32_t sl_conf_slots_least(uint64_t weight, uint64_t total);

/* A path below /run/INSTANCE for root, else below INSTANCE of $XDG_RUNTIME_DIR or /run/user/UID. Allocated;
 * NULL: no memory. */
char *sl_conf_run_path(const char *instance, const char *name);

/* The socket when a configuration names none: control.sock there. */
char *sl_conf_socket_default(const char *instance);

/* Where the service's class stands in `classes`: its own, else the one named normal, else the last. */
uint32_t sl_conf_class(const struct sl_conf *conf, const struct sl_conf_service *service);

/* Tells one configuration from another, whatever its text looks like. */
uint64_t sl_conf_digest(const struct sl_conf *conf);

#endif
