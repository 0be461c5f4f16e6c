// One agent: the tables, the inbox and the transports behind one ABI handle. Partials by verb: agent.cpp (life),
// agent_memory.cpp, agent_peers.cpp, agent_lists.cpp, agent_transfers.cpp, agent_reports.cpp (what transports call
// back).
//
// Locks, never held while a transport is called: peers_mutex_ (connects and names). The tables and the inbox lock
// themselves for the length of a look-up.
#pragma once

#include "core/agent_peer.hpp"
#include "core/buffer_pool.hpp"
#include "core/handle_table.hpp"
#include "core/inbox.hpp"
#include "core/memory_table.hpp"
#include "core/operation_pool.hpp"
#include "core/prepared_list.hpp"
#include "core/settings.hpp"
#include "core/transport.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace nixl {

class agent final : public transport_events, private inbox::reader {
  public:
    static failure create(const nixl_agent_params_t& params, std::unique_ptr<agent>& out);
    ~agent();
    agent(const agent&) = delete;
    agent& operator=(const agent&) = delete;

    failure close(uint64_t timeout_ns) noexcept;
    const agent_settings& settings() const noexcept { return settings_; }

    // ---- what it is ----
    std::string describe() const;
    failure counters(nixl_transport_counters_t* out, uint64_t capacity, uint64_t& count) const noexcept;
    void export_metadata(std::string& out) const;
    failure set_loopback_faults(const nixl_loopback_faults_t& faults) noexcept;

    // ---- events and notifications ----
    inbox& waiting() noexcept { return inbox_; }
    failure send_notification(const nixl_notification_params_t& params, uint64_t& operation_id) noexcept;

    // ---- memory ----
    failure create_arena(const nixl_arena_params_t& params, nixl_arena_info_t& info);
    failure destroy_arena(uint64_t id);
    failure register_memory(const nixl_region_params_t& params, uint64_t& id);
    failure deregister_memory(uint64_t id, uint64_t timeout_ns);
    failure query_memory(uint64_t id, nixl_region_info_t& info) const;

    // ---- peers ----
    failure connect(const nixl_peer_params_t& params, uint64_t& id);
    failure invalidate(uint64_t id);
    failure peer_info(uint64_t id, nixl_peer_info_t& info) const;
    failure peer_rails(uint64_t id, nixl_rail_info_t* rails, uint64_t capacity, uint64_t& count) const;

    // ---- lists ----
    failure prepare(const nixl_list_params_t& params, uint64_t& id);
    failure release_list(uint64_t id);
    failure list_info(uint64_t id, nixl_list_info_t& info) const;

    // ---- transfers ----
    failure post(const nixl_post_params_t& params, uint64_t& operation_id) noexcept;
    failure cancel(uint64_t id) noexcept;
    failure state(uint64_t id) noexcept;

    // ---- transport_events ----
    void peer_connected(peer& p, const failure& result) noexcept override;
    void peer_changed(peer& p, nixl_peer_state_t state, const std::string& reason) noexcept override;
    void request_settled(request& r, const failure& result) noexcept override;
    void request_quiesced(request& r) noexcept override;
    bool notification_arrived(arrival&& a) noexcept override;
    void source_opened(const std::shared_ptr<arrival_source>& s) noexcept override { inbox_.open_source(s); }
    void source_rang(arrival_source& s) noexcept override { inbox_.source_rang(s); }
    void source_closed(arrival_source& s) noexcept override { inbox_.close_source(s); }

  private:
    explicit agent(agent_settings settings);
    failure open_transports();
    uint64_t timeout_or_default(uint64_t ns) const noexcept { return ns != 0 ? ns : settings_.default_timeout_ns; }
    transport* transport_of(nixl_transport_t kind) const noexcept { return transports_[transport_index(kind)].get(); }

    void operation_event_taken(event_node& node, const nixl_event_t& event) noexcept override;

    uint32_t usable_transports(const peer_metadata& m, uint32_t allowed, std::string& why_not) const;
    failure join_peer(agent_peer& p, const std::shared_ptr<peer_metadata>& newer, uint64_t user_data);
    void try_next_transport(agent_peer& p) noexcept;
    void finish_connect(agent_peer& p, nixl_peer_state_t state, const failure& result) noexcept;
    void make_final(agent_peer& p, nixl_peer_state_t state, const failure& why) noexcept;
    void report_peer_state(agent_peer& p, int32_t status) noexcept;
    void publish_connect(const std::shared_ptr<connect_waiter>& w, agent_peer& p, const failure& result) noexcept;
    void bury(const agent_peer& p) noexcept;

    failure check_peer(const peer& p) const noexcept;
    failure start(operation& op, const std::shared_ptr<peer>& target, std::span<const uint8_t> payload,
                  uint64_t timeout_ns) noexcept;

    const agent_settings settings_;
    std::atomic<bool> closed_{false};
    buffer_pool buffers_;       // before everything that holds buffers
    operation_pool operations_; // before the inbox, whose unread events lie in the operations
    inbox inbox_{*this};
    memory_table memory_;
    handle_table<nixl::arena, handle_type::arena> arenas_{1u << 16};
    handle_table<prepared_list, handle_type::list> lists_{1u << 20};

    mutable std::mutex peers_mutex_;
    handle_table<agent_peer, handle_type::peer> peers_{1u << 20};
    std::unordered_map<std::string, uint64_t> peers_by_name_; // the newest of each name
    std::deque<uint64_t> buried_;                             // final peers that are still answered for; bounded

    std::array<std::unique_ptr<transport>, transport_count> transports_; // closed before the tables go
    std::array<std::string, transport_count> unavailable_;               // why one is null
};

} // namespace nixl
