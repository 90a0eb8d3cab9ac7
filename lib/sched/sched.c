/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/sched.h"

#include <errno.h>
#include <string.h>

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
