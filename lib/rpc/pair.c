/* SPDX-License-Identifier: BSD-3-Clause */

/* Keys of a node or a service in a call, as pairs that the configuration reads. */

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/method.h"

#define DECIMAL_LEAST 1e-15

const char *sl_rpc_decimal(double number, char text[SL_RPC_DECIMAL_SIZE])
{
	if (number > 0 && number < DECIMAL_LEAST)
		number = DECIMAL_LEAST;
	(void)snprintf(text, SL_RPC_DECIMAL_SIZE, "%.15g", number);
	if (strchr(text, 'e'))
		(void)snprintf(text, SL_RPC_DECIMAL_SIZE, "%.15f", number);
	return text;
}

/* A value as a pair has it; NULL: it is none, or no memory. Allocated. */
static char *scalar_text(const json_t *value)
{
	char number[SL_RPC_DECIMAL_SIZE];

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_integer(value)) {
		(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
		return strdup(number);
	}
	if (json_is_real(value))
		return strdup(sl_rpc_decimal(json_real_value(value), number));
	return json_is_boolean(value) ? strdup(json_is_true(value) ? "true" : "false") : NULL;
}

/* A scalar, or several with commas between. */
static char *value_text(const json_t *value)
{
	size_t size = 0;
	char *text = NULL;
	FILE *out;
	bool failed;

	if (!json_is_array(value))
		return scalar_text(value);
	out = open_memstream(&text, &size);
	failed = !out;
	for (size_t i = 0; !failed && i < json_array_size(value); i++) {
		char *one = scalar_text(json_array_get(value, i));

		failed = !one || fprintf(out, "%s%s", i ? "," : "", one) < 0;
		free(one);
	}
	failed = (out && fclose(out)) || failed;
	if (!failed)
		return text;
	free(text);
	return NULL;
}

/* Refuses a value that no configuration has. */
static int add_pair(struct sl_rpc_call *call, struct sl_rpc_pairs *pairs, const char *key,
		    const json_t *value)
{
	char *text;

	if (pairs->count == SL_RPC_PAIRS_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "more than %d keys",
				   SL_RPC_PAIRS_MAX);
	text = value_text(value);
	if (!text)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "the value of key \"%.64s\" must be a string, a number, true or "
				   "false, or of a list an array of them",
				   key);
	if (asprintf(&pairs->list[pairs->count], "%s=%s", key, text) < 0) {
		free(text);
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory");
	}
	pairs->count++;
	free(text);
	return 0;
}

int sl_rpc_pairs_read(struct sl_rpc_call *call, sl_rpc_key_name *name, struct sl_rpc_pairs *pairs)
{
	json_t *keys = json_object_get(call->params, "keys"), *value;
	const char *key;
	int rc = 0;

	*pairs = (struct sl_rpc_pairs){.count = 0};
	for (uint32_t i = 0; rc == 0 && name(i); i++) {
		key = name(i);
		value = json_object_get(call->params, key);
		if (value && json_object_get(keys, key))
			return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "key \"%s\" is given twice",
					   key);
		if (value)
			rc = add_pair(call, pairs, key, value);
	}
	json_object_foreach(keys, key, value)
	{
		if (rc == 0)
			rc = add_pair(call, pairs, key, value);
	}
	return rc;
}

void sl_rpc_pairs_fini(struct sl_rpc_pairs *pairs)
{
	for (uint32_t i = 0; i < pairs->count; i++)
		free(pairs->list[i]);
	pairs->count = 0;
}

void sl_rpc_pairs_parameters(struct sl_rpc_method *method, sl_rpc_key_name *name)
{
	struct sl_rpc_parameter *parameter = method->parameters;

	while (strcmp(parameter->name, "keys") != 0)
		parameter++;
	for (uint32_t i = 0; name(i); i++) {
		assert(parameter + 2 < &method->parameters[SL_RPC_PARAMETERS_MAX]);
		*++parameter = (struct sl_rpc_parameter){name(i), SL_RPC_VALUE, false};
	}
}

int sl_rpc_fail_pairs(struct sl_rpc_call *call, const struct sl_conf_errors *errors)
{
	char text[SL_ERR_TEXT_SIZE] = "";
	size_t used = 0;

	(void)sl_rpc_fail_conf(call, errors);
	if (errors->count == 0)
		return -1;
	for (uint32_t i = 0; i < errors->count && used + 1 < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? "; " : "",
					 errors->list[i].message);
	return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "%s", text);
}
