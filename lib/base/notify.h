/* SPDX-License-Identifier: BSD-3-Clause */

/* What a service manager is told: ready, reloading, stopping, still alive.
 *
 * Why:     whoever starts a dispatcher wants to know when packets flow, not when a process is there;
 *          systemd's protocol is one datagram, and needs no library.
 * Shape:   lines NAME=VALUE to the socket that NOTIFY_SOCKET names, a path or, behind "@", an
 *          abstract name.
 * Threads: one.
 * Memory:  one struct of the caller, nothing behind it.
 * Errors:  0 or negative errno; 0 too when nobody wants to know. Nothing waits for the manager.
 */

#ifndef SL_BASE_NOTIFY_H
#define SL_BASE_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sl_notify {
	struct sockaddr_un address;
	socklen_t size; /* of the address; 0: nobody wants to know */
	bool watched;	/* by a watchdog: sl_notify_alive() is wanted again and again */
};

/* Takes the manager's variables out of the environment: programs that we start are not asked. */
void sl_notify_init(struct sl_notify *notify);

int sl_notify_ready(const struct sl_notify *notify, const char *status);
int sl_notify_reloading(const struct sl_notify *notify);
int sl_notify_stopping(const struct sl_notify *notify);
/* Sends nothing without a watchdog. */
int sl_notify_alive(const struct sl_notify *notify);

#endif
