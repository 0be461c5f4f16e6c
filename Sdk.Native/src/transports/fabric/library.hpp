// libfabric, opened at run time: a machine without it still loads libnixlsdk, and a vendor's newer build can be named.
//
// Only the functions that libfabric exports are looked up here; everything else is reached through the operation tables
// of the objects that it returns (the inline functions of <rdma/...>). The library is never closed again: its providers
// start threads and register exit handlers.
#pragma once

#include <rdma/fabric.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nixl::fabric {

class library {
  public:
    // Null with a sentence in `why` if the file cannot be loaded or is not libfabric.
    static std::shared_ptr<const library> load(const std::string& name, std::string& why);

    // The file that `named` names, or, where it is empty, the first of `places` that there is. A vendor's own build
    // knows its devices better than the distribution's, so it comes first.
    static std::shared_ptr<const library> find(const std::string& named, const std::vector<std::string>& places,
                                               std::string& why);
    static std::vector<std::string> usual_places();

    decltype(&::fi_getinfo) getinfo = nullptr;
    decltype(&::fi_freeinfo) freeinfo = nullptr;
    decltype(&::fi_dupinfo) dupinfo = nullptr;
    decltype(&::fi_fabric) open_fabric = nullptr;
    decltype(&::fi_strerror) strerror = nullptr;
    decltype(&::fi_version) version = nullptr;
    decltype(&::fi_tostr) tostr = nullptr;

    // The interface version to ask for: never above what the library answers to.
    uint32_t api_version() const noexcept;
    const std::string& file() const noexcept { return file_; }     // that the loader found
    const std::string& reason() const noexcept { return reason_; } // why this one
    // "libfabric 1.17"
    std::string version_text() const;
    // "text (-code)" for a negative return value or a positive fi_errno.
    std::string error_text(int64_t code) const;

  private:
    library() = default;
    static std::shared_ptr<library> load_file(const std::string& name, std::string& why);

    std::string file_;
    std::string reason_;
};

} // namespace nixl::fabric
