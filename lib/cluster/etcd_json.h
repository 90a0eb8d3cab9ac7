/* SPDX-License-Identifier: BSD-3-Clause */

/* What etcd's JSON gateway is asked and answers, as text.
 *
 * Why:     whatever a store says, half of it or nonsense, ends here in an error.
 * Threads: any; pure.
 * Memory:  texts are from malloc(); a struct sl_etcd_said is freed with sl_etcd_said_fini().
 * Errors:  NULL: no memory; -EBADMSG: no answer that is one.
 * Source:  etcd 3.4, api/v3 (rpc.proto) by its grpc-gateway: keys and values in base64, numbers as texts.
 */

#ifndef SL_CLUSTER_ETCD_JSON_H
#define SL_CLUSTER_ETCD_JSON_H

#include "cluster/store.h"

/* What came, whichever answer it is. */
struct sl_etcd_said {
	struct sl_store_pair *pairs;
	uint32_t count;
	bool more, succeeded, created, canceled;
	uint64_t revision, lease;
	int64_t ttl;
	char token[256];
	char error[256]; /* "": none */
	uint8_t *room;	 /* of values */
};

char *sl_etcd_ask_range(const char *prefix, const struct sl_store_range *range);
char *sl_etcd_ask_commit(const char *prefix, const struct sl_store_commit *commit, uint64_t lease);
char *sl_etcd_ask_watch(const char *prefix, uint64_t revision);
/* {"ID": lease}, {"TTL": seconds}; of user and password. */
char *sl_etcd_ask_lease(uint64_t lease, uint32_t ttl_s);
char *sl_etcd_ask_token(const char *user, const char *password);

/* Reads one answer of length octets. Pairs' keys are without the prefix. 0, -EBADMSG or -ENOMEM. */
int sl_etcd_read(const char *prefix, const char *text, size_t length, struct sl_etcd_said *said);
void sl_etcd_said_fini(struct sl_etcd_said *said);

#endif
