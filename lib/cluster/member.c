/* SPDX-License-Identifier: BSD-3-Clause */

/* Members: our name is ours as long as our lease lives, and says where we stand; others' say so of them.
 * "members/NAME" goes with the lease, "members.known/NAME" stays until somebody forgets it. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "cluster/inside.h"

#define ALIVE	   "members/"
#define KNOWN	   "members.known/"
#define RETRY_MS   500
#define PUBLISH_MS 250 /* between two, of up to as many members as make it longer */
#define EACH_MS	   5u
#define HEX_SIZE   40

/* ---- our own --------------------------------------------------------------------------------- */

static const char *own_state(const struct sl_cluster *cluster)
{
	if (cluster->stopped)
		return "stopped";
	return cluster->state == SL_CLUSTER_MEMBER ? "member" : "joining";
}

static void incarnation_text(const struct sl_cluster *cluster, char text[HEX_SIZE])
{
	(void)snprintf(text, HEX_SIZE, "%016" PRIx64 "%016" PRIx64, cluster->incarnation.word[0],
		       cluster->incarnation.word[1]);
}

/* What we say of ourselves; to be freed. */
static char *own_text(struct sl_cluster *cluster)
{
	char incarnation[HEX_SIZE], digest[HEX_SIZE], *text;
	json_t *object;

	incarnation_text(cluster, incarnation);
	cluster->published = sl_model_generation(cluster->model);
	cluster->digest = sl_record_digest(sl_model_image(cluster->model));
	cluster->published_ms = sl_cluster_now();
	(void)snprintf(cluster->published_state, sizeof(cluster->published_state), "%s",
		       own_state(cluster));
	(void)snprintf(digest, sizeof(digest), "%016" PRIx64, cluster->digest);
	object = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I}", "incarnation", incarnation,
			   "address", cluster->address, "version", cluster->spec.version, "state",
			   cluster->published_state, "generation", (json_int_t)cluster->published,
			   "digest", digest, "time_ms", (json_int_t)sl_clock_wall_ms());
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return text;
}

static void own_key(const struct sl_cluster *cluster, const char *folder,
		    char key[SL_STORE_KEY_SIZE])
{
	(void)snprintf(key, SL_STORE_KEY_SIZE, "%s%s", folder, cluster->spec.conf->member);
}

static void on_claimed(void *context, const struct sl_store_answer *answer);

/* Puts our own key where there is none, or where it has this value (of a lease of ours before). */
static void claim(struct sl_cluster *cluster, const char *value)
{
	char alive[SL_STORE_KEY_SIZE], known[SL_STORE_KEY_SIZE], *text = own_text(cluster);
	const struct sl_store_range own = {.from = alive};
	struct sl_store_commit commit = {
		.compares = {{.key = alive, .value = value}},
		.compare_count = 1,
		.puts = {{.key = alive, .value = text, .leased = true},
			 {.key = known, .value = text}},
		.put_count = 2,
		.read = &own,
	};

	if (!text) {
		cluster->retry_ms = sl_cluster_now() + RETRY_MS;
		return;
	}
	own_key(cluster, ALIVE, alive);
	own_key(cluster, KNOWN, known);
	commit.puts[0].size = commit.puts[1].size = strlen(text);
	sl_cluster_commit(cluster, &commit, on_claimed);
	free(text);
}

static void on_claimed(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;
	const struct sl_store_pair *pair = answer->count == 1 ? &answer->pairs[0] : NULL;
	const char *text = pair && pair->value ? (const char *)pair->value : "";
	char incarnation[HEX_SIZE];

	cluster->busy = false;
	incarnation_text(cluster, incarnation);
	if (answer->rc == 0) {
		cluster->claimed = true;
		cluster->why[0] = '\0';
	} else if (answer->rc == -EAGAIN && strstr(text, incarnation)) {
		claim(cluster, text);
		return;
	} else if (answer->rc != -ENOLINK) {
		cluster->retry_ms = sl_cluster_now() + RETRY_MS;
		if (answer->rc == -EAGAIN && !cluster->why[0]) {
			(void)snprintf(cluster->why, sizeof(cluster->why),
				       "another member is called %s: give each a name of its own "
				       "(cluster.member); one that died is forgotten after %d s",
				       cluster->spec.conf->member, SL_STORE_LEASE_S);
			sl_cluster_say(cluster, true, "%s", cluster->why);
		}
	}
	sl_cluster_work(cluster);
}

void sl_member_claim(struct sl_cluster *cluster)
{
	claim(cluster, NULL);
}

bool sl_member_due(const struct sl_cluster *cluster)
{
	uint64_t every = SL_MAX((uint64_t)PUBLISH_MS, (uint64_t)EACH_MS * cluster->member_count);

	if (sl_model_generation(cluster->model) == cluster->published &&
	    strcmp(cluster->published_state, own_state(cluster)) == 0)
		return false;
	return sl_cluster_now() - cluster->published_ms >= every;
}

static void on_published(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	(void)answer;
	cluster->busy = false;
	sl_cluster_work(cluster);
}

void sl_member_publish(struct sl_cluster *cluster)
{
	char key[SL_STORE_KEY_SIZE], *text = own_text(cluster);
	struct sl_store_commit commit = {.puts = {{.key = key, .value = text, .leased = true}},
					 .put_count = 1};

	if (!text)
		return;
	own_key(cluster, ALIVE, key);
	commit.puts[0].size = strlen(text);
	sl_cluster_commit(cluster, &commit, on_published);
	free(text);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int find(const struct sl_cluster *cluster, const char *name)
{
	for (uint32_t m = 0; m < cluster->member_count; m++)
		if (strcmp(cluster->members[m].name, name) == 0)
			return (int)m;
	return -1;
}

/* A row by name, in the order of names; NULL: there is no room. */
static struct sl_cluster_member *row_of(struct sl_cluster *cluster, const char *name)
{
	int place = find(cluster, name);
	uint32_t at = 0;

	if (place >= 0)
		return &cluster->members[place];
	if (cluster->member_count == SL_CLUSTER_MEMBERS_MAX || strlen(name) >= SL_NAME_SIZE)
		return NULL;
	while (at < cluster->member_count && strcmp(cluster->members[at].name, name) < 0)
		at++;
	memmove(&cluster->members[at + 1], &cluster->members[at],
		(cluster->member_count - at) * sizeof(*cluster->members));
	cluster->member_count++;
	cluster->members[at] = (struct sl_cluster_member){.state = "gone"};
	(void)snprintf(cluster->members[at].name, SL_NAME_SIZE, "%s", name);
	return &cluster->members[at];
}

static void drop_row(struct sl_cluster *cluster, uint32_t at)
{
	cluster->member_count--;
	memmove(&cluster->members[at], &cluster->members[at + 1],
		(cluster->member_count - at) * sizeof(*cluster->members));
}

static void text_of(const json_t *object, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));

	(void)snprintf(out, size, "%s", text ? text : "");
}

/* One who stands where we stand must have the same slots. */
static void compare(struct sl_cluster *cluster, const struct sl_cluster_member *row)
{
	bool differs = row->generation == cluster->published && row->digest != cluster->digest;

	if (differs && !cluster->alarmed)
		sl_cluster_say(cluster, true,
			       "member %s has other slots at generation %" PRIu64
			       ": one of the two is wrong; restart it",
			       row->name, row->generation);
	cluster->alarmed = differs;
}

static void take_alive(struct sl_cluster *cluster, const char *name, const char *text)
{
	struct sl_cluster_member *row = row_of(cluster, name);
	json_t *object = row ? json_loads(text, 0, NULL) : NULL;
	char state[sizeof(row->state)], digest[HEX_SIZE];

	if (!object)
		return;
	text_of(object, "state", state, sizeof(state));
	text_of(object, "digest", digest, sizeof(digest));
	text_of(object, "address", row->address, sizeof(row->address));
	text_of(object, "version", row->version, sizeof(row->version));
	row->generation = (uint64_t)json_integer_value(json_object_get(object, "generation"));
	row->digest = strtoull(digest, NULL, 16);
	if (strcmp(state, row->state) != 0) {
		row->since_ms = (uint64_t)json_integer_value(json_object_get(object, "time_ms"));
		if (cluster->listed && strcmp(name, cluster->spec.conf->member) != 0)
			sl_cluster_say(cluster, strcmp(state, "stopped") == 0,
				       "member %s is %s (was %s)", name, state, row->state);
		memcpy(row->state, state, sizeof(state));
	}
	if (cluster->state == SL_CLUSTER_MEMBER && strcmp(state, "member") == 0)
		compare(cluster, row);
	json_decref(object);
}

static void take_gone(struct sl_cluster *cluster, const char *name)
{
	int place = find(cluster, name);
	struct sl_cluster_member *row;

	if (strcmp(name, cluster->spec.conf->member) == 0)
		cluster->claimed = false;
	if (place < 0)
		return;
	row = &cluster->members[place];
	(void)snprintf(row->state, sizeof(row->state), "gone");
	row->since_ms = sl_clock_wall_ms();
	sl_cluster_say(cluster, true, "member %s is gone", name);
}

void sl_member_take(struct sl_cluster *cluster, const struct sl_store_pair *pair)
{
	bool alive = strncmp(pair->key, ALIVE, strlen(ALIVE)) == 0;
	const char *name = pair->key + strlen(alive ? ALIVE : KNOWN);
	int place;

	if (!alive && strncmp(pair->key, KNOWN, strlen(KNOWN)) != 0)
		return;
	if (alive && pair->value)
		take_alive(cluster, name, (const char *)pair->value);
	else if (alive)
		take_gone(cluster, name);
	else if (pair->value)
		(void)row_of(cluster, name);
	else if ((place = find(cluster, name)) >= 0)
		drop_row(cluster, (uint32_t)place);
}

static void on_listed(void *context, const struct sl_store_answer *answer)
{
	struct sl_cluster *cluster = context;

	cluster->busy = false;
	if (answer->rc)
		return;
	cluster->member_count = 0;
	for (uint32_t i = 0; i < answer->count; i++)
		sl_member_take(cluster, &answer->pairs[i]);
	cluster->listed = true;
	sl_cluster_work(cluster);
}

void sl_member_list(struct sl_cluster *cluster)
{
	static const struct sl_store_range all = {.from = "members", .to = "members0"};

	sl_cluster_read(cluster, &all, on_listed);
}

/* ---- forgetting one -------------------------------------------------------------------------- */

void sl_member_forget(struct sl_cluster *cluster)
{
	char known[SL_STORE_KEY_SIZE], alive[SL_STORE_KEY_SIZE];
	struct sl_store_commit commit = {
		.compares = {{.key = alive}},
		.compare_count = 1,
		.puts = {{.key = known}},
		.put_count = 1,
	};

	(void)snprintf(known, sizeof(known), "%s%s", KNOWN, cluster->forget);
	(void)snprintf(alive, sizeof(alive), "%s%s", ALIVE, cluster->forget);
	cluster->forget[0] = '\0';
	sl_cluster_commit(cluster, &commit, on_published);
}

int sl_cluster_forget(struct sl_cluster *cluster, const char *member, struct sl_err *err)
{
	int place = find(cluster, member);

	if (cluster->state != SL_CLUSTER_MEMBER)
		return sl_err_set(err, -ENOLINK, "no quorum: this member is %s: %s",
				  sl_cluster_state_name(cluster->state), cluster->why);
	if (place < 0)
		return sl_err_set(err, -ENOENT, "the cluster has no member '%s'", member);
	if (strcmp(cluster->members[place].state, "gone") != 0)
		return sl_err_set(err, -EBUSY, "member %s is there (%s): stop it first", member,
				  cluster->members[place].state);
	(void)snprintf(cluster->forget, sizeof(cluster->forget), "%s", member);
	sl_cluster_work_soon(cluster);
	return 0;
}
