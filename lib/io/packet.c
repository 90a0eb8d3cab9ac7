/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/packet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/mem.h"

#define FANOUT_FLAGS_SHIFT 16 /* in the word of PACKET_FANOUT */
#define FDS_MAX		   4096
#define COPIES_OCTETS	   (8 << 20) /* of frames that wait whole: a hundred of the largest */
#define ETH_SIZE	   14
#define COMPARED	   52 /* octets behind it by which a copy is known: headers with their numbers */

_Static_assert(sizeof(struct virtio_net_hdr) == SL_PACKET_HEAD, "as the kernel writes it");

struct sl_packet_ring {
	const uint8_t *map;
	size_t map_size;
	uint32_t frame_size, frame_count;
	uint32_t next; /* slot that the driver takes next */
	int fd;
	uint32_t strange; /* copies that were not the one wanted, in a row */
	bool is_lost;	  /* the driver takes others than those looked at */
};

/* Rings of sockets that have the header; by descriptor. written and read: control */
static struct tpacket_req rings[FDS_MAX];
static bool heads; /* the socket that was made last has it */

static int set(int fd, int level, int option, const void *value, socklen_t size)
{
	return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

/* A socket of the driver that has no ring yet. */
static void extend(int fd)
{
	int one = 1, octets = COPIES_OCTETS;

	memset(&rings[fd], 0, sizeof(rings[fd]));
	heads = set(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0;
	if (!heads)
		return;
	rings[fd].tp_frame_size = 1;
	(void)set(fd, SOL_PACKET, PACKET_COPY_THRESH, &one, sizeof(one));
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) != 0)
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
}

/* In place of the C library's, for the drivers, too. */
int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	bool is_known = level == SOL_PACKET && fd >= 0 && fd < FDS_MAX;
	uint32_t word;
	int rc;

	if (is_known && option == PACKET_FANOUT && size == sizeof(word)) {
		memcpy(&word, value, sizeof(word));
		word &= ~((uint32_t)PACKET_FANOUT_FLAG_DEFRAG << FANOUT_FLAGS_SHIFT);
		return set(fd, level, option, &word, size);
	}
	rc = set(fd, level, option, value, size);
	if (rc != 0 || !is_known)
		return rc;
	if (option == PACKET_VERSION && size == sizeof(word)) {
		memcpy(&word, value, sizeof(word));
		if (word == TPACKET_V2)
			extend(fd);
	} else if (option == PACKET_RX_RING && rings[fd].tp_frame_size &&
		   size >= sizeof(rings[fd])) {
		memcpy(&rings[fd], value, sizeof(rings[fd]));
	}
	return rc;
}

/* ---- the ring -------------------------------------------------------------------------------- */

/* What lies in the queue is older than what will be read. */
static void drain(int fd)
{
	char octet;

	while (recv(fd, &octet, 1, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
}

int sl_packet_ring_open(int fd, struct sl_packet_ring **ring)
{
	const struct tpacket_req *req;
	struct sl_packet_ring *made;
	void *map;

	if (fd < 0 || fd >= FDS_MAX || rings[fd].tp_frame_nr == 0)
		return -ENOTSUP;
	req = &rings[fd];
	/* The driver's slots are one behind the other: the kernel's blocks must be, too. */
	if (req->tp_block_size % req->tp_frame_size != 0)
		return -ENOTSUP;
	made = sl_mem_alloc(sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->fd = fd;
	made->frame_size = req->tp_frame_size;
	made->frame_count = req->tp_frame_nr;
	made->map_size = 2ul * req->tp_block_size * req->tp_block_nr; /* both directions */
	map = mmap(NULL, made->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		sl_mem_free(made, sizeof(*made));
		return -errno;
	}
	made->map = map;
	drain(fd);
	*ring = made;
	return 0;
}

void sl_packet_ring_close(struct sl_packet_ring *ring)
{
	if (ring == NULL)
		return;
	munmap((void *)(uintptr_t)ring->map, ring->map_size);
	sl_mem_free(ring, sizeof(*ring));
}

static void mark_read(const struct tpacket2_hdr *slot, uint32_t status, struct sl_packet_mark *mark)
{
	uint32_t tag = status & TP_STATUS_VLAN_VALID ? 4 : 0; /* the driver puts it in */
	struct virtio_net_hdr head;

	memcpy(&head, (const uint8_t *)slot + slot->tp_mac - sizeof(head), sizeof(head));
	*mark = (struct sl_packet_mark){.size = slot->tp_snaplen + tag,
					.is_copied = (status & TP_STATUS_COPY) &&
						     slot->tp_snaplen < slot->tp_len};
	if (head.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		mark->segment = head.gso_size;
	if (head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		mark->partial = true;
		mark->sum_start = (uint16_t)(head.csum_start + tag);
		mark->sum_offset = head.csum_offset;
	}
}

uint32_t sl_packet_ring_look(const struct sl_packet_ring *ring, struct sl_packet_mark *marks,
			     uint32_t count)
{
	uint32_t next = ring->next, seen = 0;

	for (; seen < count; seen++) {
		const struct tpacket2_hdr *slot =
			(const void *)(ring->map + (size_t)next * ring->frame_size);
		uint32_t status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);

		if (!(status & TP_STATUS_USER))
			break;
		mark_read(slot, status, &marks[seen]);
		if (++next == ring->frame_count)
			next = 0;
	}
	return seen;
}

/* Nobody reads whole frames any more: none may wait, since the socket would always be readable. */
static void lose(struct sl_packet_ring *ring)
{
	int none = 0;

	ring->is_lost = true;
	(void)set(ring->fd, SOL_PACKET, PACKET_COPY_THRESH, &none, sizeof(none));
	drain(ring->fd);
}

bool sl_packet_ring_took(struct sl_packet_ring *ring, const struct sl_packet_mark *marks,
			 struct rte_mbuf *const *packets, uint32_t count)
{
	for (uint32_t i = 0; i < count && !ring->is_lost; i++)
		if (sl_unlikely(packets[i]->pkt_len != marks[i].size))
			lose(ring);
	ring->next = (ring->next + count) % ring->frame_count;
	return !ring->is_lost;
}

/* ---- frames that are larger than a slot ------------------------------------------------------ */

/* Copies come in the order of their slots; one whose slot never came would be in the way for ever. */
uint32_t sl_packet_read(struct sl_packet_ring *ring, const uint8_t *head, uint32_t head_size,
			uint8_t *frame, uint32_t room)
{
	struct virtio_net_hdr skipped;
	struct iovec parts[2] = {{&skipped, sizeof(skipped)}, {frame, room}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	uint32_t compared = SL_MIN(head_size, (uint32_t)COMPARED);
	ssize_t got;

	parts[1].iov_len = ETH_SIZE + compared;
	got = recvmsg(ring->fd, &message, MSG_DONTWAIT | MSG_PEEK);
	if (got < (ssize_t)(sizeof(skipped) + ETH_SIZE + compared))
		return 0;
	if (memcmp(frame + ETH_SIZE, head, compared) != 0) {
		if (++ring->strange < ring->frame_count)
			return 0;
		ring->strange = 0;
	}
	parts[1].iov_len = room;
	got = recvmsg(ring->fd, &message, MSG_DONTWAIT);
	if (got <= (ssize_t)sizeof(skipped) || memcmp(frame + ETH_SIZE, head, compared) != 0)
		return 0;
	ring->strange = 0;
	return (uint32_t)((size_t)got - sizeof(skipped));
}

/* ---- sending --------------------------------------------------------------------------------- */

bool sl_packet_wants_heads(void)
{
	return heads;
}

void sl_packet_prepend(struct rte_mbuf *const *packets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		void *head = rte_pktmbuf_prepend(packets[i], SL_PACKET_HEAD);

		/* Encapsulation leaves more room than that. */
		if (sl_likely(head != NULL))
			memset(head, 0, SL_PACKET_HEAD);
	}
}
