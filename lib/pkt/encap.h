/* SPDX-License-Identifier: BSD-3-Clause */

/* Encapsulation by template: what goes in front of a packet is prepared once a node; each packet
 * costs one copy and a few patches.
 *
 * Shape:   struct sl_encap holds the new octets from the Ethernet header up to where the inner IP
 *          packet starts (VXLAN: up to its inner Ethernet header's end), checksums pre-summed over
 *          all that does not change from packet to packet.
 * Threads: building: any; a built template is immutable.
 * Errors:  sl_encap_build() returns 0 or -EINVAL and writes only on success.
 * Source:  RFC 2003, 2473, 4213 (IP in IP), 2784 (GRE), draft-ietf-intarea-gue variant 0, RFC 7348
 *          (VXLAN), RFC 6040 (ECN, normal mode), RFC 6864 (IPv4 identification), RFC 6935 (zero
 *          UDP checksum in IPv6).
 */

#ifndef SL_PKT_ENCAP_H
#define SL_PKT_ENCAP_H

#include <stdint.h>

#include "base/addr.h"
#include "pkt/parse.h"

enum sl_encap_type {
	SL_ENCAP_NONE = 0, /* new MAC addresses and one TTL less; the packet stays as it is */
	SL_ENCAP_IPIP = 1,
	SL_ENCAP_GRE = 2,
	SL_ENCAP_GUE = 3,
	SL_ENCAP_VXLAN = 4,
};

#define SL_ENCAP_TEMPLATE_SIZE 88 /* Ethernet, IPv6, UDP, VXLAN, Ethernet: 84 */
#define SL_GUE_PORT	       6080
#define SL_VXLAN_PORT	       4789
#define SL_ENCAP_TTL	       64

struct sl_encap_spec {
	enum sl_encap_type type;
	struct sl_mac src_mac, dst_mac; /* our port's, the next hop's */
	struct sl_addr src, dst;	/* outer addresses of one family; not for NONE */
	uint16_t port;			/* UDP destination port of GUE and VXLAN */
	uint32_t vni;			/* VXLAN */
	struct sl_mac inner_src_mac, inner_dst_mac; /* VXLAN */
};

struct sl_encap {
	uint8_t type;	  /* enum sl_encap_type */
	uint8_t size;	  /* octets of template in use; 14 for NONE */
	uint8_t family;	  /* outer enum sl_family, 0 for NONE */
	uint8_t overhead; /* octets the outer IP packet is larger than the inner one */
	uint16_t sum[2];  /* outer IPv4 header summed with total length, TOS and id zero; [inner is
			     IPv6] */
	uint8_t spare[8];
	uint8_t octets[SL_ENCAP_TEMPLATE_SIZE];
};

_Static_assert(sizeof(struct sl_encap) == 104, "fits a node's two cache lines");

int sl_encap_build(const struct sl_encap_spec *spec, struct sl_encap *encap);

/* Writes the outer headers in front of the IP packet that starts at l3: encap->size octets before
 * it are ours to overwrite. pkt describes the packet, hash is its flow's (UDP source port, IPv6
 * flow label). For NONE the TTL is decremented, too; the caller has seen that it is above 1. */
void sl_encap_write(const struct sl_encap *encap, uint8_t *l3, const struct sl_pkt *pkt,
		    uint64_t hash);

#endif
