// A thread that takes no signals: those are the application's business.
#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace nixl::local {

// Throws std::system_error. `name`: at most 15 characters.
template <class Body>
std::thread quiet_thread(const char* name, Body&& body) {
    struct masked { // the thread inherits the full mask
        masked() noexcept {
            sigset_t all;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, &before);
        }
        ~masked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
        sigset_t before;
    } const now;
    std::thread t(std::forward<Body>(body));
    pthread_setname_np(t.native_handle(), name);
    return t;
}

} // namespace nixl::local
