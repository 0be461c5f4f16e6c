// The life of an agent: parameters, transports, counters, close.
#include "core/agent.hpp"

#include "core/faults.hpp"
#include "core/identity.hpp"
#include "transports/factory.hpp"

#include <cinttypes>
#include <cstring>
#include <utility>

namespace nixl {

namespace {

constexpr uint32_t all_transports = NIXL_TRANSPORT_LOOPBACK | NIXL_TRANSPORT_LOCAL | NIXL_TRANSPORT_FABRIC;

template <class T, class V>
void set_if(T& field, V value) {
    if (value != 0)
        field = static_cast<T>(value);
}

failure in_range(const char* field, uint64_t value, uint64_t least, uint64_t most) {
    if (value < least || value > most)
        return fail(NIXL_ERR_INVALID_PARAM, "%s is %" PRIu64 "; it must be between %" PRIu64 " and %" PRIu64, field,
                    value, least, most);
    return failure::success();
}

failure take_string(const char* field, const char* from, std::string& to) {
    if (from == nullptr || *from == 0)
        return failure::success();
    const std::size_t n = ::strnlen(from, 4096);
    if (n == 4096)
        return fail(NIXL_ERR_INVALID_PARAM, "%s is longer than 4095 bytes", field);
    to.assign(from, n);
    return failure::success();
}

failure read_settings(const nixl_agent_params_t& p, agent_settings& s) {
    if (p.name == nullptr || !valid_agent_name({p.name, ::strnlen(p.name, NIXL_NAME_MAX + 1)}))
        return fail(NIXL_ERR_INVALID_PARAM, "an agent's name must match [A-Za-z0-9._-]{1,128}");
    s.name = p.name;
    if (p.incarnation == 0)
        return fail(NIXL_ERR_INVALID_PARAM, "the incarnation must not be 0; take a random number per start");
    s.incarnation = p.incarnation;
    set_if(s.transports, p.transports);
    if ((s.transports & ~all_transports) != 0)
        return fail(NIXL_ERR_INVALID_PARAM, "the transports mask %#x has unknown bits", s.transports);
    set_if(s.max_transfers, p.max_transfers);
    set_if(s.max_notifications, p.max_notifications);
    set_if(s.window_operations, p.window_operations);
    set_if(s.window_bytes, p.window_bytes);
    set_if(s.chunk_bytes, p.chunk_bytes);
    set_if(s.packing, p.packing);
    set_if(s.packing_piece_bytes, p.packing_piece_bytes);
    set_if(s.staging_bytes, p.staging_bytes);
    set_if(s.copier_threads, p.copier_threads);
    set_if(s.spin_ns, p.spin_ns);
    set_if(s.default_timeout_ns, p.default_timeout_ns);
    set_if(s.suspect_after_ns, p.suspect_after_ns);
    set_if(s.quiesce_grace_ns, p.quiesce_grace_ns);
    for (const failure& f :
         {in_range("listen_port", p.listen_port, 0, 65535), in_range("max_transfers", s.max_transfers, 1, 1u << 20),
          in_range("max_notifications", s.max_notifications, 1, 1u << 20),
          in_range("window_operations", s.window_operations, 1, 1u << 20),
          in_range("window_bytes", s.window_bytes, 4096, 1ull << 40),
          in_range("chunk_bytes", s.chunk_bytes, 4096, 1u << 30), in_range("spin_ns", s.spin_ns, 0, 1'000'000'000u),
          in_range("copier_threads", s.copier_threads, 0, 64),
          in_range("packing", s.packing, NIXL_PACKING_AUTO, NIXL_PACKING_ALWAYS),
          take_string("listen_host", p.listen_host, s.listen_host),
          take_string("advertise_host", p.advertise_host, s.advertise_host),
          take_string("fabric_library", p.fabric_library, s.fabric_library),
          take_string("fabric_provider", p.fabric_provider, s.fabric_provider),
          take_string("fabric_rails", p.fabric_rails, s.fabric_rails)})
        if (!f.ok())
            return f;
    s.listen_port = static_cast<uint16_t>(p.listen_port);
    if (s.advertise_host.empty())
        s.advertise_host = s.listen_host;
    if (s.advertise_host == "0.0.0.0" || s.advertise_host == "::")
        return fail(NIXL_ERR_INVALID_PARAM,
                    "peers cannot connect to the wildcard address %s; set advertise_host to an address of this machine",
                    s.advertise_host.c_str());
    random_bytes(s.access_token, sizeof s.access_token);
    return failure::success();
}

} // namespace

agent::agent(agent_settings settings) : settings_(std::move(settings)), operations_(settings_.max_transfers) {}

failure agent::create(const nixl_agent_params_t& params, std::unique_ptr<agent>& out) {
    agent_settings settings;
    if (failure f = read_settings(params, settings); !f.ok())
        return f;
    std::unique_ptr<agent> made(new agent(std::move(settings)));
    if (failure f = made->open_transports(); !f.ok())
        return f;
    out = std::move(made);
    return failure::success();
}

failure agent::open_transports() {
    std::string reasons;
    bool any = false;
    for (uint32_t i = 0; i < transport_count; ++i) {
        if ((settings_.transports & (1u << i)) == 0) {
            unavailable_[i] = "not among the agent's transports";
            continue;
        }
        failure why;
        transports_[i] = make_transport(transport_at(i), settings_, *this, why);
        any |= transports_[i] != nullptr;
        if (!transports_[i]) {
            unavailable_[i] = why.text;
            reasons += std::string(reasons.empty() ? "" : "; ") + transport_names[i] + ": " + why.text;
        }
    }
    return any ? failure::success()
               : fail(NIXL_ERR_BACKEND, "none of the agent's transports can be had here: %s", reasons.c_str());
}

agent::~agent() {
    close(0);
}

failure agent::close(uint64_t timeout_ns) noexcept {
    if (closed_.exchange(true))
        return failure::success();
    const deadline until = deadline::after(timeout_ns);
    failure worst;
    for (const auto& t : transports_) {
        if (!t)
            continue;
        if (failure f = t->close(until); !f.ok() && worst.ok())
            worst = f;
    }
    return worst;
}

failure agent::counters(nixl_transport_counters_t* out, uint64_t capacity, uint64_t& count) const noexcept {
    count = 0;
    for (const auto& t : transports_)
        count += t ? 1 : 0;
    if (count > capacity)
        return fail(NIXL_ERR_BUFFER_TOO_SMALL, "there are counters of %" PRIu64 " transports", count);
    for (const auto& t : transports_) {
        if (!t)
            continue;
        *out = {};
        out->transport = t->kind();
        t->counters(*out);
        ++out;
    }
    return failure::success();
}

void agent::export_metadata(std::string& out) const {
    metadata_export m;
    m.name = settings_.name;
    m.incarnation = settings_.incarnation;
    m.process = this_process();
    std::memcpy(m.access_token.data(), settings_.access_token, m.access_token.size());
    for (uint32_t i = 0; i < transport_count; ++i)
        if (transports_[i])
            transports_[i]->export_address(m.addresses[i]);
    for (const auto& region : memory_.snapshot()) {
        region_export& r = m.regions.emplace_back();
        r.id = region->id;
        r.base = region->base;
        r.length = region->length;
        r.device = region->device;
        r.kind = region->kind;
        for (uint32_t i = 0; i < transport_count; ++i)
            if (transports_[i] && (region->transports & (1u << i)) != 0)
                transports_[i]->export_region(*region, r.keys[i]);
    }
    encode_metadata(m, out);
}

failure agent::set_loopback_faults(const nixl_loopback_faults_t& faults) noexcept {
    auto* target = dynamic_cast<fault_injection*>(transport_of(NIXL_TRANSPORT_LOOPBACK));
    if (target == nullptr)
        return fail(NIXL_ERR_NOT_FOUND, "this agent has no loopback transport");
    return target->set_faults(faults);
}

} // namespace nixl
