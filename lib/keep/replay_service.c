/* SPDX-License-Identifier: BSD-3-Clause */

/* The step of a service that came, changed or went, read back. */

#include <errno.h>

#include "keep/record_op.h"

uint32_t sl_past_read_pairs(struct sl_unpack *unpack, const char *pairs[SL_PAST_PAIRS_MAX])
{
	uint64_t count = sl_unpack_number(unpack);

	if (count > SL_PAST_PAIRS_MAX)
		unpack->failed = true;
	for (uint64_t i = 0; i < count && !unpack->failed; i++)
		pairs[i] = sl_unpack_text(unpack);
	return unpack->failed ? 0 : (uint32_t)count;
}

/* Takes the service over, also on failure; NULL: the one of that name is gone. */
static int change_service(struct sl_image *image, const char *name, struct sl_conf_service *service)
{
	struct sl_conf *conf = sl_image_sections(image);
	int place = sl_image_find_service(image, name), rc = conf ? 0 : -ENOMEM;

	if (rc == 0 && service)
		rc = sl_conf_services_put(conf, service);
	else if (rc == 0 && place >= 0)
		sl_conf_services_drop(conf, (uint32_t)place);
	if (rc == 0)
		return sl_image_sections_set(image, conf);
	if (service)
		sl_conf_service_fini(service);
	sl_conf_destroy(conf);
	return rc;
}

int sl_past_read_service(struct sl_unpack *unpack, struct sl_image *image)
{
	const char *name = sl_unpack_text(unpack), *pairs[SL_PAST_PAIRS_MAX];
	uint32_t count = sl_past_read_pairs(unpack, pairs);
	struct sl_conf *names = image && count > 0 ? sl_image_names(image) : NULL;
	struct sl_conf_service service;
	struct sl_conf_errors errors;
	int rc;

	if (!image || unpack->failed)
		return -EINVAL;
	if (!names)
		return count > 0 ? -ENOMEM : change_service(image, name, NULL);
	rc = sl_conf_service_parse(names, NULL, name, pairs, count, &service, &errors);
	sl_conf_errors_fini(&errors);
	sl_image_names_free(names);
	return rc ? rc : change_service(image, name, &service);
}
