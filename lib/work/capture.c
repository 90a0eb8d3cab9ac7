/* SPDX-License-Identifier: BSD-3-Clause */

/* Source: pcapng, draft-ietf-opsawg-pcapng: section header, interface description and enhanced
 * packet blocks, in the machine's own byte order, as the format allows. */

#include <errno.h>
#include <fcntl.h>
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
	FILE *file;
	char *buffer;
	bool failed; /* a write failed (a full disk): the file ends where it worked */
};

/* A file of its own: two nodes (or two processes) that write one would spoil it, so it is locked,
 * and emptied only then. */
static int file_open(const char *path, FILE **file, struct sl_err *err)
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
	*file = fdopen(fd, "w");
	if (*file != NULL)
		return 0;
	close(fd);
	return sl_err_set(err, -ENOMEM, "no memory to write the capture %s", path);
}

static bool head_write(FILE *file)
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

	return fwrite(&head, sizeof(head), 1, file) == 1 && fflush(file) == 0;
}

static int capture_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	struct capture *capture;
	int rc;

	if (args->file == NULL || args->file[0] == '\0')
		return sl_err_set(err, -EINVAL, "handler capture needs a file");
	capture = sl_mem_alloc(sizeof(*capture));
	if (capture == NULL)
		return sl_err_set(err, -ENOMEM, "no memory for a capture");
	rc = file_open(args->file, &capture->file, err);
	if (rc != 0)
		goto free;
	capture->buffer = sl_mem_alloc(BUFFER_SIZE);
	if (capture->buffer != NULL)
		setvbuf(capture->file, capture->buffer, _IOFBF, BUFFER_SIZE);
	if (!head_write(capture->file)) {
		rc = sl_err_set(err, -EIO, "the capture %s cannot be written: %s", args->file,
				strerror(errno));
		goto close;
	}
	*state = capture;
	return 0;
close:
	fclose(capture->file);
	sl_mem_free(capture->buffer, BUFFER_SIZE);
free:
	sl_mem_free(capture, sizeof(*capture));
	return rc;
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
	bool fine = fwrite(&head, sizeof(head), 1, capture->file) == 1;

	for (const struct rte_mbuf *part = packet; fine && part != NULL; part = part->next)
		fine = fwrite(rte_pktmbuf_mtod(part, const void *), 1, part->data_len,
			      capture->file) == part->data_len;
	fine = fine && fwrite(zeros, 1, pad, capture->file) == pad &&
	       fwrite(&head.size, sizeof(head.size), 1, capture->file) == 1;
	capture->failed = !fine;
}

static void capture_burst(void *state, const struct sl_handler_burst *burst)
{
	struct capture *capture = state;
	struct timespec now;
	uint64_t time_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	time_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	for (uint32_t i = 0; i < burst->count && !capture->failed; i++)
		packet_write(capture, burst->packets[i], time_ns);
	rte_pktmbuf_free_bulk(burst->packets, burst->count);
}

static void capture_flush(void *state)
{
	struct capture *capture = state;

	if (!capture->failed)
		capture->failed = fflush(capture->file) != 0;
}

static void capture_close(void *state)
{
	struct capture *capture = state;

	fclose(capture->file);
	sl_mem_free(capture->buffer, BUFFER_SIZE);
	sl_mem_free(capture, sizeof(*capture));
}

const struct sl_handler_ops sl_handler_capture = {
	.name = "capture",
	.open = capture_open,
	.burst = capture_burst,
	.flush = capture_flush,
	.close = capture_close,
};
