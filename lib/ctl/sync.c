/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/sync.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/urgent.h"

struct sl_sync {
	pthread_t thread;
	sem_t asked;
	/* written: control; read: the helper, after `asked` */
	int fd;
	bool whole, ends;
	/* written: the helper; read: control, when done */
	int rc;
	_Atomic bool done;
};

static void *help(void *context)
{
	struct sl_sync *sync = context;

	sl_urgent_wait();
	for (;;) {
		while (sem_wait(&sync->asked) && errno == EINTR)
			;
		if (sync->ends)
			return NULL;
		sync->rc = (sync->whole ? fsync(sync->fd) : fdatasync(sync->fd)) ? -errno : 0;
		atomic_store_explicit(&sync->done, true, memory_order_release);
	}
}

int sl_sync_create(struct sl_sync **out)
{
	struct sl_sync *sync = calloc(1, sizeof(*sync));
	sigset_t all, before;
	int rc;

	if (!sync)
		return -ENOMEM;
	(void)sem_init(&sync->asked, 0, 0);
	/* Signals are control's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&sync->thread, NULL, help, sync);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		(void)sem_destroy(&sync->asked);
		free(sync);
		return -rc;
	}
	*out = sync;
	return 0;
}

void sl_sync_destroy(struct sl_sync *sync)
{
	if (!sync)
		return;
	sync->ends = true;
	(void)sem_post(&sync->asked);
	(void)pthread_join(sync->thread, NULL);
	(void)sem_destroy(&sync->asked);
	free(sync);
}

int sl_sync_file(struct sl_sync *sync, int fd, bool whole)
{
	sync->fd = fd;
	sync->whole = whole;
	atomic_store_explicit(&sync->done, false, memory_order_relaxed);
	(void)sem_post(&sync->asked);
	while (!atomic_load_explicit(&sync->done, memory_order_acquire))
		(void)sched_yield();
	return sync->rc;
}
