/* SPDX-License-Identifier: BSD-3-Clause */

#include "trace.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <rte_cycles.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lcore/stats.h"
#include "path/trace.h"

#define NS_A_MS 1000000ull
#define NS_A_S	1000000000ull

/* What the cores have while a trace is on. */
struct tracing {
	struct sl_trace_spec spec;
	struct bpf_insn *program;
	uint32_t core_count;
	struct sl_path_trace *cores[SL_RX_CORES_MAX];
	uint64_t begin_tsc, begin_ns; /* of one moment */
};

/* A filter was checked by sl_filter_check(): it ends, and reads only what is readable. */
static bool match(const void *program, const uint8_t *octets, uint32_t size, uint32_t readable)
{
	return bpf_filter(program, octets, size, readable) != 0;
}

static void free_tracing(void *object)
{
	struct tracing *tracing = object;

	for (uint32_t i = 0; i < tracing->core_count; i++)
		sl_mem_free(tracing->cores[i], sizeof(*tracing->cores[i]));
	free(tracing->program);
	free(tracing);
}

static int read_program(struct tracing *tracing, const struct sl_filter_step *steps, uint32_t count)
{
	int rc;

	if (count == 0)
		return 0;
	rc = sl_filter_check(steps, count);
	if (rc)
		return rc;
	tracing->program = calloc(count, sizeof(*tracing->program));
	if (!tracing->program)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		tracing->program[i] = (struct bpf_insn){.code = steps[i].code,
							.jt = steps[i].yes,
							.jf = steps[i].no,
							.k = steps[i].operand};
	tracing->spec.match = match;
	tracing->spec.program = tracing->program;
	return 0;
}

static int make_cores(struct tracing *tracing, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		tracing->cores[i] = sl_mem_alloc(sizeof(*tracing->cores[i]));
		if (!tracing->cores[i])
			return -ENOMEM;
		tracing->core_count++;
		tracing->cores[i]->spec = &tracing->spec;
	}
	return 0;
}

static const char *refusal(int code)
{
	if (code == -EINVAL)
		return "the filter's program makes no sense";
	return code == -ELOOP
		       ? "the filter goes back in its program, as `protochain` does: it may not"
		       : "no memory for a trace";
}

static int start(void *context, const struct sl_trace_spec *spec,
		 const struct sl_filter_step *steps, uint32_t count, struct sl_err *err)
{
	struct trace *trace = context;
	struct tracing *tracing = calloc(1, sizeof(*tracing));
	int rc;

	if (!tracing)
		return sl_err_set(err, -ENOMEM, "no memory for a trace");
	tracing->spec = *spec;
	rc = read_program(tracing, steps, count);
	if (rc == 0)
		rc = make_cores(tracing, trace->wire->eal.rx_count);
	if (rc) {
		free_tracing(tracing);
		return sl_err_set(err, rc, "%s", refusal(rc));
	}
	tracing->begin_tsc = rte_rdtsc();
	tracing->begin_ns = sl_clock_wall_ms() * NS_A_MS;
	for (uint32_t i = 0; i < tracing->core_count; i++)
		sl_path_core_trace(trace->wire->cores[i], tracing->cores[i]);
	trace->now = tracing;
	return 0;
}

/* Cores may look at it until each has passed a burst. Without memory to wait it is kept for good. */
static void stop(void *context)
{
	struct trace *trace = context;

	if (!trace->now)
		return;
	for (uint32_t i = 0; i < trace->now->core_count; i++)
		sl_path_core_trace(trace->wire->cores[i], NULL);
	(void)sl_publish_retire(trace->wire->publish, free_tracing, trace->now);
	trace->now = NULL;
}

static uint64_t wall_ns(const struct tracing *tracing, uint64_t tsc)
{
	uint64_t cycles = tsc - tracing->begin_tsc, hz = rte_get_tsc_hz();

	return tracing->begin_ns + cycles / hz * NS_A_S + cycles % hz * NS_A_S / hz;
}

/* A record of one core after the other. */
static bool take(void *context, struct sl_trace_record *record, uint64_t *at_ns)
{
	struct trace *trace = context;

	for (uint32_t i = 0; trace->now && i < trace->now->core_count; i++) {
		uint32_t core = (trace->turn + i) % trace->now->core_count;

		if (!sl_trace_take(&trace->now->cores[core]->ring, record))
			continue;
		*at_ns = wall_ns(trace->now, record->tsc);
		trace->turn = core + 1;
		return true;
	}
	return false;
}

static void count_all(void *context, struct sl_trace_counts *counts)
{
	const struct trace *trace = context;

	*counts = (struct sl_trace_counts){0};
	for (uint32_t i = 0; trace->now && i < trace->now->core_count; i++) {
		const struct sl_trace_counts *one = &trace->now->cores[i]->ring.counts;

		/* what is a part of something before that */
		counts->lost += sl_stats_read(&one->lost);
		counts->matched += sl_stats_read(&one->matched);
		counts->seen += sl_stats_read(&one->seen);
		counts->left_out += sl_stats_read(&one->left_out);
	}
}

void trace_source(struct trace *trace, struct sl_trace_source *source)
{
	*source = (struct sl_trace_source){
		.start = start, .stop = stop, .take = take, .count = count_all, .context = trace};
}
