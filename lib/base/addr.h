/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses as people write them: IPv4, IPv6, prefixes, MAC.
 *
 * Shape:   one struct for both families; IPv4 fills the first four octets, the rest is zero, so
 *          that memcmp() compares.
 * Threads: any; pure.
 * Errors:  parsers return 0 or -EINVAL and write their output only on success.
 */

#ifndef SL_BASE_ADDR_H
#define SL_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define SL_ADDR_TEXT_SIZE 64 /* any address or prefix with its final zero */
#define SL_MAC_SIZE	  6
#define SL_MAC_TEXT_SIZE  18
#define SL_ADDR4_SIZE	  4
#define SL_ADDR6_SIZE	  16

/* Values of struct sl_addr.family; also those of the flow key. */
enum sl_family { SL_FAMILY_NONE = 0, SL_FAMILY_IPV4 = 4, SL_FAMILY_IPV6 = 6 };

struct sl_addr {
	uint8_t family;	    /* enum sl_family */
	uint8_t octets[16]; /* network order */
};

struct sl_prefix {
	struct sl_addr addr; /* host bits are zero */
	uint8_t length;	     /* bits: 0..32 or 0..128 */
};

struct sl_mac {
	uint8_t octets[SL_MAC_SIZE];
};

int sl_addr_parse(const char *text, struct sl_addr *addr);

/* "ADDRESS" (a whole one) or "ADDRESS/LENGTH". With host bits set under the mask: -EINVAL, unless
 * host is not NULL, which gets the whole address (an interface's "192.0.2.2/24"). */
int sl_prefix_parse(const char *text, struct sl_prefix *prefix, struct sl_addr *host);

/* "ADDRESS:PORT", an IPv6 address in brackets; the port is not 0. */
int sl_endpoint_parse(const char *text, struct sl_addr *addr, uint16_t *port);

/* Six hexadecimal octets with colons. */
int sl_mac_parse(const char *text, struct sl_mac *mac);

/* Return text, which has SL_ADDR_TEXT_SIZE or SL_MAC_TEXT_SIZE octets. */
const char *sl_addr_format(const struct sl_addr *addr, char *text);
const char *sl_prefix_format(const struct sl_prefix *prefix, char *text);
const char *sl_mac_format(const struct sl_mac *mac, char *text);

/* Whether the first length bits are those of prefix. */
bool sl_prefix_contains(const struct sl_prefix *prefix, const struct sl_addr *addr);

bool sl_addr_equal(const struct sl_addr *a, const struct sl_addr *b);

/* Bits of an address of the family: 32 or 128. */
static inline uint8_t sl_addr_bits(const struct sl_addr *addr)
{
	return addr->family == SL_FAMILY_IPV4 ? 32 : 128;
}

#endif
