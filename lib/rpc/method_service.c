/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods that change services. */

#include <jansson.h>

#include "base/bytes.h"
#include "rpc/method.h"

static int change_service(struct sl_rpc_call *call, enum sl_change_kind kind,
			  const struct sl_conf_service *wanted,
			  const struct sl_conf_errors *warnings)
{
	struct sl_change change = {.kind = kind,
				   .service = sl_rpc_string(call, "service", ""),
				   .wanted = wanted,
				   .conf_warnings = warnings};

	return sl_rpc_change_make(call, &change, sl_rpc_boolean(call, "dry_run"), false);
}

/* before: its keys stay where none is given; NULL: it is a new one. */
static int put_service(struct sl_rpc_call *call, const struct sl_conf *conf,
		       const struct sl_conf_service *before, const struct sl_rpc_pairs *pairs)
{
	struct sl_conf_service service;
	struct sl_conf_errors errors;
	int rc = sl_conf_service_parse(conf, before, sl_rpc_string(call, "service", ""),
				       (const char *const *)pairs->list, pairs->count, &service,
				       &errors);

	if (rc == 0) {
		rc = change_service(call, before ? SL_CHANGE_SET_SERVICE : SL_CHANGE_ADD_SERVICE,
				    &service, &errors);
		sl_conf_service_fini(&service);
	} else {
		rc = sl_rpc_fail_pairs(call, &errors);
	}
	sl_conf_errors_fini(&errors);
	return rc;
}

static int read_and_put(struct sl_rpc_call *call, int place)
{
	struct sl_rpc_scope *scope = call->context;
	struct sl_conf *conf = sl_image_names(sl_model_image(scope->model));
	struct sl_rpc_pairs pairs = {.count = 0};
	int rc = conf ? sl_rpc_pairs_read(call, sl_conf_service_key, &pairs)
		      : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory");

	if (rc == 0)
		rc = put_service(call, conf, place < 0 ? NULL : &conf->services[place], &pairs);
	sl_rpc_pairs_fini(&pairs);
	sl_image_names_free(conf);
	return rc;
}

static int find_service(struct sl_rpc_call *call)
{
	struct sl_rpc_scope *scope = call->context;

	return sl_image_find_service(sl_model_image(scope->model),
				     sl_rpc_string(call, "service", ""));
}

/* The model refuses a name that is there, or is not. */
static int method_add(struct sl_rpc_call *call)
{
	return find_service(call) < 0 ? read_and_put(call, -1)
				      : change_service(call, SL_CHANGE_ADD_SERVICE, NULL, NULL);
}

static int method_set(struct sl_rpc_call *call)
{
	int place = find_service(call);

	return place >= 0 ? read_and_put(call, place)
			  : change_service(call, SL_CHANGE_SET_SERVICE, NULL, NULL);
}

static int method_remove(struct sl_rpc_call *call)
{
	return change_service(call, SL_CHANGE_REMOVE_SERVICE, NULL, NULL);
}

#define SERVICE                                                                                    \
	{"service", SL_RPC_STRING, true}, {"dry_run", SL_RPC_BOOLEAN, false},                      \
	{                                                                                          \
		"if_generation", SL_RPC_INTEGER, false                                             \
	}

static const struct sl_rpc_method methods[] = {
	{"service.remove", method_remove, true, {SERVICE}},
};

/* These get the keys of services as parameters when they are added. */
static struct sl_rpc_method put_methods[] = {
	{"service.add", method_add, true, {SERVICE, {"keys", SL_RPC_OBJECT, false}}},
	{"service.set", method_set, true, {SERVICE, {"keys", SL_RPC_OBJECT, false}}},
};

void sl_rpc_service_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(put_methods); i++)
		sl_rpc_pairs_parameters(&put_methods[i], sl_conf_service_key);
	sl_rpc_add(rpc, put_methods, SL_ARRAY_COUNT(put_methods), scope);
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
