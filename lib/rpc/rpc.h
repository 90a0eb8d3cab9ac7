/* SPDX-License-Identifier: BSD-3-Clause */

/* JSON-RPC 2.0: from a line to a method's handler, and its answer back.
 *
 * Why:     everything that can be wrong with a request is found here, once, with a sentence that
 *          names it; handlers see checked parameters only.
 * Shape:   a table of methods, each with a table of its parameters.
 * Threads: the control thread.
 * Memory:  answers are the caller's (json_decref).
 * Errors:  are answers: see SL_RPC_ codes.
 * Source:  www.jsonrpc.org/specification; batches are refused.
 */

#ifndef SL_RPC_RPC_H
#define SL_RPC_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "rpc/server.h"

struct json_t;

#define SL_RPC_PARSE_ERROR	 (-32700)
#define SL_RPC_INVALID_REQUEST	 (-32600)
#define SL_RPC_METHOD_NOT_FOUND	 (-32601)
#define SL_RPC_INVALID_PARAMETER (-32602)
#define SL_RPC_INTERNAL		 (-32603)
#define SL_RPC_NOT_FOUND	 (-32001)
#define SL_RPC_CONFLICT		 (-32002)
#define SL_RPC_INVALID_VALUE	 (-32003)
#define SL_RPC_NOT_PERMITTED	 (-32004)
#define SL_RPC_NO_QUORUM	 (-32005)

#define SL_RPC_TABLES_MAX     16
#define SL_RPC_PARAMETERS_MAX 24

enum sl_rpc_type {
	SL_RPC_STRING = 0,
	SL_RPC_NUMBER = 1,  /* integer or with a fraction */
	SL_RPC_INTEGER = 2, /* not negative: else it is an invalid value */
	SL_RPC_BOOLEAN = 3,
	SL_RPC_ARRAY = 4,
	SL_RPC_DURATION = 5, /* "60s", or a number of seconds */
	SL_RPC_OBJECT = 6,
	SL_RPC_SCALAR = 7, /* a string, a number, true or false: a value of the configuration */
	SL_RPC_TEXT = 8,   /* a string that may have NULs in it, which others must not */
	SL_RPC_COUNT = 9,  /* an integer of 1 at least */
	SL_RPC_VALUE = 10, /* a scalar, or an array: a value or a list of the configuration */
};

struct sl_rpc_parameter {
	const char *name;
	enum sl_rpc_type type;
	bool required;
};

/* One request on its way through a handler. */
struct sl_rpc_call {
	void *context;		     /* the method table's */
	const struct sl_peer *peer;  /* who asks */
	const struct json_t *params; /* an object whose members are those of the table */
	struct json_t *result;	     /* out: a new reference */
	bool held;		     /* out: to be answered when what was changed is kept */
	bool subscribe;		     /* out: the client wants events */
	uint64_t ticket; /* out: the answer comes later, under this number; 0: it is here */
	int code;	 /* out: SL_RPC_ when refused, with the sentence: */
	struct sl_err err;
	struct json_t *data; /* out: more about the error, or NULL */
};

/* 0 with call->result, or what sl_rpc_fail() returned. */
typedef int sl_rpc_handler(struct sl_rpc_call *call);

struct sl_rpc_method {
	const char *name;
	sl_rpc_handler *handler;
	bool changes; /* only for those who may */
	/* up to the one without a name */
	struct sl_rpc_parameter parameters[SL_RPC_PARAMETERS_MAX];
};

struct sl_rpc_table {
	const struct sl_rpc_method *methods;
	uint32_t count;
	void *context;
};

struct sl_rpc {
	struct sl_rpc_table tables[SL_RPC_TABLES_MAX];
	uint32_t table_count;
};

void sl_rpc_add(struct sl_rpc *rpc, const struct sl_rpc_method *methods, uint32_t count,
		void *context);

struct sl_rpc_answer {
	struct json_t *message;		    /* NULL: none is due (a notification) */
	const struct sl_rpc_method *method; /* whose answer it is, or NULL */
	bool held, subscribe;
	uint64_t ticket;     /* not 0: the message comes later, by sl_rpc_late() with this id */
	struct json_t *id;   /* a reference; NULL: none is due */
	struct json_t *more; /* what the result will have beside, a reference; NULL: nothing */
};

/* The answer that was due: takes result over, or (NULL) refuses with what err says. */
struct json_t *sl_rpc_late(struct json_t *id, struct json_t *result, const struct sl_err *err);

void sl_rpc_handle(const struct sl_rpc *rpc, const struct sl_peer *peer, const char *line,
		   size_t length, struct sl_rpc_answer *answer);

/* An error message without a request: id is null. */
struct json_t *sl_rpc_error(int code, const char *sentence);

/* Instead of an answer of so many octets: names what its method has to ask for less. */
struct json_t *sl_rpc_too_long(const struct json_t *answer, const struct sl_rpc_method *method,
			       size_t size);

/* ---- for handlers ---------------------------------------------------------------------------- */

/* Refuses with a code and a sentence. Returns -1. */
int sl_rpc_fail(struct sl_rpc_call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Refuses with what call->err says: the code follows from its errno. Returns -1. */
int sl_rpc_fail_err(struct sl_rpc_call *call);

/* Parameters that are there; otherwise the last argument. */
const char *sl_rpc_string(const struct sl_rpc_call *call, const char *name, const char *absent);
double sl_rpc_number(const struct sl_rpc_call *call, const char *name, double absent);
uint64_t sl_rpc_integer(const struct sl_rpc_call *call, const char *name, uint64_t absent);
bool sl_rpc_boolean(const struct sl_rpc_call *call, const char *name);
bool sl_rpc_has(const struct sl_rpc_call *call, const char *name);
/* Milliseconds; 0 when absent. */
int sl_rpc_duration(struct sl_rpc_call *call, const char *name, uint64_t *ms);

#endif
