/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/page.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "show/prometheus.h"

/* The text's memory goes with the buffer. */
static void free_text(const void *data, size_t size, void *text)
{
	(void)data;
	(void)size;
	free(text);
}

/* Prometheus text of the present moment in out: 0 or -ENOMEM. */
static int write_metrics(const struct sl_rpc_scope *scope, struct evbuffer *out)
{
	struct sl_model_report *report;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	if (sl_model_report_build(scope->model, &report) < 0)
		return -ENOMEM;
	stream = open_memstream(&text, &size);
	if (stream)
		sl_prometheus_write(stream, &scope->daemon, report);
	sl_model_report_destroy(report);
	if (!stream || fclose(stream) || evbuffer_add_reference(out, text, size, free_text, text)) {
		free(text);
		return -ENOMEM;
	}
	return 0;
}

static const struct sl_page pages[] = {
	{"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
};

const struct sl_page *sl_page_find(const char *path)
{
	for (size_t i = 0; i < SL_ARRAY_COUNT(pages); i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}
