// What packing says over the control connection, as EXTENSION messages. Plain functions over bytes, nothing allocated
// for those that are sent per slot.
//
//   initiator: ring_wanted ──> target: ring (address, key and size of its staging; no slots: refused)
//   initiator: [one RDMA write into a slot, completed] filled ──> target: scattered (the slot may be used again)
//   initiator: forget ──> the target scatters nothing more of that request, and answers its filled slots with CANCELED
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace nixl::fabric::packing {

enum class message_kind : uint32_t { // continues extension_kind
    ring_wanted = 16,
    ring = 17,
    filled = 18,
    scattered = 19,
    forget = 20,
};

inline constexpr uint32_t max_slots = 64;
inline constexpr uint32_t max_slot_bytes = 4u << 20;
inline constexpr uint32_t min_slot_bytes = 64u << 10;

struct ring_wanted {
    uint32_t slots = 0;
    uint32_t slot_bytes = 0;
};

// What an initiator asks for, and the most that a target gives: one peer must not use up what all share. Measured:
// writes below half a MiB cost a stream provider more than they save in latency, and a ring that stays in the cache is
// copied through at its speed.
inline constexpr ring_wanted usual_ring{8, 512u << 10};

struct ring {
    uint32_t slots = 0; // 0: refused
    uint32_t slot_bytes = 0;
    std::string_view key; // an encoded advertised_key: the ring's registration
};

struct filled {
    uint64_t request = 0;  // the initiator's number for it
    uint64_t sequence = 0; // also in the slot's table; grows per slot
    uint32_t slot = 0;
    uint32_t payload = 0;
    uint32_t table = 0; // bytes behind the payload
};

struct scattered {
    uint64_t sequence = 0;
    uint32_t slot = 0;
    int32_t status = 0;
    uint32_t run = 0; // failed: which
};

struct forget {
    uint64_t request = 0;
};

// A message's body on the stack.
class encoded {
  public:
    std::string_view view() const noexcept { return {bytes_.data(), size_}; }

  private:
    friend struct body_writer;
    std::array<char, 32> bytes_{};
    uint32_t size_ = 0;
};

encoded encode(const ring_wanted& m) noexcept;
std::string encode(const ring& m);
encoded encode(const filled& m) noexcept;
encoded encode(const scattered& m) noexcept;
encoded encode(const forget& m) noexcept;

// False: malformed.
bool decode(std::string_view bytes, ring_wanted& m) noexcept;
bool decode(std::string_view bytes, ring& m) noexcept;
bool decode(std::string_view bytes, filled& m) noexcept;
bool decode(std::string_view bytes, scattered& m) noexcept;
bool decode(std::string_view bytes, forget& m) noexcept;

} // namespace nixl::fabric::packing
