/* SPDX-License-Identifier: BSD-3-Clause */

/* What a check does: a copy of its configuration, compiled.
 *
 * Why:     the prober's thread must not look at the configuration, which control replaces.
 * Shape:   immutable; shared by all nodes that are checked alike.
 * Threads: made by control, read by the prober; references are atomic.
 * Memory:  create, get, put (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_HEALTH_SPEC_H
#define SL_HEALTH_SPEC_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/conf.h"
#include "health/verdict.h"

struct sl_health_spec {
	uint32_t references;
	struct sl_conf_health conf; /* owned copies of its texts */
	struct sl_health_timing timing;
	bool body_set;
	regex_t body; /* expect.body */
	struct sl_conf_statuses statuses;
};

/* conf is copied. -EINVAL: what the configuration's own checks refuse. */
int sl_health_spec_create(const struct sl_conf_health *conf, struct sl_health_spec **spec,
			  struct sl_err *err);
struct sl_health_spec *sl_health_spec_get(struct sl_health_spec *spec);
void sl_health_spec_put(struct sl_health_spec *spec);

/* Whether the text that came (length octets, zero-terminated) is what `expect.body` wants. */
bool sl_health_spec_body_fits(const struct sl_health_spec *spec, const char *text);

#endif
