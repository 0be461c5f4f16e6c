// The local transport between two processes, through the C ABI, beside one thread's memcpy and raw process_vm_writev.
#include "core/arena.hpp"
#include "support/peer_process.hpp"
#include "support/test_agent.hpp"
#include "transports/local/mapping.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <random>

using namespace nixl::test;

namespace {

constexpr uint64_t total = 160u << 20;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

std::vector<uint32_t> permutation(uint32_t n, unsigned seed) {
    std::vector<uint32_t> ids(n);
    std::iota(ids.begin(), ids.end(), 0u);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
    return ids;
}

struct pair_of {
    explicit pair_of(bool arena) {
        peer_options o;
        o.transports = NIXL_TRANSPORT_LOCAL;
        o.bytes = total;
        o.arena = arena;
        there = std::make_unique<peer_process>(o);
        agent_options mine;
        mine.transports = NIXL_TRANSPORT_LOCAL;
        here = std::make_unique<test_agent>("here", mine);
        if (arena) {
            nixl_arena_params_t a{};
            a.struct_size = sizeof a;
            a.length = total;
            nixl_arena_info_t info{};
            nixl_arena_create(here->get(), &a, &info);
            memory = reinterpret_cast<std::byte*>(info.address);
            std::printf("arena of this process: %llu KiB pages\n",
                        static_cast<unsigned long long>(info.page_size >> 10));
        } else {
            own.resize(total, std::byte{1});
            memory = own.data();
        }
        here->add_region({memory, total});
        const double t = now();
        peer = here->connect(there->metadata());
        std::printf("connect %.2f ms, %s\n", (now() - t) * 1e3, here->info(peer).provider);
    }
    ~pair_of() { here.reset(); }
    double write(uint64_t piece, const std::vector<uint32_t>& from, const std::vector<uint32_t>& to) {
        if (local == 0 || piece != piece_) {
            const nixl_strided_region_t l[] = {strided(memory, piece, piece, total / piece)};
            const nixl_strided_region_t r[] = {
                strided(reinterpret_cast<void*>(there->address()), piece, piece, total / piece)};
            local = here->list(0, l);
            remote = here->list(peer, r);
            piece_ = piece;
        }
        test_agent::post p;
        p.local = local;
        p.remote = remote;
        p.local_ids = from;
        p.remote_ids = to;
        p.notification = std::span<const uint8_t>(note);
        const double t = now();
        const int32_t status = here->run(p);
        const double taken = now() - t;
        if (status != NIXL_SUCCESS)
            std::printf("failed: %d\n", status);
        there->notifications(1);
        return taken;
    }
    std::vector<uint8_t> note{1, 2, 3};
    std::unique_ptr<peer_process> there;
    std::unique_ptr<test_agent> here;
    std::vector<std::byte> own;
    std::byte* memory = nullptr;
    uint64_t peer = 0, local = 0, remote = 0, piece_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    const bool arena = argc < 2 || std::strcmp(argv[1], "foreign") != 0;
    pair_of p(arena);
    const auto from = permutation(total / 4096, 1);
    const auto to = permutation(total / 4096, 2);
    std::vector<double> random, bulk, ref_random, ref_bulk;
    struct rusage before {
    }, after{};
    getrusage(RUSAGE_SELF, &before);
    const double first = p.write(4096, from, to);
    getrusage(RUSAGE_SELF, &after);
    const std::vector<uint32_t> zero{0};
    std::shared_ptr<nixl::arena> target;
    nixl::local::mapping view;
    if (arena) {
        nixl_arena_params_t a{};
        a.struct_size = sizeof a;
        a.length = total;
        nixl::arena::create(a, target);
        nixl::local::mapping::map(target->fd(), total, false, view);
        view.collapse(0, total);
        view.prefault(0, total);
    }
    for (int i = 0; i < 7; ++i) {
        random.push_back(p.write(4096, from, to));
        double t = now();
        if (arena) {
            for (size_t k = 0; k < from.size(); ++k)
                std::memcpy(view.address() + uint64_t{to[k]} * 4096, p.memory + uint64_t{from[k]} * 4096, 4096);
        } else {
            std::vector<iovec> l(1024), r(1024);
            for (size_t k = 0; k < from.size(); k += 1024) {
                for (size_t j = 0; j < 1024; ++j) {
                    l[j] = {p.memory + uint64_t{from[k + j]} * 4096, 4096};
                    r[j] = {reinterpret_cast<void*>(p.there->address() + uint64_t{to[k + j]} * 4096), 4096};
                }
                if (process_vm_writev(p.there->pid(), l.data(), 1024, r.data(), 1024, 0) != 1024 * 4096)
                    std::perror("writev");
            }
        }
        ref_random.push_back(now() - t);
    }
    for (int i = 0; i < 7; ++i) {
        bulk.push_back(p.write(total, zero, zero));
        const double t = now();
        if (arena)
            std::memcpy(view.address(), p.memory, total);
        ref_bulk.push_back(now() - t);
    }
    std::printf("first %.2f ms (%ld minor faults), median %.2f ms: %.2f\n", first * 1e3,
                after.ru_minflt - before.ru_minflt, median(random) * 1e3, first / median(random));
    std::printf("random4k %.2f GB/s, reference %.2f GB/s: %.2f\n", total / median(random) / 1e9,
                total / median(ref_random) / 1e9, median(ref_random) / median(random));
    std::printf("bulk %.2f GB/s, reference %.2f GB/s: %.2f\n", total / median(bulk) / 1e9,
                total / median(ref_bulk) / 1e9, median(ref_bulk) / median(bulk));
    return 0;
}
