/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/figure.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void machine_print(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256], model[128] = "unknown";

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "model name : %127[^\n]", model) == 1)
			break;
	if (file != NULL)
		fclose(file);
	printf("\"machine\": \"%s\", \"tsc_mhz\": %u", model,
	       (unsigned int)(rte_get_tsc_hz() / 1000000));
}

void figure_print(const char *name, const char *unit, double *values, uint32_t turns,
		  const struct figure_with *with)
{
	qsort(values, turns, sizeof(*values), compare);
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"value\": %.2f, \"min\": %.2f, \"median\": "
	       "%.2f, \"max\": %.2f, \"turns\": %u, \"flows\": %u, \"nodes\": %u, \"workers\": "
	       "%u, ",
	       name, unit, values[turns / 2], values[0], values[turns / 2], values[turns - 1],
	       turns, with->flows, with->nodes, with->workers);
	if (with->more != NULL)
		printf("%s, ", with->more);
	machine_print();
	printf("}\n");
}
