/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/alias.h"

#include "base/limit.h"

_Static_assert(SL_NODES_MAX <= 1 << (63 - SL_ALIAS_WEIGHT_BITS), "sums of weights fit 63 bits");

/* Scales the weights so that `whole` fills a column; columns not yet full stand at the front
 * of the stack, the others at its back. Returns how many stand in front. */
static uint32_t sort_out(uint64_t *weights, uint32_t count, uint64_t whole, uint32_t *stack)
{
	uint32_t front = 0, back = count;

	for (uint32_t i = 0; i < count; i++) {
		weights[i] *= count;
		if (weights[i] < whole)
			stack[front++] = i;
		else
			stack[--back] = i;
	}
	return front;
}

void sl_alias_build(struct sl_alias *columns, uint64_t *weights, uint32_t count, uint32_t *stack)
{
	uint64_t whole = 0;
	uint32_t front, back;

	for (uint32_t i = 0; i < count; i++)
		whole += weights[i];
	front = sort_out(weights, count, whole, stack);
	back = front;
	while (front > 0 && back < count) {
		uint32_t small = stack[--front], large = stack[back];

		columns[small].threshold =
			(uint64_t)(((unsigned __int128)weights[small] << 64) / whole);
		columns[small].other = large;
		weights[large] -= whole - weights[small];
		if (weights[large] < whole) {
			stack[front++] = large;
			back++;
		}
	}
	/* What is left fills its column to the brim. */
	for (; back < count; back++)
		columns[stack[back]] = (struct sl_alias){UINT64_MAX, stack[back]};
	while (front > 0) {
		uint32_t full = stack[--front];

		columns[full] = (struct sl_alias){UINT64_MAX, full};
	}
}
