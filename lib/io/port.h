/* SPDX-License-Identifier: BSD-3-Clause */

/* A DPDK port: opened from a PCI address or device string, and what it turned out to offer.
 *
 * Why:     devices differ in queues, hash functions and offloads; everybody above reads what was
 *          got from struct sl_port. Capture files are looked at with libpcap first, because the
 *          driver's own errors name no file.
 * Shape:   "0000:03:00.0", "packet:eth0", "net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap". Every
 *          queue that a device opens by itself is polled. An interface is left as it was found.
 * Threads: control; a started port's fields are read by all.
 * Memory:  the caller's struct; sl_port_close() gives the device back.
 * Errors:  negative errno and a sentence with the remedy.
 */

#ifndef SL_IO_PORT_H
#define SL_IO_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/limit.h"
#include "io/arrival.h"

struct rte_mempool;
struct sl_packet_ring;

#define SL_PORT_NOTE_SIZE   384
#define SL_PORT_DRIVER_SIZE 32
#define SL_PORT_DEVICE_SIZE 1024
#define SL_PORT_HEADROOM    128	 /* octets before a frame: room for encapsulation */
#define SL_PORT_ROOM	    2048 /* octets of a frame in one packet buffer */
#define SL_PORT_QUEUES_MAX  128	 /* of one port, each direction */

struct sl_port_spec {
	const char *name;
	const char *device;
	uint16_t mtu; /* 0: the link's */
	bool promiscuous;
	uint16_t rx_queues, tx_queues; /* wanted: receive cores, senders */
	bool rx_waits;	     /* cores sleep until packets come, where the device can tell */
	bool spoken;	     /* control sends by it, too */
	const char *program; /* of devices xdp:INTERFACE, what the driver loads; NULL: its own */
};

struct sl_port {
	char name[SL_NAME_SIZE];
	char device[SL_PORT_DEVICE_SIZE];
	char driver[SL_PORT_DRIVER_SIZE];
	uint16_t port_id;
	uint16_t rx_queue_count, tx_queue_count; /* got */
	uint16_t rx_queue_wanted;
	uint16_t mtu;
	struct sl_mac mac;
	bool promiscuous; /* frames for any MAC address are taken */
	uint8_t bridge;	  /* 1 + index of the port that gets all frames of this one; 0: none */
	bool spoken;	  /* control sends by it, too */
	bool is_capture;  /* reads and writes files alone: nothing is lost by waiting */
	struct rte_mempool *pool;
	uint32_t frame_buffers; /* buffers that one frame of a capture takes at most */
	uint32_t interface;	/* the kernel's number of its interface, 0: none */
	int all_fd;		/* has the interface take frames for any MAC address; -1: none */
	uint64_t missed;	/* frames that its sockets had no room for */
	bool link_up;
	bool rx_checksum;    /* the device verifies IPv4 header checksums */
	bool tx_fast_free;   /* RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE is on */
	bool tx_segments;    /* frames of several buffers can be sent */
	bool tx_heads;	     /* its sockets want a header before frames: io/packet.h */
	bool is_virtual;     /* frames come with checksums left to do, and larger than the link's */
	uint32_t speed_mbps; /* 0: unknown */
	uint64_t rss;	     /* RTE_ETH_RSS_ functions got; 0: none */
	char note[SL_PORT_NOTE_SIZE]; /* a warning for the log (a capture that is cut), or empty */
	struct sl_arrival arrival;    /* how its receive queues are waited for */
	struct sl_packet_ring *rings[SL_PORT_QUEUES_MAX]; /* of receive queues, where it has some */
};

/* Octets that the port wants to put into one packet buffer, SL_PORT_ROOM at least. */
uint32_t sl_port_room(const struct sl_port_spec *spec);

/* Packet buffers of so many octets each for all ports; destroyed after the last port is closed. */
int sl_port_pool_create(const char *name, uint32_t buffers, uint32_t room,
			struct rte_mempool **pool, struct sl_err *err);
void sl_port_pool_destroy(struct rte_mempool *pool);

/* Opens and starts a port. -EINVAL: the device string is wrong; other codes: the machine lacks it.
 */
int sl_port_open(const struct sl_port_spec *spec, struct rte_mempool *pool, struct sl_port *port,
		 struct sl_err *err);
/* Stops it, and gives back what the process does not by ending; a thread may still use it. */
void sl_port_stop(struct sl_port *port);
/* When no core uses it: stops and closes; captures being written are complete afterwards. Nothing is asked
 * of a card that was pulled. */
void sl_port_close(struct sl_port *port);

/* One line: driver, MAC address, link, queues, RSS. text has size octets and is returned. */
const char *sl_port_describe(const struct sl_port *port, char *text, uint32_t size);

/* Which receive core polls a queue: ports with few queues are spread over the cores. */
static inline uint32_t sl_port_rx_core(uint32_t port, uint32_t queue, uint32_t core_count)
{
	return (port + queue) % core_count;
}

/* The device's own counters, of frames that no core has seen. Some drivers lose a frame for which
 * there is no buffer, others leave it where it is: the former count as missed, too. */
struct sl_port_counters {
	uint64_t rx_missed, rx_errors, rx_no_buffer;
};
void sl_port_counters_read(struct sl_port *port, struct sl_port_counters *counters);

#endif
