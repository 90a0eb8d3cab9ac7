/* SPDX-License-Identifier: BSD-3-Clause */

/* A wall clock that a test moves: preloaded, it adds to it the seconds that the file named by
 * WALL_CLOCK_FILE begins with (a 64-bit number, as it is in memory). Other clocks are left alone. */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int64_t offset_s(void)
{
	static const int64_t *seconds;
	const char *path = getenv("WALL_CLOCK_FILE");
	const int64_t *mapped = __atomic_load_n(&seconds, __ATOMIC_ACQUIRE);

	if (!mapped && path) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		mapped = mmap(NULL, sizeof(*mapped), PROT_READ, MAP_SHARED, fd, 0);
		(void)close(fd);
		if (mapped == MAP_FAILED)
			abort();
		__atomic_store_n(&seconds, mapped, __ATOMIC_RELEASE);
	}
	return mapped ? __atomic_load_n(mapped, __ATOMIC_RELAXED) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real(clock, now);
	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset_s();
	return rc;
}

time_t time(time_t *out)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
