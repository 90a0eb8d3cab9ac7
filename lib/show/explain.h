/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a packet goes, and why: the data path's own functions on one packet.
 *
 * Why:     what explains is what decides: sl_parse(), sl_decide_look() and sl_encap_write() on the
 *          snapshot that packets see, through the eyes of a receive core, writing nothing.
 * Threads: control.
 * Errors:  0 or -EINVAL.
 */

#ifndef SL_SHOW_EXPLAIN_H
#define SL_SHOW_EXPLAIN_H

#include "base/addr.h"
#include "image/image.h"
#include "state/snapshot.h"

#define SL_EXPLAIN_FRAME_MAX 262144u /* octets of a frame that are looked at */
#define SL_EXPLAIN_BUILT_MAX 128u    /* octets of a frame that is built */

struct json_t;

/* A packet in words. */
struct sl_explain_tuple {
	struct sl_addr src, dst;
	uint16_t sport, dport;
	uint8_t protocol;
	uint8_t tcp_flags;
	struct sl_mac mac; /* of the port it comes in by */
};

/* A frame of that packet without payload. Returns its size. */
uint32_t sl_explain_build(const struct sl_explain_tuple *tuple,
			  uint8_t frame[SL_EXPLAIN_BUILT_MAX]);

/* A frame that comes in; size octets of it are at hand. */
struct sl_explain_frame {
	uint8_t *octets;
	uint32_t size;
	uint32_t frame_size;
};

/* What becomes of a frame that comes in by a port. first: what came before it, the first fragment
 * of its datagram, or NULL. */
struct json_t *sl_explain(const struct sl_snapshot *snapshot, const struct sl_image *image,
			  uint32_t port, const struct sl_explain_frame *frame,
			  const struct sl_explain_frame *first, uint64_t now_ms);

#endif
