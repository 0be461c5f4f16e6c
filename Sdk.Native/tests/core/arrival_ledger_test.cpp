// The ledger and the slots by themselves: each rule once.
#include "core/arrival_ledger.hpp"
#include "core/arrival_slots.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace nixl {
namespace {

using verdict = arrival_ledger::verdict;

struct target {
    arrival_ledger ledger{4, 8};
    uint32_t connection = ledger.connect(2);
    std::vector<uint32_t> immediates;
    std::vector<arrival_ledger::result> changes;
    explicit target(uint32_t slots = 2) { ledger.grant(connection, slots, immediates); }

    arrival_tag tag(std::size_t i) const { return arrival_tag::from(immediates[i]); }
    verdict count(std::size_t i, uint32_t rail) { return ledger.count(immediates[i], rail).is; }
    verdict announce(std::size_t i, std::vector<rail_count> expected, uint64_t ticket = 7) {
        return ledger.announce(connection, tag(i), expected, ticket).is;
    }
};

TEST(arrival_ledger, shows_when_the_last_completion_of_the_last_rail_has_come_whatever_came_first) {
    target t;
    EXPECT_EQ(verdict::counted, t.count(0, 1));
    EXPECT_EQ(verdict::counted, t.announce(0, {{0, 2}, {1, 1}}, 99));
    EXPECT_EQ(verdict::counted, t.count(0, 0));
    const auto last = t.ledger.count(t.immediates[0], 0);
    EXPECT_EQ(verdict::complete, last.is);
    EXPECT_EQ(99u, last.ticket);
    EXPECT_EQ(t.tag(0), last.tag);
    // All counted first: the announcement is shown at once. Nothing to count: too.
    EXPECT_EQ(verdict::counted, t.count(1, 0));
    EXPECT_EQ(verdict::complete, t.announce(1, {{0, 1}}));
    t.immediates[1] = t.tag(1).next().immediate();
    EXPECT_EQ(verdict::complete, t.announce(1, {}));
    EXPECT_EQ(0u, t.ledger.late());
}

TEST(arrival_ledger, completions_of_another_generation_or_of_nobody_are_late_and_change_nothing) {
    target t;
    EXPECT_EQ(verdict::counted, t.count(0, 0));
    EXPECT_EQ(verdict::complete, t.announce(0, {{0, 1}}));
    EXPECT_EQ(verdict::late, t.count(0, 0)); // replayed
    EXPECT_EQ(verdict::late, t.ledger.count(arrival_tag{0, 0}.immediate(), 0).is);
    EXPECT_EQ(verdict::late, t.ledger.count(arrival_tag{3, 0}.immediate(), 0).is);
    EXPECT_EQ(verdict::late, t.ledger.count(arrival_tag{max_arrival_slot, 255}.immediate(), 0).is);
    EXPECT_EQ(4u, t.ledger.late());
    t.immediates[0] = t.tag(0).next().immediate();
    EXPECT_EQ(verdict::counted, t.announce(0, {{0, 1}}));
    EXPECT_EQ(verdict::late, t.ledger.count(arrival_tag{t.tag(0).slot, 0}.immediate(), 0).is);
    EXPECT_EQ(verdict::complete, t.count(0, 0));
}

TEST(arrival_ledger, more_than_announced_and_rails_that_are_not_there_are_errors_that_name_them) {
    target t;
    EXPECT_EQ(verdict::counted, t.announce(0, {{0, 1}, {1, 1}}));
    EXPECT_EQ(verdict::counted, t.count(0, 1));
    const auto more = t.ledger.count(t.immediates[0], 1);
    EXPECT_EQ(verdict::wrong, more.is);
    EXPECT_EQ("more completions than were announced: slot 1 generation 0, rail 1, 2 counted of 1",
              arrival_ledger::text(more));
    EXPECT_EQ(verdict::wrong, t.ledger.count(t.immediates[0], 2).is);
    EXPECT_EQ(verdict::counted, t.count(1, 0));
    EXPECT_EQ(verdict::counted, t.count(1, 0));
    EXPECT_EQ(verdict::wrong, t.announce(1, {{0, 1}})); // it has counted two
    EXPECT_EQ(verdict::wrong, t.announce(1, {{1, 1}})); // and none was announced there
    EXPECT_EQ(verdict::wrong, t.announce(1, {{0, 2}, {2, 1}}));
    EXPECT_EQ(verdict::wrong, t.announce(1, {{1, 1}, {0, 2}}));
    EXPECT_EQ(verdict::wrong, t.announce(1, {{0, 2}, {1, 0}}));
    EXPECT_EQ(verdict::complete, t.announce(1, {{0, 2}}));
}

TEST(arrival_ledger, only_the_owner_announces_once_and_in_this_generation) {
    target t;
    const uint32_t other = t.ledger.connect(2);
    EXPECT_EQ(verdict::wrong, t.ledger.announce(other, t.tag(0), {}, 1).is);
    EXPECT_EQ(verdict::wrong, t.ledger.announce(t.connection, t.tag(0).next(), {}, 1).is);
    EXPECT_EQ(verdict::wrong, t.ledger.announce(t.connection, {0, 0}, {}, 1).is);
    EXPECT_EQ(verdict::wrong, t.ledger.announce(t.connection, {7, 0}, {}, 1).is);
    EXPECT_EQ(verdict::counted, t.announce(0, {{0, 1}}));
    EXPECT_EQ(verdict::wrong, t.announce(0, {{0, 1}}));
}

TEST(arrival_ledger, a_fence_drops_what_comes_later_and_withdraws_what_waits_for_that_rail) {
    target t(3);
    EXPECT_EQ(verdict::counted, t.announce(0, {{0, 1}, {1, 2}}, 10));
    EXPECT_EQ(verdict::counted, t.count(0, 1));
    EXPECT_EQ(verdict::counted, t.announce(1, {{0, 1}, {1, 1}}, 11));
    EXPECT_EQ(verdict::counted, t.count(1, 1));
    t.ledger.fence_rail(t.connection, 1, t.changes);
    ASSERT_EQ(1u, t.changes.size()); // the second one's rail 1 was complete: that stands
    EXPECT_EQ(verdict::withdrawn, t.changes[0].is);
    EXPECT_EQ(10u, t.changes[0].ticket);
    EXPECT_EQ(verdict::late, t.count(0, 1));
    EXPECT_EQ(verdict::counted, t.count(0, 0));
    EXPECT_EQ(verdict::complete, t.count(1, 0));
    EXPECT_EQ(verdict::withdrawn, t.announce(2, {{1, 1}})); // it did not know yet
    bool withdrew = false;
    EXPECT_EQ(verdict::retired, t.ledger.retire(t.connection, t.tag(0), std::array{rail_count{0, 1}}, withdrew).is);
    EXPECT_FALSE(withdrew);
    EXPECT_EQ(1u, t.ledger.late());
}

TEST(arrival_ledger, a_retired_slot_is_granted_again_when_all_is_counted) {
    target t;
    bool withdrew = false;
    EXPECT_EQ(verdict::counted, t.announce(0, {{0, 1}}, 5));
    const auto r = t.ledger.retire(t.connection, t.tag(0), std::array{rail_count{0, 1}}, withdrew);
    EXPECT_EQ(verdict::counted, r.is);
    EXPECT_TRUE(withdrew);
    EXPECT_EQ(5u, r.ticket);
    EXPECT_EQ(verdict::wrong, t.ledger.retire(t.connection, t.tag(0), {}, withdrew).is);
    const auto last = t.ledger.count(t.immediates[0], 0);
    EXPECT_EQ(verdict::retired, last.is);
    EXPECT_EQ(t.tag(0).next(), last.tag);
    // Crossing the acknowledgement of its announcement: nothing.
    EXPECT_EQ(verdict::complete, t.announce(1, {}));
    EXPECT_EQ(verdict::counted, t.ledger.retire(t.connection, t.tag(1), {}, withdrew).is);
    EXPECT_FALSE(withdrew);
}

TEST(arrival_ledger, released_slots_go_to_others_under_another_generation) {
    target t(8);
    EXPECT_EQ(verdict::counted, t.announce(3, {{0, 1}}, 9));
    t.ledger.fence(t.connection, t.changes);
    ASSERT_EQ(1u, t.changes.size());
    EXPECT_EQ(9u, t.changes[0].ticket);
    EXPECT_EQ(verdict::late, t.count(3, 0));
    t.ledger.release(t.connection);
    EXPECT_EQ(verdict::late, t.count(3, 0));
    std::vector<uint32_t> again;
    const uint32_t other = t.ledger.connect(1);
    t.ledger.grant(other, 100, again);
    ASSERT_EQ(8u, again.size()); // the limit
    for (std::size_t i = 0; i < 8; ++i)
        EXPECT_EQ(t.tag(i).next(), arrival_tag::from(again[i]));
    EXPECT_EQ(verdict::late, t.count(3, 0));
    EXPECT_EQ(verdict::counted, t.ledger.count(again[3], 0).is);
}

TEST(arrival_ledger, gives_credits_back_for_what_it_has_counted) {
    target t;
    t.count(0, 1);
    EXPECT_EQ(0u, t.ledger.take_credits(t.connection, 1, 2));
    t.count(1, 1);
    t.ledger.count(arrival_tag{1, 9}.immediate(), 1); // late: took no credit
    EXPECT_EQ(0u, t.ledger.take_credits(t.connection, 0, 1));
    EXPECT_EQ(2u, t.ledger.take_credits(t.connection, 1, 2));
    EXPECT_EQ(0u, t.ledger.take_credits(t.connection, 1, 1));
}

TEST(arrival_ledger, generations_go_round) {
    target t(1);
    for (int i = 0; i < 600; ++i) {
        ASSERT_EQ(verdict::counted, t.count(0, 0));
        ASSERT_EQ(verdict::complete, t.announce(0, {{0, 1}}));
        ASSERT_EQ(verdict::late, t.count(0, 0));
        t.immediates[0] = t.tag(0).next().immediate();
    }
}

TEST(arrival_slots, a_slot_rests_until_both_ends_are_done_with_it) {
    arrival_slots slots;
    ASSERT_TRUE(slots.grant(arrival_tag{5, 3}.immediate()));
    EXPECT_FALSE(slots.grant(arrival_tag{5, 4}.immediate())); // not retired
    EXPECT_FALSE(slots.grant(0));
    auto* u = slots.take();
    EXPECT_EQ((arrival_tag{5, 3}), u->tag);
    slots.sent(*u, 0);
    slots.sent(*u, 0);
    slots.announced(*u, 77);
    EXPECT_EQ(nullptr, slots.of_notification(76));
    ASSERT_EQ(u, slots.of_notification(77));
    slots.ended(*u, 0, true);
    slots.shown(*u);
    EXPECT_FALSE(slots.any_free()) << "one of its writes has not ended here";
    slots.ended(*u, 0, true);
    ASSERT_TRUE(slots.any_free());
    EXPECT_EQ((arrival_tag{5, 4}), slots.take()->tag);
}

TEST(arrival_slots, a_failed_write_keeps_its_slot_out_of_use_until_the_rail_is_fenced) {
    arrival_slots slots;
    ASSERT_TRUE(slots.grant(arrival_tag{1, 0}.immediate()));
    auto* u = slots.take();
    slots.sent(*u, 0);
    slots.sent(*u, 1);
    slots.ended(*u, 0, true);
    slots.ended(*u, 1, false);
    slots.abandon(*u);
    EXPECT_EQ(nullptr, slots.retire());
    slots.fence(1);
    ASSERT_EQ(u, slots.retire());
    std::array<rail_count, max_rails> expected;
    ASSERT_EQ(1u, slots.expected(*u, expected));
    EXPECT_EQ((rail_count{0, 1}), expected[0]);
    EXPECT_EQ(nullptr, slots.retire()); // once
    EXPECT_FALSE(slots.grant(arrival_tag{1, 0}.immediate()));
    EXPECT_TRUE(slots.grant(arrival_tag{1, 1}.immediate()));
    EXPECT_TRUE(slots.any_free());
}

TEST(arrival_slots, one_that_was_never_used_goes_back_as_it_is) {
    arrival_slots slots;
    ASSERT_TRUE(slots.grant(arrival_tag{1, 9}.immediate()));
    slots.abandon(*slots.take());
    EXPECT_EQ(nullptr, slots.retire());
    EXPECT_EQ((arrival_tag{1, 9}), slots.take()->tag);
}

TEST(counted_window, never_gives_more_than_it_was_given) {
    counted_window w;
    EXPECT_FALSE(w.take(0));
    EXPECT_TRUE(w.grant(0, 1));
    EXPECT_FALSE(w.grant(max_rails, 1));
    EXPECT_FALSE(w.grant(0, counted_window::limit));
    EXPECT_TRUE(w.take(0));
    EXPECT_FALSE(w.take(0));
    EXPECT_FALSE(w.take(1));
}

} // namespace
} // namespace nixl
