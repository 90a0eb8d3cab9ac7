/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/arrival.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <rte_ethdev.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

#define FOLDER "/proc/self/fd"

struct found {
	ino_t inode; /* grows from one socket to the next that a thread makes */
	int fd;
};

/* Calls take() for each descriptor that can be told apart. */
static void each_fd(void (*take)(int fd, void *context), void *context)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && fd != dirfd(folder) &&
		    fd < SL_ARRIVAL_FDS_MAX)
			take((int)fd, context);
	}
	closedir(folder);
}

static void mark_one(int fd, void *context)
{
	struct sl_arrival_mark *mark = context;

	mark->open[fd / 64] |= 1ull << fd % 64;
}

void sl_arrival_mark(struct sl_arrival_mark *mark)
{
	memset(mark, 0, sizeof(*mark));
	each_fd(mark_one, mark);
}

/* ---- sockets --------------------------------------------------------------------------------- */

struct search {
	const struct sl_arrival_mark *mark;
	int domain;
	uint32_t count; /* of found, those that had no room included */
	struct found found[SL_ARRIVAL_QUEUES_MAX];
};

/* Drivers have sockets that receive nothing, too: they are bound to no interface. */
static bool is_bound(int fd)
{
	struct sockaddr_ll address = {0};
	socklen_t size = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.sll_ifindex > 0;
}

static void search_one(int fd, void *context)
{
	struct search *search = context;
	socklen_t size = sizeof(int);
	struct stat status;
	int domain = 0;

	if ((search->mark->open[fd / 64] & 1ull << fd % 64) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
	    domain != search->domain || fstat(fd, &status) != 0)
		return;
	if (domain == AF_PACKET && !is_bound(fd))
		return;
	if (search->count < SL_ARRIVAL_QUEUES_MAX)
		search->found[search->count] = (struct found){status.st_ino, fd};
	search->count++;
}

static int by_inode(const void *a, const void *b)
{
	const struct found *one = a, *other = b;

	return (one->inode > other->inode) - (one->inode < other->inode);
}

static void sockets_find(const struct sl_arrival_mark *mark, int domain, uint16_t queues,
			 uint16_t wanted, struct sl_arrival *arrival)
{
	struct search search = {.mark = mark, .domain = domain};

	each_fd(search_one, &search);
	if (search.count != wanted || wanted > SL_ARRIVAL_QUEUES_MAX)
		return;
	qsort(search.found, search.count, sizeof(search.found[0]), by_inode);
	for (uint16_t i = 0; i < queues; i++)
		arrival->fd[i] = search.found[i].fd;
	arrival->count = queues;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* What the descriptor is: "anon_inode:[eventfd]", "/dev/net/tun". */
static const char *link_of(int fd, char *text, size_t size)
{
	char path[sizeof(FOLDER) + 16];
	ssize_t length;

	snprintf(path, sizeof(path), FOLDER "/%d", fd);
	length = readlink(path, text, size - 1);
	text[length < 0 ? 0 : length] = '\0';
	return text;
}

/* Those that are no counters of an interrupt are readable as long as there are packets, so they need
 * not be enabled. /dev/uio would have to be read and written: not understood. */
static bool interrupt_find(uint16_t port_id, uint16_t queue, struct sl_arrival *arrival)
{
	int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port_id, queue), rc;
	char text[64];

	if (fd < 0 || strncmp(link_of(fd, text, sizeof(text)), "/dev/uio", 8) == 0)
		return false;
	rc = rte_eth_dev_rx_intr_enable(port_id, queue);
	arrival->counters = strstr(text, "eventfd") != NULL;
	arrival->interrupts = rc == 0;
	if (rc == 0)
		rc = rte_eth_dev_rx_intr_disable(port_id, queue);
	else if (rc == -ENOTSUP && !arrival->counters)
		rc = 0;
	arrival->fd[queue] = fd;
	return rc == 0;
}

static bool is_socket(const char *driver)
{
	return strcmp(driver, "net_af_packet") == 0 || strcmp(driver, "net_af_xdp") == 0;
}

/* Software devices that have none would log an error when they are asked. */
bool sl_arrival_wants_interrupts(const char *driver)
{
	static const char *const without[] = {"net_pcap", "net_null", "net_ring"};

	for (uint32_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (strcmp(driver, without[i]) == 0)
			return false;
	return !is_socket(driver);
}

void sl_arrival_find(const struct sl_arrival_mark *mark, uint16_t port_id, const char *driver,
		     uint16_t queues, uint16_t device_queues, struct sl_arrival *arrival)
{
	uint16_t queue = 0;

	memset(arrival, 0, sizeof(*arrival));
	if (queues > SL_ARRIVAL_QUEUES_MAX)
		return;
	if (strcmp(driver, "net_af_packet") == 0)
		sockets_find(mark, AF_PACKET, queues, device_queues, arrival);
	else if (strcmp(driver, "net_af_xdp") == 0)
		sockets_find(mark, AF_XDP, queues, queues, arrival);
	if (!sl_arrival_wants_interrupts(driver))
		return;
	while (queue < queues && interrupt_find(port_id, queue, arrival))
		queue++;
	arrival->count = queue == queues ? queues : 0;
}
