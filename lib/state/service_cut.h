/* SPDX-License-Identifier: BSD-3-Clause */

/* The rules of a service table, cut: who takes which ports of a place, protocol and VLAN.
 *
 * Why:     a port may be several services', that differ in their sources.
 * Shape:   rules of one group and class, in order of ports, are cut where one begins or ends; a stretch
 *          of ports is one service's, or a set's (source.h), which stretches of the same services
 *          share.
 * Threads: control.
 * Errors:  0 or negative errno, see sl_service_table_build().
 */

#ifndef SL_STATE_SERVICE_CUT_H
#define SL_STATE_SERVICE_CUT_H

#include "state/service_table.h"

/* Stretches that so many port ranges are cut into, at most. */
#define SL_SERVICE_CUTS_MAX(rules) (2 * (rules) + 1)

/* Fills groups, ports and sets. place_of: of each of the table's services. */
int sl_service_rules_build(struct sl_service_table *table, const uint32_t *place_of,
			   uint32_t *first, uint32_t *second);

#endif
