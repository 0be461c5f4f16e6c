#include "transports/loopback/rules.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace nixl::loopback {

nixl_loopback_faults_t parse_rules(std::string_view text) noexcept {
    nixl_loopback_faults_t f{};
    f.struct_size = sizeof f;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        const std::string_view name = word.substr(0, word.find('='));
        const std::string_view digits = word.substr(std::min(word.size(), name.size() + 1));
        uint32_t n = 0;
        const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), n);
        const bool number = !digits.empty() && end.ec == std::errc{} && end.ptr == digits.data() + digits.size();
        if (word == "efa")
            f.rails = f.rails != 0 ? f.rails : 2;
        else if (name == "rails" && number && n >= 1 && n <= 32)
            f.rails = n;
        else if (name == "seed" && number)
            f.seed = n;
        else if (name == "kill_after" && number)
            f.kill_after = n;
        else if (name == "delay_us" && number)
            f.delay_ns = uint64_t{n} * 1000;
        else if (name == "operation" && number && n != 0)
            f.operation_bytes = n;
        else {
            std::fprintf(stderr, "NIXL_LOOPBACK_FAULTS: \"%.*s\" is not understood\n", static_cast<int>(word.size()),
                         word.data());
            std::abort();
        }
    }
    return f;
}

nixl_loopback_faults_t rules_from_environment() noexcept {
    const char* text = std::getenv("NIXL_LOOPBACK_FAULTS"); // NOLINT(concurrency-mt-unsafe): nobody sets it here
    return parse_rules(text != nullptr ? text : "");
}

} // namespace nixl::loopback
