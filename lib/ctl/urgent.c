/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/urgent.h"

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE	       (-10)
#define SLICE_NS       100000 /* the shortest that Linux gives */
#define FLAG_RESET     0x01   /* SCHED_FLAG_RESET_ON_FORK */
#define PRIORITY_LEAST 1

/* As the kernel knows it; the C library has no name for it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

_Static_assert(sizeof(struct attributes) == 48, "the first version of struct sched_attr");

static int set(const struct attributes *attributes)
{
	return (int)syscall(SYS_sched_setattr, 0, attributes, 0);
}

void sl_urgent_work(void)
{
	struct attributes attributes = {.size = sizeof(attributes),
					.policy = SCHED_OTHER,
					.flags = FLAG_RESET,
					.nice = NICE,
					.runtime_ns = SLICE_NS};

	if (set(&attributes) == 0)
		return;
	attributes.nice = 0;
	(void)set(&attributes);
}

void sl_urgent_wait(void)
{
	struct attributes attributes = {.size = sizeof(attributes),
					.policy = SCHED_FIFO,
					.flags = FLAG_RESET,
					.priority = PRIORITY_LEAST};

	(void)set(&attributes);
}
