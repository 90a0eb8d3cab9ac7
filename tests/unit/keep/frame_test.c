/* SPDX-License-Identifier: BSD-3-Clause */

/* Records in a file: what was written is read; what is no whole record is told, and those behind it
 * are found; failures of the device and of memory are told. */

#include "keep/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

#define FIRST 5 /* octets before the records */

static bool fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return fails ? NULL : __real_malloc(size);
}

static int file_open(void)
{
	char path[] = "/tmp/sluice-frame.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)unlink(path);
	return fd;
}

/* Three records, the second as large as several buffers, and zeros. Returns where they end. */
static off_t write_three(int fd)
{
	static uint8_t large[3 << 20];
	struct sl_frame_writer writer;
	off_t end;

	memset(large, 7, sizeof(large));
	sl_frame_writer_init(&writer, fd, 0);
	sl_frame_put(&writer, "head\n", FIRST);
	sl_frame_add(&writer, 0, (const uint8_t *)"one", 3);
	sl_frame_add(&writer, 1, large, sizeof(large));
	sl_frame_add(&writer, 0, (const uint8_t *)"z\0\0", 3);
	end = sl_frame_place(&writer);
	sl_frame_zeros(&writer);
	assert_int_equal(sl_frame_flush(&writer), 0);
	sl_frame_writer_fini(&writer);
	return end;
}

static void what_was_written_is_read(void **state)
{
	struct sl_frame_reader reader;
	int fd = file_open();
	off_t end = write_three(fd);

	(void)state;
	assert_int_equal(lseek(fd, 0, SEEK_END), end + SL_FRAME_ZEROS);
	sl_frame_reader_init(&reader, fd, FIRST, end + SL_FRAME_ZEROS);
	assert_int_equal(sl_frame_next(&reader), 1);
	assert_int_equal(reader.kind, 0);
	assert_int_equal(reader.data_size, 3);
	assert_memory_equal(reader.data, "one", 3);
	assert_int_equal(sl_frame_next(&reader), 1);
	assert_int_equal(reader.kind, 1);
	assert_int_equal(reader.data_size, 3 << 20);
	assert_int_equal(sl_frame_next(&reader), 1);
	assert_memory_equal(reader.data, "z\0\0", 3);
	assert_int_equal(reader.at, end);
	assert_int_equal(sl_frame_next(&reader), 0);
	assert_int_equal(reader.at, end);
	sl_frame_reader_fini(&reader);
	(void)close(fd);
}

static bool may(void *context, uint8_t kind, const uint8_t *data, size_t size)
{
	(void)context;
	(void)data;
	return kind == 0 && size < 100;
}

static void visit(void *context, uint8_t kind, const uint8_t *data, size_t size)
{
	(void)kind;
	assert_int_equal(size, 3);
	assert_memory_equal(data, "z\0\0", 3);
	++*(int *)context;
}

static void a_record_behind_damage_is_found(void **state)
{
	struct sl_frame_reader reader;
	int fd = file_open(), found;
	off_t end = write_three(fd), second = FIRST + SL_FRAME_HEAD_SIZE + 3;

	(void)state;
	for (off_t at = 0; at < 12; at++) {
		uint8_t octet, wrong;

		found = 0;
		assert_int_equal(sl_file_read(fd, &octet, 1, second + at), 1);
		wrong = octet ^ 0x80;
		assert_int_equal(sl_file_write(fd, &wrong, 1, second + at), 0);
		sl_frame_reader_init(&reader, fd, FIRST, end + SL_FRAME_ZEROS);
		assert_int_equal(sl_frame_next(&reader), 1);
		assert_int_equal(sl_frame_next(&reader), -EBADMSG);
		assert_int_equal(reader.at, second);
		sl_frame_find(&reader, &(struct sl_frame_search){may, visit, &found});
		assert_int_equal(found, 1);
		sl_frame_reader_fini(&reader);
		assert_int_equal(sl_file_write(fd, &octet, 1, second + at), 0);
	}
	(void)close(fd);
}

static void zeros_before_a_record_are_no_end(void **state)
{
	static const uint8_t zeros[SL_FRAME_HEAD_SIZE + 3];
	struct sl_frame_reader reader;
	int fd = file_open();
	off_t end = write_three(fd);

	(void)state;
	assert_int_equal(sl_file_write(fd, zeros, sizeof(zeros), FIRST), 0);
	sl_frame_reader_init(&reader, fd, FIRST, end + SL_FRAME_ZEROS);
	assert_int_equal(sl_frame_next(&reader), -EBADMSG);
	assert_int_equal(reader.at, FIRST);
	sl_frame_reader_fini(&reader);
	(void)close(fd);
}

static void a_hole_is_passed_over(void **state)
{
	struct sl_frame_reader reader;
	int fd = file_open();
	off_t end = write_three(fd), size = 1ll << 40;

	(void)state;
	assert_int_equal(ftruncate(fd, size), 0);
	sl_frame_reader_init(&reader, fd, end, size);
	assert_int_equal(sl_frame_next(&reader), 0);
	reader.at = FIRST;
	assert_true(sl_frame_end(&reader) <= end && sl_frame_end(&reader) >= end - 3);
	sl_frame_reader_fini(&reader);
	(void)close(fd);
}

static void failures_are_told(void **state)
{
	struct sl_frame_writer writer;
	struct sl_frame_reader reader;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fd = file_open();
	off_t end = write_three(fd);

	(void)state;
	sl_frame_writer_init(&writer, full, 0);
	sl_frame_add(&writer, 0, (const uint8_t *)"x", 1);
	assert_int_equal(sl_frame_flush(&writer), -ENOSPC);
	sl_frame_add(&writer, 0, (const uint8_t *)"x", 1);
	assert_int_equal(sl_frame_flush(&writer), -ENOSPC);
	sl_frame_writer_fini(&writer);
	sl_frame_reader_init(&reader, fd, FIRST, end);
	fails = true;
	sl_frame_writer_init(&writer, fd, 0);
	sl_frame_put(&writer, "x", 1);
	assert_int_equal(sl_frame_flush(&writer), -ENOMEM);
	assert_int_equal(sl_frame_next(&reader), -ENOMEM);
	sl_frame_find(&reader, &(struct sl_frame_search){may, visit, NULL});
	fails = false;
	assert_int_equal(sl_frame_next(&reader), 1);
	sl_frame_reader_fini(&reader);
	(void)close(full);
	(void)close(fd);
}

/* A record longer than its length can say is refused, not cut. */
static void too_large_a_record_is_refused(void **state)
{
	struct sl_frame_writer writer;
	int fd = file_open();

	(void)state;
	sl_frame_writer_init(&writer, fd, 0);
	sl_frame_add(&writer, 0, (const uint8_t *)"x", SL_FRAME_SIZE_MAX);
	assert_int_equal(sl_frame_flush(&writer), -EFBIG);
	sl_frame_writer_fini(&writer);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_record_behind_damage_is_found),
		cmocka_unit_test(zeros_before_a_record_are_no_end),
		cmocka_unit_test(a_hole_is_passed_over),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(too_large_a_record_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
