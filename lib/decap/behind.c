/* SPDX-License-Identifier: BSD-3-Clause */

#include "decap/behind.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "xdp/program.h"

#define NAME	 "sluice_pass"
#define PRIORITY 4750
#define HANDLE	 1

/* What has our place: 1 ours, 0 nothing, -EBUSY another. */
static int look(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, there, .handle = HANDLE, .priority = PRIORITY);
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int program, known;

	if (bpf_tc_query(hook, &there) != 0)
		return 0;
	program = bpf_prog_get_fd_by_id(there.prog_id);
	known = program < 0 ? -1 : bpf_obj_get_info_by_fd(program, &info, &size);
	if (program >= 0)
		close(program);
	return known == 0 && strcmp(info.name, NAME) == 0 ? 1 : -EBUSY;
}

static int put(const struct bpf_tc_hook *hook, const char *interface, int program,
	       struct sl_err *err)
{
	LIBBPF_OPTS(bpf_tc_opts, ours, .prog_fd = program, .handle = HANDLE, .priority = PRIORITY,
		    .flags = BPF_TC_F_REPLACE);

	if (look(hook) < 0)
		return sl_err_set(
			err, -EBUSY,
			"ingress of %s has another filter of priority %u: take it off (`tc "
			"filter del dev %s ingress pref %u`)",
			interface, PRIORITY, interface, PRIORITY);
	return bpf_tc_attach(hook, &ours) == 0
		       ? 0
		       : sl_xdp_refuse(err, "the filter that passes segments on");
}

int sl_decap_behind_attach(const char *interface, const struct sl_decap_set *set,
			   struct sl_err *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(interface),
		    .attach_point = BPF_TC_INGRESS);
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	int program = sl_decap_set_load_pass(set, err), status;

	if (program < 0) {
		libbpf_set_print(before);
		return program;
	}
	status = bpf_tc_hook_create(&hook);
	if (status != 0 && status != -EEXIST)
		status = sl_xdp_refuse(err, "the qdisc clsact, for the second chance");
	else
		status = put(&hook, interface, program, err);
	close(program);
	libbpf_set_print(before);
	return status;
}

void sl_decap_behind_detach(const char *interface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(interface),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, ours, .handle = HANDLE, .priority = PRIORITY);
	libbpf_print_fn_t before = libbpf_set_print(NULL);

	if (hook.ifindex > 0 && look(&hook) > 0)
		(void)bpf_tc_detach(&hook, &ours);
	libbpf_set_print(before);
}
