/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/sched.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "sched/fill.h"

const char *sl_sched_name(enum sl_scheduler scheduler)
{
	switch (scheduler) {
#define X(id, name, value, fills)                                                                  \
	case SL_SCHED_##id:                                                                        \
		return name;
		SL_SCHEDULERS(X)
#undef X
	}
	return "unknown";
}

int sl_sched_parse(const char *name, enum sl_scheduler *scheduler)
{
#define X(id, text, value, fills)                                                                  \
	if (strcmp(name, text) == 0) {                                                             \
		*scheduler = SL_SCHED_##id;                                                        \
		return 0;                                                                          \
	}
	SL_SCHEDULERS(X)
#undef X
	return -EINVAL;
}

bool sl_sched_fills_slots(enum sl_scheduler scheduler)
{
	switch (scheduler) {
#define X(id, name, value, fills)                                                                  \
	case SL_SCHED_##id:                                                                        \
		return fills;
		SL_SCHEDULERS(X)
#undef X
	}
	return false;
}

struct filler {
	size_t (*memsize)(const struct sl_sched_input *input, uint32_t index_end);
	void (*fill)(const struct sl_roster *roster, const struct sl_sched_input *input,
		     void *memory, uint32_t *slots);
};

static struct filler filler_of(enum sl_scheduler scheduler)
{
	switch (scheduler) {
	case SL_SCHED_RING:
		return (struct filler){sl_ring_memsize, sl_ring_fill};
	case SL_SCHED_MAGLEV:
		return (struct filler){sl_maglev_memsize, sl_maglev_fill};
	case SL_SCHED_RENDEZVOUS:
		return (struct filler){sl_rendezvous_memsize, sl_rendezvous_fill};
	case SL_SCHED_MINIMAL:
	case SL_SCHED_WRR:
	case SL_SCHED_WRANDOM:
	case SL_SCHED_WLEAST:
	case SL_SCHED_P2C:
		break;
	}
	return (struct filler){sl_minimal_memsize, sl_minimal_fill};
}

int sl_sched_build(enum sl_scheduler scheduler, const struct sl_sched_input *input, uint32_t *slots)
{
	struct filler filler = filler_of(scheduler);
	struct sl_roster roster;
	unsigned char *memory;
	uint32_t index_end;
	size_t size, head = sl_roster_memsize(input->node_count);
	int rc = sl_roster_check(input->nodes, input->node_count, input->slot_count, &index_end);

	if (rc < 0)
		return rc;
	size = head + filler.memsize(input, index_end);
	memory = sl_mem_alloc(size);
	if (!memory)
		return -ENOMEM;
	sl_roster_init(&roster, memory, input->nodes, input->node_count, input->slot_count,
		       index_end);
	if (roster.count == 0)
		memset(slots, 0, input->slot_count * sizeof(*slots));
	else
		filler.fill(&roster, input, memory + head, slots);
	sl_mem_free(memory, size);
	return 0;
}
