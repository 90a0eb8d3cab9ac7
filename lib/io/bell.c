/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/bell.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#define SLEEP_NS       100000000 /* with membarrier: only a stop that got lost would wait */
#define SLEEP_NS_BLIND 1000000	 /* without: what a missed ring costs */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool barrier_there;

static void barrier_register(void)
{
	barrier_there =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

int sl_bell_open(struct sl_bell *bell)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	bell->fd = fd;
	bell->is_open = true;
	return 0;
}

void sl_bell_close(struct sl_bell *bell)
{
	if (bell->is_open)
		close(bell->fd);
	bell->is_open = false;
}

uint64_t sl_bell_span_ns(void)
{
	pthread_once(&once, barrier_register);
	return barrier_there ? SLEEP_NS : SLEEP_NS_BLIND;
}

void sl_bell_prepare(struct sl_bell *bell)
{
	pthread_once(&once, barrier_register);
	__atomic_store_n(&bell->asleep, 1, __ATOMIC_SEQ_CST);
	if (barrier_there)
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void sl_bell_sleep(struct sl_bell *bell)
{
	const struct timespec span = {.tv_nsec = (long)sl_bell_span_ns()};

	(void)syscall(SYS_futex, &bell->asleep, FUTEX_WAIT_PRIVATE, 1, &span, NULL, 0);
	sl_bell_answer(bell);
}

void sl_bell_answer(struct sl_bell *bell)
{
	uint64_t count;

	__atomic_store_n(&bell->asleep, 0, __ATOMIC_RELEASE);
	if (bell->is_open)
		(void)!read(bell->fd, &count, sizeof(count));
}

void sl_bell_wake(struct sl_bell *bell)
{
	const uint64_t one = 1;

	__atomic_store_n(&bell->asleep, 0, __ATOMIC_SEQ_CST);
	if (bell->is_open)
		(void)!write(bell->fd, &one, sizeof(one));
	else
		(void)syscall(SYS_futex, &bell->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
