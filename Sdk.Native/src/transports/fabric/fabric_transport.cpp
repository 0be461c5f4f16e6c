#include "transports/fabric/fabric_transport.hpp"

#include "transports/fabric/engine.hpp"

namespace nixl {

namespace {

// The seam; everything behind it is the engine's.
class fabric_transport final : public transport {
  public:
    explicit fabric_transport(std::unique_ptr<fabric::engine> e) : engine_(std::move(e)) {}
    ~fabric_transport() override { (void)engine_->close(deadline::after(0)); }

    nixl_transport_t kind() const noexcept override { return NIXL_TRANSPORT_FABRIC; }
    transport_description describe() const override { return engine_->describe(); }
    void counters(nixl_transport_counters_t& out) const noexcept override { engine_->counters(out); }

    failure register_region(local_region& r) noexcept override { return engine_->register_region(r); }
    failure deregister_region(local_region& r, deadline until) noexcept override {
        return engine_->deregister_region(r, until);
    }
    void export_address(std::string& out) const override { engine_->export_address(out); }
    void export_region(const local_region& r, std::string& out) const override { engine_->export_region(r, out); }

    bool reachable(const peer_metadata& metadata, std::string& why) const override {
        return engine_->reachable(metadata, why);
    }
    void connect(peer& p, deadline until) noexcept override { engine_->connect(p, until); }
    // Keys are read when a list first uses them; a peer takes old ones back over the control connection.
    void regions_changed(peer&) noexcept override {}
    void disconnect(peer& p, const failure& why) noexcept override { engine_->disconnect(p, why); }

    void submit(request& r) noexcept override { engine_->submit(r); }
    void cancel(request&) noexcept override { engine_->look_for_cancels(); }
    failure close(deadline until) noexcept override { return engine_->close(until); }

  private:
    const std::unique_ptr<fabric::engine> engine_;
};

} // namespace

std::unique_ptr<transport> make_fabric_transport(const agent_settings& settings, transport_events& events,
                                                 failure& why) {
    auto engine = std::make_unique<fabric::engine>(settings, events);
    why = engine->start();
    return why.ok() ? std::make_unique<fabric_transport>(std::move(engine)) : nullptr;
}

} // namespace nixl
