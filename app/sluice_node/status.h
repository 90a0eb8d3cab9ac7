/* SPDX-License-Identifier: BSD-3-Clause */

/* What is on the interfaces of this host, for people and for programs.
 *
 * Threads: main.
 */

#ifndef SLUICE_NODE_STATUS_H
#define SLUICE_NODE_STATUS_H

#include <stdbool.h>

#include "decap/attach.h"

/* A line on what an interface has now. */
void status_line(const struct sl_decap_state *state);

/* All interfaces' counters. Returns 0 or a negative errno. */
int status_show(bool json, struct sl_err *err);

#endif
