/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of a cluster's member, for the files of this room.
 *
 * Shape:   one thing at a time: sl_cluster_work() looks at what is to be done next, and begins it; its
 *          answer ends in sl_cluster_work() again. What is asked of the store between is `busy`.
 * Threads: control.
 */

#ifndef SL_CLUSTER_INSIDE_H
#define SL_CLUSTER_INSIDE_H

#include <sys/queue.h>

#include "cluster/cluster.h"
#include "cluster/record.h"

#define SL_CLUSTER_PART_SIZE   (512u << 10) /* octets of a value; etcd takes 1.5 MiB by default */
#define SL_CLUSTER_PAGE	       64u	    /* records that are read at a time */
#define SL_CLUSTER_EVERY       128u	    /* generations between two checkpoints */
#define SL_CLUSTER_KEEP	       256u	    /* that can be gone back to, at least */
#define SL_CLUSTER_FOLD	       32u	    /* changes that are written at once */
#define SL_CLUSTER_PATIENCE_MS 3000	    /* until a change is refused for want of a quorum */
#define SL_CLUSTER_TIMES       1024u

/* A record of the log that is not carried out yet. */
struct sl_incoming {
	STAILQ_ENTRY(sl_incoming) link;
	uint64_t generation;
	uint8_t *value;
	size_t size;
};

/* A change of ours that is not decided yet. */
struct sl_pending {
	STAILQ_ENTRY(sl_pending) link;
	uint64_t ticket;
	struct sl_record_id id;
	struct sl_pack pack;
	struct sl_conf *sections; /* APPLY: whose control is ours alone; else NULL */
	uint64_t checked;	  /* the generation at which it was found possible */
	uint64_t if_generation;
	bool if_generation_set;
	bool folds; /* it leaves others that do possible, and they it */
	uint64_t until_ms;
};

/* A value that is written or read in parts. */
struct sl_parts {
	struct sl_pack pack; /* what is read */
	const uint8_t *data; /* what is written; borrowed */
	size_t size, at;
	char name[SL_STORE_KEY_SIZE / 2];
	uint32_t count;
	/* rc (-ENOENT: a part is missing, -EBADMSG: it is no value), and the value as it goes into the
	 * store, or the whole as it was read */
	void (*done)(struct sl_cluster *cluster, int rc, const uint8_t *data, size_t size);
};

struct sl_cluster {
	struct sl_cluster_spec spec;
	struct sl_model *model;
	struct sl_store *store;
	struct event *timer, *soon;
	char address[SL_CLUSTER_ADDRESS_SIZE];
	struct sl_record_id incarnation;
	enum sl_cluster_state state;
	char why[SL_CLUSTER_WHY_SIZE];
	bool session;	     /* the store answers */
	bool busy;	     /* something was asked, and its answer is awaited */
	bool claimed;	     /* our name is ours */
	bool looked;	     /* the head of the log was read in this session */
	bool synced;	     /* the model is what the log makes */
	bool known;	     /* what we had before we joined was the cluster's */
	bool listed;	     /* the members are known */
	bool began;	     /* joins() was told, joined() was not */
	bool stopped;	     /* a record means nothing here */
	uint64_t down_ms;    /* since when there is no session */
	uint64_t retry_ms;   /* nothing is claimed before that */
	uint64_t seen;	     /* the newest generation that is known of */
	uint64_t checkpoint; /* likewise, of checkpoints */
	bool checkpoint_due;
	struct sl_image *before; /* what we had before we joined, until it is known; a reference */
	STAILQ_HEAD(, sl_incoming) incoming;
	uint64_t incoming_last; /* generation of the last one there */
	STAILQ_HEAD(, sl_pending) pending;
	uint64_t pending_count, ticket;
	struct sl_parts parts;
	struct sl_pack work; /* what is being written */
	uint64_t work_generation;
	struct sl_pack folded[SL_CLUSTER_FOLD - 1]; /* changes that are written with it */
	uint32_t folded_count;
	char forget[SL_NAME_SIZE];
	/* what is known of members, by name */
	struct sl_cluster_member *members;
	uint32_t member_count;
	uint64_t published_ms, published, digest; /* when, and which generation; of its slots */
	char published_state[16];
	/* what members find of nodes */
	char *voice;	    /* ours; NULL: nothing */
	bool voice_due;	    /* it is not in the store */
	bool heard;	    /* what others found is known */
	bool voiced;	    /* and what we found is among it */
	bool listen_again;  /* news came while the list was read */
	uint64_t voiced_ms; /* when ours was written; and when we last judged by all of it */
	uint64_t judged_ms;
	bool alarmed;			  /* another member has other slots, and it was said */
	uint64_t times[SL_CLUSTER_TIMES]; /* when generations came, by their numbers */
};

/* cluster.c */
void sl_cluster_work(struct sl_cluster *cluster);
void sl_cluster_work_soon(struct sl_cluster *cluster);
/* Says it to log and events. */
void sl_cluster_say(struct sl_cluster *cluster, bool bad, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Carries out nothing more. */
void sl_cluster_stop(struct sl_cluster *cluster, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void sl_cluster_read(struct sl_cluster *cluster, const struct sl_store_range *range,
		     sl_store_done *done);
void sl_cluster_commit(struct sl_cluster *cluster, const struct sl_store_commit *commit,
		       sl_store_done *done);
uint64_t sl_cluster_now(void);

/* key.c: "log/%016x", and back; false: it is another key. */
void sl_cluster_key(char key[SL_STORE_KEY_SIZE], const char *folder, uint64_t generation);
bool sl_cluster_key_read(const char *key, const char *folder, uint64_t *generation);

/* parts.c: done comes at once where a value is whole. name: "GENERATION-WHOSE". */
void sl_parts_write(struct sl_cluster *cluster, uint64_t generation, const struct sl_pack *pack,
		    void (*done)(struct sl_cluster *cluster, int rc, const uint8_t *data,
				 size_t size));
void sl_parts_read(struct sl_cluster *cluster, const uint8_t *value, size_t size,
		   void (*done)(struct sl_cluster *cluster, int rc, const uint8_t *data,
				size_t size));

/* log.c */
void sl_log_take(struct sl_cluster *cluster, const struct sl_store_pair *pairs, uint32_t count);
void sl_log_forget(struct sl_cluster *cluster);
void sl_log_apply(struct sl_cluster *cluster);
void sl_log_read(struct sl_cluster *cluster);

/* submit.c; what is decided leaves the list first. */
void sl_submit_next(struct sl_cluster *cluster);
void sl_submit_tick(struct sl_cluster *cluster);
struct sl_pending *sl_submit_find(struct sl_cluster *cluster, const struct sl_record_id *id);
void sl_submit_decide(struct sl_cluster *cluster, struct sl_pending *pending,
		      const struct sl_change *change, const struct sl_change_result *result,
		      const struct sl_err *err);
void sl_submit_fini(struct sl_cluster *cluster);

/* join.c */
void sl_join_next(struct sl_cluster *cluster);
/* After every generation, and once nothing is left to carry out. */
void sl_join_step(struct sl_cluster *cluster);
void sl_join_end(struct sl_cluster *cluster);

/* checkpoint.c */
void sl_checkpoint_write(struct sl_cluster *cluster);
void sl_checkpoint_state(struct sl_cluster *cluster, struct sl_pack *pack);
int sl_checkpoint_apply(struct sl_cluster *cluster, const uint8_t *data, size_t size,
			uint64_t generation, struct sl_err *err);

/* voice.c */
bool sl_voice_due(const struct sl_cluster *cluster);
void sl_voice_publish(struct sl_cluster *cluster);
void sl_voice_list(struct sl_cluster *cluster);
/* False: the key is another one. */
bool sl_voice_take(struct sl_cluster *cluster, const struct sl_store_pair *pair);

/* member.c */
void sl_member_claim(struct sl_cluster *cluster);
void sl_member_list(struct sl_cluster *cluster);
void sl_member_take(struct sl_cluster *cluster, const struct sl_store_pair *pair);
bool sl_member_due(const struct sl_cluster *cluster);
void sl_member_publish(struct sl_cluster *cluster);
void sl_member_forget(struct sl_cluster *cluster);

#endif
