/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/announce.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "pkt/arp_nd.h"
#include "state/claim.h"

#define STEP_MAX  64
#define ITEMS_MAX (2 * SL_PORTS_MAX * (SL_SERVICES_MAX + SL_PORT_ADDRESSES_MAX))

struct item {
	STAILQ_ENTRY(item) link;
	uint64_t due_ms;
	struct sl_addr addr;
	uint8_t port, said;
};

STAILQ_HEAD(item_queue, item);

struct sl_announcer {
	const struct sl_model *model;
	const struct sl_neigh_link *link;
	struct item_queue first, again; /* each in the order in which they are due */
	uint32_t item_count;
	uint32_t addr_count;
	struct sl_addr addrs[SL_SERVICES_MAX]; /* of services, in order */
};

static const struct sl_conf *conf_of(const struct sl_announcer *announcer)
{
	return sl_model_image(announcer->model)->conf;
}

/* ---- what is due ----------------------------------------------------------------------------- */

static void add(struct sl_announcer *announcer, uint32_t port, const struct sl_addr *addr,
		uint64_t now_ms)
{
	struct item *item = announcer->item_count < ITEMS_MAX ? calloc(1, sizeof(*item)) : NULL;

	if (!item)
		return;
	item->port = (uint8_t)port;
	item->addr = *addr;
	item->due_ms = now_ms;
	announcer->item_count++;
	STAILQ_INSERT_TAIL(&announcer->first, item, link);
}

/* What is still to be said on the port is not said twice. */
static void drop(struct sl_announcer *announcer, struct item_queue *queue, uint32_t port)
{
	struct item_queue kept = STAILQ_HEAD_INITIALIZER(kept);
	struct item *item;

	while ((item = STAILQ_FIRST(queue))) {
		STAILQ_REMOVE_HEAD(queue, link);
		if (port == SL_PORTS_MAX || item->port == port) {
			announcer->item_count--;
			free(item);
		} else {
			STAILQ_INSERT_TAIL(&kept, item, link);
		}
	}
	STAILQ_CONCAT(queue, &kept);
}

void sl_announcer_port(struct sl_announcer *announcer, uint32_t port, uint64_t now_ms)
{
	const struct sl_conf_port *conf = &conf_of(announcer)->ports[port];

	drop(announcer, &announcer->first, port);
	drop(announcer, &announcer->again, port);
	if (!sl_conf_announces(conf))
		return;
	for (uint32_t i = 0; i < conf->address_count; i++)
		add(announcer, port, &conf->addresses[i].addr, now_ms);
	for (uint32_t i = 0; conf->arp == SL_ARP_SERVICES && i < announcer->addr_count; i++)
		add(announcer, port, &announcer->addrs[i], now_ms);
}

/* ---- services -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sl_addr));
}

/* Single addresses of services, in order. */
static uint32_t collect(const struct sl_conf *conf, struct sl_addr *addrs)
{
	uint32_t count = 0, kept = 0;

	for (uint32_t i = 0; i < conf->service_count; i++) {
		const struct sl_conf_service *service = &conf->services[i];

		if (!service->any && service->prefix.length == sl_addr_bits(&service->prefix.addr))
			addrs[count++] = service->prefix.addr;
	}
	qsort(addrs, count, sizeof(*addrs), compare);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 || compare(&addrs[kept - 1], &addrs[i]) != 0)
			addrs[kept++] = addrs[i];
	return kept;
}

static void add_service(struct sl_announcer *announcer, const struct sl_addr *addr, uint64_t now_ms)
{
	const struct sl_conf *conf = conf_of(announcer);

	for (uint32_t p = 0; p < conf->port_count; p++)
		if (sl_conf_announces(&conf->ports[p]) && conf->ports[p].arp == SL_ARP_SERVICES)
			add(announcer, p, addr, now_ms);
}

void sl_announcer_follow(struct sl_announcer *announcer, uint64_t now_ms)
{
	struct sl_addr *before = announcer->addrs;
	struct sl_addr *after = calloc(SL_SERVICES_MAX, sizeof(*after));
	uint32_t count;

	if (!after)
		return;
	count = collect(conf_of(announcer), after);
	for (uint32_t i = 0; i < count; i++)
		if (!bsearch(&after[i], before, announcer->addr_count, sizeof(*after), compare))
			add_service(announcer, &after[i], now_ms);
	memcpy(before, after, count * sizeof(*after));
	announcer->addr_count = count;
	free(after);
}

/* ---- saying it ------------------------------------------------------------------------------- */

/* False: there is no room now. */
static bool say(const struct sl_announcer *announcer, const struct item *item)
{
	const struct sl_snapshot *snapshot = sl_model_snapshot(announcer->model);
	uint8_t frame[SL_NEIGH_FRAME_SIZE_MAX];
	uint32_t size;

	if (!snapshot || !sl_claim_has(snapshot, item->port, &item->addr))
		return true;
	size = sl_neigh_announce(&announcer->link->mac[item->port], &item->addr, frame);
	return announcer->link->say(announcer->link->context, item->port, frame, size);
}

static bool say_next(struct sl_announcer *announcer, struct item_queue *queue, uint64_t now_ms)
{
	struct item *item = STAILQ_FIRST(queue);

	if (!item || item->due_ms > now_ms || !say(announcer, item))
		return false;
	STAILQ_REMOVE_HEAD(queue, link);
	if (++item->said < SL_ANNOUNCE_TIMES) {
		item->due_ms = now_ms + SL_ANNOUNCE_WAIT_MS;
		STAILQ_INSERT_TAIL(&announcer->again, item, link);
	} else {
		announcer->item_count--;
		free(item);
	}
	return true;
}

bool sl_announcer_step(struct sl_announcer *announcer, uint64_t now_ms)
{
	uint32_t said = 0;

	while (said < STEP_MAX && (say_next(announcer, &announcer->first, now_ms) ||
				   say_next(announcer, &announcer->again, now_ms)))
		said++;
	return said == STEP_MAX;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct sl_announcer *sl_announcer_create(const struct sl_model *model,
					 const struct sl_neigh_link *link)
{
	struct sl_announcer *announcer = calloc(1, sizeof(*announcer));

	if (!announcer)
		return NULL;
	announcer->model = model;
	announcer->link = link;
	STAILQ_INIT(&announcer->first);
	STAILQ_INIT(&announcer->again);
	announcer->addr_count = collect(conf_of(announcer), announcer->addrs);
	return announcer;
}

void sl_announcer_destroy(struct sl_announcer *announcer)
{
	if (!announcer)
		return;
	drop(announcer, &announcer->first, SL_PORTS_MAX);
	drop(announcer, &announcer->again, SL_PORTS_MAX);
	free(announcer);
}
