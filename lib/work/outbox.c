/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/outbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"

#define RING	     512u
#define BURST	     32u       /* datagrams a nap */
#define NAP_NS	     1000000L  /* between bursts */
#define IDLE_NS	     10000000L /* while there is nothing */
#define END_MS	     1000u     /* to send what is left */
#define HEADERS_IPV4 28u
#define HEADERS_IPV6 48u

struct datagram {
	uint64_t worth;
	uint32_t size;
	uint8_t octets[SL_OUTBOX_SIZE];
};

struct sl_outbox {
	int fd;
	bool launched;
	uint32_t room;
	pthread_t thread;
	bool ends;	 /* written: control */
	uint64_t end_ms; /* likewise, before */
	uint32_t head;	 /* written: the worker */
	/* written: the thread */
	uint32_t tail __attribute__((aligned(SL_CACHE_LINE)));
	uint64_t worth_before; /* of the datagram before, that may yet be refused */
	uint64_t sent, lost;
	int error;
	struct datagram ring[RING];
};

/* ---- the thread ------------------------------------------------------------------------------ */

static void count(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* A datagram may answer for the one before: nobody listens there. */
static void send_one(struct sl_outbox *outbox, const struct datagram *datagram)
{
	ssize_t done = send(outbox->fd, datagram->octets, datagram->size, MSG_NOSIGNAL);
	int error = done < 0 ? errno : 0;

	if (error == ECONNREFUSED) {
		count(&outbox->lost, outbox->worth_before);
		done = send(outbox->fd, datagram->octets, datagram->size, MSG_NOSIGNAL);
	} else if (done >= 0) {
		error = 0;
	}
	if (done < 0)
		count(&outbox->lost, datagram->worth);
	else
		count(&outbox->sent, 1);
	outbox->worth_before = done < 0 ? 0 : datagram->worth;
	__atomic_store_n(&outbox->error, error, __ATOMIC_RELAXED);
}

/* Up to a burst; returns how many. */
static uint32_t send_burst(struct sl_outbox *outbox)
{
	uint32_t done = 0;

	for (; done < BURST; done++) {
		if (outbox->tail == __atomic_load_n(&outbox->head, __ATOMIC_ACQUIRE))
			break;
		send_one(outbox, &outbox->ring[outbox->tail % RING]);
		__atomic_store_n(&outbox->tail, outbox->tail + 1, __ATOMIC_RELEASE);
	}
	return done;
}

static void *run(void *argument)
{
	const struct timespec nap = {0, NAP_NS}, rest = {0, IDLE_NS};
	struct sl_outbox *outbox = argument;

	for (;;) {
		bool ends = __atomic_load_n(&outbox->ends, __ATOMIC_ACQUIRE);
		uint32_t done = send_burst(outbox);

		if (ends && (done == 0 || sl_clock_ms() > outbox->end_ms))
			return NULL;
		(void)nanosleep(done == BURST || ends ? &nap : &rest, NULL);
	}
}

/* ---- start and end --------------------------------------------------------------------------- */

static int connect_to(const struct sl_addr *addr, uint16_t port, struct sl_err *err)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = sl_be16(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = sl_be16(port)};
	bool is_v4 = addr->family == SL_FAMILY_IPV4;
	const struct sockaddr *to = is_v4 ? (const void *)&v4 : (const void *)&v6;
	int fd, error;

	memcpy(&v4.sin_addr, addr->octets, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, addr->octets, sizeof(v6.sin6_addr));
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, to, is_v4 ? sizeof(v4) : sizeof(v6)) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		(void)close(fd);
	return sl_err_set(err, -error, "the collector cannot be reached: %s", strerror(error));
}

/* Of the path's MTU, as the kernel knows it. */
static uint32_t find_room(int fd, uint8_t family)
{
	bool is_v4 = family == SL_FAMILY_IPV4;
	int mtu = 0;
	socklen_t size = sizeof(mtu);
	uint32_t headers = is_v4 ? HEADERS_IPV4 : HEADERS_IPV6;

	if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU, &mtu,
		       &size) ||
	    mtu < (int)(headers + SL_OUTBOX_SIZE))
		return mtu > (int)headers ? (uint32_t)mtu - headers : SL_OUTBOX_SIZE;
	return SL_OUTBOX_SIZE;
}

/* No signal of the process is for this thread. */
static int launch(struct sl_outbox *outbox)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&outbox->thread, NULL, run, outbox);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	outbox->launched = error == 0;
	return -error;
}

int sl_outbox_create(const struct sl_addr *addr, uint16_t port, struct sl_outbox **outbox,
		     struct sl_err *err)
{
	struct sl_outbox *made = sl_mem_alloc(sizeof(*made));
	int rc;

	if (!made)
		return sl_err_set(err, -ENOMEM, "no memory for datagrams");
	made->fd = connect_to(addr, port, err);
	rc = made->fd;
	if (rc >= 0) {
		made->room = find_room(made->fd, addr->family);
		rc = launch(made);
		if (rc)
			(void)sl_err_set(err, rc, "no thread that sends: %s", strerror(-rc));
	}
	if (rc) {
		sl_outbox_destroy(made);
		return rc;
	}
	*outbox = made;
	return 0;
}

void sl_outbox_destroy(struct sl_outbox *outbox)
{
	if (!outbox)
		return;
	if (outbox->launched) {
		outbox->end_ms = sl_clock_ms() + END_MS;
		__atomic_store_n(&outbox->ends, true, __ATOMIC_RELEASE);
		(void)pthread_join(outbox->thread, NULL);
	}
	if (outbox->fd >= 0)
		(void)close(outbox->fd);
	sl_mem_free(outbox, sizeof(*outbox));
}

/* ---- the worker ------------------------------------------------------------------------------ */

uint32_t sl_outbox_room(const struct sl_outbox *outbox)
{
	return outbox->room;
}

uint8_t *sl_outbox_slot(struct sl_outbox *outbox)
{
	if (outbox->head - __atomic_load_n(&outbox->tail, __ATOMIC_ACQUIRE) == RING)
		return NULL;
	return outbox->ring[outbox->head % RING].octets;
}

void sl_outbox_put(struct sl_outbox *outbox, uint32_t size, uint64_t worth)
{
	struct datagram *datagram = &outbox->ring[outbox->head % RING];

	datagram->size = size;
	datagram->worth = worth;
	__atomic_store_n(&outbox->head, outbox->head + 1, __ATOMIC_RELEASE);
}

void sl_outbox_look(const struct sl_outbox *outbox, struct sl_outbox_look *look)
{
	look->sent = __atomic_load_n(&outbox->sent, __ATOMIC_RELAXED);
	look->lost = __atomic_load_n(&outbox->lost, __ATOMIC_RELAXED);
	look->error = __atomic_load_n(&outbox->error, __ATOMIC_RELAXED);
}
