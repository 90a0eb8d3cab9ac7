/* SPDX-License-Identifier: BSD-3-Clause */

/* A core asleep is woken by its devices and by others, and by nothing that came before. A sleep that
 * something must end does not end by itself here: what does not wake hangs.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "io/idle.h"
#include "io/watch.h"

#define NEVER_NS (3600 * 1000000000ull)
#define SURE_NS	 10000000
#define SHORT_NS 50000000
#define SHORT_MS 45
#define TURNS	 2000

static struct sl_bell bell;
static struct sl_watch watch;
static struct sl_port port;
static int other; /* writes to the descriptor of queue 0 */

static int setup(void **state)
{
	int ends[2];

	(void)state;
	memset(&bell, 0, sizeof(bell));
	memset(&port, 0, sizeof(port));
	assert_int_equal(sl_bell_open(&bell), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	other = ends[0];
	port.arrival.count = 2;
	port.arrival.fd[0] = ends[1];
	port.arrival.fd[1] = eventfd(0, EFD_NONBLOCK);
	sl_watch_init(&watch, &bell, true);
	assert_true(sl_watch_add(&watch, &port, 0));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sl_bell_close(&bell);
	close(other);
	close(port.arrival.fd[0]);
	close(port.arrival.fd[1]);
	return 0;
}

uint64_t __real_sl_bell_span_ns(void);
uint64_t __wrap_sl_bell_span_ns(void);

/* Where the kernel cannot promise that no ring is lost, short sleeps are the answer. */
uint64_t __wrap_sl_bell_span_ns(void)
{
	uint64_t span_ns = __real_sl_bell_span_ns();

	return span_ns < SURE_NS ? span_ns : NEVER_NS;
}

static void assert_sleeps_out(void)
{
	uint64_t start = sl_clock_ms();

	assert_true(sl_watch_arm(&watch));
	assert_false(sl_watch_sleep(&watch, SHORT_NS));
	assert_false(watch.armed);
	assert_true(sl_clock_ms() - start >= SHORT_MS);
}

static void assert_woken(bool by_device)
{
	assert_true(sl_watch_arm(&watch));
	assert_int_equal(sl_watch_sleep(&watch, NEVER_NS), by_device);
	assert_false(watch.armed);
}

static void a_device_ends_the_sleep_as_long_as_it_has_packets(void **state)
{
	char packet;

	(void)state;
	assert_sleeps_out();
	assert_int_equal(write(other, "p", 1), 1);
	for (int i = 0; i < 2; i++)
		assert_woken(true);
	assert_int_equal(read(port.arrival.fd[0], &packet, 1), 1);
	assert_sleeps_out();
}

static void an_interrupt_ends_one_sleep(void **state)
{
	(void)state;
	port.arrival.counters = true;
	assert_true(sl_watch_add(&watch, &port, 1));
	assert_int_equal(eventfd_write(port.arrival.fd[1], 3), 0);
	assert_woken(true);
	assert_sleeps_out();
}

static void a_ring_ends_one_sleep_and_is_no_device(void **state)
{
	(void)state;
	assert_true(sl_watch_arm(&watch));
	sl_bell_ring(&bell);
	assert_false(sl_watch_sleep(&watch, NEVER_NS));
	sl_bell_ring(&bell); /* nobody is asleep: costs nothing */
	assert_sleeps_out();
	sl_bell_wake(&bell); /* wakes whoever sleeps next */
	assert_woken(false);
	assert_true(sl_watch_arm(&watch));
	sl_bell_ring(&bell);
	sl_watch_disarm(&watch);
	assert_sleeps_out();
}

static void a_queue_that_cannot_tell_is_refused(void **state)
{
	(void)state;
	assert_false(sl_watch_add(&watch, &port, 2));
	assert_int_equal(watch.count, 1);
	while (watch.count < SL_WATCH_MAX)
		assert_true(sl_watch_add(&watch, &port, 0));
	assert_false(sl_watch_add(&watch, &port, 0));
}

static uint32_t work, done;

static uint32_t work_read(void)
{
	return __atomic_load_n(&work, __ATOMIC_ACQUIRE);
}

static void *sleeper(void *argument)
{
	(void)argument;
	for (uint32_t turn = 1; turn <= TURNS; turn++) {
		while (work_read() < turn) {
			assert_true(sl_watch_arm(&watch));
			if (work_read() >= turn) {
				sl_watch_disarm(&watch);
				break;
			}
			assert_false(sl_watch_sleep(&watch, NEVER_NS));
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_device_ends_the_sleep_as_long_as_it_has_packets,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupt_ends_one_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_ends_one_sleep_and_is_no_device, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_queue_that_cannot_tell_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_ring_is_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
