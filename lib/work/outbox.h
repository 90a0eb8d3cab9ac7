/* SPDX-License-Identifier: BSD-3-Clause */

/* Datagrams from a worker to a collector, sent by a thread of their own.
 *
 * Why:     a worker makes no system call; sending is one, and may take as long as it likes.
 * Shape:   a ring of datagrams with one writer and one reader. The thread looks every few milliseconds,
 *          so that nobody has to wake it, and sends no more than a burst at a time, so that a
 *          collector's socket keeps pace.
 * Threads: create, destroy: control. slot, put: the worker; once it is done for good, control.
 *          The counts: any.
 * Memory:  create allocates everything. A slot is the writer's until it is put.
 * Errors:  create: negative errno and a sentence. What cannot be sent is counted, with what it was
 *          worth; a refused datagram was sent, and is counted when the kernel says so.
 */

#ifndef SL_WORK_OUTBOX_H
#define SL_WORK_OUTBOX_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

#define SL_OUTBOX_SIZE 1400u /* octets of a datagram at most */

struct sl_outbox;

int sl_outbox_create(const struct sl_addr *addr, uint16_t port, struct sl_outbox **outbox,
		     struct sl_err *err);
/* Sends what is left, for a second at most. Takes NULL. */
void sl_outbox_destroy(struct sl_outbox *outbox);

/* What fits the path in one packet. */
uint32_t sl_outbox_room(const struct sl_outbox *outbox);
/* Where the next datagram is written; NULL: the ring is full. */
uint8_t *sl_outbox_slot(struct sl_outbox *outbox);
/* Sends it; worth is what is lost with it. */
void sl_outbox_put(struct sl_outbox *outbox, uint32_t size, uint64_t worth);

struct sl_outbox_look {
	uint64_t sent; /* datagrams */
	uint64_t lost; /* of their worth */
	int error;     /* errno of the last one that failed; 0: the last one went out */
};
void sl_outbox_look(const struct sl_outbox *outbox, struct sl_outbox_look *look);

#endif
