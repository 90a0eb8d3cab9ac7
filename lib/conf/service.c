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
	SL_KEY("pool", pool_ref, S(pool), .flags = SL_KEY_REQUIRED | SL_KEY_APART),
	SL_KEY_RANGE("vlan", number, S(vlan), 1, VLAN_MAX, 0),
	SL_KEY("echo", word, S(echo), .words = echos),
	SL_KEY("class", name, S(class)),
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

static void check_service(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			  void *object)
{
	const struct sl_yaml_node *ports = sl_conf_found_value(found, "ports");
	const struct sl_yaml_node *protocol = sl_conf_found_value(found, "protocol");
	const struct sl_yaml_node *mss = sl_conf_found_value(found, "mss_clamp");
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

static void report_equal(struct sl_conf_reader *reader, const struct claim *a,
			 const struct claim *b)
{
	const struct sl_conf_service *first = a->service < b->service ? a->service : b->service;
	const struct sl_conf_service *second = a->service < b->service ? b->service : a->service;
	uint16_t last = a->range.last < b->range.last ? a->range.last : b->range.last;
	char ports[32] = "", line[32] = "";

	if (first->line)
		(void)snprintf(line, sizeof(line), " of line %u", first->line);
	if (b->class != CLAIM_ALL && b->range.first == last)
		(void)snprintf(ports, sizeof(ports), ", port %u", last);
	else if (b->class != CLAIM_ALL)
		(void)snprintf(ports, sizeof(ports), ", ports %u-%u", b->range.first, last);
	sl_conf_error_at(reader, SL_MAX(second->line, 1u), SL_MAX(second->column, 1u),
			 "service `%s` takes the same packets as `%s`%s: same address and "
			 "protocol%s; change or remove one",
			 second->name, first->name, line, ports);
}

/* One that could not be read claims nothing. */
static bool is_complete(const struct sl_conf_service *service)
{
	return service->any || service->prefix.addr.family != SL_FAMILY_NONE;
}

static uint32_t collect_claims(const struct sl_conf *conf, struct claim *claims)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < conf->service_count; i++) {
		const struct sl_conf_service *service = &conf->services[i];

		if (!is_complete(service))
			continue;
		if (!service->port_count)
			claims[count++] = (struct claim){service, {0, UINT16_MAX}, CLAIM_ALL};
		for (uint32_t j = 0; j < service->port_count; j++) {
			const struct sl_port_range *one = &service->ports[j];

			if (one->first)
				claims[count++] = (struct claim){
					service, *one,
					one->first == one->last ? CLAIM_PORT : CLAIM_RANGE};
		}
	}
	return count;
}

/* Claims are in order: one that shares a port with any before it shares it with the one that
 * reaches farthest. */
static void compare_all(struct sl_conf_reader *reader, const struct claim *claims, uint32_t count)
{
	const struct claim *farthest = &claims[0];
	const struct sl_conf_service *reported[2] = {NULL, NULL};

	for (uint32_t i = 1; i < count; i++) {
		const struct claim *one = &claims[i];

		if (compare_kinds(farthest, one) != 0) {
			farthest = one;
			continue;
		}
		/* one report a pair, however many ports they share */
		if (one->range.first <= farthest->range.last && farthest->service != one->service &&
		    (reported[0] != farthest->service || reported[1] != one->service)) {
			report_equal(reader, farthest, one);
			reported[0] = farthest->service;
			reported[1] = one->service;
		}
		if (one->range.last > farthest->range.last)
			farthest = one;
	}
}

void sl_conf_check_services(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;
	size_t room = conf->service_count + 1;
	struct claim *claims;
	uint32_t count;

	for (uint32_t i = 0; i < conf->service_count; i++)
		room += conf->services[i].port_count;
	claims = calloc(room, sizeof(*claims));
	if (!claims) {
		reader->no_memory = true;
		return;
	}
	count = collect_claims(conf, claims);
	qsort(claims, count, sizeof(*claims), compare_claims);
	compare_all(reader, claims, count);
	free(claims);
}
