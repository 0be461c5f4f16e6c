// Local transports without an agent: a recorder instead of the core's events, and requests built by hand, so that the
// tests reach what the C ABI checks before it gets here.
#pragma once

#include "core/transport.hpp"
#include "transports/local/local_transport.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nixl::test {

inline constexpr std::uint64_t second = 1'000'000'000;
inline constexpr std::uint64_t patience = 20 * second; // for what should succeed

// One operation and how it ended.
struct operation {
    request r;
    std::vector<std::uint32_t> local_ids;
    std::vector<std::uint32_t> remote_ids;
    std::vector<std::uint8_t> payload;
    std::optional<failure> outcome;
    int outcomes = 0;
    int quiesced = 0;
};

struct block_list {
    std::uint64_t base = 0;
    std::uint64_t stride = 0;
    std::uint64_t length = 0;
    std::uint64_t count = 0;
};

// One transport with what surrounds it.
class endpoint final : public transport_events {
  public:
    explicit endpoint(std::string name, std::uint32_t max_notifications = 256, std::uint32_t copier_threads = 0);
    ~endpoint();

    transport& get() { return *transport_; }
    agent_settings settings;

    std::shared_ptr<local_region> add_region(void* at, std::uint64_t length, std::shared_ptr<nixl::arena> arena = {});
    failure remove_region(const std::shared_ptr<local_region>& r, std::uint64_t timeout_ns = patience);
    // What this endpoint would publish now.
    std::shared_ptr<peer_metadata> metadata() const;

    // Null: `why` says how connecting ended.
    std::shared_ptr<peer> connect(std::shared_ptr<const peer_metadata> metadata, failure& why,
                                  std::uint64_t timeout_ns = patience);

    static std::shared_ptr<const prepared_list> local_list(const std::shared_ptr<local_region>& r, block_list l);
    static std::shared_ptr<const prepared_list> remote_list(const std::shared_ptr<peer>& p, std::size_t region,
                                                            block_list l);
    std::unique_ptr<operation> transfer(const std::shared_ptr<peer>& p, nixl_op_t op,
                                        std::shared_ptr<const prepared_list> local,
                                        std::shared_ptr<const prepared_list> remote,
                                        std::vector<std::uint32_t> local_ids, std::vector<std::uint32_t> remote_ids,
                                        std::optional<std::string> notification = {},
                                        std::uint64_t timeout_ns = patience);
    std::unique_ptr<operation> notification(const std::shared_ptr<peer>& p, const std::string& text,
                                            std::uint64_t timeout_ns = patience);
    void submit(operation& o) { transport_->submit(o.r); }
    // Waits for both ends and returns the status; NIXL_IN_PROGRESS if they did not come.
    std::int32_t wait(operation& o, std::uint64_t timeout_ns = patience);
    std::int32_t run(operation& o) {
        submit(o);
        return wait(o);
    }

    // The next notification, as the application would read it (its credit goes back), or nothing within the time.
    std::optional<arrival> next_arrival(std::uint64_t timeout_ns = patience);
    bool wait_for_state(const peer& p, nixl_peer_state_t state, std::uint64_t timeout_ns = patience);

    void peer_connected(peer& p, const failure& result) noexcept override;
    void peer_changed(peer& p, nixl_peer_state_t state, const std::string& reason) noexcept override;
    void request_settled(request& r, const failure& result) noexcept override;
    void request_quiesced(request& r) noexcept override;
    bool notification_arrived(arrival&& a) noexcept override;

  private:
    std::unique_ptr<operation> make(const std::shared_ptr<peer>& p, std::uint64_t timeout_ns);
    template <class Predicate>
    bool wait_until(std::uint64_t timeout_ns, Predicate&& done);

    std::unique_ptr<transport> transport_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, failure> connects_;
    std::map<std::uint64_t, nixl_peer_state_t> states_;
    std::deque<arrival> arrivals_;
    std::vector<std::shared_ptr<local_region>> regions_;
    std::atomic<std::uint64_t> last_id_{0};
};

std::vector<std::uint32_t> shuffled(std::uint32_t count, std::uint32_t of, unsigned seed);

} // namespace nixl::test
