#include "transports/local/available_memory.hpp"

#include "control/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace nixl::local {
namespace {

std::string contents(const std::string& path) {
    const control::unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[8192];
    const ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : 0;
    return {text, n > 0 ? static_cast<std::size_t>(n) : 0};
}

// The number after `key`, or UINT64_MAX ("max" too).
std::uint64_t number_after(std::string_view text, std::string_view key) noexcept {
    const auto at = text.find(key);
    if (at == std::string_view::npos)
        return UINT64_MAX;
    text.remove_prefix(at + key.size());
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t value = 0;
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() ? value : UINT64_MAX;
}

std::uint64_t of_machine() {
    const std::uint64_t kib = number_after(contents("/proc/meminfo"), "MemAvailable:");
    return kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;
}

std::uint64_t of_group() {
    const std::string groups = contents("/proc/self/cgroup");
    const auto at = groups.find("0::/");
    if (at == std::string::npos)
        return UINT64_MAX;
    const std::string path = "/sys/fs/cgroup" + groups.substr(at + 3, groups.find('\n', at) - at - 3);
    const std::uint64_t limit = number_after(contents(path + "/memory.max"), "");
    const std::uint64_t used = number_after(contents(path + "/memory.current"), "");
    return limit == UINT64_MAX || used == UINT64_MAX ? UINT64_MAX : limit - std::min(limit, used);
}

} // namespace

std::uint64_t available_memory() noexcept {
    try {
        return std::min(of_machine(), of_group());
    } catch (...) {
        return UINT64_MAX; // no memory for two short texts: the caller will notice by itself
    }
}

} // namespace nixl::local
