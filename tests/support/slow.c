/* SPDX-License-Identifier: BSD-3-Clause */

/* A handler for tests of workers: slow, or held up for as long as a file is there. Looks at the numbers
 * in what comes: UDP data begins with a flow and its next number, 32 bits each, least octet first.
 *
 * Options: hold (path: burst() does not come back while it exists), nap_us (for each packet).
 * Results: a row POOL/NODE, and a row for each destination port; lost: packets out of order. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/handler.h>

#ifndef SLOW_VERSION
#define SLOW_VERSION SLUICE_HANDLER_VERSION
#endif
#define FLOWS	 4096u
#define PORTS	 65536u
#define HOLD_US	 2000
#define UDP_SIZE 8u

struct slow {
	char name[SLUICE_KEY_SIZE];
	const char *hold;
	useconds_t nap_us;
	struct sluice_total total;
	uint64_t packets[PORTS];
	uint32_t next[FLOWS];
};

static int slow_open(const struct sluice_open *open, void **state, char error[SLUICE_ERROR_SIZE])
{
	struct slow *slow = calloc(1, sizeof(*slow));

	(void)error;
	if (!slow)
		return -ENOMEM;
	(void)snprintf(slow->name, sizeof(slow->name), "%s/%s", open->pool, open->node);
	for (uint32_t i = 0; i < open->option_count; i++)
		if (strcmp(open->options[i].name, "hold") == 0)
			slow->hold = open->options[i].value;
		else
			slow->nap_us = (useconds_t)strtoul(open->options[i].value, NULL, 10);
	*state = slow;
	return 0;
}

static void look(struct slow *slow, const struct sluice_packet *packet)
{
	const uint8_t *data = packet->frame + packet->l4_offset + UDP_SIZE;
	uint32_t flow, number;

	slow->total.packets++;
	slow->total.octets += packet->ip_size;
	slow->packets[packet->destination_port]++;
	if (packet->protocol != 17 || data + 8 > packet->frame + packet->size)
		return;
	memcpy(&flow, data, sizeof(flow));
	memcpy(&number, data + 4, sizeof(number));
	if (number < slow->next[flow % FLOWS])
		slow->total.lost++;
	slow->next[flow % FLOWS] = number + 1;
}

static void slow_burst(void *state, const struct sluice_burst *burst)
{
	struct slow *slow = state;

	while (slow->hold && access(slow->hold, F_OK) == 0)
		(void)usleep(HOLD_US);
	for (uint32_t i = 0; i < burst->count; i++) {
		look(slow, &burst->packets[i]);
		if (slow->nap_us)
			(void)usleep(slow->nap_us);
	}
}

static uint32_t slow_results(void *state, uint64_t *cursor, struct sluice_row *rows, uint32_t room)
{
	const struct slow *slow = state;
	uint32_t count = 0;

	if (*cursor == 0 && room > 0) {
		memcpy(rows[0].key, slow->name, sizeof(rows[0].key));
		rows[count++].packets = slow->total.packets;
	}
	for (; *cursor < PORTS && count < room; ++*cursor)
		if (slow->packets[*cursor]) {
			(void)snprintf(rows[count].key, SLUICE_KEY_SIZE, "%u", (unsigned)*cursor);
			rows[count++].packets = slow->packets[*cursor];
		}
	if (*cursor == PORTS)
		*cursor = UINT64_MAX;
	return count;
}

static void slow_total(void *state, struct sluice_total *total)
{
	*total = ((const struct slow *)state)->total;
}

static void slow_close(void *state)
{
	free(state);
}

const struct sluice_handler sluice_handler = {
	.version = SLOW_VERSION,
	.name = "slow",
	.open = slow_open,
	.burst = slow_burst,
	.close = slow_close,
	.results = slow_results,
	.total = slow_total,
};
