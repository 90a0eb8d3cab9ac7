#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Takes one rule out of a source: what tests/model/connections_test, or restart_test, must notice.

    mutants.py --list                   a line each: name, source under lib/state, the test
    mutants.py NAME SOURCE OUTPUT       writes SOURCE without the rule to OUTPUT

The text that makes the rule must be there exactly once; otherwise the rule has moved, and its entry
here with it."""

import sys

MUTANTS = {
    "beginnings_are_not_entered_in_settled_slots": (
        "begin.c", "(void)sl_flow_table_enter(entrant->table", "if (false)\n\t\t(void)sl_flow_table_enter(entrant->table"),
    "flows_of_dead_nodes_are_not_entered": (
        "follow.c", "\tpkt->orphan = true;", "\tpkt->orphan = false;"),
    "sequence_numbers_are_not_checked": (
        "follow.c", "return ahead <= SL_FOLLOW_SEQ_REACH;", "return true || ahead;"),
    "other_cores_are_not_asked": (
        "follow.c", "if (pkt->pool->memory->table_count > 1)\n\t\tword = better_of",
        "if (false)\n\t\tword = better_of"),
    "own_entries_are_believed_however_old": (
        "follow.c", "return word && fits(pkt, word) &&\n\t       sl_flow_age(&follow->clock, word)"
        " <= SL_FOLLOW_FRESH_TICKS;", "return word && fits(pkt, word) && follow;"),
    "unknown_flows_are_not_entered": (
        "follow.c", "bool entered = !writes || enter(", "bool entered = !writes || !begins || enter("),
    "beginnings_are_not_entered_in_open_slots": (
        "follow.c", "bool entered = !writes || enter(", "bool entered = !writes || begins || enter("),
    "entries_of_dead_nodes_count": (
        "follow.c", "\tif (sl_place_keeps(follow, sl_flow_node(word)))\n\t\treturn true;",
        "\tif (follow)\n\t\treturn true;"),
    "beginnings_count_whatever_the_slot_had_before": (
        "follow.c", "sl_flow_is_begun(word) && sl_flow_node(word) == place->before;", "sl_flow_is_begun(word) && place;"),
    "beginnings_from_before_do_not_count": (
        "follow.c", "return sl_flow_is_begun(word) && sl_flow_node(word) == place->before;",
        "return false;"),
    "entries_left_behind_by_settled_times_count": (
        "follow.c", "if (sl_flow_age(&follow->clock, word) <= (elapsed_ms >> SL_TICK_SHIFT) + 1)",
        "if (elapsed_ms <= UINT64_MAX)"),
    "closed_ports_do_not_begin_anew": (
        "follow.c", "!sl_follow_begins_anew(pkt->pkt, known.word)", "true"),
    "a_live_flow_is_not_entered_beside_a_beginning": (
        "follow.c", "\t\trecall_beside(follow, pkt, &place, &known, writes);", "\t\t(void)recall_beside;"),
    "spoofed_ends_are_believed": (
        "follow.c", "return near ? SL_FLOW_CLOSING : kind;", "return SL_FLOW_CLOSING;"),
    "quic_flows_stay_beginnings": (
        "follow.c", "\t\tafter = SL_FLOW_LIVE;", "\t\tafter = kind;"),
    "data_does_not_make_a_closing_connection_live": (
        "follow.c", "near && !has_data(p) ?", "(near || has_data(p)) ?"),
    "tables_of_former_pools_are_not_asked": (
        "follow.c", "word = better_of(follow, pkt, &then, pool, there, word);", "(void)there;"),
    "icmp_errors_refresh_entries": (
        "follow.c", "if (!writes || (pkt->pkt->flags & SL_PKT_ICMP_ERROR))", "if (!writes)"),
    "known_flows_are_believed_however_old": (
        "known.c", "\t\tage_max = SL_FOLLOW_FRESH_TICKS;", "\t\tage_max = SL_FLOW_TICK_MASK;"),
    "known_flows_of_dead_nodes_go_on": (
        "known.c", "!(sl_snapshot_node_flags(snapshot, node) & SL_NODE_KEEPS)", "!snapshot"),
    "ends_of_known_flows_are_not_noticed": (
        "known.c", "(SL_TCP_SYN | SL_TCP_FIN | SL_TCP_RST)", "SL_TCP_SYN"),
    "known_entries_are_not_refreshed": (
        "known.c", "word + ((uint64_t)age << SL_FLOW_LAST_SHIFT)", "word"),
    "known_flows_live_for_ever": (
        "known.c", "SL_MIN(age_max, sl_flow_life(pool, class, now_ms)) + 1", "(age_max ? SL_FLOW_TICK_MASK / 2 : 0)"),
    "unknown_flows_go_to_the_new_node": (
        "place.c", "place->open = follow->now_ms < prior->until_ms;", "place->open = false;"),
    "slots_are_not_stamped": (
        "place.c", "\tstamp(&pkt->pool->stamps[follow->core->index][place->stamp].away, "
        "follow->now_ms);", ""),
    "services_are_not_stamped": (
        "place.c", "\t\tstamp(&follow->core->stats->service_stamps[pkt->service].away, "
        "follow->now_ms);", "\t\treturn;"),
    "refused_flows_do_not_hold_the_slot_open": (
        "place.c", "\tstamp(&pkt->pool->stamps[follow->core->index][place->stamp].refused, "
        "follow->now_ms);", ""),
    "the_prior_changes_while_open": (
        "slots.c", "} else if (now >= open->open_until_ms) {", "} else if (true) {"),
    "slots_do_not_open_anew": (
        "slots.c", "} else if (now >= open->open_until_ms) {", "} else if (false) {"),
    "slots_that_come_back_close_in_spite_of_full_tracking": (
        "slots.c", "} else if (open->node == open->prior && !move->full) {",
        "} else if (open->node == open->prior) {"),
    "a_dead_prior_does_not_close_the_slot": (
        "slots.c", "if (state->unsettled && !keeps(move, state->open.prior))", "if (false)"),
    "slots_do_not_open_for_a_scheduler_that_chooses_for_each_flow": (
        "slots.c", "(move->rest == SL_SLOTS_OPEN ? move->open_ms : 0)", "0"),
    "slots_stay_settled_when_tracking_changes": (
        "slots.c", "\tif (move->rest == SL_SLOTS_REST)\n\t\treturn;", "\tif (move->rest <= SL_SLOTS_OPEN)\n\t\treturn;"),
    "slots_settle_soon_after_they_moved": (
        "slots.c", "\t    !is_old(open->moved_at_ms, now_ms, idle_ms))\n\t\treturn true;",
        "\t    false)\n\t\treturn true;"),
    "slots_settle_in_spite_of_stamps": (
        "slots.c", "if (away && !is_old((uint64_t)away << SL_TICK_SHIFT, now_ms, idle_ms))\n"
        "\t\t\treturn true;", "(void)away;"),
    "slots_settle_when_one_core_agrees": (
        "slots.c", "\tfor (uint32_t i = 0; memory && i < memory->core_count; i++) {\n"
        "\t\tuint32_t away", "\tfor (uint32_t i = 0; memory && i < 1; i++) {\n\t\tuint32_t away"),
    "the_prior_of_a_service_changes_while_open": (
        "slots.c", "if (settled || now_ms >= view->open_until_ms) {", "if (settled || true) {"),
    "services_settle_in_spite_of_stamps": (
        "slots.c", "(away && !is_old((uint64_t)away << SL_TICK_SHIFT, now_ms, idle_ms)) ||",
        "(false && away) ||"),
    "live_entries_make_room": (
        "flow_table.c", "_mm_and_si128(_mm_or_si128(begun, odd), _mm_add_epi32(age, lanes(1)))",
        "_mm_add_epi32(age, lanes(1))"),
    "closing_entries_live_no_longer_than_beginnings": (
        "flow_table.c", "ticks_of(SL_MIN(SL_FLOW_CLOSING_MS, longest));",
        "ticks_of(SL_MIN(SL_FLOW_BEGUN_MS, longest));"),
    "ages_begin_anew_too_early": (
        "flow_table.c", "return ticks_of(SL_MIN(idle_of(pool, class), longest_of(pool, now_ms)));",
        "return ticks_of(SL_MIN(idle_of(pool, class), longest_of(pool, now_ms)) / 2);"),
}

# Services whose packets become another's: what the whole of control is needed for.
REGIONS = {
    "packets_follow_the_service_that_they_have_now": (
        "origin.c", "i < snapshot->former_count && (at->flags", "i < 0 * snapshot->former_count && (at->flags"),
    "packets_follow_the_last_service_that_they_had_whatever_is_open": (
        "origin.c", "if (then_ms >= origin->until_ms) {", "if (then_ms) {"),
    "packets_that_move_again_are_open_for_no_longer": (
        "origin.c", "\torigin->until_ms = SL_MAX(origin->until_ms, owner->former->open_until_ms);",
        "\tif (then_ms >= origin->until_ms)\n\t\torigin->until_ms = owner->former->open_until_ms;"),
    "tables_of_former_services_are_not_asked": (
        "origin.c", "\t\tadd_via(origin, owners[i].view->pool);", ""),
    "formers_go_when_they_close": (
        "former.c", "former->open_until_ms + former->idle_ms + SL_SETTLE_MARGIN_MS", "former->since_ms + SL_SETTLE_MARGIN_MS"),
    "services_that_are_unsettled_leave_nothing": (
        "former.c", "was->pool != is->pool || was->prior_pool != SL_SERVICE_NONE ||\n\t       is->prior_pool != SL_SERVICE_NONE;",
        "was->pool != is->pool;"),
}


def main(arguments):
    if arguments == ["--list"]:
        for test, mutants in (("connections", MUTANTS), ("restart", REGIONS)):
            for name, (source, _, _) in mutants.items():
                print(name, source, test)
        return 0
    name, source, output = arguments
    _, rule, without = (MUTANTS | REGIONS)[name]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    if text.count(rule) != 1:
        print(f"{source}: the rule of {name} stands there {text.count(rule)} times", file=sys.stderr)
        return 1
    with open(output, "w", encoding="utf-8") as file:
        file.write(text.replace(rule, without))
    return 0


sys.exit(main(sys.argv[1:]))
