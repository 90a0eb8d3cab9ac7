/* SPDX-License-Identifier: BSD-3-Clause */

/* The model: what we believe, and the one door through which it changes.
 *
 * Why:     configuration, operators, health and the file of kept state all end in one place that
 *          says yes or no, and from which the snapshot that packets see is built.
 * Shape:   the present image (immutable, see image.h), and beside it what lives as long as the
 *          daemon: node indices, the cores' tables of each pool, the slots that are open, the
 *          bases of counters.
 * Threads: control.
 * Memory:  create and destroy (destroy takes NULL, when all readers have ended).
 * Errors:  0 or negative errno with a sentence; a change that is refused has changed nothing.
 */

#ifndef SL_MODEL_MODEL_H
#define SL_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limit.h"
#include "conf/conf.h"
#include "image/image.h"
#include "lcore/stats.h"
#include "model/change.h"
#include "state/publish.h"
#include "state/snapshot.h"

struct sl_model;

/* ---- what the application connects ----------------------------------------------------------- */

struct sl_model_port {
	struct sl_mac mac;
	uint16_t mtu;	/* in force; 0: as configured */
	uint8_t kernel; /* index of the port that leads to the kernel, where `punt` is kernel */
};

/* id, name: as `sluicectl status` shows them */
#define SL_LINKS(X)                                                                                \
	X(DOWN, "down", 0)                                                                         \
	X(UP, "up", 1)                                                                             \
	X(GONE, "gone", 2)

enum sl_link_state {
#define X(id, name, value) SL_LINK_##id = (value),
	SL_LINKS(X)
#undef X
};

/* What the device says of a port beside what cores count. */
struct sl_model_port_device {
	uint64_t rx_missed, rx_no_buffer;
	enum sl_link_state link;
	uint32_t speed_mbps, rx_queues; /* speed 0: unknown */
};

/* What a health check says of a node. */
struct sl_model_health {
	const char *state;  /* "up", "down", "unknown", "none" */
	const char *result; /* of the last check: "ok", "timeout", ...; "" before the first */
	const char *text;   /* the same in words */
	double ms;	    /* how long it took */
	uint64_t since_ms;  /* wall clock: when the state began */
	uint64_t checks, failures;
	uint32_t members;    /* of a cluster, that judge together; 0: it judges alone */
	const char *down_at; /* members: the names of those that say it is down, with commas */
};

/* What the kernel's program did while it served alone. */
struct sl_understudy {
	uint64_t packets, bytes, dropped, passed, times;
	double seconds;
};

struct sl_model_hooks {
	void *context;
	/* A snapshot is in force: before what changed is answered. NULL: nobody asks. */
	void (*published)(void *context, const struct sl_snapshot *snapshot);
	/* NULL: zeros */
	void (*understudy)(void *context, struct sl_understudy *understudy);
	/* A worker node's handler instance. create may fail; destroy is called when no packet can
	 * meet it any more. */
	int (*handler_create)(void *context, uint32_t node_index, const char *pool,
			      const struct sl_conf_node *node, void **handler, struct sl_err *err);
	void (*handler_destroy)(void *context, void *handler);
	/* NULL: zeros */
	void (*port_device)(void *context, uint32_t port, struct sl_model_port_device *device);
	/* Whether everything that was queued for workers or transmission when the function was
	 * first called with this token has gone by now. NULL: always. */
	bool (*queues_passed)(void *context, uint64_t *token);
	/* Packets that a handler took and lost; NULL: none do. */
	uint64_t (*handler_lost)(void *context, void *handler);
};

struct sl_model_options {
	struct sl_publish *publish;
	struct sl_core_stats *const *cores; /* core_count; borrowed */
	uint32_t core_count;
	struct sl_worker_stats *const *workers;
	uint32_t worker_count;
	struct sl_model_port ports[SL_PORTS_MAX];
	struct sl_hash_key hash_key;
	struct sl_model_hooks hooks;
	uint64_t tsc_hz;	   /* of the counters' time stamps */
	uint64_t (*now_ms)(void);  /* NULL: sl_clock_ms */
	uint64_t (*wall_ms)(void); /* NULL: sl_clock_wall_ms */
};

/* The model of conf (copied). kept: an image whose tables, weights' order and hand-set states are
 * taken over for pools and nodes of the same names, and whose generation goes on; or NULL.
 * warnings go to result. Nothing is published yet: sl_model_flush() does. */
int sl_model_create(const struct sl_model_options *options, const struct sl_conf *conf,
		    const struct sl_image *kept, struct sl_change_result *result,
		    struct sl_model **model, struct sl_err *err);
void sl_model_destroy(struct sl_model *model);

/* ---- changing -------------------------------------------------------------------------------- */

/* Makes the change, all of it or nothing; with dry_run says what it would do. result is initialised
 * by the callee and freed with sl_change_result_fini() in every case. */
int sl_model_change(struct sl_model *model, const struct sl_change *change, bool dry_run,
		    struct sl_change_result *result, struct sl_err *err);

/* Something outside the image changed that the snapshot shows (a neighbour's address). */
void sl_model_touch(struct sl_model *model);

/* The MTU in force on a port is another. */
void sl_model_port_mtu_set(struct sl_model *model, uint32_t port, uint16_t mtu);

/* At the end of every turn of the loop: publishes one snapshot when anything changed since the last
 * one. On failure the old one stays, and the next call tries again. */
int sl_model_flush(struct sl_model *model, struct sl_err *err);

/* Once a second: all of sl_model_settle(), and what may be freed or used again. */
void sl_model_tick(struct sl_model *model);

/* What time alone changes: drain deadlines, slots that settle, nodes that are gone. */
void sl_model_settle(struct sl_model *model);

/* What cores have heard since: path MTUs of tunnels, unreachable nodes, addresses in dispute. Ten times
 * a second. */
void sl_model_hear(struct sl_model *model);

/* When the next drain deadline is, by now_ms(), for sl_model_settle(); 0: there is none. May be one that is no more
 * wanted. */
uint64_t sl_model_deadline_ms(const struct sl_model *model);

/* ---- listening ------------------------------------------------------------------------------- */

enum sl_model_event_kind {
	SL_EVENT_CHANGE = 0,  /* an operator's change was made: change, result, before, after */
	SL_EVENT_NODE = 1,    /* a node's state changed: pool, node, state, why */
	SL_EVENT_WARNING = 2, /* text */
	SL_EVENT_NOTE = 3,    /* what another room found: topic, text; pool and node, or NULL */
};

struct sl_model_event {
	enum sl_model_event_kind kind;
	uint64_t wall_ms;
	uint64_t generation;
	const struct sl_change *change;
	struct sl_change_result *result; /* a listener may add warnings */
	struct sl_image *before, *after; /* sl_image_get() keeps one */
	const char *pool;
	const char *node;
	enum sl_node_state state;
	const char *why;
	const char *text;
	const char *topic; /* "health", "link", ... */
};

/* The caller's memory, which stays where it is as long as the model lives. Listeners are called in
 * the order they came; before the change is answered, and after it was made. They change nothing of the
 * model themselves: those behind them would hear of the later change first. */
struct sl_model_listener {
	void (*event)(void *context, const struct sl_model_event *event);
	/* Of one listener at most, else NULL: does what an operator's change asks of others than the
	 * model, which nothing can undo afterwards, or (dry_run) says whether it could. The event is
	 * the one that will come; reasons to refuse go to its result. 0 or negative errno. */
	int (*prepare)(void *context, const struct sl_model_event *event, bool dry_run,
		       struct sl_err *err);
	void *context;
	struct sl_model_listener *next; /* the model's */
};

void sl_model_listen(struct sl_model *model, struct sl_model_listener *listener);
/* Tells listeners a warning about something outside the model. */
void sl_model_warn(struct sl_model *model, const char *text);

/* Who knows what checks say of nodes; before it is set they have none. ask: false: the node has none;
 * texts are borrowed until the next turn. */
typedef bool sl_model_ask_health(void *context, uint32_t node_index, struct sl_model_health *out);
void sl_model_health_set(struct sl_model *model, sl_model_ask_health *ask, void *context);

/* Who knows the MAC address of a next hop by port that the configuration has none of; false: it is not
 * known. Before it is set nobody does. ask NULL: nobody again. */
typedef bool sl_model_ask_hop(void *context, uint32_t port, enum sl_conf_hop how,
			      const struct sl_addr *hop, struct sl_mac *mac);
void sl_model_next_hop_set(struct sl_model *model, sl_model_ask_hop *ask, void *context);

/* Called with the snapshot that packets are about to see, before they do: what is written down then is
 * never older than what they go by. NULL: nobody is. */
typedef void sl_model_ahead(void *context);
void sl_model_ahead_set(struct sl_model *model, sl_model_ahead *ahead, void *context);

/* Tells listeners what another room found: a SL_EVENT_NOTE. pool and node may be NULL. */
void sl_model_note(struct sl_model *model, const char *topic, const char *pool, const char *node,
		   const char *text);

/* ---- reading --------------------------------------------------------------------------------- */

/* The present image (borrowed; sl_image_get() keeps it). Its conf is what `config` shows. */
struct sl_image *sl_model_image(const struct sl_model *model);
uint64_t sl_model_generation(const struct sl_model *model);
/* The snapshot packets see (borrowed, until the next flush), NULL before the first. */
const struct sl_snapshot *sl_model_snapshot(const struct sl_model *model);
const struct sl_hash_key *sl_model_hash_key(const struct sl_model *model);

struct sl_node_report {
	const char *name;
	const char *why;
	const struct sl_conf_node *conf; /* also of leaving ones */
	uint32_t index;
	enum sl_node_state state;
	uint64_t weight;	   /* millionths; 0 when leaving */
	uint64_t effective_weight; /* what its share goes by: scaled; 0 of one that stands by */
	bool standby;		   /* a backup that is not needed now */
	uint64_t since_ms;	   /* wall clock */
	uint64_t deadline_left_ms; /* draining with a deadline, else 0 */
	double expected_share, measured_share;
	uint64_t packets, bytes, flows, flows_started, queue_dropped, handler_lost;
	uint64_t unreachable; /* errors about packets to it that said so */
	uint32_t path_mtu;    /* of its tunnel; 0: the port's */
	uint32_t slots;	      /* that packets use now */
	uint32_t home_slots;  /* of the home table */
	uint32_t open_slots;  /* unsettled slots whose unknown flows still go to it */
	bool keeps;	      /* live flows stay with it */
	struct sl_model_health health;
};

struct sl_load {
	double mean, max, factor;
};

struct sl_pool_report {
	const char *name;
	const struct sl_conf_pool *conf;
	uint32_t index;
	uint32_t slots, open_slots;
	uint64_t tracked_flows, begun_flows, refused_flows;
	uint64_t flow_capacity;	    /* of the flow tables of all cores */
	struct sl_load load;	    /* since the nodes' counters began */
	struct sl_load load_window; /* of the last SL_LOAD_WINDOW_S seconds */
	struct sl_load load_flows;  /* of live flows, as their services weigh them */
	uint32_t node_count;
	struct sl_node_report *nodes;
	bool paged; /* not all of its nodes are there */
};

#define SL_LOAD_WINDOW_S 10

struct sl_service_report {
	const char *name;
	const struct sl_conf_service *conf;
	const char *pool;
	uint64_t packets, bytes, flows_started;
	uint64_t dropped[SL_DROP_COUNT];
};

struct sl_class_report {
	const char *name;
	uint64_t queue_dropped; /* by full rings of workers */
};

struct sl_port_report {
	const char *name;
	struct sl_port_stats stats; /* over all cores and workers */
	uint64_t rx_missed, rx_no_buffer;
	uint64_t dropped[SL_DROP_COUNT]; /* of packets that came in by it */
	enum sl_link_state link;
	uint32_t speed_mbps, mtu, rx_queues; /* mtu: in force */
};

/* Everything that can be read, at one moment; borrows names from the model until its next change.
 */
struct sl_model_report {
	uint64_t generation, snapshot;
	double uptime_s;
	double traffic_s; /* from the first packet to the last */
	struct sl_balance balance;
	struct sl_understudy understudy;
	uint32_t port_count, service_count, pool_count, class_count;
	struct sl_class_report classes[SL_CLASSES_MAX];
	struct sl_port_report *ports;
	struct sl_service_report *services;
	struct sl_pool_report *pools;
};

const char *sl_link_name(enum sl_link_state link);
int sl_model_report_build(struct sl_model *model, struct sl_model_report **report);
void sl_model_report_destroy(struct sl_model_report *report);
/* The same with count nodes alone, from number `from` on, counted through all pools (or through one,
 * by name); the pools stay. *next: the number of the next node, 0: that was the last. */
int sl_model_report_page(struct sl_model *model, const char *pool, uint64_t from, uint64_t count,
			 struct sl_model_report **report, uint64_t *next);

#endif
