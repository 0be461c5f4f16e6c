#include "transports/fabric/library.hpp"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

namespace nixl::fabric {

namespace {

template <typename F>
bool find_symbol(void* handle, const char* symbol, F& target, std::string& why) {
    void* found = dlsym(handle, symbol);
    if (found == nullptr) {
        why = std::string("it has no function ") + symbol;
        return false;
    }
    target = reinterpret_cast<F>(found);
    return true;
}

// Loading libfabric replaces the process's handlers for SIGINT, SIGTERM, SIGSEGV, SIGBUS, SIGILL and SIGABRT (one of
// its dependencies does, in a constructor). A managed host lives by its own; they are put back. One at a time: whoever
// looks while another one loads would take the library's handlers for the host's.
class signal_keeper {
  public:
    signal_keeper() : alone_(loading()) {
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
    static std::mutex& loading() {
        static auto* const one_at_a_time = new std::mutex; // for ever: threads may load while the process ends
        return *one_at_a_time;
    }

    const std::lock_guard<std::mutex> alone_;
    std::array<struct sigaction, 32> before_{};
    std::array<bool, 32> known_{};
};

// libfabric reads its environment once, in the first call, and has no other way to be told. What must be otherwise than
// its defaults is there for that moment only: once for each library in the life of the process.
struct variable {
    const char* name;
    const char* value;
    bool always; // also against what the user has set
};
constexpr std::array variables = {
    // rxm sizes the completion queue of every endpoint for this many peers (256, or 1024 in 2.x) with 128 operations or
    // more each. Ours have one peer: the default costs every connection memory for 65,536 entries, and devices with
    // shorter queues refuse it (Soft-RoCE: 32,767, "Invalid argument").
    variable{"FI_UNIVERSE_SIZE", "16", false},
    // A cache of registrations keeps a closed one, and its key, alive: a peer with old metadata would still write into
    // memory that was deregistered (seen with verbs of 1.17). We register regions, not buffers; nothing is lost.
    variable{"FI_MR_CACHE_MAX_COUNT", "0", true},
    variable{"FI_EFA_MR_CACHE_ENABLE", "0", true}, // efa fails where its cache may hold nothing
    // Peers of one machine have a transport of their own; without shm below it efa's completion queues can be slept on.
    variable{"FI_EFA_ENABLE_SHM_TRANSFER", "0", false},
};

// NOLINTBEGIN(concurrency-mt-unsafe)
// Not with setenv: that moves and frees the array which another thread may be reading at this moment, in getenv or
// while it starts a program (posix_spawn then fails with EFAULT). Both arrays here live for ever; only the pointer
// changes. The strings are the process's own.
class environment_for_loading {
  public:
    environment_for_loading() : before_(environ), ours_(with_variables(before_)) {
        static auto* const kept = new std::vector<char**>; // under the caller's lock
        kept->push_back(ours_);
        __atomic_store_n(&environ, ours_, __ATOMIC_RELEASE);
    }
    ~environment_for_loading() {
        if (environ == ours_) { // nobody else has changed it meanwhile
            __atomic_store_n(&environ, before_, __ATOMIC_RELEASE);
        }
    }
    environment_for_loading(const environment_for_loading&) = delete;
    environment_for_loading& operator=(const environment_for_loading&) = delete;

  private:
    static char** with_variables(char** from) {
        std::vector<char*> entries;
        for (const variable& v : variables) {
            if (v.always || std::getenv(v.name) == nullptr) { // the first of a name counts
                entries.push_back(::strdup((std::string(v.name) + "=" + v.value).c_str()));
            }
        }
        for (; from != nullptr && *from != nullptr; ++from) {
            entries.push_back(*from);
        }
        auto** array = new char*[entries.size() + 1]();
        std::copy(entries.begin(), entries.end(), array);
        return array;
    }

    char** const before_;
    char** const ours_;
};
// NOLINTEND(concurrency-mt-unsafe)

void read_environment(const library& l, void* handle) {
    static auto* const done = new std::vector<void*>; // one library, one handle, for ever; under the loading lock
    if (std::find(done->begin(), done->end(), handle) != done->end()) {
        return;
    }
    done->push_back(handle);
    const environment_for_loading ours;
    // Any question starts the library; this one asks no device anything.
    ::fi_info* hints = l.dupinfo(nullptr);
    if (hints == nullptr) {
        return;
    }
    hints->fabric_attr->prov_name = strdup("none of them"); // freed with the hints
    ::fi_info* found = nullptr;
    (void)l.getinfo(l.api_version(), nullptr, nullptr, 0, hints, &found);
    l.freeinfo(hints);
    if (found != nullptr) {
        l.freeinfo(found);
    }
}

std::string file_of(void* handle, const std::string& name) {
    ::link_map* map = nullptr;
    return ::dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name != nullptr ? map->l_name : name;
}

} // namespace

std::vector<std::string> library::usual_places() {
    return {"/opt/amazon/efa/lib64/libfabric.so.1", "/opt/amazon/efa/lib/libfabric.so.1", "libfabric.so.1"};
}

std::shared_ptr<const library> library::find(const std::string& named, const std::vector<std::string>& places,
                                             std::string& why) {
    const auto because = [](const std::shared_ptr<library>& l, std::string reason) {
        l->reason_ = std::move(reason);
        return std::shared_ptr<const library>(l);
    };
    if (!named.empty()) {
        auto l = load_file(named, why);
        return l == nullptr ? nullptr : because(l, "named by fabric_library");
    }
    std::string refused; // what is there but cannot be used is said, whatever is found after it
    for (const std::string& place : places) {
        const bool path = place.find('/') != std::string::npos;
        if (path && ::access(place.c_str(), F_OK) != 0) {
            continue;
        }
        std::string reason;
        if (auto l = load_file(place, reason); l != nullptr) {
            return because(l, (path ? "a vendor's build, found before the system's" : "the system's") + refused);
        }
        refused += "; " + reason;
    }
    why = refused.empty() ? "there is no libfabric in the usual places" : refused.substr(2);
    return nullptr;
}

std::shared_ptr<const library> library::load(const std::string& name, std::string& why) {
    return load_file(name, why);
}

std::shared_ptr<library> library::load_file(const std::string& name, std::string& why) {
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
    if (!find_symbol(handle, "fi_getinfo", l->getinfo, missing) ||
        !find_symbol(handle, "fi_freeinfo", l->freeinfo, missing) ||
        !find_symbol(handle, "fi_dupinfo", l->dupinfo, missing) ||
        !find_symbol(handle, "fi_fabric", l->open_fabric, missing) ||
        !find_symbol(handle, "fi_strerror", l->strerror, missing) ||
        !find_symbol(handle, "fi_version", l->version, missing) ||
        !find_symbol(handle, "fi_tostr", l->tostr, missing)) {
        dlclose(handle);
        why = name + " is not libfabric: " + missing;
        return nullptr;
    }
    if (FI_MAJOR(l->version()) < 1 || l->version() < FI_VERSION(1, 9)) {
        why = name + " is " + l->version_text() + "; 1.9 or later is needed";
        return nullptr;
    }
    l->file_ = file_of(handle, name);
    read_environment(*l, handle);
    return l;
}

uint32_t library::api_version() const noexcept {
    // 1.18 is the first with which efa writes by RDMA instead of emulating it. Of the structures that we hand over none
    // has changed before 1.20.
    return std::min<uint32_t>(FI_VERSION(1, 18), version());
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
