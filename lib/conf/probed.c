/* SPDX-License-Identifier: BSD-3-Clause */

/* Health checks that go the packets' way (via: path): where they cannot. */

#include <netinet/in.h>
#include <string.h>

#include "conf/key.h"

#define EPHEMERAL 32768 /* ports from here on are where the host's sockets get theirs */

static int16_t protocol_of(const struct sl_conf_health *health)
{
	return health->type == SL_HEALTH_TYPE_UDP ? IPPROTO_UDP : IPPROTO_TCP;
}

static bool takes(const struct sl_conf_service *service, int16_t protocol)
{
	return service->protocol < 0 || service->protocol == protocol;
}

int sl_conf_probed_service(const struct sl_conf *conf, uint32_t pool, int16_t protocol)
{
	for (uint32_t s = 0; s < conf->service_count; s++) {
		const struct sl_conf_service *service = &conf->services[s];
		const struct sl_addr *addr = &service->prefix.addr;

		if (service->pool == pool && takes(service, protocol) && !service->any &&
		    addr->family != SL_FAMILY_NONE && service->prefix.length == sl_addr_bits(addr))
			return (int)s;
	}
	return -1;
}

/* Whether the service takes what comes for one of the host's own sockets at an address of the port. */
static bool takes_answers(const struct sl_conf_service *service, const struct sl_conf_port *port,
			  int16_t protocol)
{
	bool high = service->port_count == 0, near = service->any;

	for (uint32_t r = 0; r < service->port_count; r++)
		high |= service->ports[r].last >= EPHEMERAL;
	for (uint32_t i = 0; i < port->address_count && !near; i++)
		near = sl_prefix_contains(&service->prefix, &port->addresses[i].addr);
	return takes(service, protocol) && high && near;
}

const struct sl_conf_service *sl_conf_answer_taker(const struct sl_conf *conf, uint32_t port,
						   int16_t protocol)
{
	for (uint32_t s = 0; s < conf->service_count; s++)
		if (takes_answers(&conf->services[s], &conf->ports[port], protocol))
			return &conf->services[s];
	return NULL;
}

/* False: it was refused. */
static bool check_port(struct sl_conf_reader *reader, const struct sl_conf_health *health,
		       const struct sl_conf_node *node)
{
	const struct sl_conf *conf = reader->conf;
	const struct sl_conf_service *taker;
	const struct sl_conf_port *port;

	if (node->port >= conf->port_count)
		return true;
	port = &conf->ports[node->port];
	if (!sl_conf_is_heard(port)) {
		sl_conf_error_at(reader, node->line, node->column,
				 "node `%s`: via: path needs an interface of the kernel's that "
				 "hears answers at port `%s`: a device xdp:, packet: or tap:, or "
				 "`punt: kernel`; via: kernel needs none",
				 node->name, port->name);
		return false;
	}
	taker = sl_conf_answer_taker(conf, node->port, protocol_of(health));
	if (!taker)
		return true;
	sl_conf_error_at(reader, node->line, node->column,
			 "node `%s`: answers to probes via: path come in by port `%s`, where "
			 "service `%s` takes them: give that its `ports`, below %d, or use "
			 "via: kernel",
			 node->name, port->name, taker->name, EPHEMERAL);
	return false;
}

static bool is_probed(const struct sl_conf_health *pool, const struct sl_conf_node *node,
		      struct sl_conf_health *health)
{
	if (node->kind != SL_NODE_REMOTE || !(node->health.via_set || pool->via == SL_VIA_PATH))
		return false;
	sl_conf_health_merge(pool, &node->health, health);
	return health->type != SL_HEALTH_TYPE_NONE && health->via == SL_VIA_PATH;
}

void sl_conf_check_probed_node(struct sl_conf_reader *reader, const struct sl_conf_health *pool,
			       const struct sl_conf_node *node)
{
	struct sl_conf_health health;

	if (is_probed(pool, node, &health))
		(void)check_port(reader, &health, node);
}

/* One word a pool is enough. */
static void check_pool(struct sl_conf_reader *reader, uint32_t p)
{
	const struct sl_conf_pool *pool = &reader->conf->pools[p];
	struct sl_conf_health health;

	for (uint32_t n = 0; n < pool->node_count; n++) {
		const struct sl_conf_node *node = &pool->nodes[n];
		int16_t protocol;

		if (!is_probed(&pool->health, node, &health))
			continue;
		protocol = protocol_of(&health);
		if (reader->conf->announce.interface)
			sl_conf_error_at(reader, node->line, node->column,
					 "node `%s`: via: path cannot be beside `announce`, which "
					 "gives services' addresses to this host: the kernel drops "
					 "answers from them; use via: kernel",
					 node->name);
		else if (sl_conf_probed_service(reader->conf, p, protocol) < 0)
			sl_conf_error_at(reader, node->line, node->column,
					 "node `%s`: via: path asks at a service's address, and "
					 "pool `%s` has no %s service with one address; give it "
					 "one, or use via: kernel",
					 node->name, pool->name, sl_conf_protocol_name(protocol));
		else if (check_port(reader, &health, node))
			continue;
		return;
	}
}

void sl_conf_check_probed(struct sl_conf_reader *reader)
{
	for (uint32_t p = 0; p < reader->conf->pool_count; p++)
		check_pool(reader, p);
}
