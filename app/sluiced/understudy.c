/* SPDX-License-Identifier: BSD-3-Clause */

#include "understudy.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/server.h"
#include "xdp/kernel.h"

#define NAP_NS	     10000000
#define QUIET_MS     50	  /* without a packet: sockets are dry */
#define YIELD_MS_MAX 1000 /* until they have to be */

static void say(void *context, const char *sentence)
{
	(void)context;
	sl_log(SL_LOG_WARNING, "%s", sentence);
}

static void port_spec(const struct wire *wire, uint32_t port, struct sl_xdp_port_spec *spec)
{
	const struct sl_conf_port *conf = &wire->conf->ports[port];

	*spec = (struct sl_xdp_port_spec){
		.port = port,
		.interface = sl_conf_xdp_interface(conf),
		.mode = (enum sl_xdp_mode)conf->xdp_mode,
		.takes_all = conf->xdp_take == SL_CONF_XDP_ALL,
		.understudy = conf->xdp_understudy,
		.promiscuous = conf->promiscuous,
		.punts = conf->punt == SL_CONF_PUNT_KERNEL,
		.learns = sl_conf_resolver(conf) == SL_NEIGHBORS_OWN,
	};
}

int understudy_open(struct wire *wire, struct sl_err *err)
{
	struct sl_xdp_spec spec = {.instance = wire->conf->dataplane.instance};
	int status;

	for (uint32_t p = 0; p < wire->conf->port_count; p++)
		if (sl_conf_xdp_interface(&wire->conf->ports[p]))
			port_spec(wire, p, &spec.ports[spec.port_count++]);
	if (spec.port_count == 0)
		return 0;
	status = sl_xdp_create(&spec, say, NULL, &wire->xdp, err);
	if (status == 0 || status == -EBUSY || status == -ENODEV)
		return status;
	sl_log(SL_LOG_WARNING,
	       "%s: ports xdp: have the AF_XDP driver's own program, which takes everything, and "
	       "nothing is served when the daemon is gone",
	       err->text);
	return 0;
}

void understudy_write(void *context, const struct sl_snapshot *snapshot)
{
	struct wire *wire = context;
	struct sl_err err = {0};

	if (sl_xdp_write(wire->xdp, snapshot, &err) < 0)
		sl_log(SL_LOG_WARNING, "%s: the kernel's side keeps what it had", err.text);
}

void understudy_report(void *context, struct sl_understudy *report)
{
	struct wire *wire = context;
	struct sl_xdp_served served;

	sl_xdp_served_read(wire->xdp, &served);
	*report = (struct sl_understudy){
		.packets = served.count.packets,
		.bytes = served.count.bytes,
		.dropped = served.count.dropped,
		.passed = served.count.passed,
		.times = served.times,
		.seconds = (double)served.ns / 1e9,
	};
}

void understudy_yield(struct wire *wire)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	struct wire_idle idle = {0};
	uint64_t until_ms = sl_clock_ms() + YIELD_MS_MAX;

	if (!wire->xdp || wire->launched_cores == 0)
		return;
	sl_xdp_yield(wire->xdp);
	while (!wire_is_idle(wire, &idle, sl_clock_ms(), QUIET_MS) && sl_clock_ms() < until_ms)
		nanosleep(&nap, NULL);
}

void understudy_close(struct wire *wire, bool stays)
{
	if (stays && sl_xdp_stays(wire->xdp))
		sl_log(SL_LOG_NOTICE,
		       "the kernel's program goes on serving; `sluiced -c FILE --detach` takes it "
		       "away");
	sl_xdp_destroy(wire->xdp, stays);
	wire->xdp = NULL;
}

int understudy_detach(const struct sl_conf *conf, struct sl_err *err)
{
	int status = sl_server_probe(conf->control.socket, err), count;

	if (status < 0)
		return status;
	count = sl_xdp_pins_remove(conf->dataplane.instance);
	if (count < 0)
		return sl_err_set(err, count, "the pins of instance %s cannot be removed: %s",
				  conf->dataplane.instance, strerror(-count));
	sl_log(SL_LOG_NOTICE,
	       count > 0 ? "instance %s: the kernel's program is taken away"
			 : "instance %s: there was nothing to take away",
	       conf->dataplane.instance);
	return 0;
}
