// Just enough JSON to write the descriptions that the ABI hands out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nixl {

void append_json_string(std::string& out, std::string_view text);
inline void append_json_member(std::string& out, std::string_view name, std::string_view text) {
    append_json_string(out, name);
    out += ':';
    append_json_string(out, text);
}
inline void append_json_member(std::string& out, std::string_view name, uint64_t value) {
    append_json_string(out, name);
    out += ':';
    out += std::to_string(value);
}

} // namespace nixl
