/* SPDX-License-Identifier: BSD-3-Clause */

/* Transfers of libcurl on an event loop.
 *
 * Why:     whoever asks something by HTTP must not make its thread wait.
 * Shape:   one set of transfers a loop; a transfer is the caller's easy handle, with all its options.
 * Threads: the loop's.
 * Memory:  create and destroy (takes NULL, after all transfers were stopped); a transfer is the caller's.
 * Errors:  0 or negative errno; how a transfer ended is a CURLcode.
 */

#ifndef SL_HEALTH_TRANSFER_H
#define SL_HEALTH_TRANSFER_H

struct event_base;
struct sl_transfers;

struct sl_transfer {
	void *easy; /* CURL *; its private pointer is the transfers' */
	/* It may be stopped, and its memory freed, in here. */
	void (*ended)(void *context, int code);
	void *context;
};

int sl_transfers_create(struct event_base *base, struct sl_transfers **transfers);
void sl_transfers_destroy(struct sl_transfers *transfers);

int sl_transfer_start(struct sl_transfers *transfers, struct sl_transfer *transfer);
/* Also after it has ended. */
void sl_transfer_stop(struct sl_transfers *transfers, struct sl_transfer *transfer);

#endif
