/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether the kernel has a socket for an inner packet.
 *
 * Threads: any CPU.
 */

#ifndef SL_DECAP_KNOWN_BPF_H
#define SL_DECAP_KNOWN_BPF_H

#include <stdbool.h>

#include "decap/maps.bpf.h"

#define TCP_STATE_LISTEN 10
#define TCP_FLAG_FIN	 0x01
#define TCP_FLAG_SYN	 0x02
#define TCP_FLAG_RST	 0x04
#define TCP_FLAG_ACK	 0x10

/* A segment of a connection that began before: the tuple of its socket, and its headers. */
struct segment {
	struct bpf_sock_tuple tuple;
	uint32_t tuple_size;
	uint8_t *ip, *tcp;
	uint32_t ip_size;
};

/* False: no TCP, a later fragment, headers that are not there, or a SYN. */
static __always_inline bool read_segment(uint8_t *ip, const uint8_t *end, bool v6,
					 struct segment *segment)
{
	uint32_t size = SL_IP6_SIZE;

	if (v6) {
		if (ip + SL_IP6_SIZE > end || ip[SL_IP6_NEXT] != SL_PROTO_TCP)
			return false;
		memcpy(segment->tuple.ipv6.saddr, ip + SL_IP6_SRC, SL_ADDR6_SIZE);
		memcpy(segment->tuple.ipv6.daddr, ip + SL_IP6_DST, SL_ADDR6_SIZE);
		segment->tuple_size = sizeof(segment->tuple.ipv6);
	} else {
		if (ip + SL_IP4_SIZE > end || ip[SL_IP4_PROTOCOL] != SL_PROTO_TCP ||
		    (sl_load_be16(ip + SL_IP4_FRAGMENT) & (SL_IP4_MF | SL_IP4_FRAGMENT_MASK)))
			return false;
		size = (ip[0] & 0xf) * 4u;
		segment->tuple.ipv4.saddr = sl_load32(ip + SL_IP4_SRC);
		segment->tuple.ipv4.daddr = sl_load32(ip + SL_IP4_DST);
		segment->tuple_size = sizeof(segment->tuple.ipv4);
	}
	segment->ip = ip;
	segment->ip_size = v6 ? SL_IP6_SIZE : SL_IP4_SIZE;
	segment->tcp = ip + size;
	if (segment->tcp + SL_TCP_SIZE > end || (segment->tcp[SL_TCP_FLAGS] & TCP_FLAG_SYN))
		return false;
	if (v6) {
		segment->tuple.ipv6.sport = sl_load16(segment->tcp);
		segment->tuple.ipv6.dport = sl_load16(segment->tcp + 2);
	} else {
		segment->tuple.ipv4.sport = sl_load16(segment->tcp);
		segment->tuple.ipv4.dport = sl_load16(segment->tcp + 2);
	}
	return true;
}

/* Whether a listener's answer to a SYN, which it keeps no memory of, is acknowledged here. */
static __always_inline bool is_cookie(struct bpf_sock *listener, const struct segment *segment)
{
	if ((segment->tcp[SL_TCP_FLAGS] & (TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN)) !=
	    TCP_FLAG_ACK)
		return false;
	return bpf_tcp_check_syncookie(listener, segment->ip, segment->ip_size,
				       (void *)segment->tcp, SL_TCP_SIZE) == 0;
}

/* Established, closing, just being opened, or its last acknowledgement is remembered: all but a
 * listener alone. */
static __always_inline bool is_known(void *ctx, struct segment *segment)
{
	struct bpf_sock *found = bpf_skc_lookup_tcp(ctx, &segment->tuple, segment->tuple_size,
						    BPF_F_CURRENT_NETNS, 0);
	bool known;

	if (!found)
		return false;
	known = found->state != TCP_STATE_LISTEN || is_cookie(found, segment);
	bpf_sk_release(found);
	return known;
}

#endif
