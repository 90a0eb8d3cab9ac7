/* SPDX-License-Identifier: BSD-3-Clause */

/* A handler for sluice: counts packets by source network, /16 of IPv4.
 *
 * cc -shared -fPIC $(pkg-config --cflags sluice-handler) -o count.so count.c */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sluice/handler.h>

#define NETWORKS 65536u

struct count {
	struct {
		uint64_t packets, octets;
	} networks[NETWORKS]; /* by the first two octets */
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
	*state = count;
	return count ? 0 : -ENOMEM;
}

static void count_burst(void *state, const struct sluice_burst *burst)
{
	struct count *count = state;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sluice_packet *packet = &burst->packets[i];
		const uint8_t *source = packet->source;

		if (packet->family != 4)
			continue;
		uint32_t network = source[0] << 8 | source[1];
		count->networks[network].packets++;
		count->networks[network].octets += packet->ip_size;
	}
}

static uint32_t count_results(void *state, uint64_t *cursor, struct sluice_row *rows, uint32_t room)
{
	const struct count *count = state;
	uint64_t at = *cursor;
	uint32_t written = 0;

	for (; at < NETWORKS && written < room; at++) {
		if (!count->networks[at].packets)
			continue;
		rows[written] = (struct sluice_row){.packets = count->networks[at].packets,
						    .octets = count->networks[at].octets};
		(void)snprintf(rows[written++].key, SLUICE_KEY_SIZE, "%u.%u.0.0/16",
			       (unsigned)(at >> 8), (unsigned)(at & 255));
	}
	*cursor = at == NETWORKS ? UINT64_MAX : at;
	return written;
}

SLUICE_EXPORT const struct sluice_handler sluice_handler = {
	.version = SLUICE_HANDLER_VERSION,
	.name = "count",
	.open = count_open,
	.burst = count_burst,
	.results = count_results,
	.close = free,
};
