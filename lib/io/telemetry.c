/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0) /* its name until then */
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#endif

struct sl_telemetry {
	struct rte_tel_data *data;
};

struct command {
	const char *name;
	sl_telemetry_fill *fill;
	const void *context;
};

/* DPDK hands a callback nothing but the command's name, and knows no way to take one back: commands
 * are found here, under a lock that outlives what they read. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct command commands[SL_TELEMETRY_COMMANDS_MAX];
static uint32_t command_count;
static bool ended;

static int on_command(const char *name, const char *params, struct rte_tel_data *data)
{
	struct sl_telemetry out = {.data = data};
	int rc = -ENOENT;

	(void)rte_tel_data_start_dict(data);
	(void)pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < command_count && !ended; i++)
		if (strcmp(commands[i].name, name) == 0)
			rc = commands[i].fill(commands[i].context, params ? params : "", &out);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int sl_telemetry_add(const char *name, const char *help, sl_telemetry_fill *fill,
		     const void *context)
{
	int rc = 0;

	(void)pthread_mutex_lock(&lock);
	if (command_count == SL_TELEMETRY_COMMANDS_MAX)
		rc = -ENOSPC;
	else
		commands[command_count++] =
			(struct command){.name = name, .fill = fill, .context = context};
	ended = false;
	(void)pthread_mutex_unlock(&lock);
	return rc ? rc : rte_telemetry_register_cmd(name, on_command, help);
}

void sl_telemetry_end(void)
{
	(void)pthread_mutex_lock(&lock);
	ended = true;
	(void)pthread_mutex_unlock(&lock);
}

static void set_name(char *to, const char *name)
{
	size_t i = 0;

	for (; name[i] && i + 1 < RTE_TEL_MAX_STRING_LEN; i++)
		to[i] = isalnum((unsigned char)name[i]) || name[i] == '/' ? name[i] : '_';
	to[i] = '\0';
}

void sl_telemetry_number(struct sl_telemetry *out, const char *name, uint64_t value)
{
	char fit[RTE_TEL_MAX_STRING_LEN];

	set_name(fit, name);
	(void)rte_tel_data_add_dict_uint(out->data, fit, value);
}

void sl_telemetry_text(struct sl_telemetry *out, const char *name, const char *text)
{
	char fit[RTE_TEL_MAX_STRING_LEN];

	set_name(fit, name);
	(void)rte_tel_data_add_dict_string(out->data, fit, text);
}
