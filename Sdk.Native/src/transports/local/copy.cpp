#include "transports/local/copy.hpp"

#include "transports/local/stream_lines.hpp"

#include <algorithm>

#if defined(__SANITIZE_THREAD__)
extern "C" {
void __tsan_read_range(void* at, unsigned long bytes);
void __tsan_write_range(void* at, unsigned long bytes);
}
#elif defined(__SANITIZE_ADDRESS__)
extern "C" {
void __asan_loadN(void* at, std::size_t bytes);
void __asan_storeN(void* at, std::size_t bytes);
}
#endif

namespace nixl::local {
namespace {

// How far ahead of the copy the source is fetched: one page, in which the hardware's own prefetchers stop anyway.
constexpr std::uint64_t fetch_distance = 4096;
// Inside of a piece that is longer. (Measured, 160 pieces of 1 MiB: without 19.2 GB/s on an EPYC and 9.9 on a Xeon,
// with it 20.6 and 11.1; a whole page ahead 17.4 and 11.2.)
constexpr std::uint64_t inner_distance = 2048;
// Shorter pieces are mostly partial lines.
constexpr std::uint64_t shortest_streamed = 4 * cache_line;

// Streaming stores are invisible to the sanitizers: tell them what memmove would have told.
void announce([[maybe_unused]] const copy_piece& p) noexcept {
#if defined(__SANITIZE_THREAD__)
    __tsan_read_range(const_cast<std::byte*>(p.from), p.length);
    __tsan_write_range(p.to, p.length);
#elif defined(__SANITIZE_ADDRESS__)
    __asan_loadN(const_cast<std::byte*>(p.from), p.length);
    __asan_storeN(p.to, p.length);
#endif
}

bool overlapping(const copy_piece& p) noexcept {
    const auto to = reinterpret_cast<std::uint64_t>(p.to);
    const auto from = reinterpret_cast<std::uint64_t>(p.from);
    return to < from + p.length && from < to + p.length;
}

// A place in the sources that stays fetch_distance in front of the copy.
class lookahead {
  public:
    explicit lookahead(std::span<const copy_piece> pieces) noexcept : pieces_(pieces) { advance(fetch_distance); }
    void advance(std::uint64_t bytes) noexcept {
        offset_ += bytes;
        while (index_ < pieces_.size() && offset_ >= pieces_[index_].length)
            offset_ -= pieces_[index_++].length;
    }
    // What to fetch while `from` in piece `current` is being copied; null behind the last piece. `bytes` is lowered to
    // what lies in one piece.
    const std::byte* next(std::size_t current, const std::byte* from, std::uint64_t& bytes) const noexcept {
        if (index_ >= pieces_.size())
            return nullptr;
        const copy_piece& p = pieces_[index_];
        const std::uint64_t lines = (p.length - offset_ + cache_line - 1) / cache_line;
        bytes = std::min(bytes, lines * cache_line);
        return index_ == current ? from + inner_distance : p.from + offset_;
    }

  private:
    std::span<const copy_piece> pieces_;
    std::size_t index_ = 0;
    std::uint64_t offset_ = 0;
};

// Partial lines at both ends go through the cache.
void stream_piece(const copy_piece& p, std::size_t index, stream_lines_t stream, lookahead& ahead) noexcept {
    announce(p);
    std::byte* to = p.to;
    const std::byte* from = p.from;
    std::uint64_t left = p.length;
    const auto head = static_cast<std::uint64_t>(-reinterpret_cast<std::int64_t>(to)) % cache_line;
    std::memcpy(to, from, head);
    ahead.advance(head);
    to += head;
    from += head;
    left -= head;
    while (left >= cache_line) {
        std::uint64_t bytes = std::min(left / cache_line * cache_line, fetch_distance);
        const std::byte* const next = ahead.next(index, from, bytes);
        stream(to, from, bytes / cache_line, next);
        ahead.advance(bytes);
        to += bytes;
        from += bytes;
        left -= bytes;
    }
    std::memcpy(to, from, left);
    ahead.advance(left);
}

} // namespace

void copy_pieces(std::span<const copy_piece> pieces, copy_way way) noexcept {
    const stream_routine* const routine = way == copy_way::streaming ? chosen_stream_routine() : nullptr;
    if (routine == nullptr) {
        for (const copy_piece& p : pieces)
            copy_bytes(p.to, p.from, p.length);
        return;
    }
    lookahead ahead(pieces);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const copy_piece& p = pieces[i];
        if (p.length >= shortest_streamed && !overlapping(p)) {
            stream_piece(p, i, routine->copy, ahead);
        } else {
            copy_bytes(p.to, p.from, p.length);
            ahead.advance(p.length);
        }
    }
    stream_fence();
}

} // namespace nixl::local
