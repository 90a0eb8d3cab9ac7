/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/rpc.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/guess.h"
#include "base/number.h"

#define NAMES_SIZE	256 /* list of a method's parameters in a sentence */
#define QUOTED_MAX	64  /* characters of a user's word in a sentence */
#define METHOD_NAME_MAX 128
#define LOAD_FLAGS	(JSON_DECODE_ANY | JSON_ALLOW_NUL)

void sl_rpc_add(struct sl_rpc *rpc, const struct sl_rpc_method *methods, uint32_t count,
		void *context)
{
	assert(rpc->table_count < SL_RPC_TABLES_MAX);
	rpc->tables[rpc->table_count++] =
		(struct sl_rpc_table){.methods = methods, .count = count, .context = context};
}

/* ---- answers --------------------------------------------------------------------------------- */

/* A sentence may quote what somebody sent, cut in the middle of a character. */
static json_t *sentence_json(const char *sentence)
{
	char plain[SL_ERR_TEXT_SIZE];
	json_t *text = json_string(sentence);
	size_t i;

	if (text)
		return text;
	for (i = 0; sentence[i] && i + 1 < sizeof(plain); i++)
		plain[i] = (sentence[i] & 0x80) ? '?' : sentence[i];
	plain[i] = '\0';
	return json_string(plain);
}

static json_t *error_message(json_t *id, int code, const char *sentence, json_t *data)
{
	json_t *error = json_pack("{s:i, s:o}", "code", code, "message", sentence_json(sentence));

	if (data)
		(void)json_object_set(error, "data", data);
	return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "error", error);
}

json_t *sl_rpc_error(int code, const char *sentence)
{
	return error_message(json_null(), code, sentence, NULL);
}

int sl_rpc_fail(struct sl_rpc_call *call, int code, const char *format, ...)
{
	va_list args;

	call->code = code;
	va_start(args, format);
	(void)vsnprintf(call->err.text, sizeof(call->err.text), format, args);
	va_end(args);
	return -1;
}

static int code_of(int error)
{
	switch (error) {
	case -ENOENT:
		return SL_RPC_NOT_FOUND;
	case -ESTALE:
		return SL_RPC_CONFLICT;
	case -EACCES:
		return SL_RPC_NOT_PERMITTED;
	case -ENOLINK:
		return SL_RPC_NO_QUORUM;
	case -ENOMEM:
	case -EIO:
		return SL_RPC_INTERNAL;
	default:
		return SL_RPC_INVALID_VALUE;
	}
}

int sl_rpc_fail_err(struct sl_rpc_call *call)
{
	call->code = code_of(call->err.code);
	return -1;
}

json_t *sl_rpc_late(json_t *id, json_t *result, const struct sl_err *err)
{
	if (!result)
		return error_message(id, code_of(err->code), err->text, NULL);
	return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static const char *const type_names[] = {
	[SL_RPC_STRING] = "a string",
	[SL_RPC_TEXT] = "a string",
	[SL_RPC_NUMBER] = "a number",
	[SL_RPC_INTEGER] = "a whole number",
	[SL_RPC_BOOLEAN] = "true or false",
	[SL_RPC_ARRAY] = "an array",
	[SL_RPC_DURATION] = "a duration such as \"60s\", or a number of seconds",
	[SL_RPC_OBJECT] = "an object",
	[SL_RPC_SCALAR] = "a string, a number, true or false",
	[SL_RPC_COUNT] = "a whole number",
	[SL_RPC_VALUE] = "a string, a number, true, false or an array",
};

static bool has_type(const json_t *value, enum sl_rpc_type type)
{
	switch (type) {
	case SL_RPC_STRING:
	case SL_RPC_TEXT:
		return json_is_string(value);
	case SL_RPC_NUMBER:
		return json_is_number(value);
	case SL_RPC_INTEGER:
	case SL_RPC_COUNT:
		return json_is_integer(value);
	case SL_RPC_BOOLEAN:
		return json_is_boolean(value);
	case SL_RPC_ARRAY:
		return json_is_array(value);
	case SL_RPC_DURATION:
		return json_is_string(value) || json_is_number(value);
	case SL_RPC_OBJECT:
		return json_is_object(value);
	case SL_RPC_VALUE:
		if (json_is_array(value))
			return true;
		/* fall through */
	case SL_RPC_SCALAR:
		return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
	}
	return false;
}

static const char *json_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a whole number";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static const struct sl_rpc_parameter *parameter_find(const struct sl_rpc_method *method,
						     const char *name)
{
	for (const struct sl_rpc_parameter *at = method->parameters; at->name; at++)
		if (strcmp(at->name, name) == 0)
			return at;
	return NULL;
}

json_t *sl_rpc_too_long(const json_t *answer, const struct sl_rpc_method *method, size_t size)
{
	const char *remedy = "";
	char sentence[SL_ERR_TEXT_SIZE];

	if (method && parameter_find(method, "count"))
		remedy = ": ask for parts with from and count";
	else if (method && parameter_find(method, "limit"))
		remedy = ": ask for fewer with limit";
	(void)snprintf(sentence, sizeof(sentence), "the answer has %zu octets, a line at most %u%s",
		       size, SL_SERVER_LINE_MAX, remedy);
	return error_message(json_object_get(answer, "id"), SL_RPC_INVALID_VALUE, sentence, NULL);
}

static int unknown_parameter(struct sl_rpc_call *call, const struct sl_rpc_method *method,
			     const char *name)
{
	char names[NAMES_SIZE] = "";
	size_t used = 0;

	for (const struct sl_rpc_parameter *at = method->parameters; at->name; at++)
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", at->name);
	return sl_rpc_fail(call, SL_RPC_INVALID_PARAMETER,
			   "unknown parameter \"%.*s\": %s takes %s", QUOTED_MAX, name,
			   method->name, used ? names : "none");
}

/* Names and words end at their first NUL: one inside must not make another word of them. */
static bool holds_nul(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(value))
		return strlen(json_string_value(value)) != json_string_length(value);
	json_array_foreach(value, i, member)
	{
		if (holds_nul(member))
			return true;
	}
	json_object_foreach(value, key, member)
	{
		if (holds_nul(member))
			return true;
	}
	return false;
}

/* A value of the right type, and yet none. */
static int check_value(struct sl_rpc_call *call, const struct sl_rpc_parameter *parameter,
		       json_t *value)
{
	if (parameter->type != SL_RPC_TEXT && holds_nul(value))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "parameter \"%s\" has a NUL character (\\u0000) in it",
				   parameter->name);
	if ((parameter->type == SL_RPC_INTEGER || parameter->type == SL_RPC_DURATION) &&
	    json_number_value(value) < 0)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "%s %g is negative", parameter->name,
				   json_number_value(value));
	if (parameter->type == SL_RPC_COUNT && json_integer_value(value) < 1)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "%s must be 1 at least",
				   parameter->name);
	return 0;
}

static int check_parameters(struct sl_rpc_call *call, const struct sl_rpc_method *method,
			    json_t *params)
{
	const struct sl_rpc_parameter *parameter;
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value)
	{
		parameter = parameter_find(method, name);
		if (!parameter)
			return unknown_parameter(call, method, name);
		if (!has_type(value, parameter->type))
			return sl_rpc_fail(call, SL_RPC_INVALID_PARAMETER,
					   "parameter \"%s\" is %s, it must be %s", name,
					   json_type_name(value), type_names[parameter->type]);
		if (check_value(call, parameter, value))
			return -1;
	}
	for (parameter = method->parameters; parameter->name; parameter++)
		if (parameter->required && !json_object_get(params, parameter->name))
			return sl_rpc_fail(call, SL_RPC_INVALID_PARAMETER,
					   "parameter \"%s\" is missing: %s needs it",
					   parameter->name, method->name);
	return 0;
}

const char *sl_rpc_string(const struct sl_rpc_call *call, const char *name, const char *absent)
{
	const char *text = json_string_value(json_object_get(call->params, name));

	return text ? text : absent;
}

double sl_rpc_number(const struct sl_rpc_call *call, const char *name, double absent)
{
	const json_t *value = json_object_get(call->params, name);

	return value ? json_number_value(value) : absent;
}

uint64_t sl_rpc_integer(const struct sl_rpc_call *call, const char *name, uint64_t absent)
{
	const json_t *value = json_object_get(call->params, name);

	return value ? (uint64_t)json_integer_value(value) : absent;
}

bool sl_rpc_boolean(const struct sl_rpc_call *call, const char *name)
{
	return json_is_true(json_object_get(call->params, name));
}

bool sl_rpc_has(const struct sl_rpc_call *call, const char *name)
{
	return json_object_get(call->params, name) != NULL;
}

int sl_rpc_duration(struct sl_rpc_call *call, const char *name, uint64_t *ms)
{
	const json_t *value = json_object_get(call->params, name);
	const char *text = json_string_value(value);
	double seconds = json_number_value(value);

	if (text && sl_duration_parse(text, ms))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "%s \"%.*s\" is no duration: write 500ms, 60s, 15m or 2h", name,
				   QUOTED_MAX, text);
	if (text)
		return 0;
	if (seconds > (double)SL_DURATION_MS_MAX / 1e3)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "%s of %g seconds is too long", name,
				   seconds);
	*ms = (uint64_t)(seconds * 1e3 + 0.5);
	return 0;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct sl_rpc_method *method_find(const struct sl_rpc *rpc, const char *name,
					       void **context)
{
	for (uint32_t i = 0; i < rpc->table_count; i++) {
		const struct sl_rpc_table *table = &rpc->tables[i];

		for (uint32_t j = 0; j < table->count; j++)
			if (strcmp(table->methods[j].name, name) == 0) {
				*context = table->context;
				return &table->methods[j];
			}
	}
	return NULL;
}

static const char *method_guess(const struct sl_rpc *rpc, const char *name)
{
	const char *names[METHOD_NAME_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < rpc->table_count; i++)
		for (uint32_t j = 0; j < rpc->tables[i].count && count < METHOD_NAME_MAX; j++)
			names[count++] = rpc->tables[i].methods[j].name;
	return sl_guess(name, names, count);
}

/* Finds the method, checks who asks and with what, runs the handler. */
static int run(const struct sl_rpc *rpc, json_t *word, json_t *params, struct sl_rpc_call *call,
	       const struct sl_rpc_method **of)
{
	const char *name = json_string_value(word);
	const struct sl_rpc_method *method =
		holds_nul(word) ? NULL : method_find(rpc, name, &call->context);
	const char *guess;

	if (!method) {
		guess = method_guess(rpc, name);
		return sl_rpc_fail(call, SL_RPC_METHOD_NOT_FOUND, "unknown method \"%.*s\"%s%s%s",
				   QUOTED_MAX, name, guess ? ", did you mean \"" : "",
				   guess ? guess : "", guess ? "\"?" : "");
	}
	*of = method;
	if (method->changes && !call->peer->may_change)
		return sl_rpc_fail(call, SL_RPC_NOT_PERMITTED,
				   "%s changes things: uid %u may not (root, the daemon's own user "
				   "and the group of the socket may)",
				   name, (unsigned)call->peer->uid);
	if (params && !json_is_object(params))
		return sl_rpc_fail(call, SL_RPC_INVALID_PARAMETER,
				   "params is %s, it must be an object: parameters go by name",
				   json_type_name(params));
	if (check_parameters(call, method, params))
		return -1;
	call->params = params;
	return method->handler(call);
}

/* What is wrong with a request apart from its method and parameters, or NULL. */
static const char *request_fault(const json_t *request, const json_t *id)
{
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));

	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "id must be a string, a number or null";
	if (!version || strcmp(version, "2.0") != 0)
		return "jsonrpc must be \"2.0\"";
	if (!json_is_string(json_object_get(request, "method")))
		return "method must be a string";
	return NULL;
}

static json_t *usable_id(json_t *id)
{
	return json_is_string(id) || json_is_number(id) ? id : json_null();
}

static void handle_object(const struct sl_rpc *rpc, const struct sl_peer *peer,
			  const json_t *request, struct sl_rpc_answer *answer)
{
	struct sl_rpc_call call = {.peer = peer};
	json_t *id = json_object_get(request, "id");
	const char *fault = request_fault(request, id);

	if (fault) {
		answer->message = error_message(usable_id(id), SL_RPC_INVALID_REQUEST, fault, NULL);
		return;
	}
	if (run(rpc, json_object_get(request, "method"), json_object_get(request, "params"), &call,
		&answer->method)) {
		if (id)
			answer->message = error_message(id, call.code, call.err.text, call.data);
	} else if (call.ticket) {
		answer->ticket = call.ticket;
		answer->id = json_incref(id);
		answer->more = json_incref(call.result);
	} else {
		answer->subscribe = call.subscribe;
		answer->held = call.held;
		if (id)
			answer->message = json_pack("{s:s, s:O, s:O}", "jsonrpc", "2.0", "id", id,
						    "result", call.result);
	}
	json_decref(call.result);
	json_decref(call.data);
}

/* The text is no JSON, or is some that is not taken: then who asked is told. */
static json_t *parse_fault(const char *line, size_t length, const json_error_t *error)
{
	enum json_error_code what = json_error_code(error);
	int code = SL_RPC_PARSE_ERROR;
	char sentence[SL_ERR_TEXT_SIZE];
	json_t *request, *answer, *id, *whole = NULL;
	size_t flags = LOAD_FLAGS;

	(void)snprintf(sentence, sizeof(sentence), "the line is no JSON: %s (octet %d)",
		       error->text, error->position);
	if (what == json_error_duplicate_key) {
		code = SL_RPC_INVALID_REQUEST;
		(void)snprintf(sentence, sizeof(sentence), "a member is given twice: %s",
			       error->text);
	} else if (what == json_error_numeric_overflow) {
		code = SL_RPC_INVALID_VALUE;
		flags |= JSON_DECODE_INT_AS_REAL;
		(void)snprintf(sentence, sizeof(sentence), "a number is out of range (octet %d)",
			       error->position);
	}
	request = code == SL_RPC_PARSE_ERROR ? NULL : json_loadb(line, length, flags, NULL);
	id = usable_id(json_object_get(request, "id"));
	/* read as all numbers of such a line are, but a whole one within what a double holds */
	if (json_is_real(id) && fabs(json_real_value(id)) < 0x1p53 &&
	    rint(json_real_value(id)) == json_real_value(id))
		id = whole = json_integer((json_int_t)json_real_value(id));
	answer = error_message(id, code, sentence, NULL);
	json_decref(whole);
	json_decref(request);
	return answer;
}

void sl_rpc_handle(const struct sl_rpc *rpc, const struct sl_peer *peer, const char *line,
		   size_t length, struct sl_rpc_answer *answer)
{
	json_error_t error;
	json_t *request;

	*answer = (struct sl_rpc_answer){0};
	request = json_loadb(line, length, LOAD_FLAGS | JSON_REJECT_DUPLICATES, &error);
	if (!request)
		answer->message = parse_fault(line, length, &error);
	else if (json_is_array(request))
		answer->message = sl_rpc_error(SL_RPC_INVALID_REQUEST,
					       "batches are not taken: send one object on a line");
	else if (!json_is_object(request))
		answer->message =
			sl_rpc_error(SL_RPC_INVALID_REQUEST, "a request must be an object");
	else
		handle_object(rpc, peer, request, answer);
	json_decref(request);
}
