/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/spec.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

int sl_health_spec_create(const struct sl_conf_health *conf, struct sl_health_spec **out,
			  struct sl_err *err)
{
	struct sl_health_spec *spec = calloc(1, sizeof(*spec));

	if (!spec)
		return sl_err_set(err, -ENOMEM, "no memory for a health check");
	spec->references = 1;
	if (sl_conf_health_copy(conf, &spec->conf)) {
		free(spec);
		return sl_err_set(err, -ENOMEM, "no memory for a health check");
	}
	spec->timing = (struct sl_health_timing){
		.interval_ms = conf->interval_ms,
		.fast_ms = conf->fast_ms ? conf->fast_ms : SL_MAX(conf->interval_ms / 3, 1u),
		.rise = SL_MAX(conf->rise, 1u),
		.fall = SL_MAX(conf->fall, 1u),
	};
	if (sl_conf_statuses_parse(conf->expect_status, &spec->statuses)) {
		sl_health_spec_put(spec);
		return sl_err_set(err, -EINVAL, "no statuses: %s", conf->expect_status);
	}
	if (conf->expect_body &&
	    regcomp(&spec->body, conf->expect_body, REG_EXTENDED | REG_NOSUB)) {
		sl_health_spec_put(spec);
		return sl_err_set(err, -EINVAL, "no regular expression: %s", conf->expect_body);
	}
	spec->body_set = conf->expect_body != NULL;
	*out = spec;
	return 0;
}

struct sl_health_spec *sl_health_spec_get(struct sl_health_spec *spec)
{
	(void)__atomic_add_fetch(&spec->references, 1, __ATOMIC_RELAXED);
	return spec;
}

void sl_health_spec_put(struct sl_health_spec *spec)
{
	if (!spec || __atomic_sub_fetch(&spec->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (spec->body_set)
		regfree(&spec->body);
	sl_conf_health_fini(&spec->conf);
	free(spec);
}

bool sl_health_spec_body_fits(const struct sl_health_spec *spec, const char *text)
{
	return !spec->body_set || regexec(&spec->body, text, 0, NULL, 0) == 0;
}
