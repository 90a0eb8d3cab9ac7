/* SPDX-License-Identifier: BSD-3-Clause */

/* A store in memory that many members share, and that can lie, forget, answer late or not at all.
 *
 * Shape:   nothing happens but in sim_step(), which answers or tells one thing, chosen by the seed: answers
 *          of one member keep no order, what a watch tells does.
 * Threads: the test's.
 */

#ifndef TESTS_SUPPORT_SIM_STORE_H
#define TESTS_SUPPORT_SIM_STORE_H

#include "cluster/store.h"

/* The engine; members that are created from now on share what sim_begin() made. */
extern const struct sl_store_ops sim_store;

void sim_begin(uint64_t seed);
void sim_end(void);

/* Answers or tells one thing; false: nothing waits. */
bool sim_step(void);

/* A store of a member, by the order of their creation from 0 on. */
struct sl_store *sim_store_of(uint32_t number);
/* The member's session ends: what it asked was done or not, by chance; and begins again. expired: its lease
 * has ended meanwhile. */
void sim_down(struct sl_store *store, const char *why);
void sim_up(struct sl_store *store, bool expired);

/* What is there, without anybody being told (value NULL: nothing); and a change that is told. */
const char *sim_get(const char *key, size_t *size);
void sim_put(const char *key, const void *value, size_t size);
/* Commits that were carried out since sim_begin(). */
uint32_t sim_commits(void);
uint32_t sim_count(const char *prefix);
/* The next answer to a read has only so many octets of its values. */
void sim_cut_next(size_t size);
/* Octets of all keys and values. */
size_t sim_size(void);

#endif
