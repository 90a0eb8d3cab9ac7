/* SPDX-License-Identifier: BSD-3-Clause */

/* Maximum segment size of a TCP SYN, lowered to what a tunnel leaves.
 *
 * Why:     ends that learn of a smaller segment size at the start need no path MTU discovery.
 * Threads: any; pure.
 * Source:  RFC 9293 section 3.2 (options), RFC 6691, RFC 1624.
 */

#ifndef SL_PKT_MSS_H
#define SL_PKT_MSS_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/parse.h"

/* Lowers the option of a SYN to mss where it is above, the checksum with it. readable: octets at
 * l3. False: nothing was changed (no SYN, no option, low enough, or options cut or malformed). */
bool sl_mss_clamp(uint8_t *l3, uint32_t readable, const struct sl_pkt *pkt, uint16_t mss);

#endif
