/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define START_MS 1000000u
#define OURS	 "02:00:00:00:00:01"
#define OURS_TOO "02:00:00:00:00:02" /* of the last port */
#define ONE	 "02:00:00:00:00:11"
#define OTHER	 "02:00:00:00:00:12"

static char news[1024]; /* all that was told, a letter each: k c f r n */

static void on_news(void *context, const struct sl_neigh_entry *entry, enum sl_neigh_news what,
		    const struct sl_mac *mac)
{
	static const char letters[] = {[SL_NEIGH_NEWS_KNOWN] = 'k',
				       [SL_NEIGH_NEWS_CHANGED] = 'c',
				       [SL_NEIGH_NEWS_FAILED] = 'f',
				       [SL_NEIGH_NEWS_REFUSED] = 'r',
				       [SL_NEIGH_NEWS_KEPT] = 'n'};
	size_t used = strlen(news);

	(void)context;
	(void)entry;
	assert_true((what == SL_NEIGH_NEWS_REFUSED || what == SL_NEIGH_NEWS_KEPT) == (mac != NULL));
	(void)snprintf(news + used, sizeof(news) - used, "%c", letters[what]);
}

static struct sl_mac mac_of(const char *text)
{
	struct sl_mac mac;

	assert_int_equal(sl_mac_parse(text, &mac), 0);
	return mac;
}

static struct sl_neigh_table *start(void)
{
	struct sl_neigh_spec spec = {.news = on_news};
	struct sl_neigh_table *table;

	spec.own[0] = mac_of(OURS);
	spec.own[SL_PORTS_MAX - 1] = mac_of(OURS_TOO);
	news[0] = '\0';
	table = sl_neigh_table_create(&spec);
	assert_non_null(table);
	return table;
}

static struct sl_neigh_key key_of(const char *addr, enum sl_neigh_kind kind)
{
	struct sl_neigh_key key = {.kind = (uint8_t)kind};

	assert_int_equal(sl_addr_parse(addr, &key.addr), 0);
	return key;
}

static struct sl_neigh_entry *get(struct sl_neigh_table *table, const char *addr)
{
	struct sl_neigh_key key = key_of(addr, SL_NEIGH_LINK);
	struct sl_neigh_entry *entry = sl_neigh_get(table, &key, NULL, START_MS);

	assert_non_null(entry);
	return entry;
}

static void told(struct sl_neigh_table *table, struct sl_neigh_entry *entry, const char *text,
		 uint64_t now_ms)
{
	struct sl_mac mac = mac_of(text);

	sl_neigh_told(table, entry, &mac, now_ms);
}

static void expect_mac(const struct sl_neigh_entry *entry, const char *text)
{
	struct sl_mac mac, wanted;

	assert_int_equal(sl_neigh_mac(entry, &mac), text != NULL);
	if (!text)
		return;
	wanted = mac_of(text);
	assert_memory_equal(&mac, &wanted, sizeof(mac));
}

static void
an_address_is_asked_for_at_once_then_every_second_and_fails_after_three_tries(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get(table, "10.0.0.1");

	(void)state;
	for (uint32_t i = 0; i < SL_NEIGH_TRIES; i++) {
		uint64_t now = START_MS + i * SL_NEIGH_RETRY_MS;

		assert_null(i ? sl_neigh_due(table, now - 1) : NULL);
		assert_ptr_equal(sl_neigh_due(table, now), entry);
		assert_null(sl_neigh_due(table, now));
		assert_int_equal(entry->state, SL_NEIGH_RESOLVING);
	}
	assert_ptr_equal(sl_neigh_due(table, START_MS + 3 * SL_NEIGH_RETRY_MS), entry);
	assert_int_equal(entry->state, SL_NEIGH_FAILED);
	assert_null(sl_neigh_due(table, START_MS + 3 * SL_NEIGH_RETRY_MS + SL_NEIGH_FAILED_MS - 1));
	assert_ptr_equal(sl_neigh_due(table, START_MS + 3 * SL_NEIGH_RETRY_MS + SL_NEIGH_FAILED_MS),
			 entry);
	assert_string_equal(news, "f");
	told(table, entry, ONE, START_MS + 60000);
	assert_string_equal(news, "fk");
	expect_mac(entry, ONE);
	sl_neigh_table_destroy(table);
}

static void a_known_one_is_confirmed_and_another_mac_is_taken_up_at_once(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get(table, "2001:db8::1");

	(void)state;
	(void)sl_neigh_due(table, START_MS);
	told(table, entry, ONE, START_MS);
	assert_null(sl_neigh_due(table, START_MS + SL_NEIGH_CONFIRM_MS - 1));
	assert_ptr_equal(sl_neigh_due(table, START_MS + SL_NEIGH_CONFIRM_MS), entry);
	told(table, entry, ONE, START_MS + SL_NEIGH_CONFIRM_MS);
	told(table, entry, OTHER, START_MS + SL_NEIGH_CONFIRM_MS + 1);
	assert_string_equal(news, "kc");
	expect_mac(entry, OTHER);
	sl_neigh_failed(table, entry, START_MS + SL_NEIGH_CONFIRM_MS + 2);
	expect_mac(entry, NULL);
	assert_string_equal(news, "kcf");
	sl_neigh_table_destroy(table);
}

static void what_was_forgotten_keeps_its_mac_until_it_fails(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get(table, "10.0.0.1");

	(void)state;
	for (uint32_t i = 0; i < SL_NEIGH_TRIES; i++) /* tries of before the answer do not count */
		assert_ptr_equal(sl_neigh_due(table, START_MS + i * SL_NEIGH_RETRY_MS), entry);
	told(table, entry, ONE, START_MS);
	sl_neigh_forgotten(table, entry);
	assert_int_equal(entry->state, SL_NEIGH_RESOLVING);
	expect_mac(entry, ONE);
	for (uint32_t i = 0; i <= SL_NEIGH_TRIES; i++) {
		expect_mac(entry, ONE);
		assert_ptr_equal(sl_neigh_due(table, START_MS + i * SL_NEIGH_RETRY_MS), entry);
	}
	expect_mac(entry, NULL);
	assert_string_equal(news, "kf");
	sl_neigh_table_destroy(table);
}

static void our_own_mac_a_groups_and_nobodys_are_not_taken_and_said_once(void **state)
{
	static const char *const macs[] = {OURS, OURS_TOO, "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01",
					   "00:00:00:00:00:00"};
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *fresh = get(table, "10.0.0.1"), *known = get(table, "10.0.0.2");

	(void)state;
	told(table, known, ONE, START_MS);
	for (size_t i = 0; i < SL_ARRAY_COUNT(macs); i++) {
		told(table, fresh, macs[i], START_MS);
		told(table, known, macs[i], START_MS);
	}
	expect_mac(fresh, NULL);
	expect_mac(known, ONE);
	assert_string_equal(news, "krr");
	sl_neigh_table_destroy(table);
}

static void entries_are_there_as_long_as_they_are_used(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_key key = key_of("10.0.0.1", SL_NEIGH_LINK);
	struct sl_neigh_entry *entry = get(table, "10.0.0.1");

	(void)state;
	assert_ptr_equal(get(table, "10.0.0.1"), entry);
	assert_int_equal(sl_neigh_count(table), 1);
	key.port = 1;
	assert_null(sl_neigh_find(table, &key));
	key.port = 0;
	sl_neigh_put(table, entry);
	assert_ptr_equal(sl_neigh_find(table, &key), entry);
	sl_neigh_put(table, entry);
	assert_null(sl_neigh_find(table, &key));
	assert_null(sl_neigh_due(table, START_MS));
	assert_int_equal(sl_neigh_count(table), 0);
	sl_neigh_table_destroy(table);
}

static void those_that_are_left_are_all_shown(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *first = get(table, "10.0.0.1"), *second = get(table, "10.0.0.2");
	struct sl_neigh_entry *third = get(table, "10.0.0.3");

	(void)state;
	sl_neigh_put(table, first);
	sl_neigh_put(table, third);
	assert_int_equal(sl_neigh_count(table), 1);
	assert_ptr_equal(sl_neigh_at(table, 0), second);
	sl_neigh_table_destroy(table);
}

static void given_ones_and_those_that_nobody_asks_for_are_never_due(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_key given = key_of("10.0.0.1", SL_NEIGH_GIVEN);
	struct sl_neigh_key nobody = key_of("10.0.0.2", SL_NEIGH_NOBODY);
	struct sl_mac mac = mac_of(ONE);

	(void)state;
	expect_mac(sl_neigh_get(table, &given, &mac, START_MS), ONE);
	expect_mac(sl_neigh_get(table, &nobody, NULL, START_MS), NULL);
	sl_neigh_again(table, true);
	assert_null(sl_neigh_due(table, START_MS + 1000000));
	sl_neigh_table_destroy(table);
}

static void a_routed_one_has_the_mac_of_its_gateway_and_follows_the_route(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_key key = key_of("203.0.113.1", SL_NEIGH_ROUTE);
	struct sl_neigh_entry *far = sl_neigh_get(table, &key, NULL, START_MS);
	struct sl_neigh_entry *one = get(table, "10.0.0.1"), *other = get(table, "10.0.0.2");

	(void)state;
	told(table, one, ONE, START_MS);
	told(table, other, OTHER, START_MS);
	expect_mac(far, NULL);
	assert_ptr_equal(sl_neigh_due(table, START_MS), far);
	sl_neigh_route(table, far, one, START_MS);
	expect_mac(far, ONE);
	assert_null(sl_neigh_due(table, START_MS + SL_NEIGH_CONFIRM_MS - 1));
	sl_neigh_again(table, false);
	assert_ptr_equal(sl_neigh_due(table, START_MS), far);
	sl_neigh_route(table, far, other, START_MS);
	expect_mac(far, OTHER);
	assert_int_equal(sl_neigh_count(table), 2);
	sl_neigh_route(table, far, NULL, START_MS);
	expect_mac(far, NULL);
	assert_int_equal(sl_neigh_count(table), 1);
	assert_string_equal(news, "kkkcf");
	sl_neigh_put(table, far);
	assert_int_equal(sl_neigh_count(table), 0);
	sl_neigh_table_destroy(table);
}

static void the_table_is_bounded(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_key key = key_of("10.0.0.0", SL_NEIGH_LINK);
	struct sl_neigh_entry *last = NULL;

	(void)state;
	for (uint32_t i = 0; i < SL_NEIGH_MAX; i++) {
		memcpy(key.addr.octets, &i, sizeof(i));
		last = sl_neigh_get(table, &key, NULL, START_MS);
		assert_non_null(last);
	}
	memset(key.addr.octets, 0xff, SL_ADDR4_SIZE);
	assert_null(sl_neigh_get(table, &key, NULL, START_MS));
	sl_neigh_put(table, last);
	assert_non_null(sl_neigh_get(table, &key, NULL, START_MS));
	sl_neigh_table_destroy(table);
}

/* ---- those that we ask for ourselves --------------------------------------------------------- */

static struct sl_neigh_entry *get_own(struct sl_neigh_table *table, const char *addr)
{
	struct sl_neigh_key key = key_of(addr, SL_NEIGH_OWN);
	struct sl_neigh_entry *entry = sl_neigh_get(table, &key, NULL, START_MS);

	assert_non_null(entry);
	return entry;
}

static void claimed(struct sl_neigh_table *table, struct sl_neigh_entry *entry, const char *text,
		    uint64_t now_ms)
{
	struct sl_mac mac = mac_of(text);

	sl_neigh_claimed(table, entry, &mac, now_ms);
}

/* It is asked at that time and not before. */
static void expect_due(struct sl_neigh_table *table, struct sl_neigh_entry *entry, uint64_t now_ms,
		       bool polled)
{
	assert_null(sl_neigh_due(table, now_ms - 1));
	assert_ptr_equal(sl_neigh_due(table, now_ms), entry);
	assert_int_equal(sl_neigh_is_polled(entry), polled);
}

static void a_known_own_one_is_asked_itself_then_the_link_and_fails_when_all_is_silent(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get_own(table, "10.0.0.1");
	uint64_t now = START_MS;

	(void)state;
	expect_due(table, entry, now, false);
	claimed(table, entry, ONE, now);
	claimed(table, entry, ONE, now + 5000); /* that nobody asked for: it confirms nothing */
	assert_int_equal(entry->told_ms, now);
	now += SL_NEIGH_CONFIRM_MS;
	expect_due(table, entry, now, true);
	claimed(table, entry, ONE, now); /* it is there */
	now += SL_NEIGH_CONFIRM_MS;
	for (uint32_t i = 0; i < SL_NEIGH_POLLS; i++, now += SL_NEIGH_RETRY_MS)
		expect_due(table, entry, now, true);
	for (uint32_t i = 0; i < SL_NEIGH_TRIES; i++, now += SL_NEIGH_RETRY_MS) {
		expect_due(table, entry, now, false);
		expect_mac(entry, ONE);
	}
	expect_due(table, entry, now, false);
	expect_mac(entry, NULL);
	assert_int_equal(entry->state, SL_NEIGH_FAILED);
	claimed(table, entry, OTHER, now + 1);
	expect_mac(entry, OTHER);
	assert_string_equal(news, "kfk");
	sl_neigh_table_destroy(table);
}

static void a_claim_changes_nothing_while_the_known_one_answers(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get_own(table, "10.0.0.1");
	uint64_t now = START_MS;

	(void)state;
	expect_due(table, entry, now, false);
	claimed(table, entry, ONE, now);
	for (uint32_t i = 0; i < 1000; i++)
		claimed(table, entry, OTHER, now + 1); /* a flood, also within the answer's time */
	assert_ptr_equal(sl_neigh_due(table, now + 1), entry);
	assert_true(sl_neigh_is_polled(entry));
	claimed(table, entry, OTHER, now + 2);
	claimed(table, entry, ONE, now + 3);
	expect_mac(entry, ONE);
	assert_string_equal(news, "kn");
	claimed(table, entry, OTHER, now + 4); /* it has just answered: later */
	assert_null(sl_neigh_due(table, now + 4 + SL_NEIGH_RETRY_MS - 1));
	assert_ptr_equal(sl_neigh_due(table, now + 4 + SL_NEIGH_RETRY_MS), entry);
	assert_true(sl_neigh_is_polled(entry));
	sl_neigh_table_destroy(table);
}

static void a_claim_is_taken_up_when_the_known_one_is_silent(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get_own(table, "2001:db8::1");
	uint64_t now = START_MS;

	(void)state;
	expect_due(table, entry, now, false);
	claimed(table, entry, ONE, now);
	now += 5000;
	claimed(table, entry, OTHER, now);
	for (uint32_t i = 0; i < SL_NEIGH_CHECKS; i++, now += SL_NEIGH_CHECK_MS) {
		assert_ptr_equal(sl_neigh_due(table, now), entry);
		assert_true(sl_neigh_is_polled(entry));
		assert_null(sl_neigh_due(table, now + SL_NEIGH_CHECK_MS - 1));
		claimed(table, entry, OTHER, now + 1);
		expect_mac(entry, ONE);
	}
	expect_due(table, entry, now, false);
	claimed(table, entry, OTHER, now);
	expect_mac(entry, OTHER);
	assert_string_equal(news, "kc");
	sl_neigh_table_destroy(table);
}

static void an_own_answer_is_taken_only_when_it_was_asked_for_and_may_be_one(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get_own(table, "10.0.0.1");
	uint64_t now = START_MS;

	(void)state;
	claimed(table, entry, ONE, now); /* before the question */
	expect_mac(entry, NULL);
	assert_ptr_equal(sl_neigh_due(table, now), entry);
	claimed(table, entry, OURS, now);
	claimed(table, entry, "01:00:5e:00:00:01", now);
	expect_mac(entry, NULL);
	assert_string_equal(news, "r");
	claimed(table, entry, ONE, now + SL_NEIGH_ANSWER_MS); /* too late: asked again */
	expect_mac(entry, NULL);
	assert_ptr_equal(sl_neigh_due(table, now + SL_NEIGH_ANSWER_MS), entry);
	claimed(table, entry, ONE, now + SL_NEIGH_ANSWER_MS + 1);
	expect_mac(entry, ONE);
	claimed(table, entry, OURS, now + SL_NEIGH_ANSWER_MS + 2); /* nor may it replace one */
	assert_null(sl_neigh_due(table, now + SL_NEIGH_ANSWER_MS + 2));
	expect_mac(entry, ONE);
	sl_neigh_table_destroy(table);
}

static void what_could_not_be_asked_is_due_again_and_was_no_try(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get_own(table, "10.0.0.1");

	(void)state;
	for (uint32_t i = 0; i < 10 * SL_NEIGH_TRIES; i++) {
		assert_ptr_equal(sl_neigh_due(table, START_MS), entry);
		sl_neigh_unasked(table, entry);
		claimed(table, entry, ONE, START_MS);
		expect_mac(entry, NULL);
	}
	assert_int_equal(entry->state, SL_NEIGH_RESOLVING);
	sl_neigh_table_destroy(table);
}

static void many_failed_ones_are_asked_for_a_few_at_a_time(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_key key = key_of("10.0.0.0", SL_NEIGH_OWN);
	uint64_t now = START_MS;
	uint32_t asked = 0;

	(void)state;
	for (uint32_t i = 0; i < 4 * SL_NEIGH_FAILED_MAX; i++) {
		memcpy(key.addr.octets, &i, sizeof(i));
		assert_non_null(sl_neigh_get(table, &key, NULL, now));
	}
	for (uint32_t i = 0; i <= SL_NEIGH_TRIES; i++, now += SL_NEIGH_RETRY_MS)
		while (sl_neigh_due(table, now))
			asked++;
	assert_int_equal(asked, 4 * SL_NEIGH_FAILED_MAX * (SL_NEIGH_TRIES + 1));
	now += SL_NEIGH_FAILED_MS;
	for (asked = 0; sl_neigh_due(table, now); asked++)
		;
	assert_int_equal(asked, SL_NEIGH_FAILED_MAX);
	for (asked = 0; sl_neigh_due(table, now + SL_NEIGH_CHECK_MS); asked++)
		;
	assert_int_equal(asked, SL_NEIGH_FAILED_MAX);
	sl_neigh_table_destroy(table);
}

static void a_link_that_comes_up_has_its_own_ones_asked_again(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *entry = get_own(table, "10.0.0.1");

	(void)state;
	(void)sl_neigh_due(table, START_MS);
	claimed(table, entry, ONE, START_MS);
	sl_neigh_again_on(table, 1);
	assert_null(sl_neigh_due(table, START_MS + 1));
	sl_neigh_again_on(table, 0);
	assert_ptr_equal(sl_neigh_due(table, START_MS + 1), entry);
	assert_true(sl_neigh_is_polled(entry));
	sl_neigh_table_destroy(table);
}

/* What is due at once keeps its place, else whoever changes routes all the time has the first ones asked
 * and no other. */
static void what_is_due_at_once_is_not_put_behind_others(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_entry *first = get(table, "10.0.0.1"), *second = get(table, "10.0.0.2");

	(void)state;
	sl_neigh_put(table, second);
	second = get(table, "10.0.0.3");
	assert_ptr_equal(sl_neigh_due(table, START_MS), first);
	sl_neigh_again(table, true);
	assert_ptr_equal(sl_neigh_due(table, START_MS), second);
	assert_ptr_equal(sl_neigh_due(table, START_MS), first);
	assert_null(sl_neigh_due(table, START_MS));
	sl_neigh_table_destroy(table);
}

static void a_given_one_has_the_mac_that_was_given_last(void **state)
{
	struct sl_neigh_table *table = start();
	struct sl_neigh_key key = key_of("10.0.0.1", SL_NEIGH_GIVEN);
	struct sl_mac one = mac_of(ONE), other = mac_of(OTHER);
	struct sl_neigh_entry *entry = sl_neigh_get(table, &key, &one, START_MS);

	(void)state;
	assert_ptr_equal(sl_neigh_get(table, &key, &other, START_MS + 5), entry);
	sl_neigh_put(table, entry);
	expect_mac(entry, OTHER);
	assert_int_equal(entry->told_ms, START_MS + 5);
	sl_neigh_table_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_address_is_asked_for_at_once_then_every_second_and_fails_after_three_tries),
		cmocka_unit_test(a_known_one_is_confirmed_and_another_mac_is_taken_up_at_once),
		cmocka_unit_test(what_was_forgotten_keeps_its_mac_until_it_fails),
		cmocka_unit_test(our_own_mac_a_groups_and_nobodys_are_not_taken_and_said_once),
		cmocka_unit_test(entries_are_there_as_long_as_they_are_used),
		cmocka_unit_test(those_that_are_left_are_all_shown),
		cmocka_unit_test(given_ones_and_those_that_nobody_asks_for_are_never_due),
		cmocka_unit_test(a_routed_one_has_the_mac_of_its_gateway_and_follows_the_route),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(
			a_known_own_one_is_asked_itself_then_the_link_and_fails_when_all_is_silent),
		cmocka_unit_test(a_claim_changes_nothing_while_the_known_one_answers),
		cmocka_unit_test(a_claim_is_taken_up_when_the_known_one_is_silent),
		cmocka_unit_test(an_own_answer_is_taken_only_when_it_was_asked_for_and_may_be_one),
		cmocka_unit_test(what_could_not_be_asked_is_due_again_and_was_no_try),
		cmocka_unit_test(many_failed_ones_are_asked_for_a_few_at_a_time),
		cmocka_unit_test(a_link_that_comes_up_has_its_own_ones_asked_again),
		cmocka_unit_test(what_is_due_at_once_is_not_put_behind_others),
		cmocka_unit_test(a_given_one_has_the_mac_that_was_given_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
