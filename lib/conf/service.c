/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `services`. */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define VLAN_MAX 4094
#define MSS_MIN	 64

_Static_assert(offsetof(struct sl_conf_service, prefix) ==
		       offsetof(struct sl_conf_service, any) + 1,
	       "the key `address` fills both");
#define TARGET_SIZE (1 + sizeof(struct sl_prefix))

static const struct sl_conf_word echos[] = {{"answer", SL_ECHO_ANSWER},
					    {"forward", SL_ECHO_FORWARD},
					    {"punt", SL_ECHO_PUNT},
					    {NULL, 0}};

static const struct sl_conf_key range = {
	.name = "ports", .type = &sl_conf_range, .size = sizeof(struct sl_port_range)};

static const struct sl_conf_key source = {
	.name = "sources", .type = &sl_conf_prefix, .size = sizeof(struct sl_prefix)};

#define S(member)    SL_MEMBER(sl_conf_service, member)
#define S_AT(member) (uint32_t) offsetof(struct sl_conf_service, member)

static const struct sl_conf_key service_keys[] = {
	SL_KEY("name", name, S(name), .flags = SL_KEY_REQUIRED),
	{.name = "address",
	 .type = &sl_conf_target,
	 .offset = S_AT(any),
	 .size = TARGET_SIZE,
	 .flags = SL_KEY_REQUIRED},
	SL_KEY_RANGE("protocol", protocol, S(protocol), 0, 0, (uint16_t)-1),
	SL_KEY_RANGE("ports", list, S(ports), 1, SL_SERVICE_PORTS_MAX, 0, .extra = S_AT(port_count),
		     .element = &range),
	SL_KEY_RANGE("sources", list, S(sources), 1, SL_SOURCES_MAX, 0, .extra = S_AT(source_count),
		     .element = &source),
	SL_KEY("pool", pool_ref, S(pool), .flags = SL_KEY_REQUIRED | SL_KEY_APART),
	SL_KEY_RANGE("vlan", number, S(vlan), 1, VLAN_MAX, 0),
	SL_KEY("echo", word, S(echo), .words = echos),
	SL_KEY("class", name, S(class)),
	SL_KEY_RANGE("flow_weight", number, S(flow_weight), 1, SL_FLOW_WEIGHT_MAX, 1),
	SL_KEY_RANGE("mss_clamp", number, S(mss_clamp), MSS_MIN, UINT16_MAX, 0),
};

/* The first range before i that shares a port with it, or i. */
static uint32_t find_overlap(const struct sl_conf_service *service, uint32_t i)
{
	const struct sl_port_range *b = &service->ports[i];

	for (uint32_t j = 0; b->first && j < i; j++) {
		const struct sl_port_range *a = &service->ports[j];

		if (a->first && a->first <= b->last && b->first <= a->last)
			return j;
	}
	return i;
}

static void check_ports(struct sl_conf_reader *reader, const struct sl_yaml_node *list,
			const struct sl_conf_service *service)
{
	const struct sl_yaml_node *at = list->first;

	for (uint32_t i = 0; i < service->port_count; i++, at = at->next) {
		uint32_t j = find_overlap(service, i);
		const struct sl_port_range *a = &service->ports[j];
		const struct sl_port_range *b = &service->ports[i];
		char shown[SL_CONF_SHOW_SIZE];
		uint16_t shared = a->first > b->first ? a->first : b->first;

		if (j != i)
			sl_conf_error(
				reader, at,
				"%s has port %u in common with an entry before it; leave one out",
				sl_conf_show(at, shown), shared);
	}
}

/* One of a list of sources, and its place in it. */
struct listed {
	struct sl_prefix prefix;
	uint32_t place;
	const struct sl_yaml_node *at;
};

static int compare_listed(const void *left, const void *right)
{
	const struct listed *a = left, *b = right;
	int order = memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));

	return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* A source that is listed twice, or no packet to the service's address can have. */
static void check_sources(struct sl_conf_reader *reader, const struct sl_yaml_node *list,
			  const struct sl_conf_service *service)
{
	struct listed *listed = calloc((size_t)service->source_count + 1, sizeof(*listed));
	const struct sl_yaml_node *at = list->first;
	uint8_t family = service->any ? SL_FAMILY_NONE : service->prefix.addr.family;
	char shown[SL_CONF_SHOW_SIZE];

	if (!listed) {
		reader->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < service->source_count; i++, at = at->next) {
		uint8_t own = service->sources[i].addr.family;

		listed[i] = (struct listed){service->sources[i], i, at};
		if (own && family && own != family)
			sl_conf_error(reader, at, "%s is %s, the service's address is %s",
				      sl_conf_show(at, shown),
				      own == SL_FAMILY_IPV4 ? "IPv4" : "IPv6",
				      family == SL_FAMILY_IPV4 ? "IPv4" : "IPv6");
	}
	if (service->source_count)
		qsort(listed, service->source_count, sizeof(*listed), compare_listed);
	for (uint32_t i = 1; i < service->source_count; i++)
		if (listed[i].prefix.addr.family &&
		    memcmp(&listed[i].prefix, &listed[i - 1].prefix, sizeof(struct sl_prefix)) == 0)
			sl_conf_error(reader, listed[i].at, "%s is listed before; leave one out",
				      sl_conf_show(listed[i].at, shown));
	free(listed);
}

static void check_service(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			  void *object)
{
	const struct sl_yaml_node *ports = sl_conf_found_value(found, "ports");
	const struct sl_yaml_node *protocol = sl_conf_found_value(found, "protocol");
	const struct sl_yaml_node *mss = sl_conf_found_value(found, "mss_clamp");
	const struct sl_yaml_node *sources = sl_conf_found_value(found, "sources");
	const struct sl_conf_service *service = object;
	char shown[SL_CONF_SHOW_SIZE];

	if (ports && !protocol)
		sl_conf_error(
			reader, ports,
			"`ports` need a `protocol` that has them: tcp, udp, sctp, udplite or dccp");
	else if (ports && service->protocol >= 0 && !sl_conf_protocol_has_ports(service->protocol))
		sl_conf_error(reader, ports,
			      "protocol %s has no ports; tcp, udp, sctp, udplite and dccp have",
			      sl_conf_show(protocol, shown));
	if (mss && service->protocol >= 0 && service->protocol != IPPROTO_TCP)
		sl_conf_error(reader, mss, "`mss_clamp` is for TCP; protocol %s has no such option",
			      sl_conf_show(protocol, shown));
	if (ports && ports->kind == SL_YAML_SEQUENCE)
		check_ports(reader, ports, service);
	if (sources && sources->kind == SL_YAML_SEQUENCE)
		check_sources(reader, sources, service);
}

const struct sl_conf_table sl_conf_service_table = {
	.noun = "a service",
	.keys = service_keys,
	.key_count = sizeof(service_keys) / sizeof(service_keys[0]),
	.size = sizeof(struct sl_conf_service),
	.place = S_AT(line),
	.flow = true,
	.check = check_service,
};

/* ---- equal ones -------------------------------------------------------------------------------*/

/* How specific a service is in ports; the more specific wins, equals may not share a packet. */
enum claim_class { CLAIM_PORT = 0, CLAIM_RANGE = 1, CLAIM_ALL = 2 };

/* A service with one of its ports or ranges. */
struct claim {
	const struct sl_conf_service *service;
	struct sl_port_range range;
	enum claim_class class;
};

static int compare_numbers(int a, int b)
{
	return (a > b) - (a < b);
}

/* Equal: of two that share a port neither is more specific. */
static int compare_kinds(const struct claim *a, const struct claim *b)
{
	int order = compare_numbers(a->service->any, b->service->any);

	if (!order)
		order = memcmp(&a->service->prefix, &b->service->prefix, sizeof(struct sl_prefix));
	if (!order)
		order = compare_numbers(a->service->protocol, b->service->protocol);
	if (!order)
		order = compare_numbers(a->service->vlan, b->service->vlan);
	return order ? order : compare_numbers((int)a->class, (int)b->class);
}

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = compare_kinds(a, b);

	if (!order)
		order = compare_numbers(a->range.first, b->range.first);
	if (!order)
		order = (a->service > b->service) - (a->service < b->service);
	return order;
}

/* What is compared with each other: services that take the same sources. */
struct match {
	struct sl_conf_reader *reader;
	struct claim *claims; /* claim_count */
	uint32_t claim_count;
	const struct sl_prefix *source; /* NULL: all */
	bool *told; /* by service: was said to take another's packets of some source */
};

static void report_equal(const struct match *match, const struct claim *a, const struct claim *b)
{
	const struct sl_conf_service *first = a->service < b->service ? a->service : b->service;
	const struct sl_conf_service *second = a->service < b->service ? b->service : a->service;
	bool *told = &match->told[second - match->reader->conf->services];
	uint16_t last = a->range.last < b->range.last ? a->range.last : b->range.last;
	char ports[32] = "", line[32] = "", from[SL_ADDR_TEXT_SIZE + 16] = "",
	     text[SL_ADDR_TEXT_SIZE];

	if (match->source && *told)
		return;
	*told = match->source;
	if (match->source)
		(void)snprintf(from, sizeof(from), ", source %s",
			       sl_prefix_format(match->source, text));
	if (first->line)
		(void)snprintf(line, sizeof(line), " of line %u", first->line);
	if (b->class != CLAIM_ALL && b->range.first == last)
		(void)snprintf(ports, sizeof(ports), ", port %u", last);
	else if (b->class != CLAIM_ALL)
		(void)snprintf(ports, sizeof(ports), ", ports %u-%u", b->range.first, last);
	sl_conf_error_at(match->reader, SL_MAX(second->line, 1u), SL_MAX(second->column, 1u),
			 "service `%s` takes the same packets as `%s`%s: same address and "
			 "protocol%s%s; change or remove one",
			 second->name, first->name, line, ports, from);
}

/* One that could not be read claims nothing. */
static bool is_complete(const struct sl_conf_service *service)
{
	return service->any || service->prefix.addr.family != SL_FAMILY_NONE;
}

static void add_claims(struct match *match, const struct sl_conf_service *service)
{
	struct claim *claims = match->claims;

	if (!service->port_count)
		claims[match->claim_count++] = (struct claim){service, {0, UINT16_MAX}, CLAIM_ALL};
	for (uint32_t j = 0; j < service->port_count; j++) {
		const struct sl_port_range *one = &service->ports[j];

		if (one->first)
			claims[match->claim_count++] = (struct claim){
				service, *one, one->first == one->last ? CLAIM_PORT : CLAIM_RANGE};
	}
}

/* Claims are in order: one that shares a port with any before it shares it with the one that
 * reaches farthest. */
static void compare_all(const struct match *match)
{
	const struct claim *farthest = &match->claims[0];
	const struct sl_conf_service *reported[2] = {NULL, NULL};

	if (match->claim_count)
		qsort(match->claims, match->claim_count, sizeof(*match->claims), compare_claims);
	for (uint32_t i = 1; i < match->claim_count; i++) {
		const struct claim *one = &match->claims[i];

		if (compare_kinds(farthest, one) != 0) {
			farthest = one;
			continue;
		}
		/* one report a pair, however many ports they share */
		if (one->range.first <= farthest->range.last && farthest->service != one->service &&
		    (reported[0] != farthest->service || reported[1] != one->service)) {
			report_equal(match, farthest, one);
			reported[0] = farthest->service;
			reported[1] = one->service;
		}
		if (one->range.last > farthest->range.last)
			farthest = one;
	}
}

/* A source, and a service that names it. */
struct sourced {
	const struct sl_prefix *source;
	const struct sl_conf_service *service;
};

static int compare_sourced(const void *left, const void *right)
{
	const struct sourced *a = left, *b = right;
	int order = memcmp(a->source, b->source, sizeof(*a->source));

	return order ? order : (a->service > b->service) - (a->service < b->service);
}

/* By sources that more than one service names; a service that names one twice was told of. */
static void compare_sources(struct match *match, struct sourced *sourced, uint32_t count)
{
	uint32_t next;

	if (count)
		qsort(sourced, count, sizeof(*sourced), compare_sourced);
	for (uint32_t i = 0; i < count; i = next) {
		match->claim_count = 0;
		match->source = sourced[i].source;
		for (next = i; next < count && memcmp(sourced[next].source, match->source,
						      sizeof(*match->source)) == 0;
		     next++)
			if (next == i || sourced[next].service != sourced[next - 1].service)
				add_claims(match, sourced[next].service);
		compare_all(match);
	}
}

static uint32_t collect_sources(const struct sl_conf *conf, struct sourced *sourced)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < conf->service_count; i++) {
		const struct sl_conf_service *service = &conf->services[i];

		for (uint32_t j = 0; is_complete(service) && j < service->source_count; j++)
			if (service->sources[j].addr.family)
				sourced[count++] = (struct sourced){&service->sources[j], service};
	}
	return count;
}

/* How many ports and sources there are; more sources than may be are told of. */
static void measure(struct sl_conf_reader *reader, size_t *ports, uint32_t *sources)
{
	const struct sl_conf *conf = reader->conf;

	*ports = conf->service_count + 1;
	*sources = 0;
	for (uint32_t i = 0; i < conf->service_count; i++) {
		const struct sl_conf_service *service = &conf->services[i];

		*ports += service->port_count;
		*sources += service->source_count;
		if (*sources > SL_SOURCES_TOTAL_MAX &&
		    *sources - service->source_count <= SL_SOURCES_TOTAL_MAX)
			sl_conf_error_at(reader, service->line, service->column,
					 "services have more than %u sources in all",
					 SL_SOURCES_TOTAL_MAX);
	}
}

void sl_conf_check_services(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;
	struct match match = {.reader = reader};
	struct sourced *sourced;
	uint32_t sources;
	size_t ports;

	measure(reader, &ports, &sources);
	match.claims = calloc(ports, sizeof(*match.claims));
	match.told = calloc((size_t)conf->service_count + 1, sizeof(*match.told));
	sourced = calloc((size_t)sources + 1, sizeof(*sourced));
	reader->no_memory |= !match.claims || !match.told || !sourced;
	if (match.claims && match.told && sourced) {
		for (uint32_t i = 0; i < conf->service_count; i++)
			if (is_complete(&conf->services[i]) && !conf->services[i].source_count)
				add_claims(&match, &conf->services[i]);
		compare_all(&match);
		compare_sources(&match, sourced, collect_sources(conf, sourced));
	}
	free(match.claims);
	free(match.told);
	free(sourced);
}
