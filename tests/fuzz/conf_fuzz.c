/* SPDX-License-Identifier: BSD-3-Clause */

/* Any octets as a configuration, and their lines as the pairs of a node: what is read can be
 * written and read again as the same, what is refused has a place and a sentence. */

#include "support/conf_property.h"

#define PAIRS_MAX 70

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is the node's name. */
static void node_property(char *text)
{
	const char *pairs[PAIRS_MAX];
	struct sl_conf_port port = {.name = "p0", .mtu = 1500};
	int cpus[] = {0};
	struct sl_conf conf = {.ports = &port, .port_count = 1};
	struct sl_conf_errors errors;
	struct sl_conf_node node, copy;
	uint32_t count = 0;
	char *name = strsep(&text, "\n");

	conf.dataplane.worker_cpus = cpus;
	conf.dataplane.worker_cpu_count = 1;
	while (text && count < PAIRS_MAX)
		pairs[count++] = strsep(&text, "\n");
	if (!sl_conf_node_parse(&conf, NULL, name, pairs, count, &node, &errors)) {
		CONF_HOLDS(sl_conf_node_copy(&node, &copy) == 0);
		CONF_HOLDS(sl_conf_node_equal(&node, &copy));
		sl_conf_node_fini(&copy);
		sl_conf_node_fini(&node);
	} else {
		CONF_HOLDS(errors.count);
	}
	conf_errors_hold(errors.list, errors.count);
	sl_conf_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	(void)conf_property(text, size);
	node_property(text);
	free(text);
	return 0;
}
