/* SPDX-License-Identifier: BSD-3-Clause */

/* Source: pcapng, draft-ietf-opsawg-pcapng: section header, interface description and enhanced
 * packet blocks, in the machine's own byte order, as the format allows. */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "work/builtin.h"

#define BLOCK_SECTION	0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET	6u
#define BYTE_ORDER_WORD 0x1a2b3c4du
#define LINK_ETHERNET	1
#define OPTION_TSRESOL	9
#define NANOSECONDS	9 /* timestamps in units of 10^-9 s */
#define BUFFER_SIZE	(1u << 20)

struct head {
	uint32_t section_type, section_size, byte_order;
	uint16_t major, minor;
	uint32_t length[2]; /* of the section: unknown, all ones */
	uint32_t section_size_again;
	uint32_t interface_type, interface_size;
	uint16_t link, reserved;
	uint32_t snap; /* 0: no limit */
	uint16_t option, option_size;
	uint8_t resolution, pad[3];
	uint32_t option_end;
	uint32_t interface_size_again;
};

_Static_assert(sizeof(struct head) == 28 + 32, "a section header and an interface description");

struct packet_head {
	uint32_t type, size, interface;
	uint32_t time_high, time_low;
	uint32_t captured, original;
};

_Static_assert(sizeof(struct packet_head) == 28, "as in the file");

struct capture {
	int fd;
	uint8_t *buffer; /* whole blocks */
	uint32_t used;
	uint64_t size; /* octets of the file, the buffer not among them */
	/* written: worker; read: control */
	uint64_t lost; /* packets that are not in the file */
	int error;     /* why, 0: all are. Written to no more. */
	char path[];
};

/* A file of its own: two nodes (or two processes) that write one would spoil it, so it is locked,
 * and emptied only then. */
static int file_open(const char *path, int *out, struct sl_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int rc;

	if (fd < 0)
		return sl_err_set(err, -errno, "the capture %s cannot be written: %s", path,
				  strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		rc = sl_err_set(err, -EBUSY, "the capture %s is being written by another node",
				path);
		close(fd);
		return rc;
	}
	if (ftruncate(fd, 0) != 0 && errno != EINVAL) { /* pipes have no size */
		rc = sl_err_set(err, -errno, "the capture %s cannot be emptied: %s", path,
				strerror(errno));
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

/* Writes all that the buffer holds; 0 or an error. done: octets that are in the file. */
static int buffer_write(const struct capture *capture, uint32_t *done)
{
	for (*done = 0; *done < capture->used;) {
		ssize_t got = write(capture->fd, capture->buffer + *done, capture->used - *done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EIO;
		*done += (uint32_t)got;
	}
	return 0;
}

static void lose(struct capture *capture, uint64_t count)
{
	__atomic_store_n(&capture->lost, capture->lost + count, __ATOMIC_RELAXED);
}

/* Of the buffer, done octets were written: cuts the file back to its last whole block. */
static void give_up(struct capture *capture, uint32_t done, int error)
{
	uint32_t whole = 0, left = 0, size;

	for (uint32_t at = 0; at < capture->used; at += size) {
		memcpy(&size, capture->buffer + at + offsetof(struct packet_head, size),
		       sizeof(size));
		if (at + size <= done)
			whole = at + size;
		else
			left++;
	}
	(void)!ftruncate(capture->fd, (off_t)(capture->size + whole)); /* pipes have no size */
	lose(capture, left);
	__atomic_store_n(&capture->error, error, __ATOMIC_RELEASE);
}

static void buffer_flush(struct capture *capture)
{
	uint32_t done;
	int error = buffer_write(capture, &done);

	if (error != 0)
		give_up(capture, done, error);
	capture->size += done;
	capture->used = 0;
}

static int head_write(struct capture *capture)
{
	const struct head head = {
		.section_type = BLOCK_SECTION,
		.section_size = 28,
		.byte_order = BYTE_ORDER_WORD,
		.major = 1,
		.length = {UINT32_MAX, UINT32_MAX},
		.section_size_again = 28,
		.interface_type = BLOCK_INTERFACE,
		.interface_size = 32,
		.link = LINK_ETHERNET,
		.option = OPTION_TSRESOL,
		.option_size = 1,
		.resolution = NANOSECONDS,
		.interface_size_again = 32,
	};
	uint32_t done;
	int error;

	memcpy(capture->buffer, &head, sizeof(head));
	capture->used = sizeof(head);
	error = buffer_write(capture, &done);
	capture->size = done;
	capture->used = 0;
	return error;
}

static void capture_free(struct capture *capture)
{
	if (capture->fd >= 0)
		close(capture->fd);
	sl_mem_free(capture->buffer, BUFFER_SIZE);
	sl_mem_free(capture, sizeof(*capture) + strlen(capture->path) + 1);
}

static int capture_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	struct capture *capture;
	size_t length;
	int rc;

	if (args->file == NULL || args->file[0] == '\0')
		return sl_err_set(err, -EINVAL, "handler capture needs a file");
	length = strlen(args->file);
	capture = sl_mem_alloc(sizeof(*capture) + length + 1);
	if (capture == NULL)
		return sl_err_set(err, -ENOMEM, "no memory for a capture");
	memcpy(capture->path, args->file, length + 1);
	capture->fd = -1;
	capture->buffer = sl_mem_alloc(BUFFER_SIZE);
	if (capture->buffer == NULL)
		rc = sl_err_set(err, -ENOMEM, "no memory to write the capture %s", args->file);
	else
		rc = file_open(args->file, &capture->fd, err);
	if (rc == 0) {
		int error = head_write(capture);

		if (error != 0)
			rc = sl_err_set(err, -EIO, "the capture %s cannot be written: %s",
					args->file, strerror(error));
	}
	if (rc != 0) {
		capture_free(capture);
		return rc;
	}
	*state = capture;
	return 0;
}

static uint8_t *append(uint8_t *to, const void *octets, uint32_t count)
{
	memcpy(to, octets, count);
	return to + count;
}

static void packet_write(struct capture *capture, const struct rte_mbuf *packet, uint64_t time_ns)
{
	static const uint8_t zeros[4];
	uint32_t octets = packet->pkt_len, pad = -octets & 3;
	struct packet_head head = {
		.type = BLOCK_PACKET,
		.size = (uint32_t)sizeof(head) + octets + pad + 4,
		.time_high = (uint32_t)(time_ns >> 32),
		.time_low = (uint32_t)time_ns,
		.captured = octets,
		.original = octets,
	};
	uint8_t *to;

	if (octets > BUFFER_SIZE / 2) {
		lose(capture, 1);
		return;
	}
	if (head.size > BUFFER_SIZE - capture->used)
		buffer_flush(capture);
	if (capture->error != 0) {
		lose(capture, 1);
		return;
	}
	to = append(capture->buffer + capture->used, &head, sizeof(head));
	for (const struct rte_mbuf *part = packet; octets > 0 && part != NULL; part = part->next) {
		uint32_t count = SL_MIN(part->data_len, octets);

		to = append(to, rte_pktmbuf_mtod(part, const void *), count);
		octets -= count;
	}
	to = append(to, zeros, pad);
	(void)append(to, &head.size, sizeof(head.size));
	capture->used += head.size;
}

static void capture_burst(void *state, const struct sl_handler_burst *burst)
{
	struct capture *capture = state;
	struct timespec now;
	uint64_t time_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	time_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	for (uint32_t i = 0; i < burst->count; i++)
		packet_write(capture, burst->packets[i], time_ns);
	rte_pktmbuf_free_bulk(burst->packets, burst->count);
}

static void capture_flush(void *state)
{
	buffer_flush(state);
}

static void capture_look(void *state, struct sl_handler_look *look)
{
	const struct capture *capture = state;
	int error = __atomic_load_n(&capture->error, __ATOMIC_ACQUIRE);

	look->lost = __atomic_load_n(&capture->lost, __ATOMIC_RELAXED);
	if (error != 0)
		snprintf(look->text, sizeof(look->text),
			 "the capture %.150s ends where it could still be written: %s",
			 capture->path, strerror(error));
}

static void capture_close(void *state)
{
	capture_free(state);
}

const struct sl_handler_ops sl_handler_capture = {
	.name = "capture",
	.needs_file = true,
	.open = capture_open,
	.burst = capture_burst,
	.flush = capture_flush,
	.close = capture_close,
	.look = capture_look,
};
