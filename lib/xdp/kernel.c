/* SPDX-License-Identifier: BSD-3-Clause */

#include "xdp/kernel.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "xdp/beat.h"
#include "xdp/mirror.h"

#define PATH_FORMAT "/proc/self/fd/%d"

struct port {
	struct sl_xdp_port_spec spec;
	char interface[IF_NAMESIZE];
	int link; /* -1: none */
};

struct sl_xdp {
	struct port ports[SL_PORTS_MAX];
	uint32_t port_count;
	bool pins;
	char folder[SL_XDP_PATH_SIZE];
	int driver; /* the driver's program, a file in memory */
	char path[32];
	sl_xdp_say *say;
	void *context;
	struct sl_xdp_set *set;
	struct sl_xdp_mirror *mirror;
	bool started;
	bool follows; /* a program of a daemon before serves */
	struct sl_xdp_beat beat;
};

/* ---- making ---------------------------------------------------------------------------------- */

static void say(const struct sl_xdp *xdp, const char *sentence)
{
	if (xdp->say)
		xdp->say(xdp->context, sentence);
}

/* A set that holds `need`, and what there was in the one before of counts. */
static int make_set(const struct sl_xdp *xdp, const struct sl_xdp_size *need,
		    struct sl_xdp_set **set, struct sl_err *err)
{
	struct sl_xdp_size size;
	struct sl_xdp_port *ports;
	int status;

	sl_xdp_size_for(need, &size);
	status = sl_xdp_set_create(&size, set, err);
	if (status < 0)
		return status;
	ports = (*set)->at[SL_XDP_MAP_PORT];
	for (uint32_t i = 0; i < xdp->port_count; i++) {
		const struct sl_xdp_port_spec *spec = &xdp->ports[i].spec;

		ports[spec->port] = (struct sl_xdp_port){
			.interface = if_nametoindex(xdp->ports[i].interface),
			.takes_all = spec->takes_all,
			.understudy = spec->understudy,
			.promiscuous = spec->promiscuous,
			.punts = spec->punts,
			.learns = spec->learns,
		};
	}
	return 0;
}

/* Whether the kernel takes the program at all. */
static int try_kernel(const struct sl_xdp *xdp, struct sl_err *err)
{
	const struct sl_xdp_size nothing = {0};
	struct sl_xdp_set *set;
	int status = make_set(xdp, &nothing, &set, err), program;

	if (status < 0)
		return status;
	program = sl_xdp_set_load(set, -1, err);
	sl_xdp_set_destroy(set);
	if (program < 0)
		return program;
	close(program);
	return 0;
}

/* The driver opens its program by a path. */
static int make_driver_program(struct sl_xdp *xdp, struct sl_err *err)
{
	xdp->driver = memfd_create("sluice_socket", MFD_CLOEXEC);
	if (xdp->driver < 0 ||
	    write(xdp->driver, sl_xdp_socket, sl_xdp_socket_size) != (ssize_t)sl_xdp_socket_size)
		return sl_err_set(err, -errno, "no memory for the driver's program: %s",
				  strerror(errno));
	(void)snprintf(xdp->path, sizeof(xdp->path), PATH_FORMAT, xdp->driver);
	return 0;
}

static int check_interfaces(struct sl_xdp *xdp, struct sl_err *err)
{
	int status = 0;
	bool ours;

	for (uint32_t i = 0; i < xdp->port_count && status == 0; i++) {
		status = sl_xdp_link_check(xdp->pins ? xdp->folder : NULL, xdp->ports[i].interface,
					   &ours, err);
		xdp->follows |= status == 0 && ours;
	}
	for (uint32_t i = 0; i < xdp->port_count && status == 0; i++)
		status = sl_xdp_sockets_expect(if_nametoindex(xdp->ports[i].interface));
	return status;
}

/* Without a place for pins nothing outlives the process. */
static void open_pins(struct sl_xdp *xdp, const char *instance)
{
	char sentence[SL_ERR_TEXT_SIZE + 128];
	bool wanted = false;
	struct sl_err err;

	for (uint32_t i = 0; i < xdp->port_count; i++)
		wanted |= xdp->ports[i].spec.understudy;
	xdp->pins = wanted && sl_xdp_pins_open(instance, xdp->folder, &err) == 0;
	if (!wanted || xdp->pins)
		return;
	(void)snprintf(sentence, sizeof(sentence),
		       "%s: no packets are served by the kernel when the daemon is gone", err.text);
	say(xdp, sentence);
}

int sl_xdp_create(const struct sl_xdp_spec *spec, sl_xdp_say *say_it, void *context,
		  struct sl_xdp **xdp, struct sl_err *err)
{
	struct sl_xdp *made = calloc(1, sizeof(*made));
	int status;

	if (!made)
		return sl_err_set(err, -ENOMEM, "no memory for the kernel's side");
	made->driver = -1;
	made->say = say_it;
	made->context = context;
	made->port_count = spec->port_count;
	for (uint32_t i = 0; i < spec->port_count; i++) {
		made->ports[i].spec = spec->ports[i];
		made->ports[i].link = -1;
		(void)snprintf(made->ports[i].interface, IF_NAMESIZE, "%s",
			       spec->ports[i].interface);
		made->ports[i].spec.interface = made->ports[i].interface;
	}
	status = try_kernel(made, err);
	if (status == 0)
		status = make_driver_program(made, err);
	if (status == 0) {
		open_pins(made, spec->instance);
		status = check_interfaces(made, err);
	}
	if (status < 0) {
		sl_xdp_destroy(made, true);
		return status;
	}
	*xdp = made;
	return 0;
}

const char *sl_xdp_program_path(const struct sl_xdp *xdp)
{
	return xdp->path;
}

void sl_xdp_yield(struct sl_xdp *xdp)
{
	if (xdp)
		sl_xdp_beat_end(&xdp->beat);
}

bool sl_xdp_stays(const struct sl_xdp *xdp)
{
	for (uint32_t i = 0; xdp && i < xdp->port_count; i++)
		if (xdp->pins && xdp->ports[i].spec.understudy && xdp->ports[i].link >= 0)
			return true;
	return false;
}

/* Programs that do not serve alone go with their link's descriptor. */
void sl_xdp_destroy(struct sl_xdp *xdp, bool stays)
{
	char path[2 * SL_XDP_PATH_SIZE];

	if (!xdp)
		return;
	sl_xdp_yield(xdp);
	for (uint32_t i = 0; i < xdp->port_count; i++) {
		bool goes = !stays || !xdp->ports[i].spec.understudy;

		if (xdp->ports[i].link < 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/link-%s", xdp->folder,
			       xdp->ports[i].interface);
		if (xdp->pins && goes)
			(void)unlink(path);
		close(xdp->ports[i].link);
	}
	if (xdp->pins && !stays)
		(void)sl_xdp_pins_remove(strrchr(xdp->folder, '/') + 1);
	else if (xdp->pins) /* a folder in which nothing is pinned goes */
		(void)rmdir(xdp->folder);
	sl_xdp_sockets_forget();
	sl_xdp_mirror_destroy(xdp->mirror);
	sl_xdp_set_destroy(xdp->set);
	if (xdp->driver >= 0)
		close(xdp->driver);
	free(xdp);
}

/* ---- what the programs before did ------------------------------------------------------------ */

static int open_map(const struct sl_xdp *xdp, const char *name, enum bpf_map_type type,
		    uint32_t value_size)
{
	char path[2 * SL_XDP_PATH_SIZE];
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", xdp->folder, name);
	fd = bpf_obj_get(path);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == type &&
	    info.value_size == value_size)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Of pins of this version; others begin again at zero. */
static void take_over(const struct sl_xdp *xdp, struct sl_xdp_served *served)
{
	int state_fd = open_map(xdp, "state", BPF_MAP_TYPE_ARRAY, sizeof(struct sl_xdp_state));
	int count_fd = open_map(xdp, "count", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(served->count));
	struct sl_xdp_state state;
	const uint32_t first = 0;
	struct sl_xdp_count count;

	if (state_fd >= 0 && count_fd >= 0 && bpf_map_lookup_elem(state_fd, &first, &state) == 0 &&
	    state.version == SL_XDP_VERSION && sl_xdp_count_read(count_fd, &count) == 0) {
		sl_xdp_stretch_end(&state, sl_xdp_now_ns());
		*served = state.carried;
		served->count.packets += count.packets;
		served->count.bytes += count.bytes;
		served->count.dropped += count.dropped;
		served->count.passed += count.passed;
	}
	if (state_fd >= 0)
		close(state_fd);
	if (count_fd >= 0)
		close(count_fd);
}

void sl_xdp_served_read(struct sl_xdp *xdp, struct sl_xdp_served *served)
{
	struct sl_xdp_count count;

	memset(served, 0, sizeof(*served));
	if (!xdp || !xdp->set || !xdp->started)
		return;
	*served = sl_xdp_set_state(xdp->set)->carried;
	if (sl_xdp_count_read(xdp->set->count, &count) < 0)
		return;
	served->count.packets += count.packets;
	served->count.bytes += count.bytes;
	served->count.dropped += count.dropped;
	served->count.passed += count.passed;
}

/* ---- programs -------------------------------------------------------------------------------- */

static int put_on(struct sl_xdp *xdp, struct port *port, const struct sl_xdp_set *set,
		  struct sl_err *err)
{
	uint32_t index = if_nametoindex(port->interface);
	int sockets = sl_xdp_sockets_of(index), program, link, status;
	char sentence[128], name[IF_NAMESIZE + 8];
	bool generic;

	if (sockets < 0)
		return sl_err_set(err, -ENOTSUP,
				  "the AF_XDP driver asked for no program on %s: its sockets are "
				  "unknown",
				  port->interface);
	program = sl_xdp_set_load(set, sockets, err);
	if (program < 0)
		return program;
	if (port->link >= 0) {
		status = bpf_link_update(port->link, program, NULL) == 0 ? 0 : -errno;
		close(program);
		return status < 0 ? sl_err_set(err, status,
					       "the XDP program of %s cannot be "
					       "exchanged: %s",
					       port->interface, strerror(-status))
				  : 0;
	}
	status = sl_xdp_link_attach(xdp->pins ? xdp->folder : NULL, port->interface,
				    port->spec.mode, program, &link, &generic, err);
	close(program);
	if (status < 0)
		return status;
	port->link = link;
	if (generic && port->spec.mode == SL_XDP_AUTO) {
		(void)snprintf(sentence, sizeof(sentence),
			       "the interface %s takes XDP programs in generic mode only, which is "
			       "slower",
			       port->interface);
		say(xdp, sentence);
	}
	(void)snprintf(name, sizeof(name), "link-%s", port->interface);
	if (xdp->pins && port->spec.understudy)
		(void)sl_xdp_pin(xdp->folder, name, link);
	return 0;
}

/* From one set to the next: by the time the programs are exchanged it has all that they ask for. */
static int switch_to(struct sl_xdp *xdp, struct sl_xdp_set *set, struct sl_err *err)
{
	int status = sl_xdp_beat_for(&xdp->beat, sl_xdp_set_state(set), err);

	for (uint32_t i = 0; i < xdp->port_count && status == 0; i++)
		status = put_on(xdp, &xdp->ports[i], set, err);
	if (status < 0)
		return status;
	if (xdp->started)
		sl_xdp_served_read(xdp, &sl_xdp_set_state(set)->carried);
	if (xdp->pins) {
		if (!xdp->started)
			take_over(xdp, &sl_xdp_set_state(set)->carried);
		(void)sl_xdp_pin(xdp->folder, "state", set->map[SL_XDP_MAP_STATE]);
		(void)sl_xdp_pin(xdp->folder, "count", set->count);
	}
	return 0;
}

int sl_xdp_start(struct sl_xdp *xdp, bool polls, struct sl_err *err)
{
	int status;

	if (!xdp || !xdp->set || xdp->started || (xdp->follows && !polls))
		return 0;
	status = switch_to(xdp, xdp->set, err);
	xdp->started = status == 0;
	return status;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

/* A larger set, filled; the one before goes when no program has it. */
static int grow(struct sl_xdp *xdp, const struct sl_snapshot *snapshot, struct sl_err *err)
{
	struct sl_xdp_mirror *mirror = NULL;
	struct sl_xdp_set *set;
	struct sl_xdp_size need;
	int status;

	sl_xdp_mirror_need(snapshot, &need);
	status = make_set(xdp, &need, &set, err);
	if (status < 0)
		return status;
	status = sl_xdp_mirror_create(set, &mirror);
	if (status == 0)
		status = sl_xdp_mirror_write(mirror, snapshot);
	if (status < 0)
		(void)sl_err_set(err, status, "the kernel's maps cannot be filled: %s",
				 strerror(-status));
	else if (xdp->started)
		status = switch_to(xdp, set, err);
	if (status < 0) {
		/* The heartbeat may be the new one's by now. */
		if (xdp->started)
			(void)sl_xdp_beat_for(&xdp->beat, sl_xdp_set_state(xdp->set), NULL);
		sl_xdp_beat_leave(&xdp->beat, sl_xdp_set_state(set));
		sl_xdp_mirror_destroy(mirror);
		sl_xdp_set_destroy(set);
		return status;
	}
	if (xdp->set)
		sl_xdp_beat_leave(&xdp->beat, sl_xdp_set_state(xdp->set));
	sl_xdp_mirror_destroy(xdp->mirror);
	sl_xdp_set_destroy(xdp->set);
	xdp->mirror = mirror;
	xdp->set = set;
	return 0;
}

int sl_xdp_write(struct sl_xdp *xdp, const struct sl_snapshot *snapshot, struct sl_err *err)
{
	int status = -E2BIG;

	if (!xdp)
		return 0;
	if (xdp->set)
		status = sl_xdp_mirror_write(xdp->mirror, snapshot);
	if (status == -E2BIG)
		return grow(xdp, snapshot, err);
	return status < 0 ? sl_err_set(err, status, "the kernel's maps cannot be written: %s",
				       strerror(-status))
			  : 0;
}
