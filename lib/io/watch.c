/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/watch.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#include <rte_ethdev.h>

#include "base/bytes.h"

_Static_assert(SL_ARRIVAL_QUEUES_MAX >= SL_PORT_QUEUES_MAX, "every queue can be waited for");

#define NS_A_SECOND 1000000000ull

void sl_watch_init(struct sl_watch *watch, struct sl_bell *bell, bool rung_by_others)
{
	memset(watch, 0, sizeof(*watch));
	watch->bell = bell;
	watch->rung_by_others = rung_by_others;
	watch->fds[0] = (struct pollfd){.fd = bell->fd, .events = POLLIN};
}

bool sl_watch_add(struct sl_watch *watch, const struct sl_port *port, uint16_t queue)
{
	const struct sl_arrival *arrival = &port->arrival;

	if (queue >= arrival->count || watch->count == SL_WATCH_MAX)
		return false;
	watch->queue[watch->count] = (struct sl_watch_queue){
		port->port_id, queue, arrival->interrupts, arrival->counters};
	watch->fds[watch->count + 1] = watch->fds[watch->count];
	watch->fds[watch->count++] = (struct pollfd){.fd = arrival->fd[queue], .events = POLLIN};
	return true;
}

static void disable(struct sl_watch *watch, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (watch->queue[i].interrupts)
			(void)rte_eth_dev_rx_intr_disable(watch->queue[i].port_id,
							  watch->queue[i].queue);
}

bool sl_watch_arm(struct sl_watch *watch)
{
	for (uint32_t i = 0; i < watch->count; i++) {
		if (!watch->queue[i].interrupts ||
		    rte_eth_dev_rx_intr_enable(watch->queue[i].port_id, watch->queue[i].queue) == 0)
			continue;
		disable(watch, i);
		return false;
	}
	if (watch->rung_by_others)
		sl_bell_prepare(watch->bell);
	watch->armed = true;
	return true;
}

void sl_watch_disarm(struct sl_watch *watch)
{
	if (watch->rung_by_others)
		sl_bell_answer(watch->bell);
	disable(watch, watch->count);
	watch->armed = false;
}

/* An interrupt's count is taken, a socket's error (its interface went down) too; anything else goes
 * when the packets are received. */
static void settle(const struct sl_watch_queue *queue, const struct pollfd *ready)
{
	socklen_t size = sizeof(int);
	uint64_t count;
	int error;

	if (queue->counters)
		(void)!read(ready->fd, &count, sizeof(count));
	else if ((ready->revents & POLLERR) != 0)
		(void)getsockopt(ready->fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

bool sl_watch_sleep(struct sl_watch *watch, uint64_t ns)
{
	uint64_t span_ns = SL_MIN(ns, sl_bell_span_ns());
	struct timespec span = {.tv_sec = (time_t)(span_ns / NS_A_SECOND),
				.tv_nsec = (long)(span_ns % NS_A_SECOND)};
	bool rang = false;

	if (ppoll(watch->fds, watch->count + 1, &span, NULL) > 0) {
		for (uint32_t i = 0; i < watch->count; i++) {
			if (watch->fds[i].revents == 0)
				continue;
			settle(&watch->queue[i], &watch->fds[i]);
			rang = true;
		}
		if (watch->fds[watch->count].revents != 0)
			sl_bell_answer(watch->bell);
	}
	sl_watch_disarm(watch);
	return rang;
}
