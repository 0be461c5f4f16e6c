#include "core/piece_cursor.hpp"

#include <algorithm>

namespace nixl {

piece_cursor::piece_cursor(const prepared_list& local, const prepared_list& remote, const uint32_t* local_ids,
                           const uint32_t* remote_ids, uint64_t id_count) noexcept
    : local_(&local), remote_(&remote), local_ids_(local_ids), remote_ids_(remote_ids), count_(id_count) {
    if (local.mode == NIXL_LIST_BLOCK) {
        remaining_ = local.bytes_per_entry * id_count;
    } else if (local.uniform_length != 0) {
        remaining_ = local.uniform_length * id_count;
    } else {
        for (uint64_t i = 0; i < id_count; ++i)
            remaining_ += local.region_of(local_ids[i]).length;
    }
}

bool piece_cursor::next(place& p) const noexcept {
    if (++p.index < count_)
        return true;
    p.index = 0;
    ++p.region;
    return local_->mode == NIXL_LIST_BLOCK && p.region < local_->regions.size();
}

void piece_cursor::locate(const place& p, position& out) const noexcept {
    const uint64_t local_id = local_ids_[p.index];
    const uint64_t remote_id = remote_ids_[p.index];
    if (local_->mode == NIXL_LIST_BLOCK) {
        out.local = &local_->regions[p.region];
        out.remote = &remote_->regions[p.region];
    } else {
        out.local = &local_->region_of(local_id);
        out.remote = &remote_->region_of(remote_id);
    }
    // `first` is zero in block mode.
    out.local_address = out.local->address_of(local_id - out.local->first);
    out.remote_address = out.remote->address_of(remote_id - out.remote->first);
    out.length = out.local->length;
}

bool piece_cursor::peek(uint64_t max, piece& out) const noexcept {
    if (remaining_ == 0 || max == 0)
        return false;
    position here;
    locate(at_, here);
    // Registered memory of this process: the list was checked against its registration.
    out.local = reinterpret_cast<std::byte*>(here.local_address + offset_);
    out.remote = here.remote_address + offset_;
    out.local_memory = here.local->local;
    out.remote_memory = here.remote->remote;
    out.entry = at_.index;
    out.length = here.length - offset_;

    uint64_t local_end = here.local_address + here.length;
    uint64_t remote_end = here.remote_address + here.length;
    place p = at_;
    while (out.length < max && next(p)) {
        position following;
        locate(p, following);
        if (following.local_address != local_end || following.remote_address != remote_end ||
            following.local->local != out.local_memory || following.remote->remote != out.remote_memory)
            break;
        out.length += following.length;
        local_end += following.length;
        remote_end += following.length;
    }
    out.length = std::min(out.length, max);
    return true;
}

void piece_cursor::advance(uint64_t n) noexcept {
    remaining_ -= n;
    while (n > 0) {
        position here;
        locate(at_, here);
        const uint64_t left = here.length - offset_;
        if (n < left) {
            offset_ += n;
            return;
        }
        n -= left;
        offset_ = 0;
        if (!next(at_))
            return;
    }
}

std::size_t piece_cursor::next_batch(std::span<piece> out, uint64_t max_run, uint64_t max_total) noexcept {
    batch b{.out = out, .max_run = max_run, .budget = max_total};
    position regions;
    while (remaining_ > 0)
        if (!(strided(regions) ? take_strided(regions, b) : take_one(b)))
            break;
    return b.count;
}

// Merges with the last run or begins another. False: there is no room.
bool piece_cursor::batch::add(const position& here, uint64_t offset, uint64_t length, uint64_t entry) noexcept {
    const uint64_t local = here.local_address + offset;
    const uint64_t remote = here.remote_address + offset;
    if (count > 0 && local == local_end && remote == remote_end) {
        piece& last = out[count - 1];
        if (last.length + length <= max_run && last.local_memory == here.local->local &&
            last.remote_memory == here.remote->remote) {
            last.length += length;
            local_end += length;
            remote_end += length;
            return true;
        }
    }
    if (count == out.size())
        return false;
    out[count++] = {.local = reinterpret_cast<std::byte*>(local),
                    .remote = remote,
                    .length = length,
                    .local_memory = here.local->local,
                    .remote_memory = here.remote->remote,
                    .entry = entry};
    local_end = local + length;
    remote_end = remote + length;
    return true;
}

// The piece at at_, whichever it is. False: the batch is full.
bool piece_cursor::take_one(batch& b) noexcept {
    position here;
    locate(at_, here);
    const uint64_t left = here.length - offset_;
    const uint64_t most = std::min(b.max_run, b.budget);
    if (most == 0 || (left > b.budget && b.count > 0))
        return false;
    const uint64_t length = std::min(left, most);
    if (!b.add(here, offset_, length, at_.index))
        return false;
    b.budget -= length;
    advance(length);
    return true;
}

// Whether all following ids of this round of ids lie in the one pair of regions, evenly apart: what the fast loop
// needs.
bool piece_cursor::strided(position& out) const noexcept {
    if (local_->mode == NIXL_LIST_FLAT && (local_->regions.size() > 1 || remote_->regions.size() > 1))
        return false;
    out.local = &local_->regions[at_.region];
    out.remote = &remote_->regions[at_.region];
    out.length = out.local->length;
    return out.local->units == 1 && out.remote->units == 1;
}

// The pieces of one pair of regions. False: the batch is full.
bool piece_cursor::take_strided(const position& regions, batch& b) noexcept {
    const uint64_t length = regions.length;
    // The first may be the rest of a piece, or continue the last run of another region; the others cannot.
    if (!take_one(b))
        return false;
    if (length > b.max_run || length > b.budget || remaining_ == 0 || at_.index == 0)
        return true;

    const uint64_t first = at_.index;
    const uint64_t last = first + std::min(count_ - first, b.budget / length);
    const uint64_t taken =
        expand_strided(*regions.local, *regions.remote, local_ids_, remote_ids_, first, last, b) - first;
    b.budget -= taken * length;
    remaining_ -= taken * length;
    at_.index = first + taken - 1;
    next(at_);
    return first + taken == count_;
}

// The loop that everything else is for. All that it needs is in locals: the compiler must take what is stored for an
// alias of any of it. The last run of the batch is of the same regions. Returns the first id that was not taken.
uint64_t piece_cursor::expand_strided(const list_region& local, const list_region& remote, const uint32_t* local_ids,
                                      const uint32_t* remote_ids, uint64_t first, uint64_t last, batch& b) noexcept {
    const uint64_t length = local.length;
    const uint64_t local_stride = local.stride;
    const uint64_t remote_stride = remote.stride;
    const uint64_t local_base = local.base - local.first * local_stride;
    const uint64_t remote_base = remote.base - remote.first * remote_stride;
    const uint64_t max_run = b.max_run;
    local_region* const local_memory = local.local;
    remote_region* const remote_memory = remote.remote;
    piece* run = b.out.data() + b.count; // behind the last
    const piece* const end = b.out.data() + b.out.size();
    uint64_t local_end = b.local_end;
    uint64_t remote_end = b.remote_end;
    uint64_t i = first;
    for (; i < last; ++i) {
        const uint64_t from = local_base + local_ids[i] * local_stride;
        const uint64_t to = remote_base + remote_ids[i] * remote_stride;
        if (from == local_end && to == remote_end && run[-1].length + length <= max_run) [[unlikely]] {
            run[-1].length += length;
        } else {
            if (run == end)
                break;
            *run++ = {reinterpret_cast<std::byte*>(from), to, length, local_memory, remote_memory, i};
        }
        local_end = from + length;
        remote_end = to + length;
    }
    b.count = static_cast<std::size_t>(run - b.out.data());
    b.local_end = local_end;
    b.remote_end = remote_end;
    return i;
}

} // namespace nixl
