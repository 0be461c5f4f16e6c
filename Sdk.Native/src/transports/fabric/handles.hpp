// One owning alias per kind of libfabric object. Destruction closes the object; children must be declared after (and so
// are destroyed before) the objects they were opened on.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>

#include <memory>

namespace nixl::fabric {

// Whether a close succeeded matters only for memory registrations, which close by hand (see memory_registration).
struct fid_closer {
    template <typename T>
    void operator()(T* object) const noexcept {
        fi_close(&object->fid);
    }
};

using fabric_handle = std::unique_ptr<::fid_fabric, fid_closer>;
using domain_handle = std::unique_ptr<::fid_domain, fid_closer>;
using endpoint_handle = std::unique_ptr<::fid_ep, fid_closer>;
using queue_handle = std::unique_ptr<::fid_cq, fid_closer>;
using address_vector_handle = std::unique_ptr<::fid_av, fid_closer>;
using registration_handle = std::unique_ptr<::fid_mr, fid_closer>;

// An fi_info chain, freed by the library that made it (which therefore must outlive it; it is never unloaded).
struct info_deleter {
    decltype(&::fi_freeinfo) free = nullptr;
    void operator()(::fi_info* info) const noexcept {
        if (free != nullptr) {
            free(info);
        }
    }
};
using info_handle = std::unique_ptr<::fi_info, info_deleter>;

} // namespace nixl::fabric
