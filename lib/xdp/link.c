/* SPDX-License-Identifier: BSD-3-Clause */

#include "xdp/link.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/magic.h>

#include "base/bytes.h"
#include "base/limit.h"

#define ROOT	 "/sys/fs/bpf" /* of SL_XDP_PINS */
#define MAPS_MAX 8	       /* of a driver's program */

/* ---- pins ------------------------------------------------------------------------------------ */

static bool is_bpffs(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && (uint64_t)status.f_type == BPF_FS_MAGIC;
}

/* bpffs takes no dots, as VLAN interfaces have them in their names. */
static void without_dots(char *name)
{
	for (; *name; name++)
		if (*name == '.')
			*name = '%';
}

void sl_xdp_pins_folder(const char *instance, char *folder)
{
	int length = snprintf(folder, SL_XDP_PATH_SIZE, "%s/", SL_XDP_PINS);

	(void)snprintf(folder + length, SL_XDP_PATH_SIZE - (size_t)length, "%s", instance);
	without_dots(folder + length);
}

int sl_xdp_pins_open(const char *instance, char *folder, struct sl_err *err)
{
	if (!is_bpffs(ROOT) && mount("bpf", ROOT, "bpf", 0, "mode=0700") != 0)
		return sl_err_set(err, -errno, "bpffs is not mounted on %s and cannot be: %s", ROOT,
				  strerror(errno));
	(void)mkdir(SL_XDP_PINS, 0700);
	sl_xdp_pins_folder(instance, folder);
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return sl_err_set(err, -errno, "%s cannot be made: %s", folder, strerror(errno));
	return 0;
}

int sl_xdp_pins_remove(const char *instance)
{
	char folder[SL_XDP_PATH_SIZE], path[2 * SL_XDP_PATH_SIZE];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	sl_xdp_pins_folder(instance, folder);
	dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		count += entry->d_name[0] != '.' && unlink(path) == 0;
	}
	closedir(dir);
	(void)rmdir(folder);
	return count;
}

int sl_xdp_pin(const char *folder, const char *name, int fd)
{
	char path[2 * SL_XDP_PATH_SIZE];
	int length = snprintf(path, sizeof(path), "%s/", folder);

	(void)snprintf(path + length, sizeof(path) - (size_t)length, "%s", name);
	without_dots(path + length);
	if (unlink(path) != 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path) == 0 ? 0 : -errno;
}

/* ---- programs on interfaces ------------------------------------------------------------------ */

static void link_path(const char *folder, const char *interface, char *path)
{
	int length = snprintf(path, 2 * SL_XDP_PATH_SIZE, "%s/", folder);

	(void)snprintf(path + length, 2 * SL_XDP_PATH_SIZE - (size_t)length, "link-%s", interface);
	without_dots(path + length);
}

/* The pinned link of an interface that is there: its descriptor and program; -1: there is none. A pin of
 * something else, or of a link whose interface is gone, is removed. */
static int link_open(const char *folder, const char *interface, uint32_t *program)
{
	char path[2 * SL_XDP_PATH_SIZE];
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int fd;

	if (!folder)
		return -1;
	link_path(folder, interface, path);
	fd = bpf_obj_get(path);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	    info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex != 0 &&
	    info.xdp.ifindex == if_nametoindex(interface)) {
		*program = info.prog_id;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	(void)unlink(path);
	return -1;
}

static void program_name(uint32_t id, char *name, size_t size)
{
	struct bpf_prog_info info = {0};
	uint32_t info_size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	(void)snprintf(name, size, "?");
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &info_size) == 0)
		(void)snprintf(name, size, "%s", info.name);
	if (fd >= 0)
		close(fd);
}

int sl_xdp_link_check(const char *folder, const char *interface, bool *ours, struct sl_err *err)
{
	uint32_t index = if_nametoindex(interface), there = 0, program = 0;
	char name[BPF_OBJ_NAME_LEN];
	int link;

	if (index == 0)
		return sl_err_set(
			err, -ENODEV,
			"there is no network interface %s: `ip link` lists those there are",
			interface);
	link = link_open(folder, interface, &program);
	*ours = link >= 0;
	if (link >= 0)
		close(link);
	if (bpf_xdp_query_id((int)index, 0, &there) != 0 || there == 0 || there == program)
		return 0;
	program_name(there, name, sizeof(name));
	return sl_err_set(err, -EBUSY,
			  "the interface %s has another XDP program (%s, id %u): take it off (`ip "
			  "link set dev %s xdp off`, or end what put it there), or take "
			  "another interface",
			  interface, name, there, interface);
}

bool sl_xdp_is_generic(uint32_t index)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, options);

	return bpf_xdp_query((int)index, 0, &options) == 0 &&
	       options.attach_mode == XDP_ATTACHED_SKB;
}

static int link_make(uint32_t index, enum sl_xdp_mode mode, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	int link = -1;

	if (mode != SL_XDP_GENERIC)
		link = bpf_link_create(program, (int)index, BPF_XDP, &native);
	if (link < 0 && mode != SL_XDP_NATIVE)
		link = bpf_link_create(program, (int)index, BPF_XDP, &generic);
	return link;
}

int sl_xdp_link_attach(const char *folder, const char *interface, enum sl_xdp_mode mode,
		       int program, int *link, bool *generic, struct sl_err *err)
{
	uint32_t index = if_nametoindex(interface), before = 0;
	int fd = link_open(folder, interface, &before);

	/* In the other mode than the one that is insisted on: anew. */
	if (fd >= 0 && mode != SL_XDP_AUTO &&
	    sl_xdp_is_generic(index) != (mode == SL_XDP_GENERIC)) {
		(void)bpf_link_detach(fd);
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && bpf_link_update(fd, program, NULL) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		fd = link_make(index, mode, program);
	if (fd < 0)
		return sl_err_set(err, -errno, "the XDP program cannot be put on %s%s: %s",
				  interface,
				  mode == SL_XDP_NATIVE ? " in native mode (`mode: auto` may have "
							  "the generic one)"
							: "",
				  strerror(errno));
	*generic = sl_xdp_is_generic(index);
	*link = fd;
	return 0;
}

bool sl_xdp_link_detach(const char *folder, const char *interface)
{
	char path[2 * SL_XDP_PATH_SIZE];
	uint32_t program = 0;
	int link = link_open(folder, interface, &program);

	if (link < 0)
		return false;
	(void)bpf_link_detach(link);
	close(link);
	link_path(folder, interface, path);
	(void)unlink(path);
	return true;
}

/* ---- the driver's ---------------------------------------------------------------------------- */

static struct {
	uint32_t interface;
	int sockets;
} expected[SL_PORTS_MAX];
static uint32_t expected_count;

int sl_xdp_sockets_expect(uint32_t interface)
{
	if (expected_count == SL_PORTS_MAX)
		return -ENOSPC;
	expected[expected_count].interface = interface;
	expected[expected_count++].sockets = -1;
	return 0;
}

int sl_xdp_sockets_of(uint32_t interface)
{
	for (uint32_t i = 0; i < expected_count; i++)
		if (expected[i].interface == interface)
			return expected[i].sockets;
	return -1;
}

void sl_xdp_sockets_forget(void)
{
	for (uint32_t i = 0; i < expected_count; i++)
		if (expected[i].sockets >= 0)
			close(expected[i].sockets);
	expected_count = 0;
}

/* The map of sockets among those of a program; -1: it has none. */
static int sockets_in(int program)
{
	uint32_t ids[MAPS_MAX], size;
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};

	size = sizeof(info);
	if (bpf_obj_get_info_by_fd(program, &info, &size) != 0)
		return -1;
	for (uint32_t i = 0; i < SL_MIN(info.nr_map_ids, (uint32_t)MAPS_MAX); i++) {
		struct bpf_map_info map = {0};
		int fd = bpf_map_get_fd_by_id(ids[i]);

		size = sizeof(map);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &size) == 0 &&
		    map.type == BPF_MAP_TYPE_XSKMAP)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* In place of libbpf's, for the drivers, too. */
int bpf_xdp_attach(int interface, int program, __u32 flags,
		   const struct bpf_xdp_attach_opts *options)
{
	int (*next)(int, int, __u32, const struct bpf_xdp_attach_opts *);

	for (uint32_t i = 0; i < expected_count; i++)
		if (expected[i].interface == (uint32_t)interface) {
			if (expected[i].sockets < 0)
				expected[i].sockets = sockets_in(program);
			return 0;
		}
	*(void **)&next = dlsym(RTLD_NEXT, "bpf_xdp_attach");
	return next ? next(interface, program, flags, options) : -ENOSYS;
}

int bpf_xdp_detach(int interface, __u32 flags, const struct bpf_xdp_attach_opts *options)
{
	int (*next)(int, __u32, const struct bpf_xdp_attach_opts *);

	for (uint32_t i = 0; i < expected_count; i++)
		if (expected[i].interface == (uint32_t)interface)
			return 0;
	*(void **)&next = dlsym(RTLD_NEXT, "bpf_xdp_detach");
	return next ? next(interface, flags, options) : -ENOSYS;
}
