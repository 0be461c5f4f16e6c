// nixl_abi_describe: the structs and enums of the header as JSON, so that a binding can check its own copies. The table
// below is the only place that lists them; the static_asserts pin what must never change.
#include "core/json.hpp"
#include "nixl_sdk.h"

#include <cstddef>
#include <string>

namespace {

struct field {
    const char* name;
    std::size_t offset;
    std::size_t size;
};
struct layout {
    const char* name;
    std::size_t size;
    const field* fields;
    std::size_t count;
};
struct value {
    const char* name;
    int64_t number;
};
struct enumeration {
    const char* name;
    const value* values;
    std::size_t count;
};

// NOLINTBEGIN(bugprone-sizeof-expression): of a pointer field the size of the pointer is meant.
#define FIELD(type, name)                                                                                              \
    field {                                                                                                            \
#name, offsetof(type, name), sizeof(type::name)                                                                \
    }
#define VALUE(name)                                                                                                    \
    value {                                                                                                            \
#name, name                                                                                                    \
    }

constexpr field fields_of_nixl_error[] = {
    FIELD(nixl_error_t, struct_size), FIELD(nixl_error_t, status), FIELD(nixl_error_t, system_error),
    FIELD(nixl_error_t, entry_valid), FIELD(nixl_error_t, entry),  FIELD(nixl_error_t, address),
    FIELD(nixl_error_t, length),      FIELD(nixl_error_t, peer),   FIELD(nixl_error_t, text),
};
constexpr field fields_of_nixl_agent_params[] = {
    FIELD(nixl_agent_params_t, struct_size),
    FIELD(nixl_agent_params_t, transports),
    FIELD(nixl_agent_params_t, name),
    FIELD(nixl_agent_params_t, incarnation),
    FIELD(nixl_agent_params_t, listen_host),
    FIELD(nixl_agent_params_t, advertise_host),
    FIELD(nixl_agent_params_t, listen_port),
    FIELD(nixl_agent_params_t, max_transfers),
    FIELD(nixl_agent_params_t, max_notifications),
    FIELD(nixl_agent_params_t, window_operations),
    FIELD(nixl_agent_params_t, window_bytes),
    FIELD(nixl_agent_params_t, chunk_bytes),
    FIELD(nixl_agent_params_t, spin_ns),
    FIELD(nixl_agent_params_t, default_timeout_ns),
    FIELD(nixl_agent_params_t, suspect_after_ns),
    FIELD(nixl_agent_params_t, quiesce_grace_ns),
    FIELD(nixl_agent_params_t, fabric_library),
    FIELD(nixl_agent_params_t, fabric_provider),
    FIELD(nixl_agent_params_t, fabric_rails),
    FIELD(nixl_agent_params_t, packing_piece_bytes),
    FIELD(nixl_agent_params_t, staging_bytes),
    FIELD(nixl_agent_params_t, packing),
    FIELD(nixl_agent_params_t, copier_threads),
};
constexpr field fields_of_nixl_arena_params[] = {
    FIELD(nixl_arena_params_t, struct_size), FIELD(nixl_arena_params_t, huge_pages),
    FIELD(nixl_arena_params_t, length),      FIELD(nixl_arena_params_t, numa_node_plus_one),
    FIELD(nixl_arena_params_t, reserved),
};
constexpr field fields_of_nixl_arena_info[] = {
    FIELD(nixl_arena_info_t, arena),
    FIELD(nixl_arena_info_t, address),
    FIELD(nixl_arena_info_t, length),
    FIELD(nixl_arena_info_t, page_size),
};
constexpr field fields_of_nixl_region_params[] = {
    FIELD(nixl_region_params_t, struct_size), FIELD(nixl_region_params_t, kind),   FIELD(nixl_region_params_t, device),
    FIELD(nixl_region_params_t, address),     FIELD(nixl_region_params_t, length),
};
constexpr field fields_of_nixl_region_info[] = {
    FIELD(nixl_region_info_t, region), FIELD(nixl_region_info_t, address), FIELD(nixl_region_info_t, length),
    FIELD(nixl_region_info_t, device), FIELD(nixl_region_info_t, kind),    FIELD(nixl_region_info_t, transports),
    FIELD(nixl_region_info_t, arena),  FIELD(nixl_region_info_t, lists),
};
constexpr field fields_of_nixl_strided_region[] = {
    FIELD(nixl_strided_region_t, base),   FIELD(nixl_strided_region_t, stride),
    FIELD(nixl_strided_region_t, length), FIELD(nixl_strided_region_t, count),
    FIELD(nixl_strided_region_t, device), FIELD(nixl_strided_region_t, unit_stride),
    FIELD(nixl_strided_region_t, units),  FIELD(nixl_strided_region_t, kind),
};
constexpr field fields_of_nixl_list_params[] = {
    FIELD(nixl_list_params_t, struct_size), FIELD(nixl_list_params_t, mode),         FIELD(nixl_list_params_t, peer),
    FIELD(nixl_list_params_t, regions),     FIELD(nixl_list_params_t, region_count),
};
constexpr field fields_of_nixl_list_info[] = {
    FIELD(nixl_list_info_t, entries),      FIELD(nixl_list_info_t, regions), FIELD(nixl_list_info_t, bytes_per_entry),
    FIELD(nixl_list_info_t, memory_bytes), FIELD(nixl_list_info_t, peer),    FIELD(nixl_list_info_t, mode),
    FIELD(nixl_list_info_t, reserved),
};
constexpr field fields_of_nixl_peer_params[] = {
    FIELD(nixl_peer_params_t, struct_size), FIELD(nixl_peer_params_t, transports),
    FIELD(nixl_peer_params_t, metadata),    FIELD(nixl_peer_params_t, metadata_length),
    FIELD(nixl_peer_params_t, timeout_ns),  FIELD(nixl_peer_params_t, user_data),
};
constexpr field fields_of_nixl_peer_info[] = {
    FIELD(nixl_peer_info_t, name),
    FIELD(nixl_peer_info_t, incarnation),
    FIELD(nixl_peer_info_t, state),
    FIELD(nixl_peer_info_t, transport),
    FIELD(nixl_peer_info_t, regions),
    FIELD(nixl_peer_info_t, in_flight_operations),
    FIELD(nixl_peer_info_t, in_flight_bytes),
    FIELD(nixl_peer_info_t, process_id),
    FIELD(nixl_peer_info_t, transport_version),
    FIELD(nixl_peer_info_t, provider),
    FIELD(nixl_peer_info_t, reason),
};
constexpr field fields_of_nixl_rail_info[] = {
    FIELD(nixl_rail_info_t, rail),       FIELD(nixl_rail_info_t, state),      FIELD(nixl_rail_info_t, written_bytes),
    FIELD(nixl_rail_info_t, read_bytes), FIELD(nixl_rail_info_t, operations), FIELD(nixl_rail_info_t, repeated),
    FIELD(nixl_rail_info_t, losses),     FIELD(nixl_rail_info_t, device),
};
constexpr field fields_of_nixl_request_header[] = {
    FIELD(nixl_request_header_t, lease_token),
    FIELD(nixl_request_header_t, attempt),
    FIELD(nixl_request_header_t, reserved),
};
constexpr field fields_of_nixl_post_params[] = {
    FIELD(nixl_post_params_t, struct_size),
    FIELD(nixl_post_params_t, op),
    FIELD(nixl_post_params_t, local_list),
    FIELD(nixl_post_params_t, remote_list),
    FIELD(nixl_post_params_t, local_ids),
    FIELD(nixl_post_params_t, remote_ids),
    FIELD(nixl_post_params_t, id_count),
    FIELD(nixl_post_params_t, notification),
    FIELD(nixl_post_params_t, notification_length),
    FIELD(nixl_post_params_t, flags),
    FIELD(nixl_post_params_t, timeout_ns),
    FIELD(nixl_post_params_t, user_data),
    FIELD(nixl_post_params_t, request),
    FIELD(nixl_post_params_t, source_ready_event),
    FIELD(nixl_post_params_t, done),
};
constexpr field fields_of_nixl_notification_params[] = {
    FIELD(nixl_notification_params_t, struct_size), FIELD(nixl_notification_params_t, payload_length),
    FIELD(nixl_notification_params_t, peer),        FIELD(nixl_notification_params_t, payload),
    FIELD(nixl_notification_params_t, timeout_ns),  FIELD(nixl_notification_params_t, user_data),
    FIELD(nixl_notification_params_t, request),     FIELD(nixl_notification_params_t, flags),
    FIELD(nixl_notification_params_t, reserved),
};
constexpr field fields_of_nixl_event[] = {
    FIELD(nixl_event_t, user_data),  FIELD(nixl_event_t, kind),         FIELD(nixl_event_t, flags),
    FIELD(nixl_event_t, status),     FIELD(nixl_event_t, system_error), FIELD(nixl_event_t, peer),
    FIELD(nixl_event_t, bytes),      FIELD(nixl_event_t, operations),   FIELD(nixl_event_t, entry),
    FIELD(nixl_event_t, address),    FIELD(nixl_event_t, length),       FIELD(nixl_event_t, posted_ns),
    FIELD(nixl_event_t, started_ns), FIELD(nixl_event_t, data_done_ns), FIELD(nixl_event_t, settled_ns),
};
constexpr field fields_of_nixl_notification[] = {
    FIELD(nixl_notification_t, sender),
    FIELD(nixl_notification_t, sender_incarnation),
    FIELD(nixl_notification_t, sender_name),
    FIELD(nixl_notification_t, payload_length),
    FIELD(nixl_notification_t, request_bytes),
    FIELD(nixl_notification_t, request_operations),
    FIELD(nixl_notification_t, request),
    FIELD(nixl_notification_t, op),
    FIELD(nixl_notification_t, with_transfer),
    FIELD(nixl_notification_t, arrival_slot),
    FIELD(nixl_notification_t, arrival_generation),
    FIELD(nixl_notification_t, arrived_ns),
};
constexpr field fields_of_nixl_transport_counters[] = {
    FIELD(nixl_transport_counters_t, transport),
    FIELD(nixl_transport_counters_t, reserved),
    FIELD(nixl_transport_counters_t, written_bytes),
    FIELD(nixl_transport_counters_t, read_bytes),
    FIELD(nixl_transport_counters_t, operations),
    FIELD(nixl_transport_counters_t, transfers),
    FIELD(nixl_transport_counters_t, failures),
    FIELD(nixl_transport_counters_t, notifications_sent),
    FIELD(nixl_transport_counters_t, notifications_received),
    FIELD(nixl_transport_counters_t, notifications_dropped_late),
};
constexpr field fields_of_nixl_loopback_faults[] = {
    FIELD(nixl_loopback_faults_t, struct_size), FIELD(nixl_loopback_faults_t, fail_every),
    FIELD(nixl_loopback_faults_t, delay_ns),    FIELD(nixl_loopback_faults_t, seed),
    FIELD(nixl_loopback_faults_t, hang),        FIELD(nixl_loopback_faults_t, move_nothing),
    FIELD(nixl_loopback_faults_t, rails),       FIELD(nixl_loopback_faults_t, operation_bytes),
    FIELD(nixl_loopback_faults_t, kill_after),  FIELD(nixl_loopback_faults_t, withhold_receives),
};
// NOLINTEND(bugprone-sizeof-expression)

#define LAYOUT(name)                                                                                                   \
    layout {                                                                                                           \
#name, sizeof(name##_t), fields_of_##name, std::size(fields_of_##name)                                         \
    }
constexpr layout layouts[] = {
    LAYOUT(nixl_error),           LAYOUT(nixl_agent_params),        LAYOUT(nixl_arena_params),
    LAYOUT(nixl_arena_info),      LAYOUT(nixl_region_params),       LAYOUT(nixl_region_info),
    LAYOUT(nixl_strided_region),  LAYOUT(nixl_list_params),         LAYOUT(nixl_list_info),
    LAYOUT(nixl_peer_params),     LAYOUT(nixl_peer_info),           LAYOUT(nixl_request_header),
    LAYOUT(nixl_post_params),     LAYOUT(nixl_notification_params), LAYOUT(nixl_event),
    LAYOUT(nixl_rail_info),       LAYOUT(nixl_notification),        LAYOUT(nixl_transport_counters),
    LAYOUT(nixl_loopback_faults),
};

constexpr value values_of_nixl_status[] = {
    VALUE(NIXL_SUCCESS),           VALUE(NIXL_IN_PROGRESS),          VALUE(NIXL_ERR_NOT_POSTED),
    VALUE(NIXL_ERR_INVALID_PARAM), VALUE(NIXL_ERR_BACKEND),          VALUE(NIXL_ERR_NOT_FOUND),
    VALUE(NIXL_ERR_MISMATCH),      VALUE(NIXL_ERR_NOT_ALLOWED),      VALUE(NIXL_ERR_REPOST_ACTIVE),
    VALUE(NIXL_ERR_UNKNOWN),       VALUE(NIXL_ERR_NOT_SUPPORTED),    VALUE(NIXL_ERR_REMOTE_DISCONNECT),
    VALUE(NIXL_ERR_CANCELED),      VALUE(NIXL_ERR_NO_TELEMETRY),     VALUE(NIXL_ERR_TIMEOUT),
    VALUE(NIXL_ERR_BUSY),          VALUE(NIXL_ERR_BUFFER_TOO_SMALL), VALUE(NIXL_ERR_STALE_PEER),
    VALUE(NIXL_ERR_ABI),           VALUE(NIXL_ERR_PERMISSION),       VALUE(NIXL_ERR_OUT_OF_MEMORY),
    VALUE(NIXL_ERR_SUSPECT_PEER),  VALUE(NIXL_ERR_CLOSED),
};
constexpr value values_of_nixl_memory_kind[] = {
    VALUE(NIXL_MEMORY_DRAM),   VALUE(NIXL_MEMORY_VRAM), VALUE(NIXL_MEMORY_BLOCK),
    VALUE(NIXL_MEMORY_OBJECT), VALUE(NIXL_MEMORY_FILE),
};
constexpr value values_of_nixl_op[] = {
    VALUE(NIXL_OP_READ),
    VALUE(NIXL_OP_WRITE),
};
constexpr value values_of_nixl_transport[] = {
    VALUE(NIXL_TRANSPORT_NONE),
    VALUE(NIXL_TRANSPORT_LOOPBACK),
    VALUE(NIXL_TRANSPORT_LOCAL),
    VALUE(NIXL_TRANSPORT_FABRIC),
};
constexpr value values_of_nixl_list_mode[] = {
    VALUE(NIXL_LIST_FLAT),
    VALUE(NIXL_LIST_BLOCK),
};
constexpr value values_of_nixl_event_kind[] = {
    VALUE(NIXL_EVENT_TRANSFER),
    VALUE(NIXL_EVENT_NOTIFICATION_SENT),
    VALUE(NIXL_EVENT_PEER_CONNECTED),
    VALUE(NIXL_EVENT_PEER_STATE),
};
constexpr value values_of_nixl_event_flags[] = {
    VALUE(NIXL_EVENT_OUTCOME),
    VALUE(NIXL_EVENT_QUIESCED),
};
constexpr value values_of_nixl_wait[] = {
    VALUE(NIXL_WAIT_EVENTS),
    VALUE(NIXL_WAIT_ARRIVALS),
    VALUE(NIXL_WAIT_WOKEN),
};
constexpr value values_of_nixl_peer_state[] = {
    VALUE(NIXL_PEER_CONNECTING),   VALUE(NIXL_PEER_CONNECTED),   VALUE(NIXL_PEER_SUSPECT),
    VALUE(NIXL_PEER_DISCONNECTED), VALUE(NIXL_PEER_INVALIDATED),
};
constexpr value values_of_nixl_rail_state[] = {
    VALUE(NIXL_RAIL_OPEN),
    VALUE(NIXL_RAIL_FENCING),
    VALUE(NIXL_RAIL_CLOSED),
};
constexpr value values_of_nixl_post_flags[] = {
    VALUE(NIXL_POST_NOTIFY),
    VALUE(NIXL_POST_NOW),
};

constexpr value values_of_nixl_packing[] = {
    VALUE(NIXL_PACKING_AUTO),
    VALUE(NIXL_PACKING_NEVER),
    VALUE(NIXL_PACKING_ALWAYS),
};

#define ENUMERATION(name)                                                                                              \
    enumeration {                                                                                                      \
#name, values_of_##name, std::size(values_of_##name)                                                           \
    }
constexpr enumeration enumerations[] = {
    ENUMERATION(nixl_status),      ENUMERATION(nixl_memory_kind), ENUMERATION(nixl_op),
    ENUMERATION(nixl_transport),   ENUMERATION(nixl_list_mode),   ENUMERATION(nixl_event_kind),
    ENUMERATION(nixl_event_flags), ENUMERATION(nixl_peer_state),  ENUMERATION(nixl_rail_state),
    ENUMERATION(nixl_post_flags),  ENUMERATION(nixl_wait),        ENUMERATION(nixl_packing),
};

// No hidden padding: every byte of every struct belongs to a field, so that bindings can mirror them blindly.
constexpr bool gapless(const layout& l) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < l.count; ++i) {
        if (l.fields[i].offset != at)
            return false;
        at += l.fields[i].size;
    }
    return at == l.size;
}
constexpr bool all_gapless() {
    for (const layout& l : layouts)
        if (!gapless(l))
            return false;
    return true;
}
static_assert(all_gapless(), "a struct of the ABI has padding, or the table above misses a field");
static_assert(sizeof(void*) == 8, "the ABI is for 64-bit platforms");

std::string describe() {
    std::string out = "{\"version\":" + std::to_string(NIXL_ABI_VERSION) + ",\"structs\":{";
    const char* separator = "";
    for (const layout& l : layouts) {
        out += separator;
        separator = ",";
        nixl::append_json_string(out, l.name);
        out += ":{\"size\":" + std::to_string(l.size) + ",\"fields\":{";
        for (std::size_t i = 0; i < l.count; ++i) {
            out += i == 0 ? "" : ",";
            nixl::append_json_string(out, l.fields[i].name);
            out += ":[" + std::to_string(l.fields[i].offset) + "," + std::to_string(l.fields[i].size) + "]";
        }
        out += "}}";
    }
    out += "},\"enums\":{";
    separator = "";
    for (const enumeration& e : enumerations) {
        out += separator;
        separator = ",";
        nixl::append_json_string(out, e.name);
        out += ":{";
        for (std::size_t i = 0; i < e.count; ++i) {
            out += i == 0 ? "" : ",";
            nixl::append_json_string(out, e.values[i].name);
            out += ":" + std::to_string(e.values[i].number);
        }
        out += "}";
    }
    return out + "}}";
}

} // namespace

const char* nixl_abi_describe(void) noexcept {
    static const std::string text = describe();
    return text.c_str();
}
