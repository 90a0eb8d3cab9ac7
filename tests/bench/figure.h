/* SPDX-License-Identifier: BSD-3-Clause */

/* A figure of a benchmark: one JSON object a line.
 *
 * Threads: any, one at a time.
 * Memory:  values are the caller's and get sorted.
 */

#ifndef TESTS_BENCH_FIGURE_H
#define TESTS_BENCH_FIGURE_H

#include <stdint.h>

/* What it was measured with. */
struct figure_with {
	uint32_t flows, nodes, workers;
	const char *more; /* further members of the object, or NULL */
};

/* name, unit, median, least and most of values, how many, what with, and the machine. */
void figure_print(const char *name, const char *unit, double *values, uint32_t turns,
		  const struct figure_with *with);

#endif
