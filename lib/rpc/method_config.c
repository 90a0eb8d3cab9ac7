/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods about the configuration as a whole, and the way back: config.*, rollback. Texts go in parts
 * where they do not fit a line: config.apply with "more" keeps a part until the last one comes. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "rpc/method.h"

#define FILE_SIZE_MAX (16u << 20)

/* Where a part of a text ends that begins at from: not in the middle of a character. */
static size_t part_end(const char *text, size_t length, size_t from, uint64_t count)
{
	size_t end = from + (size_t)SL_MIN(count, (uint64_t)(length - from));

	while (end > from && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	return end > from ? end : length;
}

static int method_get(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	struct sl_conf *conf = sl_image_conf(sl_model_image(scope->model));
	char *text = !conf		      ? NULL
		     : call->peer->may_change ? sl_conf_format(conf)
					      : sl_conf_format_public(conf);
	size_t length = text ? strlen(text) : 0;
	size_t from = (size_t)SL_MIN(sl_rpc_integer(call, "from", 0), (uint64_t)length);
	size_t end = text ? part_end(text, length, from, sl_rpc_integer(call, "count", length)) : 0;

	if (text)
		call->result =
			json_pack("{s:s%, s:I}", "text", text + from, end - from, "generation",
				  (json_int_t)sl_model_generation(scope->model));
	if (call->result && end < length)
		(void)json_object_set_new(call->result, "next", json_integer((json_int_t)end));
	free(text);
	sl_image_conf_free(conf);
	return call->result
		       ? 0
		       : sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				     "from %zu begins no part of the configuration's text", from);
}

/* The file as text, to be freed: what is no file is not waited for. */
static char *file_text(const char *path, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat status;
	char *text = NULL;

	*length = 0;
	if (file && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		text = malloc(FILE_SIZE_MAX);
	if (text)
		*length = fread(text, 1, FILE_SIZE_MAX, file);
	if (file)
		(void)fclose(file);
	else if (fd >= 0)
		(void)close(fd);
	return text;
}

/* What the configuration file says now, or 0 when it cannot be read. */
static uint64_t file_digest(const struct sl_rpc_scope *scope)
{
	size_t length;
	char *text = file_text(scope->file, &length);
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
	return digest;
}

/* The part behind those that came before. */
static int stage(struct sl_rpc_call *call, struct sl_stage *staged)
{
	const json_t *part = json_object_get(call->params, "text");
	uint64_t from = sl_rpc_integer(call, "from", 0);
	size_t size = json_string_length(part);
	char *text;

	if (staged->size != from)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "from %" PRIu64 " does not go on where a part before it ended",
				   from);
	if (staged->size + size >= FILE_SIZE_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "a configuration has less than %u octets", FILE_SIZE_MAX);
	text = realloc(staged->text, staged->size + size + 1);
	if (!text)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for the configuration");
	memcpy(text + staged->size, json_string_value(part), size + 1);
	staged->text = text;
	staged->size += size;
	return 0;
}

/* A rehearsal costs control the time and memory of the change: who may not make it may not ask for
 * much more than there is. */
static int check_guest(struct sl_rpc_call *call, const struct sl_conf *conf)
{
	const struct sl_rpc_scope *scope = call->context;
	const struct sl_image *image = sl_model_image(scope->model);
	uint64_t slots = 0, here = 0, most;

	for (uint32_t p = 0; p < conf->pool_count; p++)
		slots += conf->pools[p].slots;
	for (uint32_t p = 0; p < image->listed_count; p++)
		here += image->pools[p]->conf.slots;
	most = SL_MAX(here, (uint64_t)SL_SLOTS_REHEARSED_MAX);
	if (call->peer->may_change || slots <= most)
		return 0;
	return sl_rpc_fail(call, SL_RPC_NOT_PERMITTED,
			   "%" PRIu64 " slots in all pools: more than %" PRIu64
			   " are tried only for those who may change things",
			   slots, most);
}

/* Applies, or says what applying would do. When what is applied is what the configuration file
 * says, the file has had its say. */
static int take_whole(struct sl_rpc_call *call, const struct sl_stage *staged, bool dry_run,
		      bool sentences)
{
	struct sl_rpc_scope *scope = call->context;
	struct sl_change change = {.kind = SL_CHANGE_APPLY};
	struct sl_conf_errors errors;
	uint64_t before = scope->file_digest, digest;
	struct sl_conf *conf;
	int rc = sl_conf_parse(staged->text, staged->size, &conf, &errors);

	if (rc) {
		rc = sl_rpc_fail_conf(call, &errors);
		sl_conf_errors_fini(&errors);
		return rc;
	}
	if (!dry_run) {
		digest = sl_conf_digest(conf);
		if (digest == file_digest(scope))
			scope->file_digest = digest;
	}
	change.conf = conf;
	change.conf_warnings = &errors;
	rc = check_guest(call, conf);
	if (rc == 0)
		rc = sl_rpc_change_make(call, &change, dry_run, sentences);
	if (rc)
		scope->file_digest = before;
	sl_conf_destroy(conf);
	sl_conf_errors_fini(&errors);
	return rc;
}

static int take_text(struct sl_rpc_call *call, bool dry_run, bool sentences)
{
	const json_t *text = json_object_get(call->params, "text");
	struct sl_stage *staged;
	const struct sl_stage whole = {.text = (char *)(uintptr_t)json_string_value(text),
				       .size = json_string_length(text)};
	int rc;

	if (!sl_rpc_boolean(call, "more") && sl_rpc_integer(call, "from", 0) == 0)
		return take_whole(call, &whole, dry_run, sentences);
	if (!call->peer->may_change)
		return sl_rpc_fail(
			call, SL_RPC_NOT_PERMITTED,
			"a configuration in parts is taken from those who may change things");
	staged = sl_stage_find(call);
	if (!staged)
		return -1;
	rc = stage(call, staged);
	if (rc == 0 && sl_rpc_boolean(call, "more")) {
		call->result = json_pack("{s:I}", "staged", (json_int_t)staged->size);
		return 0;
	}
	if (rc == 0)
		rc = take_whole(call, staged, dry_run, sentences);
	sl_stage_drop(staged);
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
	struct sl_rpc_scope *scope = call->context;
	struct sl_change change = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_past past;
	int rc;

	if (sl_history_state(scope->history, sl_rpc_integer(call, "generation", 0), &past,
			     &call->err))
		return sl_rpc_fail_err(call);
	change.image = past.image;
	change.hash_key = &past.hash_key;
	rc = sl_rpc_change_make(call, &change, sl_rpc_boolean(call, "dry_run"), false);
	sl_past_fini(&past);
	return rc;
}

#define TEXT                                                                                       \
	{"text", SL_RPC_TEXT, true}, {"from", SL_RPC_INTEGER, false},                              \
		{"more", SL_RPC_BOOLEAN, false}, {"force", SL_RPC_BOOLEAN, false},                 \
	{                                                                                          \
		"if_generation", SL_RPC_INTEGER, false                                             \
	}

static const struct sl_rpc_method methods[] = {
	{"config.get",
	 method_get,
	 false,
	 {{"from", SL_RPC_INTEGER, false}, {"count", SL_RPC_COUNT, false}}},
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

void sl_rpc_config_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
