// Arenas and registrations.
#include "core/agent.hpp"

#include <cerrno>
#include <cinttypes>
#include <sys/mman.h>
#include <unistd.h>

namespace nixl {

namespace {

// Walks the mappings of the range without touching a page; catches an address that is not memory of this process.
bool is_mapped(uint64_t address, uint64_t length) noexcept {
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const uint64_t begin = address & ~(page - 1);
    const uint64_t end = address + length;
    return ::msync(reinterpret_cast<void*>(begin), end - begin, MS_ASYNC) == 0 || errno != ENOMEM;
}

} // namespace

failure agent::create_arena(const nixl_arena_params_t& params, nixl_arena_info_t& info) {
    if (params.length == 0 || params.huge_pages > 2 || params.reserved != 0)
        return fail(NIXL_ERR_INVALID_PARAM, "an arena needs a length, and huge_pages must be 0, 1 or 2");
    std::shared_ptr<nixl::arena> made;
    if (failure f = arena::create(params, made); !f.ok())
        return f;
    const uint64_t id = arenas_.insert([&](uint64_t) { return made; });
    if (id == 0)
        return fail(NIXL_ERR_BUSY, "the agent's table of arenas is full");
    info = {id, reinterpret_cast<uint64_t>(made->address()), made->length(), made->page_size()};
    return failure::success();
}

failure agent::destroy_arena(uint64_t id) {
    const std::shared_ptr<nixl::arena> a = arenas_.find(id);
    if (!a)
        return fail(NIXL_ERR_NOT_FOUND, "no such arena");
    if (memory_.uses_arena(*a))
        return fail(NIXL_ERR_BUSY, "memory of the arena is still registered; deregister it first");
    arenas_.erase(id);
    return failure::success();
}

failure agent::register_memory(const nixl_region_params_t& params, uint64_t& id) {
    if (params.kind > NIXL_MEMORY_FILE)
        return fail(NIXL_ERR_INVALID_PARAM, "there is no memory kind %u", params.kind);
    if (params.length == 0 || params.address == 0 || params.length > UINT64_MAX - params.address)
        return fail(NIXL_ERR_INVALID_PARAM, "the range %#" PRIx64 " + %" PRIu64 " bytes is empty or wraps around",
                    params.address, params.length)
            .at(0, params.address, params.length);
    if (params.kind == NIXL_MEMORY_DRAM && params.device != 0)
        return fail(NIXL_ERR_INVALID_PARAM, "DRAM has no device; pass 0");
    if (params.kind == NIXL_MEMORY_DRAM && !is_mapped(params.address, params.length))
        return fail(NIXL_ERR_INVALID_PARAM,
                    "the range %#" PRIx64 " + %" PRIu64 " bytes is not all memory of this process", params.address,
                    params.length)
            .at(0, params.address, params.length);

    auto region = std::make_shared<local_region>();
    region->base = params.address;
    region->length = params.length;
    region->device = params.device;
    region->kind = static_cast<nixl_memory_kind_t>(params.kind);
    arenas_.for_each([&](uint64_t arena_id, const std::shared_ptr<nixl::arena>& a) {
        if (region->kind == NIXL_MEMORY_DRAM && a->contains(region->base, region->length)) {
            region->arena = a;
            region->arena_id = arena_id;
        }
    });

    region->deregistering = true; // invisible until every transport has had its say
    if (!memory_.insert(region))
        return fail(NIXL_ERR_BUSY, "the agent's table of registrations is full");
    failure first;
    bool refused = true; // all say "not this kind of memory"
    for (const auto& t : transports_) {
        if (!t)
            continue;
        const failure f = t->register_region(*region);
        if (f.ok())
            region->transports |= t->kind();
        else if (f.status != NIXL_ERR_NOT_SUPPORTED)
            refused = false;
        if (!f.ok() && first.ok())
            first = f;
    }
    if (region->transports == 0) {
        memory_.erase(*region);
        return fail(refused ? NIXL_ERR_NOT_FOUND : NIXL_ERR_BACKEND, "no transport can serve this memory: %.400s",
                    first.text)
            .system(first.system_error)
            .at(0, params.address, params.length);
    }
    memory_.abandon_deregister(*region);
    id = region->id;
    return failure::success();
}

failure agent::deregister_memory(uint64_t id, uint64_t timeout_ns) {
    const std::shared_ptr<local_region> region = memory_.find(id);
    if (!region)
        return fail(NIXL_ERR_NOT_FOUND, "no such registration");
    if (!memory_.begin_deregister(*region))
        return fail(NIXL_ERR_BUSY, "%" PRIu64 " prepared lists or operations in flight still use the registration",
                    region->lists.load())
            .at(0, region->base, region->length);
    const deadline until = deadline::after(timeout_or_default(timeout_ns));
    for (const auto& t : transports_) {
        if (!t || (region->transports & t->kind()) == 0)
            continue;
        if (failure f = t->deregister_region(*region, until); !f.ok()) {
            memory_.abandon_deregister(*region); // can be tried again; the transports already left stay left
            return f;
        }
        region->transports &= ~static_cast<uint32_t>(t->kind());
    }
    memory_.erase(*region);
    return failure::success();
}

failure agent::query_memory(uint64_t id, nixl_region_info_t& info) const {
    std::shared_ptr<local_region> region;
    if (id != 0) {
        region = memory_.find(id);
    } else {
        if (info.kind > NIXL_MEMORY_FILE || info.length == 0)
            return fail(NIXL_ERR_INVALID_PARAM, "a query by address needs a memory kind and a length");
        region = memory_.covering(static_cast<nixl_memory_kind_t>(info.kind), info.device, info.address, info.length);
    }
    if (!region)
        return fail(NIXL_ERR_NOT_FOUND, "no registration covers %#" PRIx64 " + %" PRIu64 " bytes", info.address,
                    info.length);
    info = {};
    info.region = region->id;
    info.address = region->base;
    info.length = region->length;
    info.device = region->device;
    info.kind = region->kind;
    info.transports = region->transports;
    info.arena = region->arena_id;
    info.lists = region->lists.load();
    return failure::success();
}

} // namespace nixl
