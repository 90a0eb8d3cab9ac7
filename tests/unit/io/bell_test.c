/* SPDX-License-Identifier: BSD-3-Clause */

/* Sleepers are woken, and no ring is lost between looking for work and sleeping: here no sleep ends by
 * itself, so a lost one hangs.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <linux/futex.h>
#include <sys/syscall.h>

#include "io/bell.h"
#include "io/idle.h"

#define TURNS	5000
#define SURE_NS 10000000

static struct sl_bell bell;
static uint32_t work, done;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	bool sleeps = number == SYS_futex && b == FUTEX_WAIT_PRIVATE;

	/* Where the kernel cannot promise that no ring is lost, short sleeps are the answer. */
	return __real_syscall(number, a, b, c, sleeps && sl_bell_span_ns() >= SURE_NS ? 0 : d, e,
			      f);
}

static uint32_t work_read(void)
{
	return __atomic_load_n(&work, __ATOMIC_ACQUIRE);
}

/* Takes work as it comes, and sleeps whenever there is none. */
static void *sleeper(void *argument)
{
	(void)argument;
	for (uint32_t turn = 1; turn <= TURNS; turn++) {
		while (work_read() < turn) {
			sl_bell_prepare(&bell);
			if (work_read() < turn)
				sl_bell_sleep(&bell);
			else
				sl_bell_answer(&bell);
		}
		__atomic_store_n(&done, turn, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void no_ring_is_lost(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, sleeper, NULL), 0);
	for (uint32_t turn = 1; turn <= TURNS; turn++) {
		__atomic_store_n(&work, turn, __ATOMIC_RELEASE);
		sl_bell_ring(&bell);
		while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < turn)
			sl_idle_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(bell.asleep, 0);
}

static void an_idle_thread_spins_first_and_then_sleeps_longer_and_longer(void **state)
{
	struct sl_idle idle;

	(void)state;
	sl_idle_init(&idle, SL_IDLE_MODE_BACKOFF, 8000);
	for (uint32_t i = 0; i < SL_IDLE_SPINS; i++) {
		assert_false(sl_idle_is_spun(&idle));
		sl_idle_wait(&idle);
	}
	assert_true(sl_idle_is_spun(&idle));
	sl_idle_wait(&idle);
	assert_int_equal(idle.sleep_ns, 4000);
	sl_idle_wait(&idle);
	sl_idle_wait(&idle);
	assert_int_equal(idle.sleep_ns, 8000);
	sl_idle_reset(&idle);
	assert_false(sl_idle_is_spun(&idle));
}

static void a_polling_thread_never_sleeps(void **state)
{
	struct sl_idle idle;

	(void)state;
	sl_idle_init(&idle, SL_IDLE_MODE_POLL, 8000);
	for (uint32_t i = 0; i < 2 * SL_IDLE_SPINS; i++)
		sl_idle_wait(&idle);
	assert_false(sl_idle_is_spun(&idle));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_ring_is_lost),
		cmocka_unit_test(an_idle_thread_spins_first_and_then_sleeps_longer_and_longer),
		cmocka_unit_test(a_polling_thread_never_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
