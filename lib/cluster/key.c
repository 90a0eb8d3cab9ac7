/* SPDX-License-Identifier: BSD-3-Clause */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/inside.h"

#define DIGITS 16 /* so that the order of keys is that of generations */

void sl_cluster_key(char key[SL_STORE_KEY_SIZE], const char *folder, uint64_t generation)
{
	(void)snprintf(key, SL_STORE_KEY_SIZE, "%s/%016" PRIx64, folder, generation);
}

bool sl_cluster_key_read(const char *key, const char *folder, uint64_t *generation)
{
	size_t length = strlen(folder);

	if (strncmp(key, folder, length) != 0 || key[length] != '/' ||
	    strlen(key + length + 1) != DIGITS ||
	    strspn(key + length + 1, "0123456789abcdef") != DIGITS)
		return false;
	*generation = strtoull(key + length + 1, NULL, 16);
	return true;
}
