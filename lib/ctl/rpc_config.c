/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods about the configuration as a whole, and the way back: config.*, rollback. */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "ctl/control_body.h"

#define FILE_SIZE_MAX (16u << 20)

static int method_get(struct sl_rpc_call *call)
{
	const struct sl_control *control = call->context;
	char *text = sl_conf_format(sl_model_image(control->model)->conf);

	if (text)
		call->result = json_pack("{s:s, s:I}", "text", text, "generation",
					 (json_int_t)sl_model_generation(control->model));
	free(text);
	return call->result ? 0
			    : sl_rpc_fail(call, SL_RPC_INTERNAL,
					  "no memory for the configuration's text");
}

/* What the configuration file says now, or 0 when it cannot be read. */
static uint64_t file_digest(const struct sl_control *control)
{
	FILE *file = fopen(control->spec.file, "re");
	char *text = file ? malloc(FILE_SIZE_MAX) : NULL;
	size_t length = text ? fread(text, 1, FILE_SIZE_MAX, file) : 0;
	struct sl_conf_errors errors;
	struct sl_conf *conf;
	uint64_t digest = 0;

	if (length > 0 && length < FILE_SIZE_MAX) {
		if (sl_conf_parse(text, length, &conf, &errors) == 0) {
			digest = sl_conf_digest(conf);
			sl_conf_destroy(conf);
		}
		sl_conf_errors_fini(&errors);
	}
	free(text);
	if (file)
		(void)fclose(file);
	return digest;
}

/* Applies, or says what applying would do. When what is applied is what the configuration file
 * says, the file has had its say. */
static int take_text(struct sl_rpc_call *call, bool dry_run, bool sentences)
{
	struct sl_control *control = call->context;
	const char *text = sl_rpc_string(call, "text", "");
	struct sl_change change = {.kind = SL_CHANGE_APPLY};
	struct sl_conf_errors errors;
	uint64_t before = control->file_digest, digest;
	struct sl_conf *conf;
	int rc = sl_conf_parse(text, strlen(text), &conf, &errors);

	if (rc) {
		rc = sl_rpc_fail_conf(call, &errors);
		sl_conf_errors_fini(&errors);
		return rc;
	}
	if (!dry_run) {
		digest = sl_conf_digest(conf);
		if (digest == file_digest(control))
			control->file_digest = digest;
	}
	change.conf = conf;
	rc = sl_rpc_change_make(call, &change, dry_run, sentences, &errors);
	if (rc)
		control->file_digest = before;
	sl_conf_destroy(conf);
	sl_conf_errors_fini(&errors);
	return rc;
}

static int method_apply(struct sl_rpc_call *call)
{
	bool dry_run = sl_rpc_boolean(call, "dry_run");

	return take_text(call, dry_run, dry_run);
}

static int method_check(struct sl_rpc_call *call)
{
	return take_text(call, true, false);
}

static int method_diff(struct sl_rpc_call *call)
{
	return take_text(call, true, true);
}

static int method_rollback(struct sl_rpc_call *call)
{
	struct sl_control *control = call->context;
	struct sl_change change = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_past past;
	int rc;

	if (sl_history_state(control->history, sl_rpc_integer(call, "generation", 0), &past,
			     &call->err))
		return sl_rpc_fail_err(call);
	change.image = past.image;
	rc = sl_rpc_change_make(call, &change, sl_rpc_boolean(call, "dry_run"), false, NULL);
	sl_past_fini(&past);
	return rc;
}

#define TEXT                                                                                       \
	{"text", SL_RPC_STRING, true}, {"force", SL_RPC_BOOLEAN, false},                           \
	{                                                                                          \
		"if_generation", SL_RPC_INTEGER, false                                             \
	}

static const struct sl_rpc_method methods[] = {
	{"config.get", method_get, false, {{0}}},
	{"config.apply", method_apply, true, {TEXT, {"dry_run", SL_RPC_BOOLEAN, false}}},
	{"config.check", method_check, false, {TEXT, {"dry_run", SL_RPC_BOOLEAN, false}}},
	{"config.diff", method_diff, false, {TEXT, {"dry_run", SL_RPC_BOOLEAN, false}}},
	{"rollback",
	 method_rollback,
	 true,
	 {{"generation", SL_RPC_INTEGER, true},
	  {"force", SL_RPC_BOOLEAN, false},
	  {"dry_run", SL_RPC_BOOLEAN, false},
	  {"if_generation", SL_RPC_INTEGER, false}}},
};

void sl_rpc_config_add(struct sl_control *control)
{
	sl_rpc_add(&control->rpc, methods, SL_ARRAY_COUNT(methods), control);
}
