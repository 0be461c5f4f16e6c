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

} // namespace nixl
