/* SPDX-License-Identifier: BSD-3-Clause */

/* The handler plugin: a shared object that somebody else wrote, behind sluice/handler.h. */

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkt/parse.h"
#include "sluice/handler.h"
#include "state/service.h"
#include "work/builtin.h"

_Static_assert(SLUICE_KEY_SIZE == SL_RESULT_KEY_SIZE, "a row's key is copied");
_Static_assert(SLUICE_NO_SERVICE == SL_SERVICE_NONE, "services are handed on");

struct plugin {
	void *object; /* dlopen()'s */
	const struct sluice_handler *handler;
	void *state;
	const struct sl_handler_burst *burst; /* while burst() runs */
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	struct sluice_option *options;
	char *texts;
	size_t options_size, texts_size;
};

/* ---- what the host does ---------------------------------------------------------------------- */

static void host_log(int level, const char *line)
{
	sl_log((enum sl_log_level)SL_MIN(SL_MAX(level, (int)SL_LOG_ERROR), (int)SL_LOG_DEBUG), "%s",
	       line);
}

static void host_release(void *handle)
{
	rte_pktmbuf_free(handle);
}

static void host_send(void *worker, void *handle)
{
	const struct sl_handler_burst burst = {.worker = worker};

	sl_handler_send(&burst, handle);
}

static const struct sluice_host host = {.version = SLUICE_HANDLER_VERSION,
					.log = host_log,
					.release = host_release,
					.send = host_send};

/* ---- loading --------------------------------------------------------------------------------- */

static int load(struct plugin *plugin, const char *file, struct sl_err *err)
{
	const struct sluice_handler *handler;

	plugin->object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!plugin->object)
		return sl_err_set(err, -EINVAL, "handler plugin: %s", dlerror());
	handler = dlsym(plugin->object, "sluice_handler");
	if (!handler)
		return sl_err_set(err, -EINVAL,
				  "handler plugin: %s exports no `sluice_handler` (see "
				  "sluice/handler.h)",
				  file);
	if (handler->version == 0 || handler->version > SLUICE_HANDLER_VERSION)
		return sl_err_set(
			err, -EINVAL,
			"handler plugin: %s is written for version %u of sluice/handler.h, "
			"this daemon has %u: build it anew with this one's header",
			file, handler->version, SLUICE_HANDLER_VERSION);
	if (!handler->open || !handler->burst)
		return sl_err_set(err, -EINVAL, "handler plugin: %s has no open or no burst", file);
	plugin->handler = handler;
	return 0;
}

int sl_plugin_check(const char *file, struct sl_err *err)
{
	struct plugin plugin = {0};
	int rc = load(&plugin, file, err);

	if (plugin.object)
		(void)dlclose(plugin.object);
	return rc;
}

/* Names and values for as long as the instance lives. */
static int copy_options(struct plugin *plugin, const struct sl_handler_args *args)
{
	size_t size = 1;
	char *at;

	for (uint32_t i = 0; i < args->option_count; i++)
		size += strlen(args->options[i].name) + strlen(args->options[i].value) + 2;
	plugin->texts_size = size;
	plugin->options_size = (args->option_count + 1) * sizeof(*plugin->options);
	plugin->texts = sl_mem_alloc(plugin->texts_size);
	plugin->options = sl_mem_alloc(plugin->options_size);
	if (!plugin->texts || !plugin->options)
		return -ENOMEM;
	at = plugin->texts;
	for (uint32_t i = 0; i < args->option_count; i++) {
		plugin->options[i].name = at;
		at = stpcpy(at, args->options[i].name) + 1;
		plugin->options[i].value = at;
		at = stpcpy(at, args->options[i].value) + 1;
	}
	return 0;
}

static void plugin_free(struct plugin *plugin)
{
	if (plugin->object)
		(void)dlclose(plugin->object);
	sl_mem_free(plugin->texts, plugin->texts_size);
	sl_mem_free(plugin->options, plugin->options_size);
	sl_mem_free(plugin, sizeof(*plugin));
}

static int start(struct plugin *plugin, const struct sl_handler_args *args, struct sl_err *err)
{
	char sentence[SLUICE_ERROR_SIZE] = "";
	const struct sluice_open opened = {.host = &host,
					   .pool = plugin->pool,
					   .node = plugin->node,
					   .options = plugin->options,
					   .option_count = args->option_count};
	int rc = plugin->handler->open(&opened, &plugin->state, sentence);

	sentence[SLUICE_ERROR_SIZE - 1] = '\0';
	if (rc >= 0)
		return 0;
	return sl_err_set(err, rc, "handler plugin: %s: %s", args->file,
			  sentence[0] ? sentence : strerror(-rc));
}

static int plugin_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	struct plugin *plugin;
	int rc;

	if (!args->file || !args->file[0])
		return sl_err_set(err, -EINVAL, "handler plugin needs a file, a shared object");
	plugin = sl_mem_alloc(sizeof(*plugin));
	if (!plugin)
		return sl_err_set(err, -ENOMEM, "no memory for a plugin");
	(void)snprintf(plugin->pool, sizeof(plugin->pool), "%s", args->pool ? args->pool : "");
	(void)snprintf(plugin->node, sizeof(plugin->node), "%s", args->node);
	rc = load(plugin, args->file, err);
	if (rc == 0 && copy_options(plugin, args))
		rc = sl_err_set(err, -ENOMEM, "no memory for a plugin");
	if (rc == 0)
		rc = start(plugin, args, err);
	if (rc) {
		plugin_free(plugin);
		return rc;
	}
	*state = plugin;
	return 0;
}

static void plugin_close(void *state)
{
	struct plugin *plugin = state;

	if (plugin->handler->close)
		plugin->handler->close(plugin->state);
	plugin_free(plugin);
}

/* ---- packets --------------------------------------------------------------------------------- */

static void describe(struct rte_mbuf *from, const struct sl_pkt *pkt, uint32_t service,
		     uint32_t slot, struct sluice_packet *to)
{
	bool is_v4 = pkt->key.family == SL_FAMILY_IPV4;

	*to = (struct sluice_packet){.frame = rte_pktmbuf_mtod(from, uint8_t *),
				     .size = from->data_len,
				     .frame_size = from->pkt_len,
				     .vlan = pkt->vlan,
				     .slot = slot,
				     .service = service,
				     .handle = from};
	if (pkt->status != SL_PKT_OK)
		return;
	to->ip_size = pkt->l3_size;
	to->l3_offset = pkt->l3_off;
	to->l4_offset = pkt->l4_off;
	to->family = pkt->key.family;
	to->protocol = pkt->key.protocol;
	to->tcp_flags = pkt->tcp_flags;
	to->source = is_v4 ? (const uint8_t *)&pkt->key.src4 : pkt->key.src;
	to->destination = is_v4 ? (const uint8_t *)&pkt->key.dst4 : pkt->key.dst;
	to->source_port = sl_be16(pkt->key.sport_be);
	to->destination_port = sl_be16(pkt->key.dport_be);
}

static void plugin_burst(void *state, const struct sl_handler_burst *burst)
{
	struct plugin *plugin = state;
	struct sl_pkt pkts[SL_BURST_MAX];
	uint32_t services[SL_BURST_MAX], slots[SL_BURST_MAX];
	struct sluice_packet packets[SL_BURST_MAX];
	const struct sl_handler_view view = {.pkts = pkts, .services = services, .slots = slots};
	const struct sluice_burst theirs = {.packets = packets,
					    .count = burst->count,
					    .now_ns = burst->wall_ms * 1000000,
					    .worker = burst->worker};

	sl_handler_parse(burst, &view);
	for (uint32_t i = 0; i < burst->count; i++)
		describe(burst->packets[i], &pkts[i], services[i], slots[i], &packets[i]);
	plugin->handler->burst(plugin->state, &theirs);
	for (uint32_t i = 0; i < burst->count; i++) {
		if (packets[i].verdict == SLUICE_SEND)
			sl_handler_send(burst, burst->packets[i]);
		else if (packets[i].verdict != SLUICE_KEEP)
			rte_pktmbuf_free(burst->packets[i]);
	}
}

/* ---- what control asks ----------------------------------------------------------------------- */

static void plugin_tick(void *state, uint64_t wall_ms)
{
	struct plugin *plugin = state;

	if (plugin->handler->tick)
		plugin->handler->tick(plugin->state, wall_ms * 1000000);
}

static uint32_t plugin_results(void *state, uint64_t *cursor, struct sl_result_row *rows,
			       uint32_t room)
{
	struct plugin *plugin = state;
	struct sluice_row theirs[16];
	uint32_t wanted = SL_MIN(room, (uint32_t)SL_ARRAY_COUNT(theirs)), got;

	if (!plugin->handler->results) {
		*cursor = UINT64_MAX;
		return 0;
	}
	got = plugin->handler->results(plugin->state, cursor, theirs, wanted);
	got = SL_MIN(got, wanted);
	for (uint32_t i = 0; i < got; i++) {
		const struct sluice_row *row = &theirs[i];

		rows[i] = (struct sl_result_row){.packets = row->packets,
						 .octets = row->octets,
						 .first_ms = row->first_ms,
						 .last_ms = row->last_ms,
						 .error = row->error};
		memcpy(rows[i].key, row->key, SL_RESULT_KEY_SIZE - 1);
	}
	return got;
}

static void plugin_total(void *state, struct sl_result_total *total)
{
	struct plugin *plugin = state;
	struct sluice_total theirs = {0};

	if (plugin->handler->total)
		plugin->handler->total(plugin->state, &theirs);
	*total = (struct sl_result_total){.packets = theirs.packets,
					  .octets = theirs.octets,
					  .keys = theirs.keys,
					  .lost = theirs.lost};
}

static void plugin_reset(void *state)
{
	struct plugin *plugin = state;

	if (plugin->handler->reset)
		plugin->handler->reset(plugin->state);
}

/* Which options are right only the object knows, when it is opened. */
static int plugin_check(const struct sl_handler_args *args, struct sl_err *err)
{
	(void)args;
	(void)err;
	return 0;
}

static int plugin_probe(const struct sl_handler_args *args, struct sl_err *err)
{
	return sl_plugin_check(args->file, err);
}

const struct sl_handler_ops sl_handler_plugin = {
	.name = "plugin",
	.needs_file = true,
	.check = plugin_check,
	.probe = plugin_probe,
	.open = plugin_open,
	.burst = plugin_burst,
	.close = plugin_close,
	.tick = plugin_tick,
	.results = plugin_results,
	.total = plugin_total,
	.reset = plugin_reset,
};
