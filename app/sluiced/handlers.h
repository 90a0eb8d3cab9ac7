/* SPDX-License-Identifier: BSD-3-Clause */

/* Handlers between the configuration, the model and the workers.
 *
 * Threads: control.
 */

#ifndef SLUICED_HANDLERS_H
#define SLUICED_HANDLERS_H

#include "conf/conf.h"
#include "model/model.h"
#include "wire.h"

/* Lets configurations name every handler that is registered by now, with the options it takes. */
void handlers_offer(void);

/* Whether the files of the configuration's handlers can serve; says of each that cannot, with its place
 * in the file of that path. 0 or -EINVAL. */
int handlers_probe(const struct sl_conf *conf, const char *path);

/* The model's hooks for handlers; context: wire. */
void handlers_hooks(struct sl_model_hooks *hooks);

/* Names of the node and the handler that a worker is in; false: in none that is open. */
bool handlers_serving(const struct wire *wire, uint32_t worker, const char **node,
		      const char **handler);

#endif
