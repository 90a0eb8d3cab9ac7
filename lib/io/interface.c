/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/interface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define HASH_DIGITS 5

/* FNV-1a. */
#define HASH_START 2166136261u
#define HASH_PRIME 16777619u

bool sl_interface_is_there(const char *name)
{
	return if_nametoindex(name) != 0;
}

/* One question about an interface, or one order. */
static int ask(uint32_t index, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = -1;

	if (fd >= 0 && if_indextoname(index, request->ifr_name) != NULL)
		rc = ioctl(fd, what, request);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Asked of the driver: /sys may show interfaces of another namespace. */
uint32_t sl_interface_rx_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (void *)&channels};

	if (ask(if_nametoindex(name), SIOCETHTOOL, &request) != 0)
		return 0;
	return channels.rx_count + channels.combined_count;
}

bool sl_interface_link(uint32_t index, struct sl_interface_link *link)
{
	struct ethtool_cmd settings = {.cmd = ETHTOOL_GSET};
	struct ifreq request = {0};
	uint32_t speed;

	if (ask(index, SIOCGIFFLAGS, &request) != 0)
		return false;
	*link = (struct sl_interface_link){.up = (request.ifr_flags & IFF_UP) != 0 &&
						 (request.ifr_flags & IFF_RUNNING) != 0};
	if (ask(index, SIOCGIFMTU, &request) == 0)
		link->mtu = (uint32_t)request.ifr_mtu;
	request.ifr_data = (void *)&settings;
	if (ask(index, SIOCETHTOOL, &request) == 0) {
		speed = ethtool_cmd_speed(&settings);
		link->speed_mbps = speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
	}
	return true;
}

uint32_t sl_interface_hash(const char *text)
{
	uint32_t hash = HASH_START;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * HASH_PRIME;
	return hash;
}

void sl_interface_name(const char *prefix, const char *name, char *text)
{
	int kept = SL_INTERFACE_NAME_SIZE - 1 - (int)strlen(prefix);

	if ((int)strlen(name) <= kept) {
		snprintf(text, SL_INTERFACE_NAME_SIZE, "%s%s", prefix, name);
		return;
	}
	snprintf(text, SL_INTERFACE_NAME_SIZE, "%s%.*s-%0*x", prefix, kept - 1 - HASH_DIGITS, name,
		 HASH_DIGITS, sl_interface_hash(name) >> (32 - 4 * HASH_DIGITS));
}

uint32_t sl_interface_flags(uint32_t index)
{
	struct ifreq request = {0};

	if (ask(index, SIOCGIFFLAGS, &request) != 0)
		return 0;
	return (uint32_t)request.ifr_flags & (IFF_PROMISC | IFF_ALLMULTI);
}

void sl_interface_flags_restore(uint32_t index, uint32_t flags)
{
	struct ifreq request = {0};

	if (flags == 0 || ask(index, SIOCGIFFLAGS, &request) != 0)
		return;
	request.ifr_flags = (short)(request.ifr_flags | (int)flags);
	(void)ask(index, SIOCSIFFLAGS, &request);
}

int sl_interface_take_all(uint32_t index)
{
	/* Of no protocol: it receives nothing. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), rc;
	struct packet_mreq request = {.mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC};

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

uint64_t sl_interface_missed(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0)
		return 0;
	return stats.tp_drops;
}
