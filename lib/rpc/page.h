/* SPDX-License-Identifier: BSD-3-Clause */

/* The pages of the HTTP listener.
 *
 * Why:     a page is a row: its path, its type and what writes it.
 * Threads: control.
 * Errors:  writers return 0 or -ENOMEM.
 */

#ifndef SL_RPC_PAGE_H
#define SL_RPC_PAGE_H

#include "rpc/method.h"

struct evbuffer;

struct sl_page {
	const char *path, *type;
	int (*write)(const struct sl_rpc_scope *scope, struct evbuffer *out);
};

/* NULL: there is none at that path. */
const struct sl_page *sl_page_find(const char *path);

#endif
