/* SPDX-License-Identifier: BSD-3-Clause */

/* The pages of the HTTP listener.
 *
 * Why:     a page is a row: its path, its type and what writes it.
 * Shape:   the status page's files as they were at the build; under /api/ the methods of the control
 *          socket that only read, asked as somebody who may change nothing; /metrics; /healthz.
 * Threads: control.
 * Errors:  writers return the answer's status, NULL: no memory.
 */

#ifndef SL_RPC_PAGE_H
#define SL_RPC_PAGE_H

#include <stdio.h>

#include "rpc/method.h"
#include "rpc/rates.h"

struct evbuffer;

struct sl_page_source {
	const struct sl_rpc_scope *scope;
	const struct sl_rpc *rpc;
	const struct sl_rates *rates;
};

struct sl_page {
	const char *path, *type;
	/* query: what stands behind the question mark, which is cut; NULL: the page is a stream of
	 * events */
	const char *(*write)(const struct sl_page_source *source, char *query,
			     struct evbuffer *out);
};

/* metrics.c: 0 or -ENOMEM. */
int sl_metrics_write(const struct sl_rpc_scope *scope, FILE *out);

/* NULL: there is none at that path. */
const struct sl_page *sl_page_find(const char *path);

/* A file of the status page; generated from lib/rpc/page. */
struct sl_page_file {
	const unsigned char *octets;
	uint32_t size;
};
extern const struct sl_page_file sl_page_html, sl_page_css, sl_page_js;

#endif
