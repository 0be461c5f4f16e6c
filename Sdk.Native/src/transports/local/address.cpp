#include "transports/local/address.hpp"

#include "control/wire_bytes.hpp"
#include "transports/local/control_page.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

namespace nixl::local {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t longest_socket_name = 100;

using control::wire_reader;
using control::wire_writer;

std::span<const std::uint8_t> as_bytes(std::string_view s) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

std::string as_string(const std::vector<std::uint8_t>& v) {
    return {v.begin(), v.end()};
}

} // namespace

std::string encode(const local_address& a) {
    std::vector<std::uint8_t> out;
    wire_writer w(out);
    w.u8(version);
    w.u64(a.net_namespace);
    w.text(a.socket);
    return as_string(out);
}

bool decode(std::string_view bytes, local_address& a) {
    wire_reader r(as_bytes(bytes));
    const auto v = r.u8();
    a.net_namespace = r.u64();
    a.socket = r.text(longest_socket_name);
    return r.ok() && r.remaining() == 0 && v == version && !a.socket.empty();
}

std::string encode(const region_key& k) {
    std::vector<std::uint8_t> out;
    wire_writer w(out);
    w.u8(version);
    w.u32(k.slot);
    w.u32(k.generation);
    w.u64(k.arena);
    w.u64(k.offset);
    return as_string(out);
}

bool decode(std::string_view bytes, region_key& k) {
    wire_reader r(as_bytes(bytes));
    const auto v = r.u8();
    k.slot = r.u32();
    k.generation = r.u32();
    k.arena = r.u64();
    k.offset = r.u64();
    return r.ok() && r.remaining() == 0 && v == version && k.slot < region_slots;
}

std::string encode(const welcome_bytes& m) {
    std::vector<std::uint8_t> out;
    wire_writer w(out);
    w.u8(version);
    w.u64(m.nonce_address);
    w.bytes(m.nonce);
    return as_string(out);
}

bool decode(std::string_view bytes, welcome_bytes& m) {
    wire_reader r(as_bytes(bytes));
    const auto v = r.u8();
    m.nonce_address = r.u64();
    const auto n = r.bytes(m.nonce.size());
    if (!r.ok() || r.remaining() != 0 || v != version)
        return false;
    std::copy(n.begin(), n.end(), m.nonce.begin());
    return true;
}

std::string encode(const arena_gone_bytes& g) {
    std::vector<std::uint8_t> out;
    wire_writer w(out);
    w.u8(version);
    w.u64(g.arena);
    return as_string(out);
}

bool decode(std::string_view bytes, arena_gone_bytes& g) {
    wire_reader r(as_bytes(bytes));
    const auto v = r.u8();
    g.arena = r.u64();
    return r.ok() && r.remaining() == 0 && v == version;
}

std::uint64_t net_namespace() noexcept {
    struct stat s {};
    return ::stat("/proc/self/ns/net", &s) == 0 ? s.st_ino : 0;
}

} // namespace nixl::local
