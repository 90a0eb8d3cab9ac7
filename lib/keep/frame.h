/* SPDX-License-Identifier: BSD-3-Clause */

/* Records in a file: each has its length and a CRC-32C before it; zeros end them.
 *
 * Why:     a write that a power loss cut, in any of its pages, and a bit that flipped must be told
 *          from records that are whole, at whatever place they are.
 * Shape:   length and CRC-32C (4 octets each, little-endian), kind (1 octet), content. Zeros behind
 *          the last record are room: writing over octets that are there needs no new blocks.
 * Threads: control.
 * Memory:  a writer has one buffer, a reader the record at hand; sl_frame_*_fini() frees it.
 * Errors:  0 or negative errno; a writer's failure sticks.
 */

#ifndef SL_KEEP_FRAME_H
#define SL_KEEP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SL_FRAME_HEAD_SIZE 9		/* length, CRC-32C, kind */
#define SL_FRAME_SIZE_MAX  UINT32_MAX	/* of kind and content */
#define SL_FRAME_ZEROS	   (256u << 10) /* room behind the records */

struct sl_frame_writer {
	int fd;
	off_t at; /* of the buffer's first octet in the file */
	uint8_t *buffer;
	size_t used;
	int rc;
};

/* CRC-32C. */
uint32_t sl_frame_crc(const uint8_t *octets, size_t size);

/* Begins at an offset of a file. */
void sl_frame_writer_init(struct sl_frame_writer *writer, int fd, off_t at);
void sl_frame_writer_fini(struct sl_frame_writer *writer);
/* Octets as they are. */
void sl_frame_put(struct sl_frame_writer *writer, const void *octets, size_t size);
void sl_frame_add(struct sl_frame_writer *writer, uint8_t kind, const uint8_t *data, size_t size);
void sl_frame_zeros(struct sl_frame_writer *writer);
/* Where the next octet goes. */
off_t sl_frame_place(const struct sl_frame_writer *writer);
/* Writes what the buffer still has. Returns the first failure of all that was asked for. */
int sl_frame_flush(struct sl_frame_writer *writer);

struct sl_frame_reader {
	int fd;
	off_t at, size; /* of the next record; of the file */
	uint8_t kind;	/* of the last record, and its content */
	const uint8_t *data;
	size_t data_size;
	uint8_t *room;
	size_t room_size;
};

/* Begins at an offset of a file of that size. */
void sl_frame_reader_init(struct sl_frame_reader *reader, int fd, off_t at, off_t size);
void sl_frame_reader_fini(struct sl_frame_reader *reader);

/* Reads the next record and goes on behind it. Returns 1; 0 when only zeros are left; -EBADMSG when
 * what is there is no whole record, and stays before it. */
int sl_frame_next(struct sl_frame_reader *reader);

/* Where the file's last octet that is not zero ends; at least `at`. */
off_t sl_frame_end(const struct sl_frame_reader *reader);

/* Calls visit for whole records behind a place where there is none, wherever they begin; `may` says
 * of a kind and the first octets of a content whether they can be one. Gives up after a while. */
struct sl_frame_search {
	bool (*may)(void *context, uint8_t kind, const uint8_t *data, size_t size);
	void (*visit)(void *context, uint8_t kind, const uint8_t *data, size_t size);
	void *context;
};

void sl_frame_find(const struct sl_frame_reader *reader, const struct sl_frame_search *search);

#endif
