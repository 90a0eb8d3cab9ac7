/* SPDX-License-Identifier: BSD-3-Clause */

/* A change as the log has it: what an operator asked, in octets that every member reads alike.
 *
 * Why:     members carry out the same words in the same order, and so come to the same slots; what one
 *          of them has of its own (ports, sockets, secrets of the store) goes to nobody.
 * Shape:   version, checksum, id, time, who, the kind and its words (keep/pack.h). A whole configuration
 *          goes as its text, a rollback as the state that it goes back to.
 * Threads: the loop's.
 * Memory:  octets are the caller's (sl_pack_fini); a struct sl_record owns what its change points to
 *          (sl_record_fini), but borrows texts from the octets.
 * Errors:  -EPROTONOSUPPORT a version to come, -EBADMSG octets that are no record, -EINVAL one that
 *          means nothing here (a port that is not there), -ENOMEM.
 */

#ifndef SL_CLUSTER_RECORD_H
#define SL_CLUSTER_RECORD_H

#include "image/image.h"
#include "keep/history.h"
#include "keep/pack.h"
#include "keep/record.h"
#include "model/change.h"

#define SL_RECORD_VERSION 1u

/* Names a record of its own among all members' ones. */
struct sl_record_id {
	uint64_t word[2];
};

struct sl_record {
	struct sl_record_id id;
	struct sl_change change;
	struct sl_conf_node node; /* ADD_NODE */
	bool node_set;
	struct sl_conf_service service; /* ADD_SERVICE, SET_SERVICE */
	bool service_set;
	struct sl_conf *conf; /* APPLY */
	struct sl_past past;  /* ROLLBACK */
	bool past_set;
	struct sl_change_table table; /* TABLE_SET */
};

/* at: the member; id: of the record. On failure pack->failed. */
void sl_record_write(struct sl_pack *pack, const struct sl_change *change,
		     const struct sl_record_id *id, uint64_t wall_ms, const char *at,
		     const struct sl_image *image, const struct sl_hash_key *key);

/* image is the present one; now_ms and wall_ms are now. */
int sl_record_read(const uint8_t *data, size_t size, const struct sl_image *image,
		   const struct sl_past_clock *now, struct sl_record *record, struct sl_err *err);
void sl_record_fini(struct sl_record *record);

/* What is inside, with version and checksum before it; and back: -EPROTONOSUPPORT, -EBADMSG. */
void sl_record_close(struct sl_pack *out, const struct sl_pack *inside);
int sl_record_open(const uint8_t *data, size_t size, struct sl_unpack *inside);

/* Only the id; false: no record. */
bool sl_record_peek(const uint8_t *data, size_t size, struct sl_record_id *id);

/* The same image without what is a member's own, to be freed with sl_image_put(); NULL: no memory. */
struct sl_image *sl_record_bare(const struct sl_image *image);

/* What tells one state of the pools from another: weights, states by hand, slots, by names. */
uint64_t sl_record_digest(const struct sl_image *image);

#endif
