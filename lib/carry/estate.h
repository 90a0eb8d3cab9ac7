/* SPDX-License-Identifier: BSD-3-Clause */

/* What a process that is killed leaves to the next start: what packets went by, and the flow tables.
 *
 * Why:     after `kill -9` or a crash the records of changes say which slots had moved, but not where
 *          flows are: those of schedulers that choose for each, of nodes that were full, and those
 *          that began in slots that were open.
 * Shape:   flow tables are in memory that outlives the process (base/lasting.h). A folder has the rest
 *          in files: `index` and one of each pool, with what carry.h keeps but the flows, and
 *          where the tables are. Files are never changed: what is new gets a new one, and the index,
 *          which says which of them count, is exchanged in one step. All of them are of one version, boot and hash
 *          key, have a CRC-32C, and mode 0600; the folder is locked while a process has it.
 *          Written before packets see a snapshot, so that a death in between leaves slots
 *          open that had not moved yet, which breaks nothing, never slots moved that nobody knows of.
 * Threads: control.
 * Memory:  create and destroy.
 * Errors:  0 or negative errno with a sentence. What cannot be written is taken away as a whole, and
 *          said once: what is there is never older than what packets go by.
 */

#ifndef SL_CARRY_ESTATE_H
#define SL_CARRY_ESTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"

#define SL_ESTATE_VERSION 1 /* of files and flow tables */

struct sl_estate;

/* Makes the folder and locks it. Lasting memory begins: the model's tables are made after this. */
int sl_estate_create(const char *folder, const char *instance, struct sl_estate **estate,
		     struct sl_err *err);

/* over: the process ends in good order, and nothing of it is left; else the next start finds it. Before
 * the model is destroyed. Takes NULL. */
void sl_estate_destroy(struct sl_estate *estate, bool over);

/* What a start found. */
struct sl_estate_found {
	uint64_t flows;	     /* that were taken up */
	uint64_t lost;	     /* flow tables that were not there any more */
	uint64_t generation; /* of the process that left them */
};

/* After the first snapshot was published, while no core runs; publishes another one. generation: that
 * the model has at least, where the estate is of the same records. -ENOENT: nothing was left, or by
 * an end before this boot; else a sentence: what is there is not taken up. */
int sl_estate_take(struct sl_estate *estate, struct sl_model *model, uint64_t generation,
		   struct sl_estate_found *found, struct sl_err *err);

/* From now on it has what the model has. What was there before is removed. */
void sl_estate_begin(struct sl_estate *estate, struct sl_model *model);

/* Removes what a process left that is no more. Returns whether there was something. */
bool sl_estate_remove(const char *folder, const char *instance);

#endif
