#include "transports/local/local_transport.hpp"

#include "core/identity.hpp"
#include "transports/local/worker.hpp"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

namespace nixl {
namespace {

using namespace local;

// The seam's functions are called from any thread: they look things up or hand work to the worker.
class local_transport final : public transport {
  public:
    local_transport(const agent_settings& settings, transport_events& events)
        : context_(settings, events), worker_(context_) {}
    ~local_transport() override { (void)close(deadline::after(0)); }

    failure open() noexcept {
        if (const failure f = context_.mail->open(); !f.ok())
            return f;
        random_bytes(context_.own_nonce.data(), static_cast<unsigned>(context_.own_nonce.size()));
        std::uint64_t name[2];
        random_bytes(name, sizeof name);
        char text[64];
        std::snprintf(text, sizeof text, "nixl-sdk/%016llx%016llx", static_cast<unsigned long long>(name[0]),
                      static_cast<unsigned long long>(name[1]));
        address_.socket = text;
        address_.net_namespace = net_namespace();
        failure why;
        const std::uint32_t copiers = context_.settings.copier_threads;
        context_.copiers.start(copiers != 0 ? copiers : default_copiers(std::thread::hardware_concurrency()),
                               context_.settings.spin_ns);
        auto listener = control::listener::local(address_.socket, why);
        return listener ? worker_.start(std::move(listener)) : why;
    }

    nixl_transport_t kind() const noexcept override { return NIXL_TRANSPORT_LOCAL; }

    transport_description describe() const override {
        transport_description d;
        d.kind = NIXL_TRANSPORT_LOCAL;
        d.library = "nixlsdk " NIXL_SDK_VERSION;
        d.provider = "memfd+process_vm";
        d.limits = {{"regions", region_slots},
                    {"process_vm_batch", foreign_batch::capacity},
                    {"chunk_bytes", context_.settings.chunk_bytes},
                    {"copier_threads", context_.copiers.threads()}};
        return d;
    }

    void counters(nixl_transport_counters_t& out) const noexcept override {
        const auto& c = context_.counters;
        const auto get = [](const std::atomic<std::uint64_t>& n) { return n.load(std::memory_order_relaxed); };
        out.transport = NIXL_TRANSPORT_LOCAL;
        out.written_bytes = get(c.written_bytes);
        out.read_bytes = get(c.read_bytes);
        out.operations = get(c.operations);
        out.transfers = get(c.transfers);
        out.failures = get(c.failures);
        out.notifications_sent = get(c.notifications_sent);
        out.notifications_received = get(c.notifications_received);
        out.notifications_dropped_late = get(c.notifications_dropped_late);
    }

    failure register_region(local_region& r) noexcept override { return context_.regions.add(r); }
    failure deregister_region(local_region& r, deadline until) noexcept override {
        const failure f = context_.regions.remove(r, until);
        if (f.ok() && r.arena && !context_.regions.uses(*r.arena))
            tell_that_arenas_changed();
        return f;
    }

    void export_address(std::string& out) const override { out += encode(address_); }
    void export_region(const local_region& r, std::string& out) const override {
        out += encode(region_table::key_of(r));
    }

    bool reachable(const peer_metadata& metadata, std::string& why) const override;

    void connect(peer& p, deadline until) noexcept override {
        command c;
        c.what = command::verb::connect;
        c.until = until;
        if (!push(std::move(c), p))
            context_.events.peer_connected(p, closing().of(p.name()));
    }
    void regions_changed(peer& p) noexcept override {
        command c;
        c.what = command::verb::regions_changed;
        (void)push(std::move(c), p); // closing: nobody will use them
    }
    void disconnect(peer& p, const failure& why) noexcept override {
        try {
            command c;
            c.what = command::verb::disconnect;
            c.why = std::make_unique<failure>(why);
            (void)push(std::move(c), p); // closing: closes this peer as well
        } catch (const std::exception&) {
            // no memory for a few hundred bytes: closing the transport will end the connection
        }
    }

    bool complete_now(request& r) noexcept override {
        const auto l = static_cast<lane*>(r.target->transport_state.get());
        return l != nullptr && l->complete(r, context_);
    }
    void submit(request& r) noexcept override {
        if (auto* const l = static_cast<lane*>(r.target->transport_state.get()); l != nullptr && lane::is_small(r))
            l->queue_up(r);
        if (!context_.mail->submit(r))
            request_queue::settle(context_, r, closing().of(r.target->name()));
    }
    void cancel(request&) noexcept override { context_.mail->look_for_cancels(); }

    failure close(deadline until) noexcept override;

  private:
    static failure closing() noexcept { return fail(NIXL_ERR_CLOSED, "the agent is closing"); }

    void tell_that_arenas_changed() noexcept {
        try {
            command c;
            c.what = command::verb::arenas_changed;
            (void)context_.mail->push(std::move(c)); // closing: the connections end anyway
        } catch (const std::exception&) {
            // no memory: peers keep the mapping until the next change or the connection's end
        }
    }

    bool push(command&& c, peer& p) noexcept {
        try {
            c.peer = p.shared_from_this();
            return context_.mail->push(std::move(c));
        } catch (const std::exception&) {
            return false;
        }
    }

    context context_;
    worker worker_;
    local_address address_;
    std::mutex close_mutex_;
    bool closed_ = false;
    failure close_result_;
};

bool local_transport::reachable(const peer_metadata& metadata, std::string& why) const {
    local_address a;
    const auto here = this_process();
    if (metadata.address(NIXL_TRANSPORT_LOCAL).empty())
        why = "the peer does not offer it";
    else if (!decode(metadata.address(NIXL_TRANSPORT_LOCAL), a))
        why = "the peer's local address is of another version";
    else if (here.boot_id.empty() || metadata.process.boot_id != here.boot_id)
        why = "the peer is on another machine";
    else if (a.net_namespace != address_.net_namespace)
        why = "the peer is in another network name space";
    else if (metadata.process.user_id != here.user_id)
        why = "the peer runs as another user";
    else
        return true;
    return false;
}

failure local_transport::close(deadline until) noexcept {
    const std::lock_guard lock(close_mutex_);
    if (closed_)
        return close_result_;
    try {
        command c;
        c.what = command::verb::close;
        c.until = until;
        (void)context_.mail->push(std::move(c));
    } catch (const std::exception& e) {
        return fail(NIXL_ERR_OUT_OF_MEMORY, "closing the local transport: %s", e.what());
    }
    worker_.join();
    closed_ = true;
    const std::string busy = context_.regions.someone_inside();
    if (!busy.empty())
        close_result_ =
            fail(NIXL_ERR_BUSY, "peer '%s' was copying to or from this agent's memory and did not stop in time",
                 busy.c_str())
                .of(busy);
    return close_result_;
}

} // namespace

std::unique_ptr<transport> make_local_transport(const agent_settings& settings, transport_events& events,
                                                failure& why) {
    try {
        auto made = std::make_unique<local_transport>(settings, events);
        why = made->open();
        if (why.ok())
            return made;
    } catch (const std::exception& e) {
        why = fail(NIXL_ERR_OUT_OF_MEMORY, "opening the local transport: %s", e.what());
    }
    return nullptr;
}

} // namespace nixl
