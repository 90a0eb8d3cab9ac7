/* SPDX-License-Identifier: BSD-3-Clause */

/* Changes of one service: the sections again with one more, less or other. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/inside.h"

static int no_memory(struct sl_edit *edit)
{
	return sl_err_set(edit->err, -ENOMEM, "no memory");
}

/* A copy of the wanted service, in the place of the one of its name or behind the last. */
static int put_service(struct sl_edit *edit, struct sl_conf *conf)
{
	struct sl_conf_service copy;

	if (sl_conf_service_copy(edit->change->wanted, &copy) < 0)
		return no_memory(edit);
	if (sl_conf_services_put(conf, &copy) == 0)
		return 0;
	sl_conf_service_fini(&copy);
	return no_memory(edit);
}

static int change_services(struct sl_edit *edit, struct sl_conf *conf)
{
	const struct sl_change *change = edit->change;
	int place = sl_image_find_service(edit->image, change->service);

	if (change->kind == SL_CHANGE_ADD_SERVICE) {
		if (place >= 0)
			return sl_err_set(edit->err, -EEXIST, "there is a service '%s' already",
					  change->service);
		if (conf->service_count >= SL_SERVICES_MAX)
			return sl_err_set(edit->err, -ENOSPC,
					  "service %s is one too many: there are %d",
					  change->service, SL_SERVICES_MAX);
		return put_service(edit, conf);
	}
	if (place < 0)
		return sl_err_set(edit->err, -ENOENT, "there is no service '%s'", change->service);
	if (change->kind == SL_CHANGE_SET_SERVICE)
		return put_service(edit, conf);
	if (conf->service_count == 1)
		return sl_err_set(edit->err, -EINVAL,
				  "service '%s' is the last one: `services` may not be empty",
				  change->service);
	sl_conf_services_drop(conf, (uint32_t)place);
	return 0;
}

int sl_service_make(struct sl_edit *edit)
{
	struct sl_conf *conf = sl_image_sections(edit->image);
	int status = conf ? change_services(edit, conf) : no_memory(edit);

	if (status < 0) {
		sl_conf_destroy(conf);
		return status;
	}
	if (sl_image_sections_set(edit->image, conf) < 0)
		return no_memory(edit);
	return sl_apply_services(edit);
}
