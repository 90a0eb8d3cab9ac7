/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses of this host, as the kernel has them.
 *
 * Why:     a program of the kernel has no way to ask whether an address is local.
 * Threads: the command's.
 * Errors:  negative errno; what the callback returns ends the walk.
 */

#ifndef SL_DECAP_ADDRESS_H
#define SL_DECAP_ADDRESS_H

#include "base/addr.h"

typedef int sl_decap_see(void *context, const struct sl_prefix *prefix);

/* Each address of an interface. */
int sl_decap_addresses_of(const char *interface, sl_decap_see *see, void *context);

/* What packets are delivered here for: the kernel's table of local routes, which has addresses of all
 * interfaces and prefixes that were routed to this host as a whole; without the loopback's own. */
int sl_decap_addresses_local(sl_decap_see *see, void *context);

#endif
