/* SPDX-License-Identifier: BSD-3-Clause */

#include "xdp/program.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static __attribute__((format(printf, 2, 0))) int say_nothing(enum libbpf_print_level level,
							     const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int reuse(struct bpf_object *object, const struct sl_xdp_map_use *use)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, use->name);

	return map ? bpf_map__reuse_fd(map, use->fd) : -ENOENT;
}

int sl_xdp_program_load(const uint8_t *octets, uint32_t size, const struct sl_xdp_map_use *maps,
			uint32_t count, struct sl_err *err)
{
	libbpf_print_fn_t before = libbpf_set_print(say_nothing);
	struct bpf_object *object = bpf_object__open_mem(octets, size, NULL);
	int status = object ? 0 : -errno, fd = -1;

	for (uint32_t i = 0; i < count && status == 0; i++)
		status = reuse(object, &maps[i]);
	if (status == 0)
		status = bpf_object__load(object);
	if (status == 0) {
		fd = dup(bpf_program__fd(bpf_object__next_program(object, NULL)));
		status = fd < 0 ? -errno : 0;
	}
	bpf_object__close(object);
	libbpf_set_print(before);
	if (status < 0)
		return sl_err_set(err, status, "the kernel does not take the XDP program: %s",
				  strerror(-status));
	return fd;
}

int sl_xdp_refuse(struct sl_err *err, const char *what)
{
	int status = -errno;

	if (status == -EPERM || status == -EACCES)
		return sl_err_set(err, status,
				  "%s: not permitted: run as root (CAP_BPF, CAP_NET_ADMIN)", what);
	return sl_err_set(err, status, "%s: %s", what, strerror(-status));
}
