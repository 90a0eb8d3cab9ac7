/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration file: what the operator asked, as plain data.
 *
 * Why:     a file is read whole, every error of it is reported with its place, and what comes out
 * is valid. Shape:   arrays in file order; names are resolved to indices (`pool`, `port`); absent
 * keys have their defaults. Threads: any; plain data of the caller. Memory:  sl_conf_parse()
 * allocates, sl_conf_destroy() frees (takes NULL). Errors:  0, -EINVAL with a list of errors,
 * -ENOMEM. Source:  libyaml's document tree and its marks.
 */

#ifndef SL_CTL_CONF_H
#define SL_CTL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/limit.h"
#include "pkt/encap.h"
#include "sched/sched.h"
#include "state/service.h"
#include "state/snapshot.h"

enum sl_conf_auto { SL_AUTO = 0, SL_REQUIRE = 1, SL_OFF = 2 };
enum sl_conf_idle { SL_IDLE_BACKOFF = 0, SL_IDLE_POLL = 1 };
enum sl_conf_queue_full { SL_QUEUE_FULL_AUTO = 0, SL_QUEUE_FULL_DROP = 1, SL_QUEUE_FULL_WAIT = 2 };
enum sl_conf_punt { SL_CONF_PUNT_DROP = 0, SL_CONF_PUNT_KERNEL = 1, SL_CONF_PUNT_PORT = 2 };
enum sl_conf_arp { SL_ARP_SERVICES = 0, SL_ARP_ADDRESSES = 1, SL_ARP_OFF = 2 };
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
enum sl_conf_health_type {
	SL_HEALTH_NONE = 0,
	SL_HEALTH_TCP = 1,
	SL_HEALTH_HTTP = 2,
	SL_HEALTH_UDP = 3,
	SL_HEALTH_ICMP = 4
};

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
};

struct sl_conf_address {
	struct sl_addr addr;	 /* the host's own */
	struct sl_prefix prefix; /* its network */
};

struct sl_conf_port {
	char name[SL_NAME_SIZE];
	char *device;
	uint16_t mtu;
	bool promiscuous;
	struct sl_conf_address *addresses;
	uint32_t address_count;
	bool gateway_set;
	struct sl_addr gateway; /* family NONE when only the MAC is given */
	bool gateway_mac_set;
	struct sl_mac gateway_mac;
	enum sl_conf_punt punt;
	uint32_t punt_port; /* index, for SL_CONF_PUNT_PORT */
	enum sl_conf_arp arp;
	uint32_t line, column; /* of the entry, for messages */
};

struct sl_conf_control {
	char *socket; /* never NULL */
	uint32_t mode;
	char *group;   /* "" : none */
	char *state;   /* "" : not kept */
	char *metrics; /* "" : off */
};

struct sl_conf_health {
	enum sl_conf_health_type type;
	uint16_t port;
	uint32_t interval_ms, timeout_ms;
	uint32_t rise, fall;
	char *path; /* http */
	char *host;
};

struct sl_conf_node {
	char name[SL_NAME_SIZE];
	enum sl_node_kind kind;
	uint64_t weight; /* millionths */
	/* worker */
	uint32_t worker;
	char *handler; /* "sink", "echo", "capture", ... */
	char *file;    /* capture */
	/* remote */
	struct sl_addr address;
	enum sl_encap_type encap;
	uint16_t gue_port;
	uint32_t vni;
	bool mac_set;
	struct sl_mac mac;
	/* remote, output */
	uint32_t port; /* index */
	uint32_t line, column;
};

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
	struct sl_conf_health health;
	struct sl_conf_node *nodes;
	uint32_t node_count;
	uint32_t line, column;
};

struct sl_conf_service {
	char name[SL_NAME_SIZE];
	bool any;
	struct sl_prefix prefix;
	int16_t protocol; /* -1: all */
	struct sl_port_range *ports;
	uint32_t port_count;
	uint16_t vlan; /* 0: any */
	enum sl_conf_echo echo;
	uint16_t mss_clamp; /* 0: none */
	uint32_t pool;	    /* index */
	uint32_t line, column;
};

struct sl_conf {
	struct sl_conf_dataplane dataplane;
	struct sl_conf_port *ports;
	uint32_t port_count;
	struct sl_conf_control control;
	struct sl_conf_pool *pools;
	uint32_t pool_count;
	struct sl_conf_service *services;
	uint32_t service_count;
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

/* Reads YAML text of length octets. errors is initialised by the callee and freed with
 * sl_conf_errors_fini() in every case; warnings may be there on success. */
int sl_conf_parse(const char *text, size_t length, struct sl_conf **conf,
		  struct sl_conf_errors *errors);
void sl_conf_destroy(struct sl_conf *conf);
void sl_conf_errors_fini(struct sl_conf_errors *errors);

/* A node alone, from name=value pairs as in the file ("weight=5", "address=10.0.0.1"); for
 * add-node. The names of ports are looked up in conf. The node's strings are freed with
 * sl_conf_node_fini(). */
int sl_conf_node_parse(const struct sl_conf *conf, const char *name, const char *const *pairs,
		       uint32_t count, struct sl_conf_node *node, struct sl_conf_errors *errors);
void sl_conf_node_fini(struct sl_conf_node *node);

/* The configuration as YAML that sl_conf_parse() takes and that gives an equal struct. Allocated;
 * NULL: no memory. */
char *sl_conf_format(const struct sl_conf *conf);

/* Deep copy; NULL: no memory. */
struct sl_conf *sl_conf_copy(const struct sl_conf *conf);

#endif
