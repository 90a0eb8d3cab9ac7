/* SPDX-License-Identifier: BSD-3-Clause */

/* The hash in restricted kernel-side C: compiled by hash_test for the bpf target, never run. */

#include "base/hash.h"

unsigned long long sl_hash_bpf2(const struct sl_hash_key *key, const unsigned long long *word);
unsigned long long sl_hash_bpf5(const struct sl_hash_key *key, const unsigned long long *word);

unsigned long long sl_hash_bpf2(const struct sl_hash_key *key, const unsigned long long *word)
{
	return sl_hash2(key, word[0], word[1]);
}

unsigned long long sl_hash_bpf5(const struct sl_hash_key *key, const unsigned long long *word)
{
	return sl_hash5(key, word[0], word[1], word[2], word[3], word[4]);
}
