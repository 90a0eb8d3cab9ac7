/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

struct sl_transfers {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
};

static void end_transfers(struct sl_transfers *transfers)
{
	CURLMsg *message;
	char *private;
	int left;

	while ((message = curl_multi_info_read(transfers->multi, &left))) {
		struct sl_transfer *transfer;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		transfer = (struct sl_transfer *)(void *)private;
		transfer->ended(transfer->context, (int)message->data.result);
	}
}

static void on_socket_event(int fd, short what, void *context)
{
	struct sl_transfers *transfers = context;
	int running, bits = ((what & EV_READ) ? CURL_CSELECT_IN : 0) |
			    ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(transfers->multi, fd, bits, &running);
	end_transfers(transfers);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
	struct sl_transfers *transfers = context;
	struct event *event = known;
	short bits = (short)(((what & CURL_POLL_IN) ? EV_READ : 0) |
			     ((what & CURL_POLL_OUT) ? EV_WRITE : 0));

	(void)easy;
	if (event)
		event_free(event);
	event = what == CURL_POLL_REMOVE
			? NULL
			: event_new(transfers->base, fd, (short)(bits | EV_PERSIST),
				    on_socket_event, transfers);
	if (event)
		(void)event_add(event, NULL);
	(void)curl_multi_assign(transfers->multi, fd, event);
	return 0;
}

static void on_time(int fd, short what, void *context)
{
	struct sl_transfers *transfers = context;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	end_transfers(transfers);
}

static int on_timer(CURLM *multi, long ms, void *context)
{
	struct sl_transfers *transfers = context;
	struct timeval wait = {ms / 1000, (ms % 1000) * 1000};

	(void)multi;
	if (ms < 0)
		(void)event_del(transfers->timer);
	else
		(void)event_add(transfers->timer, &wait);
	return 0;
}

int sl_transfers_create(struct event_base *base, struct sl_transfers **out)
{
	struct sl_transfers *transfers = calloc(1, sizeof(*transfers));

	if (!transfers)
		return -ENOMEM;
	transfers->base = base;
	transfers->multi = curl_multi_init();
	transfers->timer = evtimer_new(base, on_time, transfers);
	if (!transfers->multi || !transfers->timer) {
		sl_transfers_destroy(transfers);
		return -ENOMEM;
	}
	(void)curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
	(void)curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
	*out = transfers;
	return 0;
}

void sl_transfers_destroy(struct sl_transfers *transfers)
{
	if (!transfers)
		return;
	if (transfers->multi)
		(void)curl_multi_cleanup(transfers->multi);
	if (transfers->timer)
		event_free(transfers->timer);
	free(transfers);
}

int sl_transfer_start(struct sl_transfers *transfers, struct sl_transfer *transfer)
{
	(void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	return curl_multi_add_handle(transfers->multi, transfer->easy) == CURLM_OK ? 0 : -ENOMEM;
}

void sl_transfer_stop(struct sl_transfers *transfers, struct sl_transfer *transfer)
{
	(void)curl_multi_remove_handle(transfers->multi, transfer->easy);
}
