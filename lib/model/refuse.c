/* SPDX-License-Identifier: BSD-3-Clause */

/* What of a valid configuration cannot become of a running model: every reason, not only the first. */

#include <errno.h>
#include <string.h>

#include "model/inside.h"

/* The hash key that a configuration asks for; NULL: whichever there is. */
static const struct sl_hash_key *wanted_key(const struct sl_edit *edit,
					    const struct sl_conf *wanted)
{
	if (edit->change->hash_key)
		return edit->change->hash_key;
	return wanted->dataplane.hash_key_set
		       ? (const struct sl_hash_key *)(const void *)wanted->dataplane.hash_key
		       : NULL;
}

static bool has_other_key(const struct sl_edit *edit, const struct sl_conf *wanted)
{
	const struct sl_hash_key *key = wanted_key(edit, wanted);

	return key && memcmp(key, &edit->hash_key, sizeof(edit->hash_key)) != 0;
}

static int refuse_pool(struct sl_edit *edit, const struct sl_conf_pool *pool, const char *key)
{
	return sl_change_refuse(edit->result, pool->line, pool->column,
				"pool %s: another %s moves flows: needs apply --force", pool->name,
				key);
}

/* A pool's hash or the hash key differs: every flow may move. So may some with fewer slots. */
static int refuse_hash(struct sl_edit *edit, const struct sl_conf *wanted)
{
	int status = 0;

	if (has_other_key(edit, wanted))
		status = sl_change_refuse(
			edit->result, wanted->dataplane.line, wanted->dataplane.column,
			"another dataplane.hash_key moves flows: needs apply --force");
	for (uint32_t p = 0; p < wanted->pool_count && status == 0; p++) {
		const struct sl_conf_pool *pool = &wanted->pools[p];
		int old = sl_image_find_pool(edit->before, pool->name);
		const struct sl_conf_pool *was = old < 0 ? pool : &edit->before->pools[old]->conf;

		if (pool->hash != was->hash)
			status = refuse_pool(edit, pool, "hash");
		if (status == 0 && pool->symmetric != was->symmetric)
			status = refuse_pool(edit, pool, "symmetric");
	}
	return status;
}

/* A walk over keys that cannot change. */
struct walk {
	struct sl_change_result *result;
	int status;
};

static void refuse_restart(void *context, uint32_t line, uint32_t column, const char *key)
{
	struct walk *walk = context;

	if (walk->status == 0)
		walk->status =
			sl_change_refuse(walk->result, line, column,
					 "%s cannot change while it runs: needs a restart", key);
}

int sl_refuse_check(struct sl_edit *edit, const struct sl_conf *wanted, bool keeps)
{
	struct walk walk = {.result = edit->result};
	int status;

	if (!keeps)
		sl_conf_restart_keys(edit->before->conf, wanted, refuse_restart, &walk);
	status = walk.status;
	if (status == 0 && !edit->change->force)
		status = refuse_hash(edit, wanted);
	if (status < 0)
		return sl_err_set(edit->err, status, "no memory");
	status = sl_change_refused(edit->result, -EPERM, edit->err);
	if (status == 0 && has_other_key(edit, wanted)) {
		sl_change_say(edit->result, "dataplane: hash_key changes, all flows may move");
		memcpy(&edit->hash_key, wanted_key(edit, wanted), sizeof(edit->hash_key));
	}
	return status;
}

struct sl_conf *sl_refuse_sections(const struct sl_edit *edit, const struct sl_conf *wanted,
				   bool keeps)
{
	struct sl_conf sections = *wanted;
	const struct sl_conf *own = edit->before ? edit->before->conf : NULL;

	sections.pools = NULL;
	sections.pool_count = 0;
	if (own && keeps) {
		sections.dataplane = own->dataplane;
		sections.ports = own->ports;
		sections.port_count = own->port_count;
		sections.cluster = own->cluster;
		sections.announce = own->announce;
		sections.control =
			edit->change->sections ? edit->change->sections->control : own->control;
		if (wanted_key(edit, wanted)) {
			sections.dataplane.hash_key_set = wanted->dataplane.hash_key_set;
			memcpy(sections.dataplane.hash_key, wanted->dataplane.hash_key,
			       sizeof(sections.dataplane.hash_key));
		}
	}
	return sl_conf_copy(&sections);
}
