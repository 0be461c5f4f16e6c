// Implemented by a transport that can be made to misbehave for tests.
#pragma once

#include "core/failure.hpp"

namespace nixl {

class fault_injection {
  public:
    virtual failure set_faults(const nixl_loopback_faults_t& faults) noexcept = 0; // [any]

  protected:
    ~fault_injection() = default;
};

} // namespace nixl
