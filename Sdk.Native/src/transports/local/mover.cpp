#include "transports/local/mover.hpp"

#include "transports/local/copy.hpp"

#include <algorithm>

namespace nixl::local {
namespace {

// One system call moves at most this much, whatever chunk_bytes is: the kernel cuts longer ones.
constexpr std::uint64_t longest_call = 1ull << 30;

failure revoked(const piece& p) noexcept {
    return fail(NIXL_ERR_NOT_FOUND, "the peer has deregistered this memory: load its metadata again")
        .at(p.entry, p.remote, p.length);
}

failure missing(const piece& p) noexcept {
    return fail(NIXL_ERR_NOT_FOUND, "the peer no longer offers this memory, or it cannot be reached from this process: "
                                    "load the peer's metadata again")
        .at(p.entry, p.remote, p.length);
}

failure out_of_bounds(const piece& p) noexcept {
    return fail(NIXL_ERR_INVALID_PARAM, "a piece lies outside of the peer's registered region")
        .at(p.entry, p.remote, p.length);
}

} // namespace

bool mover::hold(remote_region& m, control_page& page) noexcept {
    const auto slot = static_cast<std::uint32_t>(m.slot.key);
    const auto generation = static_cast<std::uint32_t>(m.slot.key >> 32);
    if (m.revoked.load(std::memory_order_relaxed) || !page.enter(slot, generation)) {
        m.revoked.store(true, std::memory_order_relaxed);
        return false;
    }
    held_[held_count_++] = slot;
    return true;
}

void mover::release(control_page& page) noexcept {
    while (held_count_ > 0)
        page.leave(held_[--held_count_]);
}

// Copies pieces as long as they lie in the region of `p`, which is held.
bool mover::copy_run(request& r, const route& via, piece& p, std::uint64_t& budget, failure& why) noexcept {
    remote_region& m = *p.remote_memory;
    if (!hold(m, *via.page)) {
        why = revoked(p);
        return false;
    }
    auto* const base = static_cast<std::byte*>(m.slot.handle);
    bool good = true;
    do {
        if (!m.covers(p.remote, p.length)) {
            why = out_of_bounds(p);
            good = false;
            break;
        }
        std::byte* const remote = base + (p.remote - m.base);
        if (r.op == NIXL_OP_WRITE)
            copy_bytes(remote, p.local, p.length);
        else
            copy_bytes(p.local, remote, p.length);
        r.cursor.advance(p.length);
        r.bytes_done += p.length;
        ++r.operations;
        budget -= p.length;
    } while (budget > 0 && r.cursor.peek(budget, p) && p.remote_memory == &m);
    release(*via.page);
    return good;
}

bool mover::run_batch(request& r, const route& via, failure& why) noexcept {
    if (batch_.empty())
        return true;
    std::uint64_t moved = 0;
    std::size_t culprit = 0;
    const failure f = batch_.run(via.pid, via.pidfd, r.op == NIXL_OP_WRITE, moved, culprit);
    release(*via.page);
    r.bytes_done += moved;
    r.operations += f.ok() ? batch_.count() : culprit;
    if (!f.ok()) {
        why = f;
        const auto [address, length] = batch_.remote_of(culprit);
        why.at(entries_[culprit], address, length);
    }
    batch_.clear();
    return f.ok();
}

mover::result mover::step(request& r, const route& via, std::uint64_t chunk_bytes, failure& why) noexcept {
    std::uint64_t budget = std::min(chunk_bytes, longest_call);
    const remote_region* last = nullptr; // of the piece added last to the batch; it is held
    piece p;
    while (budget > 0 && r.cursor.peek(budget, p)) {
        remote_region& m = *p.remote_memory;
        if (m.slot.word == region_mapped) {
            if (!run_batch(r, via, why) || !copy_run(r, via, p, budget, why))
                return result::failed;
            last = nullptr;
            continue;
        }
        if (m.slot.word != region_foreign) {
            if (!run_batch(r, via, why))
                return result::failed;
            if (m.slot.word == region_unresolved)
                return result::blocked;
            why = missing(p);
            return result::failed;
        }
        if (&m != last && !hold(m, *via.page)) {
            failure ignored;
            (void)run_batch(r, via, ignored);
            release(*via.page);
            why = revoked(p);
            return result::failed;
        }
        last = &m;
        if (!m.covers(p.remote, p.length)) {
            batch_.clear();
            release(*via.page);
            why = out_of_bounds(p);
            return result::failed;
        }
        entries_[batch_.count()] = p.entry;
        batch_.add(p.local, p.remote, p.length);
        r.cursor.advance(p.length);
        budget -= p.length;
        if (batch_.full()) {
            if (!run_batch(r, via, why))
                return result::failed;
            last = nullptr;
        }
    }
    if (!run_batch(r, via, why))
        return result::failed;
    return r.cursor.done() ? result::done : result::more;
}

} // namespace nixl::local
