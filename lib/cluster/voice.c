/* SPDX-License-Identifier: BSD-3-Clause */

/* What members find of nodes: "health/NAME" goes with the lease, as the member does. All of them, we too,
 * go by what the store has, in its order. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cluster/inside.h"

#define FOLDER	   "health/"
#define PUBLISH_MS 100 /* between two, of up to as many members as make it longer */
#define EACH_MS	   5u

/* ---- ours ------------------------------------------------------------------------------------ */

/* Where whole lines end that the store takes. */
static size_t fitting(const char *text, size_t size)
{
	if (size <= SL_CLUSTER_PART_SIZE)
		return size;
	size = SL_CLUSTER_PART_SIZE;
	while (size > 0 && text[size - 1] != '\n')
		size--;
	return size;
}

int sl_cluster_say_health(struct sl_cluster *cluster, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	copy[fitting(copy, strlen(copy))] = '\0';
	free(cluster->voice);
	cluster->voice = copy;
	cluster->voice_due = true;
	sl_cluster_work_soon(cluster);
	return 0;
}

bool sl_voice_due(const struct sl_cluster *cluster)
{
	uint64_t every = SL_MAX((uint64_t)PUBLISH_MS, (uint64_t)EACH_MS * cluster->member_count);

	return cluster->voice && cluster->voice_due &&
	       sl_cluster_now() - cluster->voiced_ms >= every;
}

static void on_published(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc && answer->rc != -ENOLINK)
		cluster->voice_due = true;
	sl_cluster_work(cluster);
}

void sl_voice_publish(struct sl_cluster *cluster)
{
	char key[SL_STORE_KEY_SIZE];
	struct sl_store_commit commit = {.puts = {{.key = key,
						   .value = cluster->voice,
						   .size = strlen(cluster->voice),
						   .leased = true}},
					 .put_count = 1};

	(void)snprintf(key, sizeof(key), FOLDER "%s", cluster->spec.conf->member);
	cluster->voice_due = false;
	cluster->voiced_ms = sl_cluster_now();
	sl_cluster_commit(cluster, &commit, on_published);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void tell(struct sl_cluster *cluster, const char *member, const char *text)
{
	if (cluster->spec.calls.found)
		cluster->spec.calls.found(cluster->spec.calls.context, member, text);
}

bool sl_voice_take(struct sl_cluster *cluster, const struct sl_store_pair *pair)
{
	const char *name = pair->key + strlen(FOLDER);

	if (strncmp(pair->key, FOLDER, strlen(FOLDER)) != 0)
		return false;
	if (!cluster->heard) {
		cluster->listen_again = true; /* it may be younger than the list that is read */
		return true;
	}
	if (strcmp(name, cluster->spec.conf->member) == 0) {
		cluster->voiced = pair->value != NULL;
		cluster->voice_due |= pair->value == NULL;
	}
	tell(cluster, name, (const char *)pair->value);
	return true;
}

static void on_listed(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc)
		return;
	if (!cluster->listen_again) {
		tell(cluster, NULL, NULL);
		cluster->heard = true;
		cluster->voiced = false;
	}
	for (uint32_t i = 0; cluster->heard && i < answer->count; i++)
		(void)sl_voice_take(cluster, &answer->pairs[i]);
	sl_cluster_work(cluster);
}

void sl_voice_list(struct sl_cluster *cluster)
{
	static const struct sl_store_range all = {.from = FOLDER, .to = "health0"};

	cluster->listen_again = false;
	sl_cluster_read(cluster, &all, on_listed);
}

/* As long as others go by what we said: until the lease that it went with would have ended. */
bool sl_cluster_judges(struct sl_cluster *cluster)
{
	uint64_t now_ms = sl_cluster_now();

	if (cluster->session && cluster->synced && cluster->heard && cluster->voiced)
		cluster->judged_ms = now_ms;
	return cluster->judged_ms && now_ms - cluster->judged_ms < SL_STORE_LEASE_S * 1000;
}
