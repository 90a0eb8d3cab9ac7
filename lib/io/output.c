/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <rte_ethdev.h>

#include "io/device.h"
#include "io/form.h"

/* Source: the classic pcap format, pcap-savefile(5). */
#define FILE_HEAD   24
#define RECORD_HEAD 16
#define LENGTH_AT   8 /* of the octets that follow, in a record's head */

struct there {
	uint64_t packets, bytes; /* whole frames */
	uint64_t size;
};

/* Goes over the frames of a file and cuts off what is not whole. */
static void mend(const char *path, struct there *there)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint64_t at = FILE_HEAD;
	uint8_t head[RECORD_HEAD];
	uint32_t length;

	if (fd < 0)
		return;
	while (pread(fd, head, sizeof(head), (off_t)at) == sizeof(head)) {
		memcpy(&length, head + LENGTH_AT, sizeof(length));
		if (at + RECORD_HEAD + length > there->size)
			break;
		at += RECORD_HEAD + length;
		there->packets++;
		there->bytes += length;
	}
	if (at < there->size)
		(void)!ftruncate(fd, (off_t)at);
	close(fd);
}

bool sl_output_finish(const struct sl_port *port, struct sl_output_loss *loss)
{
	char path[SL_DEVICE_SIZE];
	struct there sum = {0};
	struct rte_eth_stats stats;
	struct stat status;
	uint32_t files = 0;

	if (!port->is_capture || rte_eth_stats_get(port->port_id, &stats) != 0)
		return false;
	rte_eth_dev_stop(port->port_id);
	while (sl_form_value(port->device, "tx_pcap", files, path, sizeof(path))) {
		if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
			return false;
		sum.size += (uint64_t)status.st_size;
		files++;
	}
	if (files == 0 ||
	    sum.size >= files * (uint64_t)FILE_HEAD + stats.opackets * RECORD_HEAD + stats.obytes)
		return false;
	for (uint32_t i = 0; sl_form_value(port->device, "tx_pcap", i, path, sizeof(path)); i++) {
		struct there one = {0};

		if (stat(path, &status) != 0)
			continue;
		one.size = (uint64_t)status.st_size;
		mend(path, &one);
		sum.packets += one.packets;
		sum.bytes += one.bytes;
		snprintf(loss->path, sizeof(loss->path), "%.255s", path);
	}
	loss->packets = stats.opackets - sum.packets;
	loss->bytes = stats.obytes - sum.bytes;
	return true;
}
