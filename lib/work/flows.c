/* SPDX-License-Identifier: BSD-3-Clause */

/* The handler flows: tells a collector of flows by IPFIX.
 *
 * A worker counts in its cache and composes messages in the ring of the outbox, whose thread sends them:
 * no packet waits for a system call. Messages leave when they are full, or a second after the last.
 * Templates go first, and again every so often, since UDP loses some and collectors begin anew.
 * Sequence numbers count records that were made: of those that found no room, the collector knows, too.
 * The cache's clock is the wall clock without its steps. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/prng.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "work/builtin.h"
#include "work/flow_cache.h"
#include "work/outbox.h"

#define ENTRIES_DEFAULT 65536u
#define ACTIVE_MS	60000u
#define IDLE_MS		15000u
#define TEMPLATES_MS	60000u
#define TIMEOUT_MS_MIN	100u
#define TIMEOUT_MS_MAX	86400000u
#define STEP_MS_MAX	10000u /* that the wall clock goes on at a time; more is a step of it */
#define EXPIRED_BURST	64u    /* entries looked at with a burst */
#define EXPIRED_IDLE	1024u  /* when there is nothing else to do */
#define END_PAUSES_MAX	2000u  /* of a millisecond, until all has found room at the end */

struct options {
	struct sl_addr collector;
	uint16_t port;
	uint64_t active_ms, idle_ms, templates_ms;
	uint32_t entries;
};

struct flows {
	struct options options;
	struct sl_flow_cache *cache;
	struct sl_outbox *outbox;
	struct sl_ipfix ipfix;
	bool composing;	       /* a message is under way, in a slot of the outbox */
	bool ending;	       /* nobody waits for us any more: we may wait */
	uint64_t now_ms;       /* the cache's clock */
	uint64_t wall_ms;      /* the wall clock's word then */
	uint64_t templates_ms; /* when templates go out again */
	uint64_t no_room;      /* packets of flows that found none; read: control */
	struct sl_result_total total;
	char collector[SL_ADDR_TEXT_SIZE + 8]; /* as configured */
};

/* ---- options --------------------------------------------------------------------------------- */

static int read_duration(const struct sl_handler_args *args, const char *name, uint64_t absent,
			 uint64_t *ms, struct sl_err *err)
{
	const char *text = sl_handler_option(args, name, NULL);

	*ms = absent;
	if (!text)
		return 0;
	if (sl_duration_parse(text, ms) == 0 && *ms >= TIMEOUT_MS_MIN && *ms <= TIMEOUT_MS_MAX)
		return 0;
	return sl_err_set(err, -EINVAL,
			  "option %s \"%s\" of handler flows is no duration from 100ms to 24h",
			  name, text);
}

static int read_entries(const struct sl_handler_args *args, uint32_t *entries, struct sl_err *err)
{
	const char *text = sl_handler_option(args, "entries", NULL);
	uint64_t number = ENTRIES_DEFAULT;

	if (text && (sl_number_parse(text, &number) || number < SL_FLOW_CACHE_MIN ||
		     number > SL_FLOW_CACHE_MAX))
		return sl_err_set(err, -EINVAL,
				  "option entries \"%s\" of handler flows is no number from %u to "
				  "%u",
				  text, SL_FLOW_CACHE_MIN, SL_FLOW_CACHE_MAX);
	*entries = (uint32_t)number;
	return 0;
}

static int read_options(const struct sl_handler_args *args, struct options *options,
			struct sl_err *err)
{
	static const char *const names[] = {"collector", "active", "idle", "templates", "entries"};
	const char *collector = sl_handler_option(args, "collector", NULL);

	for (uint32_t i = 0; i < args->option_count; i++) {
		size_t n = 0;

		while (n < SL_ARRAY_COUNT(names) && strcmp(names[n], args->options[i].name) != 0)
			n++;
		if (n == SL_ARRAY_COUNT(names))
			return sl_err_set(err, -EINVAL,
					  "handler flows has no option \"%s\": collector, active, "
					  "idle, templates and entries are there",
					  args->options[i].name);
	}
	if (!collector)
		return sl_err_set(err, -EINVAL,
				  "handler flows needs the option collector, such as "
				  "\"127.0.0.1:4739\"");
	if (sl_endpoint_parse(collector, &options->collector, &options->port))
		return sl_err_set(err, -EINVAL,
				  "option collector \"%s\" of handler flows is no address and "
				  "port such as \"127.0.0.1:4739\" or \"[::1]:4739\"",
				  collector);
	if (read_duration(args, "active", ACTIVE_MS, &options->active_ms, err) ||
	    read_duration(args, "idle", IDLE_MS, &options->idle_ms, err) ||
	    read_duration(args, "templates", TEMPLATES_MS, &options->templates_ms, err) ||
	    read_entries(args, &options->entries, err))
		return -EINVAL;
	return 0;
}

static int flows_check(const struct sl_handler_args *args, struct sl_err *err)
{
	struct options options = {.port = 0};

	return read_options(args, &options, err);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void put_message(struct flows *flows)
{
	uint32_t size = sl_ipfix_end(&flows->ipfix, flows->wall_ms);

	sl_outbox_put(flows->outbox, size, flows->ipfix.packets);
	flows->composing = false;
}

/* Once no worker waits for it, room comes with time. */
static uint8_t *find_slot(struct flows *flows)
{
	uint8_t *slot = sl_outbox_slot(flows->outbox);

	for (uint32_t i = 0; !slot && flows->ending && i < END_PAUSES_MAX; i++) {
		const struct timespec pause = {0, 1000000};

		(void)nanosleep(&pause, NULL);
		slot = sl_outbox_slot(flows->outbox);
	}
	if (!slot)
		flows->ending = false;
	return slot;
}

static bool begin_message(struct flows *flows)
{
	uint8_t *slot = find_slot(flows);

	if (!slot)
		return false;
	sl_ipfix_begin(&flows->ipfix, slot, sl_outbox_room(flows->outbox));
	flows->composing = true;
	return true;
}

/* Templates have a message of their own. */
static void renew_templates(struct flows *flows)
{
	if (flows->now_ms < flows->templates_ms || !begin_message(flows))
		return;
	flows->templates_ms = flows->now_ms + flows->options.templates_ms;
	sl_ipfix_add_templates(&flows->ipfix);
	put_message(flows);
}

static void on_ended(void *context, const struct sl_ipfix_record *record)
{
	struct flows *flows = context;
	struct sl_ipfix_record told = *record;
	uint64_t step = flows->wall_ms - flows->now_ms; /* modulo 2^64 */

	told.start_ms += step;
	told.end_ms += step;
	if (flows->composing && sl_ipfix_add(&flows->ipfix, &told))
		return;
	if (flows->composing)
		put_message(flows);
	renew_templates(flows);
	if (begin_message(flows) && sl_ipfix_add(&flows->ipfix, &told))
		return;
	flows->ipfix.sequence++;
	__atomic_store_n(&flows->no_room, flows->no_room + record->packets, __ATOMIC_RELAXED);
}

/* ---- start and end --------------------------------------------------------------------------- */

/* Of exporters on one machine each has its own. */
static uint32_t domain_of(const struct sl_handler_args *args)
{
	uint64_t domain = 0;

	for (const char *at = args->pool; at && *at; at++)
		domain = sl_prng_mix(domain ^ (uint8_t)*at);
	domain = sl_prng_mix(domain ^ '/');
	for (const char *at = args->node; *at; at++)
		domain = sl_prng_mix(domain ^ (uint8_t)*at);
	return (uint32_t)domain | 1u;
}

static void flows_free(struct flows *flows)
{
	sl_flow_cache_destroy(flows->cache);
	sl_outbox_destroy(flows->outbox);
	sl_mem_free(flows, sizeof(*flows));
}

static int flows_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	struct flows *flows = sl_mem_alloc(sizeof(*flows));
	struct sl_flow_cache_spec spec = {.ended = on_ended, .context = flows};
	int rc;

	if (!flows)
		return sl_err_set(err, -ENOMEM, "no memory for flows");
	rc = read_options(args, &flows->options, err);
	if (rc == 0) {
		spec.entries = flows->options.entries;
		spec.active_ms = flows->options.active_ms;
		spec.idle_ms = flows->options.idle_ms;
		flows->cache = sl_flow_cache_create(&spec);
		if (!flows->cache)
			rc = sl_err_set(err, -ENOMEM, "no memory for %u flows", spec.entries);
	}
	if (rc == 0)
		rc = sl_outbox_create(&flows->options.collector, flows->options.port,
				      &flows->outbox, err);
	if (rc == 0 && sl_outbox_room(flows->outbox) < SL_IPFIX_SIZE_MIN)
		rc = sl_err_set(err, -EINVAL,
				"the path to the collector carries %u octets, %u "
				"are needed",
				sl_outbox_room(flows->outbox), SL_IPFIX_SIZE_MIN);
	if (rc) {
		flows_free(flows);
		return rc;
	}
	(void)snprintf(flows->collector, sizeof(flows->collector), "%s",
		       sl_handler_option(args, "collector", ""));
	flows->ipfix.domain = domain_of(args);
	flows->wall_ms = sl_clock_wall_ms();
	flows->now_ms = flows->templates_ms = flows->wall_ms;
	*state = flows;
	return 0;
}

static void flows_close(void *state)
{
	struct flows *flows = state;

	flows->ending = true;
	sl_flow_cache_end(flows->cache);
	if (flows->composing)
		put_message(flows);
	flows_free(flows);
}

/* ---- packets --------------------------------------------------------------------------------- */

static void set_time(struct flows *flows, uint64_t wall_ms)
{
	uint64_t went = wall_ms - flows->wall_ms;

	flows->wall_ms = wall_ms;
	flows->now_ms += went <= STEP_MS_MAX ? went : 0;
}

/* An ICMP error is a flow of its own here, not that of the packet which it quotes. */
static void own_key(const struct rte_mbuf *packet, const struct sl_pkt *pkt, struct sl_key *key)
{
	const uint8_t *ip = rte_pktmbuf_mtod(packet, const uint8_t *) + pkt->l3_off;
	bool is_v4 = !(pkt->flags & SL_PKT_IPV6);

	memset(key, 0, sizeof(*key));
	key->protocol = pkt->protocol;
	key->family = is_v4 ? SL_FAMILY_IPV4 : SL_FAMILY_IPV6;
	memcpy(is_v4 ? (void *)&key->src4 : key->src, ip + (is_v4 ? SL_IP4_SRC : SL_IP6_SRC),
	       is_v4 ? 2 * SL_ADDR4_SIZE : 2 * SL_ADDR6_SIZE);
}

static void flows_burst(void *state, const struct sl_handler_burst *burst)
{
	struct flows *flows = state;
	struct sl_pkt pkts[SL_BURST_MAX];
	const struct sl_handler_view view = {.pkts = pkts};

	set_time(flows, burst->wall_ms);
	sl_handler_parse(burst, &view);
	for (uint32_t i = 0; i < burst->count; i++) {
		struct sl_flow_packet packet = {.key = pkts[i].key,
						.octets = pkts[i].l3_size,
						.tos = pkts[i].tos,
						.tcp_flags = pkts[i].tcp_flags};

		if (pkts[i].status != SL_PKT_OK) {
			flows->total.lost++;
			continue;
		}
		if (pkts[i].flags & SL_PKT_ICMP_ERROR)
			own_key(burst->packets[i], &pkts[i], &packet.key);
		flows->total.packets++;
		flows->total.octets += packet.octets;
		sl_flow_cache_add(flows->cache, &packet, flows->now_ms);
	}
	(void)sl_flow_cache_expire(flows->cache, flows->now_ms, EXPIRED_BURST);
	rte_pktmbuf_free_bulk(burst->packets, burst->count);
}

static void flows_flush(void *state)
{
	struct flows *flows = state;

	(void)sl_flow_cache_expire(flows->cache, flows->now_ms, EXPIRED_IDLE);
}

static void flows_tick(void *state, uint64_t wall_ms)
{
	struct flows *flows = state;

	set_time(flows, wall_ms);
	(void)sl_flow_cache_expire(flows->cache, flows->now_ms, EXPIRED_IDLE);
	if (flows->composing)
		put_message(flows);
	renew_templates(flows);
}

/* ---- results: the flows that live ------------------------------------------------------------ */

static uint32_t flows_results(void *state, uint64_t *cursor, struct sl_result_row *rows,
			      uint32_t room)
{
	const struct flows *flows = state;
	uint64_t step = flows->wall_ms - flows->now_ms;
	uint32_t at = (uint32_t)*cursor, places = sl_flow_cache_places(flows->cache), written = 0;
	uint32_t end = SL_MIN(at + room, places);

	for (; at < end; at++) {
		const struct sl_ipfix_record *flow = sl_flow_cache_at(flows->cache, at);

		if (!flow)
			continue;
		rows[written] = (struct sl_result_row){.packets = flow->packets,
						       .octets = flow->octets,
						       .first_ms = flow->start_ms + step,
						       .last_ms = flow->end_ms + step};
		memcpy(rows[written++].key, &flow->key, sizeof(flow->key));
	}
	*cursor = at == places ? UINT64_MAX : at;
	return written;
}

/* Packets of flows that the collector was not told of. */
static uint64_t unsent(const struct flows *flows, struct sl_outbox_look *out)
{
	sl_outbox_look(flows->outbox, out);
	return out->lost + __atomic_load_n(&flows->no_room, __ATOMIC_RELAXED);
}

static void flows_total(void *state, struct sl_result_total *total)
{
	const struct flows *flows = state;
	struct sl_outbox_look out;

	*total = flows->total;
	total->keys = sl_flow_cache_count(flows->cache);
	total->lost += unsent(flows, &out);
}

static void flows_form(const void *state, struct sl_result_form *form)
{
	(void)state;
	*form = (struct sl_result_form){.kind = SL_RESULT_5_TUPLE};
}

static void flows_look(void *state, struct sl_handler_look *look)
{
	const struct flows *flows = state;
	struct sl_outbox_look out;

	look->lost = unsent(flows, &out);
	look->passes = true;
	if (out.error)
		(void)snprintf(look->text, sizeof(look->text),
			       "flows cannot be sent to the collector %s: %s", flows->collector,
			       strerror(out.error));
}

const struct sl_handler_ops sl_handler_flows = {
	.name = "flows",
	.check = flows_check,
	.open = flows_open,
	.burst = flows_burst,
	.flush = flows_flush,
	.close = flows_close,
	.tick = flows_tick,
	.results = flows_results,
	.total = flows_total,
	.form = flows_form,
	.look = flows_look,
};
