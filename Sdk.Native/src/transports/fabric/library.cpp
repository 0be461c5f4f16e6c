#include "transports/fabric/library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace nixl::fabric {

namespace {

template <typename F>
bool find(void* handle, const char* symbol, F& target, std::string& why) {
    void* found = dlsym(handle, symbol);
    if (found == nullptr) {
        why = std::string("it has no function ") + symbol;
        return false;
    }
    target = reinterpret_cast<F>(found);
    return true;
}

// Loading libfabric replaces the process's handlers for SIGINT, SIGTERM, SIGSEGV, SIGBUS, SIGILL and SIGABRT (one of
// its dependencies does, in a constructor). A managed host lives by its own; they are put back.
class signal_keeper {
  public:
    signal_keeper() noexcept {
        for (size_t i = 1; i < before_.size(); ++i) {
            known_[i] = ::sigaction(static_cast<int>(i), nullptr, &before_[i]) == 0;
        }
    }
    ~signal_keeper() {
        for (size_t i = 1; i < before_.size(); ++i) {
            struct sigaction now {};
            if (known_[i] && ::sigaction(static_cast<int>(i), nullptr, &now) == 0 &&
                now.sa_sigaction != before_[i].sa_sigaction) {
                (void)::sigaction(static_cast<int>(i), &before_[i], nullptr);
            }
        }
    }
    signal_keeper(const signal_keeper&) = delete;
    signal_keeper& operator=(const signal_keeper&) = delete;

  private:
    std::array<struct sigaction, 32> before_{};
    std::array<bool, 32> known_{};
};

} // namespace

std::shared_ptr<const library> library::load(const std::string& name, std::string& why) {
    const signal_keeper host_signals;
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* reason = dlerror();
        why = "cannot load " + name + ": " + (reason != nullptr ? reason : "unknown reason") +
              "; install libfabric (Debian: libfabric1) or name its file in fabric_library";
        return nullptr;
    }
    std::shared_ptr<library> l(new library);
    std::string missing;
    if (!find(handle, "fi_getinfo", l->getinfo, missing) || !find(handle, "fi_freeinfo", l->freeinfo, missing) ||
        !find(handle, "fi_dupinfo", l->dupinfo, missing) || !find(handle, "fi_fabric", l->open_fabric, missing) ||
        !find(handle, "fi_strerror", l->strerror, missing) || !find(handle, "fi_version", l->version, missing) ||
        !find(handle, "fi_tostr", l->tostr, missing)) {
        dlclose(handle);
        why = name + " is not libfabric: " + missing;
        return nullptr;
    }
    if (FI_MAJOR(l->version()) < 1 || l->version() < FI_VERSION(1, 9)) {
        why = name + " is " + l->version_text() + "; 1.9 or later is needed";
        return nullptr;
    }
    return l;
}

uint32_t library::api_version() const noexcept {
    return std::min(static_cast<uint32_t>(FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION)), version());
}

std::string library::version_text() const {
    const uint32_t v = version();
    return "libfabric " + std::to_string(FI_MAJOR(v)) + "." + std::to_string(FI_MINOR(v));
}

std::string library::error_text(int64_t code) const {
    const int positive = static_cast<int>(code < 0 ? -code : code);
    const char* text = strerror(positive);
    return std::string(text != nullptr ? text : "unknown error") + " (" + std::to_string(-positive) + ")";
}

} // namespace nixl::fabric
