/* SPDX-License-Identifier: BSD-3-Clause */

/* The figures of a report, by name: what `stats`, DPDK's telemetry and Prometheus show of it.
 *
 * Why:     three that show the same name it once, so that none lacks what another has.
 * Shape:   a table for each kind of row: a figure's name, its place in the row, its metric.
 *          Rows of ports, services, pools and nodes begin with a pointer to their name.
 * Threads: any; constants.
 */

#ifndef SL_SHOW_FIGURE_H
#define SL_SHOW_FIGURE_H

#include <stddef.h>
#include <stdint.h>

enum sl_figure_type {
	SL_FIGURE_U32 = 0,
	SL_FIGURE_U64 = 1,
	SL_FIGURE_REAL = 2,   /* double */
	SL_FIGURE_WEIGHT = 3, /* uint64_t, millionths */
	SL_FIGURE_STATE = 4,  /* enum sl_node_state */
	SL_FIGURE_LINK = 5,   /* enum sl_link_state */
};

struct sl_figure {
	const char *name; /* "load.mean" is `mean` in an object `load` */
	size_t offset;
	enum sl_figure_type type;
	const char *metric; /* behind "sluice_"; counters end in "_total"; NULL: none */
	const char *help;
};

struct sl_figures {
	const struct sl_figure *list;
	uint32_t count;
};

extern const struct sl_figures sl_figures_balance;    /* of a struct sl_balance */
extern const struct sl_figures sl_figures_understudy; /* of a struct sl_understudy */
extern const struct sl_figures sl_figures_port;	      /* of a struct sl_port_report, and so on */
extern const struct sl_figures sl_figures_service;
extern const struct sl_figures sl_figures_class;
extern const struct sl_figures sl_figures_pool;
extern const struct sl_figures sl_figures_node;

/* The word for a state or link; NULL: the figure is a number. */
const char *sl_figure_word(const struct sl_figure *figure, const void *row);
/* What is whole: all but SL_FIGURE_REAL. */
uint64_t sl_figure_number(const struct sl_figure *figure, const void *row);
/* Any figure; of a state or link, 1 when it is up. */
double sl_figure_real(const struct sl_figure *figure, const void *row);

#endif
