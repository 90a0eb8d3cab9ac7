/* SPDX-License-Identifier: BSD-3-Clause */

/* The real methods on a model without devices: a line in, an answer out. */

#ifndef TESTS_RPC_TALK_H
#define TESTS_RPC_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "rpc/method.h"
#include "unit/model/fixture.h"

/* Ports, services and a pool `web` of two workers a and b. */
#define TALK_DATAPLANE "dataplane: {worker_cpus: [0, 0]}\n"
#define TALK_REST                                                                                  \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"                                     \
	"services: [{name: rest, address: any, pool: web}]\n"
#define TALK_POOL                                                                                  \
	"pools: [{name: web, slots: 256, flow_entries: 1024, nodes: [{name: a, worker: 0, "        \
	"handler: sink, weight: 1}, {name: b, worker: 1, handler: sink, weight: 1}]}]\n"
#define TALK_TEXT TALK_DATAPLANE TALK_REST TALK_POOL

struct talk {
	struct fixture model;
	struct sl_rpc_scope scope;
	struct sl_rpc rpc;
	struct sl_model_listener listener; /* puts changes into history, in many words */
	struct sl_peer root, guest;	   /* may change things, and may not */
	json_t *answer;			   /* the last */
};

void talk_open(struct talk *talk, const char *text);
void talk_close(struct talk *talk);

/* Calls a method; params is text of an object with ' for ". Returns the result, which lives until the
 * next call; NULL when it was refused. */
json_t *talk_ask(struct talk *talk, const struct sl_peer *peer, const char *method,
		 const char *params);
/* The same with an object, which it takes over. */
json_t *talk_call(struct talk *talk, const struct sl_peer *peer, const char *method,
		  json_t *params);
/* Calls what must be refused so, with these words in the sentence. */
void talk_refused(struct talk *talk, const struct sl_peer *peer, const char *method,
		  const char *params, int code, const char *words);

/* Calls again and again, one allocation of the answer after the other failing: each time it answers
 * or refuses, and in the end it answers. */
void talk_without_memory(struct talk *talk, const char *method, const char *params);

#endif
