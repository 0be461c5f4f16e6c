// The initiator's side of packing, of one connection: the slots of the ring that the peer has granted, each with a slot
// of our own memory in which it is filled.
//
//   ring:  none ──first packed request──> asked ──granted──> opening (our memory) ──> ready
//                                           └──────refused, or no memory──────────> refused (pieces go one by one)
//   slot:  free ──fill──> writing ──write completed──> told ──scattered──> free
//
// Progress thread only.
#pragma once

#include "transports/fabric/packing/header.hpp"
#include "transports/fabric/packing/messages.hpp"
#include "transports/fabric/packing/staging.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace nixl::fabric::packing {

inline constexpr uint32_t no_slot = UINT32_MAX;

// Where a run of a slot came from, for messages.
struct origin {
    uint64_t entry = 0;
    uint64_t address = 0;
    uint64_t length = 0;
};

class packer {
  public:
    enum class state : uint8_t { none, asked, opening, ready, refused };

    state current() const noexcept { return state_; }
    bool refused() const noexcept { return state_ == state::refused; }
    bool ready() const noexcept { return state_ == state::ready; }
    void asked() noexcept { state_ = state::asked; }
    void refuse() noexcept { state_ = state::refused; }
    // The peer's ring; ours is being made.
    void granted(uint32_t slots, uint32_t slot_bytes, advertised_key key);
    void opened(std::unique_ptr<staging> own);
    uint32_t slots() const noexcept { return slots_; }
    uint32_t slot_bytes() const noexcept { return slot_bytes_; }
    const staging& memory() const noexcept { return *own_; }

    // ---- filling: one slot at a time, from begin() to end() or to the next begin() ----
    // Null: every slot is on its way.
    bool begin() noexcept;
    // How many bytes more fit; 0: the slot is full.
    uint64_t room() const noexcept;
    // Copies; at most room() bytes. False: no room for another run.
    bool add(const std::byte* from, uint64_t length, uint64_t address, uint64_t key, uint64_t entry) noexcept;
    bool empty() const noexcept { return writer_.runs() == 0; }
    uint64_t payload() const noexcept { return writer_.payload(); }
    // Finishes the slot. It is the owner's until free().
    uint32_t end() noexcept;

    // ---- a finished slot ----
    std::byte* local(uint32_t slot) const noexcept { return own_->slot(slot); }
    uint64_t written_bytes(uint32_t slot) const noexcept { return places_[slot].payload + places_[slot].table; }
    uint64_t remote_offset(uint32_t slot) const noexcept { return uint64_t{slot} * slot_bytes_; }
    const advertised_key& remote_key() const noexcept { return remote_; }
    // The message that tells the peer about it. From here on only its answer frees it.
    filled tell(uint32_t slot, uint64_t request) noexcept;
    bool told(uint32_t slot) const noexcept { return places_[slot].told; }
    // Is this the answer to what was told about a slot?
    bool answers(const scattered& m) const noexcept;
    origin origin_of(uint32_t slot, uint32_t run) const noexcept;
    void free(uint32_t slot) noexcept;

    uint64_t pieces() const noexcept { return pieces_; } // ever packed

  private:
    struct place {
        uint64_t sequence = 0;
        uint32_t payload = 0;
        uint32_t table = 0;
        uint32_t runs = 0;
        bool used = false;
        bool told = false;
    };
    uint32_t find_free() const noexcept;

    state state_ = state::none;
    uint32_t slots_ = 0;
    uint32_t slot_bytes_ = 0;
    advertised_key remote_;
    std::unique_ptr<staging> own_;
    std::array<place, max_slots> places_{};
    std::vector<origin> origins_; // max_runs for each slot
    table_writer writer_;
    uint32_t filling_ = no_slot;
    uint32_t next_ = 0; // slots are used in turn
    uint64_t sequence_ = 0;
    uint64_t pieces_ = 0;
};

} // namespace nixl::fabric::packing
