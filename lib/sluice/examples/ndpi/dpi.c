/* SPDX-License-Identifier: BSD-3-Clause */

/* A handler for sluice: counts packets by what they are, as nDPI finds it (HTTP, TLS.YouTube, DNS, ...).
 *
 * Both directions of a flow must come to one worker: give the pool `symmetric: true`.
 *
 * Options: idle (seconds without a packet after which a flow is decided and forgotten; 120), flows (a file
 *          that gets a line for each flow when it is forgotten: protocol, addresses, ports, what it is).
 * Results: a row for each protocol that was found. What is not yet decided is "Unknown"; its packets move
 *          to the right row when it is. lost: fragments without ports, what is no IP, and flows beyond
 *          FLOWS_MAX.
 * Build:   make; see the Makefile. Needs libndpi-dev (4.2). */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndpi_api.h>

#include <sluice/handler.h>

#define BUCKETS	   65536u
#define FLOWS_MAX  100000u
#define IDLE_S	   120u
#define SWEEP	   4096u /* buckets a tick */
#define PROTOCOLS  (NDPI_MAX_SUPPORTED_PROTOCOLS + NDPI_MAX_NUM_CUSTOM_PROTOCOLS)
#define TCP_ENOUGH 80u /* packets after which nDPI's own reader gives up, too */
#define UDP_ENOUGH 24u
#define ICMP	   1
#define TCP	   6
#define UDP	   17
#define ICMP6	   58

/* Two ends in order, so that both directions are one flow; unused octets are 0. */
struct key {
	uint8_t address[2][16];
	uint16_t port[2];
	uint8_t family, protocol;
	uint8_t zero[2];
};

struct flow {
	struct flow *next; /* of the bucket */
	struct key key;
	struct ndpi_flow_struct *dpi; /* NULL: decided */
	ndpi_protocol is;
	uint64_t packets, octets, last_ms;
};

struct count {
	uint64_t packets, octets, first_ms, last_ms;
};

struct dpi {
	struct ndpi_detection_module_struct *module;
	struct flow *buckets[BUCKETS];
	uint32_t flows, sweep_at;
	uint64_t idle_ms;
	FILE *file; /* NULL: none is wanted */
	struct count counts[PROTOCOLS];
	struct sluice_total total;
};

/* ---- flows ---------------------------------------------------------------------------------------- */

static uint16_t row_of(ndpi_protocol is)
{
	uint16_t id =
		is.app_protocol != NDPI_PROTOCOL_UNKNOWN ? is.app_protocol : is.master_protocol;

	return id < PROTOCOLS ? id : NDPI_PROTOCOL_UNKNOWN;
}

static void count(struct count *count, uint64_t packets, uint64_t octets, uint64_t now_ms)
{
	count->packets += packets;
	count->octets += octets;
	if (!count->first_ms)
		count->first_ms = now_ms;
	count->last_ms = now_ms;
}

/* The flow is this: what was counted of it moves there. */
static void set(struct dpi *dpi, struct flow *flow, ndpi_protocol is)
{
	uint16_t was = row_of(flow->is), now = row_of(is);

	flow->is = is;
	if (was == now)
		return;
	dpi->counts[was].packets -= flow->packets;
	dpi->counts[was].octets -= flow->octets;
	count(&dpi->counts[now], flow->packets, flow->octets, flow->last_ms);
}

/* No more packets are looked at; where nDPI has found nothing it may guess by addresses and ports. */
static void decide(struct dpi *dpi, struct flow *flow, bool guess)
{
	uint8_t guessed;

	if (!flow->dpi)
		return;
	if (guess)
		set(dpi, flow, ndpi_detection_giveup(dpi->module, flow->dpi, 1, &guessed));
	ndpi_free_flow(flow->dpi);
	flow->dpi = NULL;
}

static void write_flow(struct dpi *dpi, const struct flow *flow)
{
	int family = flow->key.family == 4 ? AF_INET : AF_INET6;
	char one[INET6_ADDRSTRLEN], other[INET6_ADDRSTRLEN], name[SLUICE_KEY_SIZE];

	(void)fprintf(dpi->file, "%u %s %u %s %u %s\n", flow->key.protocol,
		      inet_ntop(family, flow->key.address[0], one, sizeof(one)), flow->key.port[0],
		      inet_ntop(family, flow->key.address[1], other, sizeof(other)),
		      flow->key.port[1],
		      ndpi_protocol2name(dpi->module, flow->is, name, sizeof(name)));
}

static void forget(struct dpi *dpi, struct flow **place)
{
	struct flow *flow = *place;

	decide(dpi, flow, true);
	if (dpi->file)
		write_flow(dpi, flow);
	*place = flow->next;
	free(flow);
	dpi->flows--;
}

static uint32_t bucket_of(const struct key *key)
{
	const uint8_t *octet = (const uint8_t *)key;
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ octet[i]) * 1099511628211u;
	return (uint32_t)(hash >> 32) % BUCKETS;
}

/* NULL: there is no room for one more. */
static struct flow *find(struct dpi *dpi, const struct key *key)
{
	struct flow **first = &dpi->buckets[bucket_of(key)], *flow;

	for (flow = *first; flow; flow = flow->next)
		if (memcmp(&flow->key, key, sizeof(*key)) == 0)
			return flow;
	flow = dpi->flows < FLOWS_MAX ? calloc(1, sizeof(*flow)) : NULL;
	if (!flow)
		return NULL;
	flow->dpi = ndpi_flow_malloc(SIZEOF_FLOW_STRUCT);
	if (!flow->dpi) {
		free(flow);
		return NULL;
	}
	memset(flow->dpi, 0, SIZEOF_FLOW_STRUCT);
	flow->key = *key;
	flow->next = *first;
	*first = flow;
	dpi->flows++;
	return flow;
}

/* ---- packets -------------------------------------------------------------------------------------- */

/* An ICMP error comes with the key of what it quotes; here it is a packet of its own ends. */
static bool read_key(const struct sluice_packet *packet, struct key *key)
{
	const uint8_t *ip = packet->frame + packet->l3_offset;
	uint8_t size = packet->family == 4 ? 4 : 16;
	const uint8_t *source = ip + (packet->family == 4 ? 12 : 8), *target = source + size;
	uint8_t carries = packet->family == 4 ? ip[9] : ip[6];
	uint16_t sport = packet->source_port, dport = packet->destination_port;
	int order;

	if (!packet->ip_size || packet->l4_offset > packet->size)
		return false;
	memset(key, 0, sizeof(*key));
	key->family = packet->family;
	key->protocol = packet->protocol;
	if (carries == (packet->family == 4 ? ICMP : ICMP6) && packet->protocol != carries) {
		key->protocol = carries;
		sport = dport = 0;
	}
	if ((key->protocol == TCP || key->protocol == UDP) && !sport && !dport)
		return false;
	order = memcmp(source, target, size);
	if (order > 0 || (order == 0 && sport > dport)) {
		const uint8_t *swap = source;
		uint16_t port = sport;

		source = target;
		target = swap;
		sport = dport;
		dport = port;
	}
	memcpy(key->address[0], source, size);
	memcpy(key->address[1], target, size);
	key->port[0] = sport;
	key->port[1] = dport;
	return true;
}

static void inspect(struct dpi *dpi, struct flow *flow, const struct sluice_packet *packet,
		    uint64_t now_ms)
{
	uint32_t lies = packet->size - packet->l3_offset;
	uint16_t size = (uint16_t)(lies < packet->ip_size ? lies : packet->ip_size);
	uint8_t protocol = flow->key.protocol;
	bool enough = (protocol == TCP && flow->packets > TCP_ENOUGH) ||
		      (protocol == UDP && flow->packets > UDP_ENOUGH);
	ndpi_protocol is = ndpi_detection_process_packet(
		dpi->module, flow->dpi, packet->frame + packet->l3_offset, size, now_ms);
	bool known = is.app_protocol != NDPI_PROTOCOL_UNKNOWN;

	set(dpi, flow, is);
	if (enough || (known && !ndpi_extra_dissection_possible(dpi->module, flow->dpi)))
		decide(dpi, flow, !known);
}

static void dpi_burst(void *state, const struct sluice_burst *burst)
{
	struct dpi *dpi = state;
	uint64_t now_ms = burst->now_ns / 1000000;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sluice_packet *packet = &burst->packets[i];
		struct flow *flow;
		struct key key;

		dpi->total.packets++;
		dpi->total.octets += packet->ip_size;
		flow = read_key(packet, &key) ? find(dpi, &key) : NULL;
		if (!flow) {
			dpi->total.lost++;
			continue;
		}
		flow->packets++;
		flow->octets += packet->ip_size;
		flow->last_ms = now_ms;
		count(&dpi->counts[row_of(flow->is)], 1, packet->ip_size, now_ms);
		if (flow->dpi)
			inspect(dpi, flow, packet, now_ms);
	}
}

/* ---- what sluice asks ----------------------------------------------------------------------------- */

static void dpi_tick(void *state, uint64_t now_ns)
{
	struct dpi *dpi = state;
	uint64_t now_ms = now_ns / 1000000;

	for (uint32_t i = 0; i < SWEEP; i++) {
		struct flow **place = &dpi->buckets[dpi->sweep_at];

		while (*place)
			if (now_ms > (*place)->last_ms + dpi->idle_ms)
				forget(dpi, place);
			else
				place = &(*place)->next;
		dpi->sweep_at = (dpi->sweep_at + 1) % BUCKETS;
	}
}

static uint32_t dpi_results(void *state, uint64_t *cursor, struct sluice_row *rows, uint32_t room)
{
	struct dpi *dpi = state;
	uint32_t written = 0;

	for (; *cursor < PROTOCOLS && written < room; (*cursor)++) {
		const struct count *count = &dpi->counts[*cursor];
		struct sluice_row *row = &rows[written];

		if (!count->packets)
			continue;
		*row = (struct sluice_row){.packets = count->packets,
					   .octets = count->octets,
					   .first_ms = count->first_ms,
					   .last_ms = count->last_ms};
		(void)snprintf(row->key, sizeof(row->key), "%s",
			       ndpi_get_proto_name(dpi->module, (uint16_t)*cursor));
		written++;
	}
	if (*cursor == PROTOCOLS)
		*cursor = UINT64_MAX;
	return written;
}

static void dpi_total(void *state, struct sluice_total *total)
{
	const struct dpi *dpi = state;

	*total = dpi->total;
	for (uint32_t id = 0; id < PROTOCOLS; id++)
		total->keys += dpi->counts[id].packets > 0;
}

static void dpi_reset(void *state)
{
	struct dpi *dpi = state;

	memset(dpi->counts, 0, sizeof(dpi->counts));
	memset(&dpi->total, 0, sizeof(dpi->total));
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct flow *flow = dpi->buckets[i]; flow; flow = flow->next)
			flow->packets = flow->octets = 0;
}

static void dpi_close(void *state)
{
	struct dpi *dpi = state;

	for (uint32_t i = 0; i < BUCKETS; i++)
		while (dpi->buckets[i])
			forget(dpi, &dpi->buckets[i]);
	if (dpi->file)
		(void)fclose(dpi->file);
	if (dpi->module)
		ndpi_exit_detection_module(dpi->module);
	free(dpi);
}

static int read_option(struct dpi *dpi, const struct sluice_option *option, char error[])
{
	char *end;

	if (strcmp(option->name, "idle") == 0) {
		dpi->idle_ms = strtoul(option->value, &end, 10) * 1000;
		if (dpi->idle_ms && !*end)
			return 0;
		(void)snprintf(error, SLUICE_ERROR_SIZE, "option idle takes seconds, not \"%s\"",
			       option->value);
		return -EINVAL;
	}
	if (strcmp(option->name, "flows") != 0) {
		(void)snprintf(error, SLUICE_ERROR_SIZE, "no option \"%s\": there are idle, flows",
			       option->name);
		return -EINVAL;
	}
	dpi->file = fopen(option->value, "we");
	if (dpi->file)
		return 0;
	(void)snprintf(error, SLUICE_ERROR_SIZE, "%s: %s", option->value, strerror(errno));
	return -errno;
}

static int dpi_open(const struct sluice_open *open, void **state, char error[SLUICE_ERROR_SIZE])
{
	struct dpi *dpi = calloc(1, sizeof(*dpi));
	NDPI_PROTOCOL_BITMASK all;
	int rc = dpi ? 0 : -ENOMEM;

	if (rc)
		return rc;
	dpi->idle_ms = IDLE_S * 1000;
	for (uint32_t i = 0; i < open->option_count && rc == 0; i++)
		rc = read_option(dpi, &open->options[i], error);
	if (rc == 0) {
		dpi->module = ndpi_init_detection_module(ndpi_no_prefs);
		rc = dpi->module ? 0 : -ENOMEM;
	}
	if (rc) {
		dpi_close(dpi);
		return rc;
	}
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(dpi->module, &all);
	ndpi_finalize_initialization(dpi->module);
	*state = dpi;
	return 0;
}

SLUICE_EXPORT const struct sluice_handler sluice_handler = {
	.version = SLUICE_HANDLER_VERSION,
	.name = "dpi",
	.open = dpi_open,
	.burst = dpi_burst,
	.close = dpi_close,
	.tick = dpi_tick,
	.results = dpi_results,
	.total = dpi_total,
	.reset = dpi_reset,
};
