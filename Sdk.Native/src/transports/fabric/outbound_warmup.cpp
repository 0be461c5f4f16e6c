// The last step of connecting: one small write over each rail, into a page of the peer that means nothing. Providers
// connect with the first operation (rxm takes tens of milliseconds for it); a transfer shall not pay for that, and a
// data path that does not work is better found here.
#include "transports/fabric/outbound.hpp"

#include <cinttypes>

namespace nixl::fabric {

namespace {

constexpr uint64_t warm_up_bytes = 8;
constexpr uint64_t warm_up_source = 2048; // in our own page; peers write to its beginning

} // namespace

void outbound::warm_up(advertised_key scratch) {
    warming_ = std::make_unique<warming>();
    warming_->target = std::move(scratch);
    warming_->contexts = std::make_unique<::fi_context2[]>(rails_.size());
    advance_warm_up();
}

bool outbound::advance_warm_up() {
    if (warming_ == nullptr) {
        return false;
    }
    const auto failed = [this](const std::string& why) {
        close(
            fail(NIXL_ERR_BACKEND, "the data connection to '%s' does not work: %s", peer_->name().c_str(), why.c_str()),
            true);
        return true;
    };
    warming& w = *warming_;
    const size_t before = w.posted + w.done;
    while (w.posted < rails_.size()) {
        const rail& over = rails_[w.posted];
        rma_operation what;
        what.local = env_.scratch->slot(0) + warm_up_source;
        what.descriptor = env_.scratch->descriptor(over.domain);
        what.remote = target_virtual_addresses_ ? w.target.base : 0;
        what.key = w.target.of_rail(over.index);
        what.length = warm_up_bytes;
        what.context = &w.contexts[w.posted];
        const int64_t rc = over.path->post(what);
        if (rc == -FI_EAGAIN) {
            break;
        }
        if (rc != 0) {
            return failed(env_.provider().lib().error_text(rc));
        }
        ++w.posted;
    }
    for (rail& over : rails_) {
        std::string why;
        const int64_t n = over.path->poll(polled_.data(), polled_.size(), why);
        if (n < 0) {
            return failed(why);
        }
        for (int64_t i = 0; i < n; ++i) {
            if (polled_[static_cast<size_t>(i)].error != 0) {
                return failed(polled_[static_cast<size_t>(i)].text);
            }
            ++w.done;
        }
    }
    const bool any = w.posted + w.done != before;
    if (w.done == rails_.size()) {
        warming_.reset();
        welcomed();
    }
    return any;
}

} // namespace nixl::fabric
