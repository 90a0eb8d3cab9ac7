/* SPDX-License-Identifier: BSD-3-Clause */

/* A handler for sluice: counts packets by source network, /24 of IPv4.
 *
 * cc -shared -fPIC $(pkg-config --cflags sluice-handler) -o count.so count.c */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/handler.h>

#define NETWORKS (1u << 24)

struct count {
	struct {
		uint64_t packets, octets;
	} * networks; /* by the first three octets; memory comes as it is touched */
};

static int count_open(const struct sluice_open *open, void **state, char error[SLUICE_ERROR_SIZE])
{
	struct count *count = calloc(1, sizeof(*count));

	if (open->option_count > 0) {
		(void)snprintf(error, SLUICE_ERROR_SIZE, "no option \"%s\": there is none",
			       open->options[0].name);
		free(count);
		return -EINVAL;
	}
	if (count)
		count->networks = calloc(NETWORKS, sizeof(*count->networks));
	*state = count;
	return count && count->networks ? 0 : -ENOMEM;
}

static void count_burst(void *state, const struct sluice_burst *burst)
{
	struct count *count = state;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sluice_packet *packet = &burst->packets[i];
		const uint8_t *source = packet->source;

		if (packet->family != 4)
			continue;
		uint32_t network = source[0] << 16 | source[1] << 8 | source[2];
		count->networks[network].packets++;
		count->networks[network].octets += packet->ip_size;
	}
}

static uint32_t count_results(void *state, uint64_t *cursor, struct sluice_row *rows, uint32_t room)
{
	const struct count *count = state;
	uint64_t at = *cursor, end = at + 65536;
	uint32_t written = 0;

	for (; at < NETWORKS && at < end && written < room; at++) {
		if (!count->networks[at].packets)
			continue;
		rows[written] = (struct sluice_row){.packets = count->networks[at].packets,
						    .octets = count->networks[at].octets};
		(void)snprintf(rows[written++].key, SLUICE_KEY_SIZE, "%u.%u.%u.0/24",
			       (unsigned)(at >> 16), (unsigned)(at >> 8 & 255),
			       (unsigned)(at & 255));
	}
	*cursor = at == NETWORKS ? UINT64_MAX : at;
	return written;
}

static void count_close(void *state)
{
	free(((struct count *)state)->networks);
	free(state);
}

SLUICE_EXPORT const struct sluice_handler sluice_handler = {
	.version = SLUICE_HANDLER_VERSION,
	.name = "count",
	.open = count_open,
	.burst = count_burst,
	.results = count_results,
	.close = count_close,
};
