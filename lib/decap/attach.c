/* SPDX-License-Identifier: BSD-3-Clause */

#include "decap/attach.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "decap/behind.h"

#define KIND	   "node@" /* no instance has such a name */
#define NAME_SIZE  64
#define CONFIG_PIN "config"
#define COUNT_PIN  "count"
#define OWN_PIN	   "own"
#define LOCAL_PIN  "local"

static void kind_of(char *name)
{
	struct stat space = {0};

	(void)stat("/proc/thread-self/ns/net", &space);
	(void)snprintf(name, NAME_SIZE, KIND "%llu@", (unsigned long long)space.st_ino);
}

/* The name that the pins of an interface have as those of an instance. */
static void name_of(const char *interface, char *name)
{
	size_t length;

	kind_of(name);
	length = strlen(name);
	(void)snprintf(name + length, NAME_SIZE - length, "%s", interface);
}

static int pin_open(const char *folder, const char *name)
{
	char path[2 * SL_XDP_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return bpf_obj_get(path);
}

/* ---- looking --------------------------------------------------------------------------------- */

static uint32_t keys_in(const char *folder, const char *name)
{
	struct sl_decap_prefix key;
	uint32_t count = 0;
	int fd = pin_open(folder, name);

	for (int more = fd < 0 ? -1 : bpf_map_get_next_key(fd, NULL, &key); more == 0;
	     more = bpf_map_get_next_key(fd, &key, &key))
		count++;
	if (fd >= 0)
		close(fd);
	return count;
}

/* False: these are no pins of ours. */
static bool read_state(const char *folder, struct sl_decap_state *state)
{
	const uint32_t first = 0;
	int config = pin_open(folder, CONFIG_PIN), count = pin_open(folder, COUNT_PIN);
	struct sl_err err;
	bool known, ours = false;

	*state = (struct sl_decap_state){0};
	known = config >= 0 && bpf_map_lookup_elem(config, &first, &state->config) == 0;
	if (known && count >= 0)
		(void)sl_decap_count_read(count, &state->count);
	if (config >= 0)
		close(config);
	if (count >= 0)
		close(count);
	if (!known)
		return false;
	state->config.interface[sizeof(state->config.interface) - 1] = '\0';
	(void)sl_xdp_link_check(folder, state->config.interface, &ours, &err);
	state->attached = ours;
	state->generic = ours && sl_xdp_is_generic(state->config.index);
	state->own_count = keys_in(folder, OWN_PIN);
	state->local_count = keys_in(folder, LOCAL_PIN);
	return true;
}

int sl_decap_each(int (*see)(void *context, const struct sl_decap_state *state), void *context,
		  struct sl_err *err)
{
	DIR *all = opendir(SL_XDP_PINS);
	struct sl_decap_state state;
	char kind[NAME_SIZE], folder[SL_XDP_PATH_SIZE];
	const struct dirent *entry;
	int status = 0;

	if (!all && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!all)
		return sl_err_set(err, -errno, "%s cannot be read: %s (run as root)", SL_XDP_PINS,
				  strerror(errno));
	kind_of(kind);
	while (status == 0 && (entry = readdir(all)) != NULL) {
		if (strncmp(entry->d_name, kind, strlen(kind)) != 0)
			continue;
		sl_xdp_pins_folder(entry->d_name, folder);
		if (read_state(folder, &state))
			status = see(context, &state);
	}
	closedir(all);
	return status;
}

/* ---- on and off ------------------------------------------------------------------------------ */

static int pin_all(const char *folder, const struct sl_decap_set *set)
{
	int status = sl_xdp_pin(folder, CONFIG_PIN, set->map[SL_DECAP_MAP_CONFIG]);

	if (status == 0)
		status = sl_xdp_pin(folder, COUNT_PIN, set->map[SL_DECAP_MAP_COUNTS]);
	if (status == 0)
		status = sl_xdp_pin(folder, OWN_PIN, set->map[SL_DECAP_MAP_OWN]);
	if (status == 0)
		status = sl_xdp_pin(folder, LOCAL_PIN, set->map[SL_DECAP_MAP_LOCAL]);
	return status;
}

static int put(const struct sl_decap_spec *spec, const char *folder, const struct sl_decap_set *set,
	       struct sl_err *err)
{
	char pin[IF_NAMESIZE + 8];
	bool generic;
	int program, link, status;

	/* Before the driver's, which leaves packets to it. */
	if (spec->second_chance && (status = sl_decap_behind_attach(spec->interface, set, err)) < 0)
		return status;
	program = sl_decap_set_load(set, err);
	if (program < 0)
		return program;
	status = sl_xdp_link_attach(folder, spec->interface, spec->mode, program, &link, &generic,
				    err);
	close(program);
	if (status < 0)
		return status;
	(void)snprintf(pin, sizeof(pin), "link-%s", spec->interface);
	status = sl_xdp_pin(folder, pin, link);
	if (status == 0)
		status = pin_all(folder, set);
	close(link);
	if (status == 0 && !spec->second_chance)
		sl_decap_behind_detach(spec->interface);
	return status < 0 ? sl_err_set(err, status, "no pin can be made in %s: %s", folder,
				       strerror(-status))
			  : 0;
}

int sl_decap_attach(const struct sl_decap_spec *spec, struct sl_decap_state *state,
		    struct sl_err *err)
{
	char name[NAME_SIZE], folder[SL_XDP_PATH_SIZE];
	struct sl_decap_set set;
	bool ours = false;
	int counters, status;

	name_of(spec->interface, name);
	sl_xdp_pins_folder(name, folder);
	status = sl_xdp_link_check(folder, spec->interface, &ours, err);
	if (status == 0)
		status = sl_xdp_pins_open(name, folder, err);
	if (status < 0)
		return status;
	counters = ours ? pin_open(folder, COUNT_PIN) : -1;
	status = sl_decap_set_create(spec, counters, &set, err);
	if (counters >= 0)
		close(counters);
	if (status == 0) {
		status = put(spec, folder, &set, err);
		sl_decap_set_close(&set);
	}
	if (status < 0 && !ours) {
		sl_decap_behind_detach(spec->interface);
		(void)sl_xdp_pins_remove(name);
	}
	if (status < 0)
		return status;
	return read_state(folder, state) ? 0 : sl_err_set(err, -EIO, "%s lost its pins", folder);
}

int sl_decap_detach(const char *interface, struct sl_err *err)
{
	char name[NAME_SIZE], folder[SL_XDP_PATH_SIZE];
	int removed;

	name_of(interface, name);
	sl_xdp_pins_folder(name, folder);
	if (access(folder, F_OK) != 0 && errno == ENOENT)
		return 0;
	(void)sl_xdp_link_detach(folder, interface);
	sl_decap_behind_detach(interface);
	removed = sl_xdp_pins_remove(name);
	if (removed < 0 || access(folder, F_OK) == 0)
		return sl_err_set(err, -EACCES, "%s cannot be taken away: run as root", folder);
	return 1;
}
