/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/frame.h"

#include <errno.h>
#include <nmmintrin.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"

#define BUFFER_SIZE (1u << 20)
#define CHECKED_AT  8		  /* the CRC is of what is behind it */
#define FIND_SIZE   (64u << 20)	  /* octets behind damage that are looked at */
#define ZEROS_MAX   (64 << 10)	  /* at the end of a record */
#define FIND_CHECKS (1024u << 20) /* octets whose CRC is reckoned meanwhile */

static uint32_t crc_more(uint32_t crc, const uint8_t *octets, size_t size)
{
	uint64_t more = crc;

	for (; size >= 8; size -= 8, octets += 8)
		more = _mm_crc32_u64(more, sl_load64(octets));
	for (; size > 0; size--, octets++)
		more = _mm_crc32_u8((uint32_t)more, *octets);
	return (uint32_t)more;
}

uint32_t sl_frame_crc(const uint8_t *octets, size_t size)
{
	return crc_more(0xffffffffu, octets, size) ^ 0xffffffffu;
}

/* ---- writing --------------------------------------------------------------------------------- */

void sl_frame_writer_init(struct sl_frame_writer *writer, int fd, off_t at)
{
	*writer = (struct sl_frame_writer){.fd = fd, .at = at, .buffer = malloc(BUFFER_SIZE)};
	writer->rc = writer->buffer ? 0 : -ENOMEM;
}

void sl_frame_writer_fini(struct sl_frame_writer *writer)
{
	free(writer->buffer);
	writer->buffer = NULL;
}

int sl_frame_flush(struct sl_frame_writer *writer)
{
	if (writer->rc == 0)
		writer->rc = sl_file_write(writer->fd, writer->buffer, writer->used, writer->at);
	writer->at += (off_t)writer->used;
	writer->used = 0;
	return writer->rc;
}

void sl_frame_put(struct sl_frame_writer *writer, const void *octets, size_t size)
{
	const uint8_t *from = octets;

	while (size > 0 && writer->rc == 0) {
		size_t part = SL_MIN(size, BUFFER_SIZE - writer->used);

		memcpy(writer->buffer + writer->used, from, part);
		writer->used += part;
		from += part;
		size -= part;
		if (writer->used == BUFFER_SIZE)
			(void)sl_frame_flush(writer);
	}
}

void sl_frame_add(struct sl_frame_writer *writer, uint8_t kind, const uint8_t *data, size_t size)
{
	uint8_t head[SL_FRAME_HEAD_SIZE];
	uint32_t crc;

	if (size >= SL_FRAME_SIZE_MAX) {
		writer->rc = writer->rc ? writer->rc : -EFBIG;
		return;
	}
	crc = crc_more(crc_more(0xffffffffu, &kind, 1), data, size) ^ 0xffffffffu;
	sl_store32(head, (uint32_t)size + 1);
	sl_store32(head + 4, crc);
	head[CHECKED_AT] = kind;
	sl_frame_put(writer, head, sizeof(head));
	sl_frame_put(writer, data, size);
}

void sl_frame_zeros(struct sl_frame_writer *writer)
{
	static const uint8_t zeros[4096];

	for (size_t left = SL_FRAME_ZEROS; left > 0; left -= sizeof(zeros))
		sl_frame_put(writer, zeros, sizeof(zeros));
}

off_t sl_frame_place(const struct sl_frame_writer *writer)
{
	return writer->at + (off_t)writer->used;
}

/* ---- reading --------------------------------------------------------------------------------- */

void sl_frame_reader_init(struct sl_frame_reader *reader, int fd, off_t at, off_t size)
{
	*reader = (struct sl_frame_reader){.fd = fd, .at = at, .size = size};
}

void sl_frame_reader_fini(struct sl_frame_reader *reader)
{
	free(reader->room);
	reader->room = NULL;
}

static bool all_zero(const uint8_t *octets, size_t size)
{
	return size == 0 || (octets[0] == 0 && memcmp(octets, octets + 1, size - 1) == 0);
}

/* Where the last octets end that are no hole, so that one as large as a disk is not read. */
static off_t end_of_data(const struct sl_frame_reader *reader)
{
	off_t end = reader->at, data;

	while (end < reader->size && (data = lseek(reader->fd, end, SEEK_DATA)) >= 0) {
		off_t hole = lseek(reader->fd, data, SEEK_HOLE);

		if (hole <= end)
			return reader->size;
		end = hole;
	}
	return end < reader->size && errno != ENXIO ? reader->size : SL_MIN(end, reader->size);
}

off_t sl_frame_end(const struct sl_frame_reader *reader)
{
	uint8_t block[65536];
	off_t end = end_of_data(reader);

	while (end > reader->at) {
		off_t from = SL_MAX(reader->at, end - (off_t)sizeof(block));
		ssize_t got = sl_file_read(reader->fd, block, (size_t)(end - from), from);

		if (got < end - from)
			return end;
		if (!all_zero(block, (size_t)got)) {
			while (got > 0 && block[got - 1] == 0)
				got--;
			return from + got;
		}
		end = from;
	}
	return reader->at;
}

static int make_room(struct sl_frame_reader *reader, size_t size)
{
	if (size <= reader->room_size)
		return 0;
	free(reader->room);
	reader->room = malloc(size);
	reader->room_size = reader->room ? size : 0;
	return reader->room ? 0 : -ENOMEM;
}

int sl_frame_next(struct sl_frame_reader *reader)
{
	uint8_t head[CHECKED_AT] = {0};
	ssize_t got = sl_file_read(reader->fd, head, sizeof(head), reader->at);
	uint32_t length;
	int rc;

	if (got < 0)
		return got == -EIO ? -EBADMSG : (int)got;
	length = sl_load32(head);
	if (all_zero(head, sizeof(head)))
		return sl_frame_end(reader) == reader->at ? 0 : -EBADMSG;
	if (length == 0 || (off_t)length > reader->size - reader->at - CHECKED_AT)
		return -EBADMSG;
	rc = make_room(reader, length);
	if (rc)
		return rc;
	got = sl_file_read(reader->fd, reader->room, length, reader->at + CHECKED_AT);
	if (got < 0 && got != -EIO)
		return (int)got;
	if (got < (ssize_t)length || sl_frame_crc(reader->room, length) != sl_load32(head + 4))
		return -EBADMSG;
	reader->kind = reader->room[0];
	reader->data = reader->room + 1;
	reader->data_size = length - 1;
	reader->at += CHECKED_AT + (off_t)length;
	return 1;
}

void sl_frame_find(const struct sl_frame_reader *reader, const struct sl_frame_search *search)
{
	/* a record may end in zeros */
	off_t end = SL_MIN(sl_frame_end(reader) + ZEROS_MAX, reader->size);
	size_t size = (size_t)SL_MIN(end - reader->at, (off_t)FIND_SIZE);
	uint8_t *octets = malloc(size + 1);
	ssize_t got = octets ? sl_file_read(reader->fd, octets, size, reader->at) : 0;
	uint64_t checks = 0;
	size_t at = 1;

	while (got >= SL_FRAME_HEAD_SIZE && at <= (size_t)got - SL_FRAME_HEAD_SIZE &&
	       checks < FIND_CHECKS) {
		const uint8_t *data = octets + at + SL_FRAME_HEAD_SIZE;
		uint32_t length = sl_load32(octets + at);
		uint8_t kind = octets[at + CHECKED_AT];

		if (length == 0 || length > (size_t)got - at - CHECKED_AT ||
		    !search->may(search->context, kind, data, length - 1)) {
			at++;
			continue;
		}
		checks += length;
		if (sl_frame_crc(octets + at + CHECKED_AT, length) != sl_load32(octets + at + 4)) {
			at++;
			continue;
		}
		search->visit(search->context, kind, data, length - 1);
		at += CHECKED_AT + length;
	}
	free(octets);
}
