/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers of the headers we read and write: types, sizes, and offsets of fields from a header's
 * start.
 *
 * Why:     headers lie at any alignment and are read with wide loads, so fields are named by
 *          offset, not by struct.
 * Threads: any; constants only.
 * Source:  IEEE 802.3, 802.1Q; RFC 791, 8200, 9293, 768, 792, 4443, 4302, 9260, 3828, 4340.
 */

#ifndef SL_PKT_HDR_H
#define SL_PKT_HDR_H

#define SL_ETH_SIZE	 14
#define SL_ETH_SRC	 6
#define SL_ETH_TYPE	 12
#define SL_ETH_GROUP_BIT 0x01 /* in the first octet of a MAC address */
#define SL_VLAN_SIZE	 4
#define SL_VLAN_ID_MASK	 0x0fff

#define SL_ETHERTYPE_IPV4   0x0800
#define SL_ETHERTYPE_ARP    0x0806
#define SL_ETHERTYPE_TEB    0x6558 /* Ethernet in GRE */
#define SL_ETHERTYPE_VLAN   0x8100
#define SL_ETHERTYPE_IPV6   0x86dd
#define SL_ETHERTYPE_QINQ   0x88a8
#define SL_ETHERTYPE_QINQ_1 0x9100

#define SL_IP4_SIZE	      20 /* without options */
#define SL_IP4_SIZE_MAX	      60
#define SL_IP4_FIRST	      0x45 /* the first octet: version 4, no options */
#define SL_IP4_TOS	      1
#define SL_IP4_TOTAL	      2
#define SL_IP4_ID	      4
#define SL_IP4_FRAGMENT	      6
#define SL_IP4_TTL	      8
#define SL_IP4_PROTOCOL	      9
#define SL_IP4_SUM	      10
#define SL_IP4_SRC	      12
#define SL_IP4_DST	      16
#define SL_IP4_DF	      0x4000
#define SL_IP4_MF	      0x2000
#define SL_IP4_FRAGMENT_MASK  0x1fff /* in units of 8 octets */
#define SL_IP6_FRAGMENT_SIZE  8
#define SL_IP4_DATAGRAM_LIMIT 65535

#define SL_IP6_SIZE    40
#define SL_IP6_PAYLOAD 4
#define SL_IP6_NEXT    6
#define SL_IP6_HOPS    7
#define SL_IP6_SRC     8
#define SL_IP6_DST     24
#define SL_IP6_MTU_MIN 1280 /* of every link: RFC 8200 section 5 */

#define SL_PROTO_HOP_BY_HOP  0
#define SL_PROTO_ICMP	     1
#define SL_PROTO_IPIP	     4
#define SL_PROTO_TCP	     6
#define SL_PROTO_UDP	     17
#define SL_PROTO_DCCP	     33
#define SL_PROTO_IPV6	     41
#define SL_PROTO_ROUTING     43
#define SL_PROTO_FRAGMENT    44
#define SL_PROTO_GRE	     47
#define SL_PROTO_ESP	     50
#define SL_PROTO_AH	     51
#define SL_PROTO_ICMPV6	     58
#define SL_PROTO_NONE	     59
#define SL_PROTO_DESTINATION 60
#define SL_PROTO_SCTP	     132
#define SL_PROTO_MOBILITY    135
#define SL_PROTO_UDPLITE     136

#define SL_TCP_SIZE	20 /* without options */
#define SL_TCP_SEQ	4
#define SL_TCP_OFFSET	12
#define SL_TCP_FLAGS	13
#define SL_TCP_SUM	16
#define SL_UDP_SIZE	8
#define SL_UDP_LENGTH	4
#define SL_UDP_SUM	6
#define SL_SCTP_SIZE	12
#define SL_DCCP_SIZE	12
#define SL_UDPLITE_SIZE 8
#define SL_L4_PORTS_SIZE                                                                           \
	4 /* source and destination port open TCP, UDP, SCTP, DCCP and UDP-Lite alike */

#define SL_ICMP_SIZE	     8
#define SL_ICMP6_COMMON_SIZE 4
#define SL_ICMP_SUM	     2
#define SL_ICMP_ECHO_REPLY   0
#define SL_ICMP_UNREACHABLE  3
#define SL_ICMP_QUENCH	     4
#define SL_ICMP_REDIRECT     5
#define SL_ICMP_ECHO	     8
#define SL_ICMP_TIME	     11
#define SL_ICMP_PARAMETER    12

#define SL_ICMP_CODE_FRAGMENTATION 4 /* of unreachable: fragmentation needed and DF set */

#define SL_ICMP6_UNREACHABLE 1
#define SL_ICMP6_TOO_BIG     2
#define SL_ICMP6_TIME	     3
#define SL_ICMP6_PARAMETER   4
#define SL_ICMP6_ERROR_LIMIT 128 /* types below are errors */
#define SL_ICMP6_ECHO	     128
#define SL_ICMP6_ECHO_REPLY  129
#define SL_ICMP6_NS	     135
#define SL_ICMP6_NA	     136
#define SL_ICMP6_REDIRECT    137

#endif
