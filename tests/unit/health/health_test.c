/* SPDX-License-Identifier: BSD-3-Clause */

/* What is found by checks reaches the model: servers of the test's own on loopback, in the loop of the
 * control side. Each case waits for what it wants, however long that takes. */

#include "health/health.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/model/fixture.h"

#define MANY   200
#define HANG_S 120 /* then nothing comes any more */
#define PORTS                                                                                      \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: "                 \
	"\"02:00:00:00:00:01\"}}]\n"                                                               \
	"services: [{name: rest, address: any, pool: web}]\n"
#define NODE(more) "{name: a, address: 127.0.0.1, encap: ipip, port: p0, weight: 1" more "}"
#define POOL(more)                                                                                 \
	PORTS "pools: [{name: web, slots: 256, health: {type: tcp, port: %u, interval: 50ms, "     \
	      "timeout: 60s, rise: 1, fall: 1" more

/* Says something to whoever connects, and closes. */
struct server {
	struct evconnlistener *listener;
	uint16_t port;
	const char *says;
};

struct world {
	struct fixture f;
	struct event_base *base;
	struct sl_health *health;
	struct server server, agent;
	struct sl_model_listener listener;
	uint32_t note_count;
	char said[160];			 /* to other members */
	char of_node[160], of_pool[160]; /* the last notes of health */
};

static void on_end(struct bufferevent *events, short what, void *context)
{
	(void)what;
	(void)context;
	bufferevent_free(events);
}

static void on_sent(struct bufferevent *events, void *context)
{
	(void)context;
	(void)shutdown(bufferevent_getfd(events), SHUT_WR);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
		      int size, void *context)
{
	const struct server *server = context;
	struct bufferevent *events = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
							    BEV_OPT_CLOSE_ON_FREE);

	(void)addr;
	(void)size;
	assert_non_null(events);
	bufferevent_setcb(events, NULL, on_sent, on_end, NULL);
	assert_int_equal(bufferevent_enable(events, EV_READ | EV_WRITE), 0);
	assert_int_equal(bufferevent_write(events, server->says, strlen(server->says)), 0);
}

/* At a port of its own, or at the one that it had. */
static void server_start(struct world *world, struct server *server, const char *says)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(server->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	server->says = says;
	server->listener = evconnlistener_new_bind(world->base, on_accept, server,
						   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
						   (struct sockaddr *)&at, sizeof(at));
	assert_non_null(server->listener);
	assert_int_equal(
		getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&at, &size),
		0);
	server->port = ntohs(at.sin_port);
}

static void server_stop(struct server *server)
{
	if (server->listener)
		evconnlistener_free(server->listener);
	server->listener = NULL;
}

static void on_model(void *context, const struct sl_model_event *event)
{
	struct world *world = context;

	if (event->kind != SL_EVENT_NOTE)
		return;
	world->note_count++;
	(void)snprintf(event->node ? world->of_node : world->of_pool, sizeof(world->of_pool), "%s",
		       event->text);
}

/* text: with the ports of both servers. */
static void open_world(struct world *world, const char *text)
{
	static char conf[65536];

	memset(world, 0, sizeof(*world));
	world->base = event_base_new();
	assert_non_null(world->base);
	server_start(world, &world->server, "x");
	server_start(world, &world->agent, "100%\n");
	(void)snprintf(conf, sizeof(conf), text, world->server.port, world->agent.port);
	fixture_open(&world->f, conf, NULL);
	world->listener = (struct sl_model_listener){.event = on_model, .context = world};
	sl_model_listen(world->f.model, &world->listener);
	assert_int_equal(
		sl_health_create(world->base, world->f.model, NULL, &world->health, &world->f.err),
		0);
}

static void close_world(struct world *world)
{
	server_stop(&world->server);
	server_stop(&world->agent);
	fixture_close(&world->f);
	sl_health_destroy(world->health);
	event_base_free(world->base);
}

static const struct sl_image_node *node_of(const struct world *world)
{
	return &sl_model_image(world->f.model)->pools[0]->nodes[0];
}

static bool is_down(const struct world *world)
{
	return node_of(world)->down;
}

static bool are_all_down(const struct world *world)
{
	const struct sl_image_pool *pool = sl_model_image(world->f.model)->pools[0];

	for (uint32_t n = 0; n < pool->node_count; n++)
		if (!pool->nodes[n].down)
			return false;
	return true;
}

static bool is_up(const struct world *world)
{
	return !node_of(world)->down;
}

static bool was_checked(const struct world *world)
{
	struct sl_model_health found;

	return sl_health_show(world->health, node_of(world)->index, &found) &&
	       strcmp(found.state, "up") == 0;
}

static bool stays_checked(const struct world *world)
{
	struct sl_model_health found;

	return sl_health_show(world->health, node_of(world)->index, &found) &&
	       strcmp(found.state, "down") == 0;
}

static bool has_half(const struct world *world)
{
	return node_of(world)->scale == SL_SCALE_ONE / 2;
}

static bool drains(const struct world *world)
{
	return node_of(world)->asked == SL_HAND_DRAINING;
}

static bool takes(const struct world *world)
{
	return node_of(world)->asked == SL_HAND_UP;
}

static void until(struct world *world, bool (*holds)(const struct world *world))
{
	(void)alarm(HANG_S);
	while (!holds(world)) {
		(void)event_base_loop(world->base, EVLOOP_ONCE);
		sl_health_turn_ended(world->health);
	}
	(void)alarm(0);
}

static void live_flows_of_a_node_that_is_down_stay_where_on_down_says_so(void **state)
{
	struct world world;

	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		open_world(&world, keep ? POOL(", on_down: keep}, nodes: [" NODE("") "]}]\n")
					: POOL(", on_down: move}, nodes: [" NODE("") "]}]\n"));
		until(&world, was_checked);
		server_stop(&world.server);
		until(&world, is_down);
		assert_int_equal(node_of(&world)->stays, keep);
		close_world(&world);
	}
}

static void a_node_that_comes_up_again_begins_with_a_part_of_its_weight(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, POOL("}, slow_start: 1h, nodes: [" NODE("") "]}]\n"));
	until(&world, was_checked);
	assert_int_equal(node_of(&world)->scale, SL_SCALE_ONE); /* it was never down */
	server_stop(&world.server);
	until(&world, is_down);
	server_start(&world, &world.server, "x");
	until(&world, is_up);
	assert_true(node_of(&world)->scale < SL_SCALE_ONE);
	close_world(&world);
}

static void an_agent_beside_a_check_has_its_say(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, POOL(", agent: {port: %u, interval: 50ms}}, weight_from: agent, "
				"nodes: [" NODE("") "]}]\n"));
	until(&world, was_checked);
	world.agent.says = "50%\n";
	until(&world, has_half);
	world.agent.says = "drain\n";
	until(&world, drains);
	assert_true(is_up(&world));
	server_stop(&world.agent); /* one that says nothing has said nothing */
	server_stop(&world.server);
	until(&world, is_down);
	assert_true(drains(&world));
	close_world(&world);
}

static void that_nobody_is_up_is_said_with_who_serves(void **state)
{
	struct world world;

	(void)state;
	for (int far = 0; far < 2; far++) {
		open_world(&world, far ? POOL("}, fallback: far, nodes: [" NODE(
						 "") "]}, {name: far, slots: "
						     "256, nodes: [" NODE("") "]}]\n")
				       : POOL("}, nodes: [" NODE("") "]}]\n"));
		until(&world, was_checked);
		server_stop(&world.server);
		until(&world, is_down);
		assert_string_equal(world.of_pool,
				    far ? "pool web: no node is up: pool far serves"
					: "pool web: no node is up: packets are dropped "
					  "(no_node: drop)");
		close_world(&world);
	}
}

/* ---- with other members ---------------------------------------------------------------------- */

static int on_say(void *context, const char *text)
{
	struct world *world = context;

	(void)snprintf(world->said, sizeof(world->said), "%s", text);
	sl_health_hear(world->health, "d1", text);
	return 0;
}

static bool says_nothing(const struct world *world)
{
	return strcmp(world->said, "") == 0;
}

static bool says_down(const struct world *world)
{
	return strcmp(world->said, "down web/a\n") == 0;
}

static void join(struct world *world)
{
	const struct sl_health_peers peers = {.say = on_say, .context = world};

	(void)snprintf(world->said, sizeof(world->said), "?");
	assert_int_equal(sl_health_join(world->health, &peers), 0);
	sl_health_hear(world->health, "d2", "");
	sl_health_hear(world->health, "d3", "");
	sl_health_together(world->health, true);
	until(world, says_nothing);
	assert_true(is_up(world));
}

static void a_node_is_away_when_most_members_say_so(void **state)
{
	struct sl_model_health shown;
	struct world world;

	(void)state;
	open_world(&world, POOL("}, nodes: [" NODE("") "]}]\n"));
	join(&world);
	server_stop(&world.server);
	until(&world, says_down);
	until(&world, stays_checked);
	for (int turn = 0; turn < 20; turn++) {
		(void)event_base_loop(world.base, EVLOOP_ONCE);
		assert_true(is_up(&world));
	}
	assert_true(sl_health_show(world.health, node_of(&world)->index, &shown));
	assert_int_equal(shown.members, 3);
	assert_string_equal(shown.down_at, "d1");
	sl_health_hear(world.health, "d3", "down web/a\n");
	until(&world, is_down);
	assert_string_equal(world.of_node, "2 of 3 members find it down: d1, d3");
	assert_int_equal(sl_health_down_at(world.health, "d3"), 1);
	sl_health_hear(world.health, "d3", NULL); /* one of two is not most of them */
	until(&world, is_up);
	close_world(&world);
}

static void one_that_does_not_hear_the_others_judges_alone(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, POOL("}, nodes: [" NODE("") "]}]\n"));
	join(&world);
	server_stop(&world.server);
	until(&world, says_down);
	assert_true(is_up(&world));
	sl_health_together(world.health, false);
	until(&world, is_down);
	sl_health_together(world.health, true);
	until(&world, is_up);
	close_world(&world);
}

static void agents_of_most_members_have_their_say(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, POOL("}, nodes: [" NODE("") "]}]\n"));
	join(&world);
	sl_health_hear(world.health, "d2", "maint web/a\n");
	sl_health_hear(world.health, "d3", "drain web/a\n");
	until(&world, drains);
	sl_health_hear(world.health, "d2", "unknown web/a\n");
	sl_health_hear(world.health, "d3", "unknown web/a\n");
	until(&world, takes);
	close_world(&world);
}

/* Nodes that fail at once are told one by one, however many a turn of the loop finds. */
static void nodes_that_fail_together_are_each_told(void **state)
{
	static char text[65536];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", POOL("}, nodes: ["));
	struct world world;

	(void)state;
	for (int n = 0; n < MANY; n++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"%s{name: n%d, address: 127.0.%d.1, encap: ipip, port: p0, "
			"weight: 1}",
			n ? ", " : "", n, n);
	(void)snprintf(text + used, sizeof(text) - used, "]}]\n");
	open_world(&world, text);
	server_stop(&world.server);
	until(&world, are_all_down);
	assert_int_equal(world.note_count, MANY + 1); /* and that nobody is left */
	close_world(&world);
}

#define PROGRAM(command, timeout)                                                                  \
	PORTS "pools: [{name: web, slots: 256, health: {type: external, command: " command         \
	      ", interval: 50ms, timeout: " timeout                                                \
	      ", rise: 1, fall: 1}, nodes: [" NODE("") "]}]\n"

static void why_says_what_a_check_found_once(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, PROGRAM("/bin/false", "60s"));
	until(&world, is_down);
	assert_string_equal(world.of_node, "exit status 1");
	close_world(&world);
}

/* Nobody waits for a program that is killed, and none is left behind. */
static void programs_that_take_too_long_are_ended(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, PROGRAM("/bin/sleep 1000", "20ms"));
	until(&world, is_down);
	assert_string_equal(world.of_node, "timeout: no answer within 20 ms");
	close_world(&world);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_flows_of_a_node_that_is_down_stay_where_on_down_says_so),
		cmocka_unit_test(a_node_that_comes_up_again_begins_with_a_part_of_its_weight),
		cmocka_unit_test(an_agent_beside_a_check_has_its_say),
		cmocka_unit_test(that_nobody_is_up_is_said_with_who_serves),
		cmocka_unit_test(nodes_that_fail_together_are_each_told),
		cmocka_unit_test(a_node_is_away_when_most_members_say_so),
		cmocka_unit_test(one_that_does_not_hear_the_others_judges_alone),
		cmocka_unit_test(agents_of_most_members_have_their_say),
		cmocka_unit_test(why_says_what_a_check_found_once),
		cmocka_unit_test(programs_that_take_too_long_are_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
