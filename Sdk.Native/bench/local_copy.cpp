// The copy routines of the local transport by themselves: one thread, one process, two shared mappings.
//   local_copy [piece bytes, 4096]            160 MiB of random pieces: GB/s of memcpy and of each streaming routine
//   local_copy reader                         from which size on streaming pays, when another core reads the target
//   next
#include "transports/local/copy.hpp"
#include "transports/local/mapping.hpp"
#include "transports/local/stream_lines.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string_view>
#include <sys/mman.h>
#include <thread>
#include <vector>

using namespace nixl::local;

namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

mapping shared(std::uint64_t bytes, bool huge) {
    const int fd = ::memfd_create("bench", MFD_CLOEXEC);
    mapping m;
    if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0 || !mapping::map(fd, bytes, false, m).ok())
        std::abort();
    std::fill_n(m.address(), bytes, std::byte{1});
    if (huge && ::madvise(m.address(), bytes, 25) != 0) // MADV_COLLAPSE
        std::perror("no huge pages");
    return m;
}

std::vector<std::uint64_t> permutation(std::uint64_t n, unsigned seed) {
    std::vector<std::uint64_t> ids(n);
    std::iota(ids.begin(), ids.end(), 0u);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
    return ids;
}

double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

void random_pieces(std::uint64_t piece) {
    constexpr std::uint64_t total = 160u << 20;
    const std::uint64_t n = total / piece;
    for (const bool huge : {false, true}) {
        const mapping source = shared(total, huge);
        const mapping target = shared(total, huge);
        const auto from = permutation(n, 1);
        const auto to = permutation(n, 2);
        std::vector<copy_piece> pieces(n);
        for (std::uint64_t i = 0; i < n; ++i)
            pieces[i] = {target.address() + to[i] * piece, source.address() + from[i] * piece, piece};
        std::vector<double> plain;
        std::vector<double> streaming;
        for (int round = 0; round < 7; ++round) {
            double t = now();
            for (const auto& p : pieces)
                std::memcpy(p.to, p.from, p.length);
            plain.push_back(now() - t);
            t = now();
            for (std::uint64_t i = 0; i < n;) { // as the mover gathers them
                const std::uint64_t batch =
                    std::min<std::uint64_t>({n - i, 1024, std::max<std::uint64_t>(1, (1u << 20) / piece)});
                copy_pieces({pieces.data() + i, batch}, copy_way::streaming);
                i += batch;
            }
            streaming.push_back(now() - t);
        }
        std::printf("%s pages, %llu x %llu B: memcpy %.2f GB/s, %s %.2f GB/s, ratio %.2f\n", huge ? "2 MiB" : "4 KiB",
                    static_cast<unsigned long long>(n), static_cast<unsigned long long>(piece),
                    total / median(plain) / 1e9, chosen_stream_routine()->name, total / median(streaming) / 1e9,
                    median(plain) / median(streaming));
    }
}

// Copy, then another thread sums what has come: the time of both together.
void with_reader() {
    constexpr std::uint64_t most = 64u << 20;
    const mapping source = shared(most, true);
    const mapping target = shared(most, true);
    std::atomic<std::uint64_t> go{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> sum{0};
    std::thread reader([&] {
        for (std::uint64_t bytes = 0;;) {
            while ((bytes = go.load(std::memory_order_acquire)) == 0)
                ;
            if (bytes == 1)
                return;
            std::uint64_t s = 0;
            for (std::uint64_t i = 0; i < bytes; i += 8)
                s += *reinterpret_cast<const std::uint64_t*>(target.address() + i);
            sum += s;
            go.store(0);
            done.store(bytes, std::memory_order_release);
        }
    });
    for (std::uint64_t bytes = 16u << 10; bytes <= most; bytes *= 2) {
        std::vector<copy_piece> pieces;
        const auto to = permutation(bytes / 4096, 3);
        for (std::uint64_t i = 0; i < bytes / 4096; ++i)
            pieces.push_back({target.address() + to[i] * 4096, source.address() + i * 4096, 4096});
        double copy[2];
        double both[2];
        for (const auto way : {copy_way::cached, copy_way::streaming}) {
            std::vector<double> c;
            std::vector<double> b;
            for (int round = 0; round < 15; ++round) {
                const double t = now();
                copy_pieces(pieces, way);
                c.push_back(now() - t);
                done.store(0);
                go.store(bytes, std::memory_order_release);
                while (done.load(std::memory_order_acquire) == 0)
                    ;
                b.push_back(now() - t);
            }
            copy[way == copy_way::streaming] = median(c);
            both[way == copy_way::streaming] = median(b);
        }
        std::printf("%6llu KiB: copy %8.1f us cached, %8.1f us streaming; with the reader %8.1f, %8.1f\n",
                    static_cast<unsigned long long>(bytes >> 10), copy[0] * 1e6, copy[1] * 1e6, both[0] * 1e6,
                    both[1] * 1e6);
    }
    go.store(1);
    reader.join();
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "reader")
        with_reader();
    else
        random_pieces(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 4096);
    return 0;
}
