#include "transports/fabric/engine.hpp"

#include "transports/fabric/acceptor.hpp"
#include "transports/fabric/provider_choice.hpp"
#include "transports/fabric/rail_choice.hpp"

#include <algorithm>

namespace nixl::fabric {

namespace {

constexpr uint32_t scratch_bytes = 4096;
constexpr uint64_t max_greeting = 256; // strangers at a time

bool is_loopback(const std::string& address) {
    return address.starts_with("127.") || address == "::1";
}

} // namespace

engine::engine(const agent_settings& settings, transport_events& events)
    : settings_(settings), events_(events), loop_(settings.spin_ns, [this](uint64_t now) { return each_round(now); }) {}

engine::~engine() {
    (void)close(deadline::after(0));
}

failure engine::find_addresses(std::string& listen, std::string& advertise) const {
    std::string why;
    listen = control::resolve_host(settings_.listen_host, why);
    if (listen.empty()) {
        return fail(NIXL_ERR_INVALID_PARAM, "listen_host: %s", why.c_str());
    }
    const std::string& wanted = settings_.advertise_host.empty() ? settings_.listen_host : settings_.advertise_host;
    advertise = control::resolve_host(wanted, why);
    if (advertise.empty()) {
        return fail(NIXL_ERR_INVALID_PARAM, "advertise_host: %s", why.c_str());
    }
    if (control::is_wildcard(advertise)) {
        return fail(NIXL_ERR_INVALID_PARAM,
                    "cannot advertise the wildcard address %s: set advertise_host to an address that peers can reach",
                    advertise.c_str());
    }
    return failure::success();
}

failure engine::start() {
    std::string listen;
    std::string advertise;
    if (const failure f = find_addresses(listen, advertise); !f.ok()) {
        return f;
    }
    std::string why;
    library_ = library::find(settings_.fabric_library, library::usual_places(), why);
    if (library_ == nullptr) {
        return fail(NIXL_ERR_NOT_FOUND, "%s", why.c_str());
    }
    chosen_domains chosen = choose_domains(library_, settings_.fabric_provider, settings_.fabric_rails, advertise);
    if (chosen.domains.empty()) {
        return fail(NIXL_ERR_NOT_SUPPORTED, "%s", chosen.reason.c_str());
    }
    domains_ = std::move(chosen.domains);
    provider_reason_ = std::move(chosen.reason);
    const domain& provider = *domains_.front();
    failure f;
    control::listener listener = control::listener::tcp(listen, settings_.listen_port, f);
    if (!listener) {
        return f;
    }
    std::unique_ptr<packing::staging> scratch;
    if (f = packing::staging::make(domains_, std::make_shared<packing::staging_budget>(scratch_bytes), 1, scratch_bytes,
                                   scratch);
        !f.ok()) {
        return f;
    }
    // An aggregate: make_unique cannot make it before clang 16.
    // NOLINTNEXTLINE(modernize-make-unique)
    environment_.reset(new environment{
        settings_, events_, loop_, openers_, count_, domains_, packing::policy::choose(settings_, provider.provider()),
        std::make_shared<packing::staging_budget>(settings_.staging_bytes), granted_, std::move(scratch)});
    acceptor_ = std::make_shared<acceptor>(*this, std::move(listener));
    advertised_.provider = provider.provider();
    advertised_.host = advertise;
    advertised_.port = acceptor_->port();
    advertised_.virtual_addresses = provider.limits().virtual_addresses;
    advertised_.rails = static_cast<uint32_t>(domains_.size());
    loopback_only_ = is_loopback(listen);
    if (f = loop_.start(); !f.ok()) {
        return f;
    }
    openers_.start();
    loop_.post([this] {
        loop_.add(acceptor_);
        (void)acceptor_->watch(); // a fresh descriptor in a fresh epoll set
    });
    return failure::success();
}

transport_description engine::describe() const {
    const provider_limits& l = environment_->provider().limits();
    transport_description d;
    d.kind = NIXL_TRANSPORT_FABRIC;
    d.library = library_->version_text();
    d.library_file = library_->file();
    d.library_reason = library_->reason();
    d.provider = environment_->provider().provider();
    d.provider_reason = provider_reason_;
    for (const auto& one : domains_) {
        const char* name = one->info().domain_attr->name;
        d.rails.push_back({name != nullptr ? name : "", source_address(one->info())});
    }
    d.limits = {{"max_message_bytes", l.max_message},
                {"piece_bytes", environment_->piece_bytes()},
                {"window_operations", environment_->window_operations()},
                {"window_bytes", settings_.window_bytes},
                {"inject_bytes", l.inject},
                {"immediate_bytes", l.immediate},
                {"ordered_writes", l.ordered_writes ? 1 : 0},
                {"local_pieces_per_operation", l.iov},
                {"remote_pieces_per_operation", l.rma_iov},
                {"key_bytes", l.key_bytes},
                {"virtual_addresses", l.virtual_addresses ? 1 : 0},
                {"provider_keys", l.provider_keys ? 1 : 0},
                {"local_registration", l.local_registration ? 1 : 0},
                {"rails", domains_.size()},
                {"packing_mode", environment_->packing.mode},
                {"packing_piece_bytes", environment_->packing.piece_bytes},
                {"packing_operation_ns", environment_->packing.cost.operation_ns},
                {"packing_piece_ns", environment_->packing.cost.piece_ns},
                {"packing_byte_ps", environment_->packing.cost.byte_ps},
                {"packing_round_trip_ns", environment_->packing.cost.round_trip_ns},
                {"staging_bytes", settings_.staging_bytes},
                {"staging_bytes_used", environment_->staging->used()},
                {"control_port", advertised_.port}};
    return d;
}

void engine::counters(nixl_transport_counters_t& out) const noexcept {
    out.transport = NIXL_TRANSPORT_FABRIC;
    out.written_bytes = count_.written_bytes;
    out.read_bytes = count_.read_bytes;
    out.operations = count_.operations;
    out.transfers = count_.transfers;
    out.failures = count_.failures;
    out.notifications_sent = count_.notifications_sent;
    out.notifications_received = count_.notifications_received;
}

failure engine::register_region(local_region& r) noexcept {
    std::shared_ptr<registration> made;
    if (const failure f = registration::make(domains_, r, made); !f.ok()) {
        return f;
    }
    transport_slot& slot = r.slot(NIXL_TRANSPORT_FABRIC);
    slot.handle = made.get(); // registration::of
    granted_.add(made->name(), r.base, r.length);
    slot.state = std::move(made);
    return failure::success();
}

failure engine::deregister_region(local_region& r, deadline until) noexcept {
    transport_slot& slot = r.slot(NIXL_TRANSPORT_FABRIC);
    const auto region = std::static_pointer_cast<registration>(slot.state);
    if (region == nullptr) {
        return failure::success();
    }
    // First: from here on no packed piece is copied into it. Peers' own writes take longer to end.
    if (!granted_.remove(region->name(), until)) {
        return fail(NIXL_ERR_BUSY, "a packed write into the region is still being copied; deregister it again");
    }
    const uint64_t now = now_ns();
    const uint64_t grace = std::min(until.remaining_ns(now) / 2, settings_.quiesce_grace_ns);
    auto result = std::make_shared<revocation_result>();
    const bool handed = loop_.post(
        [this, region, result, force_at = now + grace] { revocations_.start(region, result, force_at, inbound_); });
    const failure f = handed ? result->wait(until) : region->close(); // no thread any more: no peer either
    if (f.ok()) {
        slot = {};
    }
    return f;
}

void engine::export_address(std::string& out) const {
    encode(out, advertised_);
}

void engine::export_region(const local_region& r, std::string& out) const {
    const auto region = std::static_pointer_cast<registration>(r.slot(NIXL_TRANSPORT_FABRIC).state);
    if (region != nullptr) {
        encode(out, region->published());
    }
}

bool engine::reachable(const peer_metadata& metadata, std::string& why) const {
    const std::string& bytes = metadata.address(NIXL_TRANSPORT_FABRIC);
    if (bytes.empty()) {
        why = "the peer does not offer it";
        return false;
    }
    advertised_address to;
    if (const wire_error e = decode(bytes, to)) {
        why = e;
        return false;
    }
    if (to.provider != advertised_.provider) {
        why = "the peer uses libfabric provider '" + to.provider + "', this agent '" + advertised_.provider + "'";
        return false;
    }
    if (control::is_wildcard(to.host)) {
        why = "the peer advertises the wildcard address " + to.host;
        return false;
    }
    if (loopback_only_ != is_loopback(to.host)) {
        why = loopback_only_ ? "this agent listens on the loopback address only; set its listen_host"
                             : "the peer advertises a loopback address; set its listen_host";
        return false;
    }
    return true;
}

void engine::connect(peer& p, deadline until) noexcept {
    const auto held = p.shared_from_this();
    const bool handed = loop_.post([this, held, until] {
        auto l = outbound::connect(*environment_, held, until, now_ns());
        if (l->finished()) {
            return l->retire();
        }
        std::erase_if(outbound_, [](const auto& weak) { return weak.expired(); });
        outbound_.push_back(l);
        loop_.add(std::move(l));
    });
    if (!handed) {
        events_.peer_connected(p, fail(NIXL_ERR_CLOSED, "the agent is closing"));
    }
}

outbound* engine::find_outbound(const peer& p) {
    for (const auto& weak : outbound_) {
        if (const auto l = weak.lock(); l != nullptr && &l->target() == &p && !l->finished()) {
            return l.get(); // the loop holds it
        }
    }
    return nullptr;
}

void engine::disconnect(peer& p, const failure& why) noexcept {
    loop_.post([this, held = p.shared_from_this(), why] {
        if (outbound* l = find_outbound(*held); l != nullptr) {
            l->disconnect(why);
        }
    });
}

void engine::submit(request& r) noexcept {
    {
        const std::lock_guard lock(submitted_mutex_);
        if (!closed_) {
            r.queue_next = nullptr;
            (submitted_last_ != nullptr ? submitted_last_->queue_next : submitted_first_) = &r;
            submitted_last_ = &r;
            loop_.wake();
            return;
        }
    }
    r.settled = true;
    r.settled_ns = now_ns();
    events_.request_settled(r, fail(NIXL_ERR_CLOSED, "the agent is closing"));
    events_.request_quiesced(r);
}

void engine::look_for_cancels() noexcept {
    cancels_.store(true, std::memory_order_release);
    loop_.wake();
}

bool engine::each_round(uint64_t now) {
    request* r = nullptr;
    {
        const std::lock_guard lock(submitted_mutex_);
        r = std::exchange(submitted_first_, nullptr);
        submitted_last_ = nullptr;
    }
    const bool any = r != nullptr;
    while (r != nullptr) {
        request* following = std::exchange(r->queue_next, nullptr);
        take(*r, now);
        r = following;
    }
    if (cancels_.exchange(false, std::memory_order_acquire)) {
        for (const auto& weak : outbound_) {
            if (const auto l = weak.lock()) {
                l->look_for_cancels();
            }
        }
    }
    return any;
}

void engine::take(request& r, uint64_t now) {
    if (auto* l = static_cast<outbound*>(r.target->transport_state.get()); l != nullptr) {
        return l->submit(r, now);
    }
    const bool stale = r.target->state.load() == NIXL_PEER_INVALIDATED;
    r.settled = true;
    r.settled_ns = now;
    events_.request_settled(r, fail(stale ? NIXL_ERR_STALE_PEER : NIXL_ERR_REMOTE_DISCONNECT,
                                    "there is no connection to '%s'", r.target->name().c_str())
                                   .of(r.target->name()));
    events_.request_quiesced(r);
}

void engine::accepted(control::unique_fd socket, uint64_t now) {
    if (greeting_ >= max_greeting) {
        return; // closed: too many strangers
    }
    if (auto l = inbound::accept(*environment_, *this, std::move(socket), now); l != nullptr) {
        ++greeting_;
        loop_.add(std::move(l));
    }
}

// Its end may be on its way still, and so may what was written through it: nothing of that shall arrive after what is
// written over the new connection.
void engine::inbound_joins(inbound& l) {
    const std::set<inbound*> open = inbound_; // closing takes them out
    for (inbound* older : open) {
        if (l.replaces(*older)) {
            older->close(fail(NIXL_ERR_REMOTE_DISCONNECT, "the initiator has connected again"));
        }
    }
}

void engine::inbound_open(inbound& l) {
    --greeting_;
    inbound_.insert(&l);
    revocations_.peer_joined(l);
}

void engine::inbound_revoked(inbound& l, uint64_t key) {
    revocations_.peer_answered(l, key);
}

void engine::inbound_closed(inbound& l) {
    if (inbound_.erase(&l) == 0) {
        --greeting_;
    }
    revocations_.peer_gone(l);
}

failure engine::close(deadline) noexcept {
    {
        const std::lock_guard lock(submitted_mutex_);
        closed_ = true;
    }
    // Nothing is waited for: closing the endpoints ends every operation.
    loop_.post([this] {
        each_round(now_ns());
        acceptor_->close();
        for (const auto& weak : outbound_) {
            if (const auto l = weak.lock()) {
                l->disconnect(fail(NIXL_ERR_CLOSED, "the agent is closing"));
            }
        }
        const std::set<inbound*> open = inbound_; // closing takes them out
        for (inbound* l : open) {
            l->close(fail(NIXL_ERR_REMOTE_DISCONNECT, "the agent is closing"));
        }
    });
    openers_.stop();
    loop_.stop();
    return failure::success();
}

} // namespace nixl::fabric
