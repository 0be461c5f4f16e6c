// Notification credits between a sender and a receiver with a link between them that holds any number of messages:
// however sends, arrivals, reads and returned credits interleave, the receiver never gets more than it granted, no
// credit is lost or made, and nothing waits for ever. The receiver's half is the core's own notification_sender; the
// sender's half is the rule of control/session.
#include "core/arrival.hpp"
#include "models/interleavings.hpp"
#include "support/process_resources.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

namespace nixl::test {
namespace {

class counting_sender final : public notification_sender {
  public:
    explicit counting_sender(uint32_t limit) : notification_sender("sender", 1, limit) {}
    uint32_t owed = 0; // returned, not yet told to the sender

  private:
    void credit_returned() noexcept override { ++owed; }
};

struct credit_world {
    explicit credit_world(uint32_t limit) : receiver(limit), credits(limit) {}
    counting_sender receiver;
    uint32_t credits; // as the sender knows them
    std::deque<int> to_receiver;
    std::deque<int> unread;
    int sent = 0;
    int read = 0;
};

using credit_steps = std::vector<std::function<step_result(credit_world&)>>;

std::vector<actor<credit_world>> sender_link_and_reader(int messages) {
    credit_steps send;
    credit_steps carry;
    credit_steps take;
    credit_steps give;
    for (int i = 0; i < messages; ++i) {
        send.push_back([](credit_world& w) {
            if (w.credits == 0)
                return step_result::blocked;
            --w.credits;
            w.to_receiver.push_back(w.sent++);
            return step_result::done;
        });
        carry.push_back([](credit_world& w) {
            if (w.to_receiver.empty())
                return step_result::blocked;
            EXPECT_TRUE(w.receiver.take_credit()) << "a correct sender was called a liar";
            w.unread.push_back(w.to_receiver.front());
            w.to_receiver.pop_front();
            return step_result::done;
        });
        take.push_back([](credit_world& w) {
            if (w.unread.empty())
                return step_result::blocked;
            EXPECT_EQ(w.read++, w.unread.front());
            w.unread.pop_front();
            w.receiver.return_credit();
            return step_result::done;
        });
    }
    for (int i = 0; i < messages; ++i) // the progress thread returns what is owed, one or several at once
        give.push_back([messages](credit_world& w) {
            if (w.receiver.owed == 0)
                return w.read == messages ? step_result::done : step_result::blocked;
            w.credits += std::exchange(w.receiver.owed, 0);
            return step_result::done;
        });
    return {{"send", send}, {"carry", carry}, {"read", take}, {"give", give}};
}

TEST(credit_model, no_order_loses_or_makes_a_credit) {
    for (const uint32_t limit : {1u, 2u, 3u}) {
        const auto result = explore<credit_world>(
            sender_link_and_reader(4), [limit] { return std::make_unique<credit_world>(limit); },
            [limit](const credit_world& w) {
                const size_t everywhere = w.credits + w.to_receiver.size() + w.unread.size() + w.receiver.owed;
                EXPECT_EQ(limit, everywhere);
                EXPECT_LE(w.unread.size(), limit);
            },
            [](const credit_world& w) { EXPECT_EQ(4, w.read); }, [] { return testing::Test::HasFailure(); },
            repetitions(10'000, 200'000));
        EXPECT_EQ("", result.deadlocked) << "limit " << limit;
    }
}

TEST(credit_model, a_sender_that_takes_more_than_it_was_granted_is_found_out_at_once) {
    counting_sender receiver(3);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(receiver.take_credit());
    EXPECT_FALSE(receiver.take_credit());
    EXPECT_FALSE(receiver.take_credit()); // and again: the refusal took nothing
    receiver.return_credit();
    EXPECT_TRUE(receiver.take_credit());
    EXPECT_FALSE(receiver.take_credit());
}

} // namespace
} // namespace nixl::test
