/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `classes`, and which one a service is of. */

#include <string.h>

#include "conf/key.h"

#define PRIORITY_MAX	7
#define MAX_WAIT_MS_MAX 60000
#define MAX_WAIT_MS	100
#define CLASS_NORMAL	"normal"

#define T(member) SL_MEMBER(sl_conf_traffic, member)

static const struct sl_conf_key traffic_keys[] = {
	SL_KEY("name", name, T(name), .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("priority", number, T(priority), 0, PRIORITY_MAX, 0, .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("max_wait", duration, T(max_wait_ms), 0, MAX_WAIT_MS_MAX, MAX_WAIT_MS),
};

const struct sl_conf_table sl_conf_traffic_table = {
	.noun = "a class",
	.keys = traffic_keys,
	.key_count = sizeof(traffic_keys) / sizeof(traffic_keys[0]),
	.size = sizeof(struct sl_conf_traffic),
	.place = (uint32_t)offsetof(struct sl_conf_traffic, line),
	.flow = true,
};

/* class_count: there is none of that name. */
static uint32_t find(const struct sl_conf *conf, const char *name)
{
	uint32_t place = 0;

	while (place < conf->class_count && strcmp(conf->classes[place].name, name) != 0)
		place++;
	return place;
}

uint32_t sl_conf_class(const struct sl_conf *conf, const struct sl_conf_service *service)
{
	uint32_t place = find(conf, service->class[0] ? service->class : CLASS_NORMAL);

	if (place < conf->class_count)
		return place;
	return conf->class_count > 0 ? conf->class_count - 1 : 0;
}

void sl_conf_check_classes(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;

	for (uint32_t s = 0; s < conf->service_count; s++) {
		const struct sl_conf_service *service = &conf->services[s];

		if (service->class[0] && find(conf, service->class) == conf->class_count)
			sl_conf_error_at(reader, service->line, service->column,
					 "service %s: there is no class `%s` in `classes`",
					 service->name, service->class);
	}
}
