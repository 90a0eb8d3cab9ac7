/* SPDX-License-Identifier: BSD-3-Clause */

/* The tables of figures: every row reads the member that it names, and no name stands twice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"
#include "show/figure.h"

static const struct sl_figures *const all[] = {&sl_figures_balance, &sl_figures_port,
					       &sl_figures_service, &sl_figures_pool,
					       &sl_figures_node};
#define ALL (sizeof(all) / sizeof(all[0]))

static const struct sl_figure *find(const struct sl_figures *figures, const char *name)
{
	for (uint32_t i = 0; i < figures->count; i++)
		if (strcmp(figures->list[i].name, name) == 0)
			return &figures->list[i];
	fail_msg("no figure %s", name);
	return NULL;
}

static void a_figure_is_its_member_whatever_its_type(void **state)
{
	struct sl_node_report node = {.weight = 2500000,
				      .state = SL_NODE_STATE_DRAINING,
				      .slots = UINT32_MAX,
				      .expected_share = 0.25,
				      .packets = UINT64_MAX};
	const struct sl_figures *of = &sl_figures_node;

	(void)state;
	assert_true(sl_figure_real(find(of, "weight"), &node) == 2.5);
	assert_int_equal(sl_figure_number(find(of, "weight"), &node), 2500000);
	assert_int_equal(sl_figure_number(find(of, "state"), &node), SL_NODE_STATE_DRAINING);
	assert_true(sl_figure_real(find(of, "state"), &node) == 0);
	node.state = SL_NODE_STATE_UP;
	assert_true(sl_figure_real(find(of, "state"), &node) == 1);
	assert_int_equal(sl_figure_number(find(of, "slots"), &node), UINT32_MAX);
	assert_true(sl_figure_real(find(of, "slots"), &node) == UINT32_MAX);
	assert_true(sl_figure_real(find(of, "expected_share"), &node) == 0.25);
	assert_int_equal(sl_figure_number(find(of, "packets"), &node), UINT64_MAX);
}

/* What Prometheus and its users expect of names. */
static void metrics_are_named_as_their_kind_asks(void **state)
{
	(void)state;
	for (size_t t = 0; t < ALL; t++)
		for (uint32_t i = 0; i < all[t]->count; i++) {
			const struct sl_figure *figure = &all[t]->list[i];

			if (!figure->metric)
				continue;
			assert_non_null(figure->help);
			assert_int_equal(figure->help[strlen(figure->help) - 1], '.');
			assert_int_equal(strspn(figure->metric, "abcdefghijklmnopqrstuvwxyz_"),
					 strlen(figure->metric));
			assert_null(strchr(figure->help, '\n'));
		}
}

static void no_name_and_no_metric_stands_twice(void **state)
{
	(void)state;
	for (size_t t = 0; t < ALL; t++)
		for (uint32_t i = 0; i < all[t]->count; i++)
			for (size_t u = t; u < ALL; u++)
				for (uint32_t j = u == t ? i + 1 : 0; j < all[u]->count; j++) {
					const struct sl_figure *a = &all[t]->list[i];
					const struct sl_figure *b = &all[u]->list[j];

					if (t == u)
						assert_string_not_equal(a->name, b->name);
					if (a->metric && b->metric)
						assert_string_not_equal(a->metric, b->metric);
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_figure_is_its_member_whatever_its_type),
		cmocka_unit_test(metrics_are_named_as_their_kind_asks),
		cmocka_unit_test(no_name_and_no_metric_stands_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
