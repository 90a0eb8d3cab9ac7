/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/lasting.h"

#define SIZE ((size_t)5 << 20)

static char own[32], other[32];

static void name_instances(void)
{
	(void)snprintf(own, sizeof(own), "lasting-%d", (int)getpid());
	(void)snprintf(other, sizeof(other), "other-%d", (int)getpid());
}

/* A process that ends without freeing what it has. */
static struct sl_lasting_mark left_by_another(void)
{
	struct sl_lasting_mark mark = {0};
	int pipes[2], status;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		uint8_t *memory;

		sl_lasting_begin(own);
		memory = sl_lasting_alloc(SIZE, &mark);
		if (memory)
			memory[SIZE - 1] = 42;
		_exit(memory && write(pipes[1], &mark, sizeof(mark)) == sizeof(mark) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(read(pipes[0], &mark, sizeof(mark)), sizeof(mark));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return mark;
}

static void there_is_none_before_it_begins(void **state)
{
	struct sl_lasting_mark mark;

	(void)state;
	sl_lasting_begin(NULL);
	assert_null(sl_lasting_alloc(SIZE, &mark));
}

static void memory_is_zeroed_aligned_and_gone_when_freed(void **state)
{
	struct sl_lasting_mark mark;
	struct shmid_ds segment;
	uint8_t *memory;

	(void)state;
	sl_lasting_begin(own);
	memory = sl_lasting_alloc(SIZE, &mark);
	assert_non_null(memory);
	assert_int_equal((uintptr_t)memory % (2 << 20), 0);
	for (size_t i = 0; i < SIZE; i += 4096)
		assert_int_equal(memory[i], 0);
	memset(memory, 1, SIZE);
	sl_lasting_gather(memory, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		if (memory[i] != 1)
			fail_msg("octet %zu was lost", i);
	assert_int_equal(shmctl(mark.id, IPC_STAT, &segment), 0);
	assert_int_equal(segment.shm_perm.mode & 0777, 0600);
	sl_lasting_free(memory, SIZE, &mark);
	assert_int_equal(shmctl(mark.id, IPC_STAT, &segment), -1);
	sl_lasting_free(NULL, SIZE, &mark);
}

static void it_outlives_its_process(void **state)
{
	struct sl_lasting_mark mark = left_by_another(), wrong = mark;
	uint64_t died_s = 0;
	const uint8_t *memory;

	(void)state;
	wrong.number++;
	assert_null(sl_lasting_open(own, &wrong, SIZE, &died_s));
	assert_null(sl_lasting_open(other, &mark, SIZE, &died_s));
	assert_null(sl_lasting_open(own, &mark, SIZE * 2, &died_s));
	memory = sl_lasting_open(own, &mark, SIZE, &died_s);
	assert_non_null(memory);
	assert_int_equal(memory[SIZE - 1], 42);
	assert_true(died_s > 0);
	sl_lasting_close(memory);
	assert_int_equal(sl_lasting_remove(other), 0);
	assert_int_equal(sl_lasting_remove(own), 1);
	assert_null(sl_lasting_open(own, &mark, SIZE, &died_s));
}

static void what_somebody_has_is_not_removed(void **state)
{
	struct sl_lasting_mark mark;
	uint64_t died_s;
	void *memory;

	(void)state;
	sl_lasting_begin(own);
	memory = sl_lasting_alloc(SIZE, &mark);
	assert_non_null(memory);
	assert_int_equal(sl_lasting_remove(own), 0);
	sl_lasting_leave();
	sl_lasting_free(memory, SIZE, &mark);
	memory = (void *)(uintptr_t)sl_lasting_open(own, &mark, SIZE, &died_s);
	assert_non_null(memory);
	sl_lasting_close(memory);
	assert_int_equal(sl_lasting_remove(own), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_none_before_it_begins),
		cmocka_unit_test(memory_is_zeroed_aligned_and_gone_when_freed),
		cmocka_unit_test(it_outlives_its_process),
		cmocka_unit_test(what_somebody_has_is_not_removed),
	};

	name_instances();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
