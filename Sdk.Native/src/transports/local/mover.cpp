#include "transports/local/mover.hpp"

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
    held_[held_count_++] = slot; // as many as pieces at most
    return true;
}

void mover::add(const request& r, const piece& p) noexcept {
    const remote_region& m = *p.remote_memory;
    if (m.slot.word == region_foreign) {
        entries_[batch_.count()] = p.entry;
        batch_.add(p.local, p.remote, p.length);
        return;
    }
    std::byte* const remote = static_cast<std::byte*>(m.slot.handle) + (p.remote - m.base);
    copies_[copy_count_++] =
        r.op == NIXL_OP_WRITE ? copy_piece{remote, p.local, p.length} : copy_piece{p.local, remote, p.length};
}

bool mover::move_gathered(request& r, const route& via, failure& why) noexcept {
    if (copy_count_ > 0) {
        copy_pieces({copies_.data(), copy_count_}, way_for(r.total_bytes));
        for (std::size_t i = 0; i < copy_count_; ++i)
            r.bytes_done += copies_[i].length;
        r.operations += copy_count_;
        return true;
    }
    if (batch_.empty())
        return true;
    std::uint64_t moved = 0;
    std::size_t culprit = 0;
    const failure f = batch_.run(via.pid, via.pidfd, r.op == NIXL_OP_WRITE, moved, culprit);
    r.bytes_done += moved;
    r.operations += f.ok() ? batch_.count() : culprit;
    if (!f.ok()) {
        why = f;
        const auto [address, length] = batch_.remote_of(culprit);
        why.at(entries_[culprit], address, length);
    }
    return f.ok();
}

bool mover::flush(request& r, const route& via, failure& why) noexcept {
    const bool good = move_gathered(r, via, why);
    copy_count_ = 0;
    batch_.clear();
    while (held_count_ > 0)
        via.page->leave(held_[--held_count_]);
    return good;
}

mover::result mover::step(request& r, const route& via, std::uint64_t chunk_bytes, failure& why) noexcept {
    std::uint64_t budget = std::min(chunk_bytes, longest_call);
    const remote_region* last = nullptr; // of the piece gathered last; it is held
    piece p;
    while (budget > 0 && r.cursor.peek(budget, p)) {
        remote_region& m = *p.remote_memory;
        if (&m != last) {
            const bool foreign = m.slot.word == region_foreign;
            if (!(foreign || m.slot.word == region_mapped)) {
                if (!flush(r, via, why))
                    return result::failed;
                if (m.slot.word == region_unresolved)
                    return result::blocked;
                why = missing(p);
                return result::failed;
            }
            // Only one kind at a time.
            if ((foreign ? copy_count_ > 0 : !batch_.empty()) && !flush(r, via, why))
                return result::failed;
            if (!hold(m, *via.page)) {
                if (flush(r, via, why))
                    why = revoked(p);
                return result::failed;
            }
            last = &m;
        }
        if (!m.covers(p.remote, p.length)) {
            if (flush(r, via, why))
                why = out_of_bounds(p);
            return result::failed;
        }
        add(r, p);
        r.cursor.advance(p.length);
        budget -= p.length;
        if (copy_count_ == capacity || batch_.full()) {
            if (!flush(r, via, why))
                return result::failed;
            last = nullptr;
        }
    }
    if (!flush(r, via, why))
        return result::failed;
    return r.cursor.done() ? result::done : result::more;
}

} // namespace nixl::local
