#include "transports/local/mover.hpp"

#include "transports/local/peer_arena.hpp"

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

failure cut_overlap(const piece& p) noexcept {
    return fail(NIXL_ERR_INVALID_PARAM, "source and target overlap in one arena, and the piece is too long to be moved "
                                        "at once: move shorter pieces in the right order")
        .at(p.entry, p.remote, p.length);
}

// Of the pieces that are copied inside of memory of this process; 0 elsewhere, where nothing can overlap.
std::uint64_t longest_piece(const request& r, const remote_region& m) noexcept {
    const auto* const in = static_cast<const peer_arena*>(m.slot.state.get());
    if (m.slot.word != region_mapped || in == nullptr || !in->of_this_process())
        return 0;
    std::uint64_t longest = 0;
    for (const list_region& l : r.local_list->regions)
        longest = std::max(longest, l.length);
    return longest;
}

std::uint64_t distance(const copy_piece& c) noexcept {
    const auto to = reinterpret_cast<std::uint64_t>(c.to);
    const auto from = reinterpret_cast<std::uint64_t>(c.from);
    return to > from ? to - from : from - to;
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

// Takes pieces [first, last) as long as they are reached in the same way. `refused`: why the one behind the last that
// was taken cannot be moved at all. Returns that one.
std::size_t mover::gather(const request& r, const route& via, std::size_t first, std::size_t last,
                          failure& refused) noexcept {
    first_ = first;
    foreign_ = pieces_[first].remote_memory->slot.word == region_foreign;
    const remote_region* held = nullptr; // of the last piece
    std::uint64_t longest = 0;
    std::size_t i = first;
    for (; i < last; ++i) {
        const piece& p = pieces_[i];
        remote_region& m = *p.remote_memory;
        if (&m != held) {
            if (m.slot.word != (foreign_ ? region_foreign : region_mapped))
                break;
            if (!hold(m, *via.page)) {
                refused = revoked(p);
                break;
            }
            held = &m;
            longest = longest_piece(r, m);
        }
        if (!m.covers(p.remote, p.length)) {
            refused = out_of_bounds(p);
            break;
        }
        if (foreign_) {
            batch_.add(p.local, p.remote, p.length);
            continue;
        }
        std::byte* const remote = static_cast<std::byte*>(m.slot.handle) + (p.remote - m.base);
        copies_[i - first] =
            r.op == NIXL_OP_WRITE ? copy_piece{remote, p.local, p.length} : copy_piece{p.local, remote, p.length};
        // A whole piece is a memmove. One that is cut would read what its first part has written.
        if (longest > longest_run_ && distance(copies_[i - first]) < longest) {
            refused = cut_overlap(p);
            break;
        }
    }
    count_ = i - first;
    return i;
}

// Cuts what has been gathered into parts of about part_bytes; with one copier there is one part.
void mover::cut() noexcept {
    const std::uint64_t enough = copiers_.threads() == 1 ? UINT64_MAX : part_bytes;
    part_count_ = 0;
    std::uint64_t bytes = 0;
    std::size_t first = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        bytes += pieces_[first_ + i].length;
        if (i + 1 < count_ && (bytes < enough || part_count_ + 1 == most_parts))
            continue;
        parts_[part_count_].first = first;
        parts_[part_count_++].last = first = i + 1;
        bytes = 0;
    }
}

void mover::copy_gathered(request& r) noexcept {
    const copy_way way = way_for(r.total_bytes);
    copiers_.run(part_count_, [&](std::size_t i) {
        const part& p = parts_[i];
        copy_pieces({copies_.data() + p.first, p.last - p.first}, way);
    });
    for (std::size_t i = 0; i < count_; ++i)
        r.bytes_done += copies_[i].length;
    r.operations += count_;
}

bool mover::move_foreign(request& r, const route& via, failure& why) noexcept {
    copiers_.run(part_count_, [&](std::size_t i) {
        part& p = parts_[i];
        p.foreign = batch_.run(via.pid, via.pidfd, r.op == NIXL_OP_WRITE, p.first, p.last);
    });
    bool good = true;
    for (std::size_t i = 0; i < part_count_; ++i) {
        const part& p = parts_[i];
        r.bytes_done += p.foreign.moved;
        r.operations += p.foreign.why.ok() ? p.last - p.first : p.foreign.culprit - p.first;
        if (p.foreign.why.ok() || !good)
            continue;
        good = false;
        const piece& culprit = pieces_[first_ + p.foreign.culprit];
        why = p.foreign.why;
        why.at(culprit.entry, culprit.remote, culprit.length);
    }
    return good;
}

bool mover::flush(request& r, const route& via, failure& why) noexcept {
    bool good = true;
    cut();
    if (foreign_)
        good = move_foreign(r, via, why);
    else
        copy_gathered(r);
    batch_.clear();
    while (held_count_ > 0)
        via.page->leave(held_[--held_count_]);
    return good;
}

mover::result mover::step(request& r, const route& via, std::uint64_t chunk_bytes, failure& why) noexcept {
    const std::uint64_t budget = std::min(chunk_bytes * copiers_.threads(), longest_call);
    longest_run_ = copiers_.threads() == 1 ? budget : std::min(budget, part_bytes);
    const piece_cursor before = r.cursor;
    const std::size_t count = r.cursor.next_batch(pieces_, longest_run_, budget);
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < count;) {
        const piece& p = pieces_[i];
        const std::uint64_t reached = p.remote_memory->slot.word;
        if (reached == region_unresolved) {
            r.cursor = before;
            r.cursor.advance(moved);
            return result::blocked;
        }
        if (reached != region_mapped && reached != region_foreign) {
            why = missing(p);
            return result::failed;
        }
        failure refused;
        const std::size_t end = gather(r, via, i, count, refused);
        if (!flush(r, via, why))
            return result::failed;
        if (!refused.ok()) {
            why = refused;
            return result::failed;
        }
        for (; i < end; ++i)
            moved += pieces_[i].length;
    }
    return r.cursor.done() ? result::done : result::more;
}

} // namespace nixl::local
