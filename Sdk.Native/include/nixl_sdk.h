/* The C ABI of libnixlsdk: everything that crosses from managed code into the native core.
 *
 * Rules that hold for every function:
 *  - it never throws and never aborts on bad input: it returns a nixl_status and, for a failure, leaves the details in
 *    the calling thread's last error (nixl_error_last);
 *  - params structs begin with struct_size = sizeof(the struct the caller was compiled with); fields are only ever added
 *    at the end, and a missing tail reads as zero;
 *  - handles are 64-bit ids with a generation inside: a stale or made-up one answers NIXL_ERR_NOT_FOUND;
 *  - all functions may be called from any thread at any time, except that an agent must not be used after
 *    nixl_agent_destroy has been called on it;
 *  - time-outs are in nanoseconds from now on the monotonic clock; 0 means "the agent's default" for operations.
 */
#ifndef NIXL_SDK_H
#define NIXL_SDK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define NIXL_NOEXCEPT noexcept
#else
#define NIXL_NOEXCEPT
#endif

#define NIXL_EXPORT __attribute__((visibility("default")))

#define NIXL_ABI_VERSION 3u
#define NIXL_NAME_MAX 128u                /* agent names match [A-Za-z0-9._-]{1,128} */
#define NIXL_NOTIFICATION_MAX 65536u      /* bytes of a notification's payload */
#define NIXL_TEXT_MAX 512u

/* 1 … -12 are NIXL's own codes; -100 and below are ours. */
typedef enum nixl_status {
    NIXL_SUCCESS = 0,
    NIXL_IN_PROGRESS = 1,
    NIXL_ERR_NOT_POSTED = -1,
    NIXL_ERR_INVALID_PARAM = -2,
    NIXL_ERR_BACKEND = -3,
    NIXL_ERR_NOT_FOUND = -4,
    NIXL_ERR_MISMATCH = -5,
    NIXL_ERR_NOT_ALLOWED = -6,
    NIXL_ERR_REPOST_ACTIVE = -7,
    NIXL_ERR_UNKNOWN = -8,
    NIXL_ERR_NOT_SUPPORTED = -9,
    NIXL_ERR_REMOTE_DISCONNECT = -10,
    NIXL_ERR_CANCELED = -11,
    NIXL_ERR_NO_TELEMETRY = -12,
    NIXL_ERR_TIMEOUT = -100,          /* the operation's deadline passed */
    NIXL_ERR_BUSY = -101,             /* a bounded table or window is full, or the object is still in use */
    NIXL_ERR_BUFFER_TOO_SMALL = -102, /* the needed size is in the out parameter; nothing was consumed */
    NIXL_ERR_STALE_PEER = -103,       /* the peer was invalidated or restarted (its incarnation changed) */
    NIXL_ERR_ABI = -104,              /* struct_size or version not understood */
    NIXL_ERR_PERMISSION = -105,       /* the operating system or the peer refuses access */
    NIXL_ERR_OUT_OF_MEMORY = -106,
    NIXL_ERR_SUSPECT_PEER = -107,     /* the peer has been silent for too long; new work is refused */
    NIXL_ERR_CLOSED = -108            /* the agent is closing */
} nixl_status_t;

typedef enum nixl_memory_kind {
    NIXL_MEMORY_DRAM = 0,
    NIXL_MEMORY_VRAM = 1,
    NIXL_MEMORY_BLOCK = 2,
    NIXL_MEMORY_OBJECT = 3,
    NIXL_MEMORY_FILE = 4
} nixl_memory_kind_t;

typedef enum nixl_op { NIXL_OP_READ = 0, NIXL_OP_WRITE = 1 } nixl_op_t;

/* Bits, so that a set of them is a mask. */
typedef enum nixl_transport {
    NIXL_TRANSPORT_NONE = 0,
    NIXL_TRANSPORT_LOOPBACK = 1, /* one process */
    NIXL_TRANSPORT_LOCAL = 2,    /* processes of one machine */
    NIXL_TRANSPORT_FABRIC = 4    /* libfabric */
} nixl_transport_t;

typedef enum nixl_list_mode {
    NIXL_LIST_FLAT = 0, /* id i is the i-th piece, counting through the regions one after the other */
    NIXL_LIST_BLOCK = 1 /* id b is piece b of every region: all regions at block b */
} nixl_list_mode_t;

typedef enum nixl_event_kind {
    NIXL_EVENT_TRANSFER = 0,
    NIXL_EVENT_NOTIFICATION_SENT = 1, /* a free-standing notification: outcome only */
    NIXL_EVENT_PEER_CONNECTED = 2,    /* the outcome of nixl_peer_connect */
    NIXL_EVENT_PEER_STATE = 3         /* a connected peer changed: see state in nixl_peer_info */
} nixl_event_kind_t;

/* The two ends of an operation. Each is reported exactly once; both may be in one event. Quiesced never comes first. */
typedef enum nixl_event_flags { NIXL_EVENT_OUTCOME = 1, NIXL_EVENT_QUIESCED = 2 } nixl_event_flags_t;

/* What ended nixl_agent_wait_new. */
typedef enum nixl_wait { NIXL_WAIT_EVENTS = 1, NIXL_WAIT_ARRIVALS = 2, NIXL_WAIT_WOKEN = 4 } nixl_wait_t;

typedef enum nixl_peer_state {
    NIXL_PEER_CONNECTING = 0,
    NIXL_PEER_CONNECTED = 1,
    NIXL_PEER_SUSPECT = 2,      /* silent; may come back */
    NIXL_PEER_DISCONNECTED = 3, /* its process is gone or its connection broke; final */
    NIXL_PEER_INVALIDATED = 4   /* by nixl_peer_invalidate; final */
} nixl_peer_state_t;

typedef enum nixl_rail_state {
    NIXL_RAIL_OPEN = 0,
    NIXL_RAIL_FENCING = 1, /* died; the peer has not confirmed yet that it closed its side too */
    NIXL_RAIL_CLOSED = 2   /* closed on both sides */
} nixl_rail_state_t;

typedef enum nixl_post_flags {
    NIXL_POST_NOTIFY = 1, /* deliver `notification` (may be empty) once every byte of the request is visible at the peer */
    NIXL_POST_NOW = 2     /* only if it can be completed by the call itself, without waiting; else NIXL_ERR_NOT_POSTED */
} nixl_post_flags_t;

/* Small pieces of a WRITE over the fabric: gathered into staging memory, written at once, scattered by the peer. */
typedef enum nixl_packing {
    NIXL_PACKING_AUTO = 0,  /* where it is cheaper than one operation per piece */
    NIXL_PACKING_NEVER = 1,
    NIXL_PACKING_ALWAYS = 2 /* every piece up to the largest packed one, in every request */
} nixl_packing_t;

typedef struct nixl_agent nixl_agent_t;

/* The calling thread's last failure. Meaningful only directly after a call that returned a negative status. */
typedef struct nixl_error {
    uint32_t struct_size;
    int32_t status;
    int32_t system_error;    /* errno, or the provider's own code; 0 if there is none */
    uint32_t entry_valid;    /* 1 if entry/address/length below name the culprit */
    uint64_t entry;          /* index into the array that the caller passed (ids, regions) */
    uint64_t address;
    uint64_t length;
    char peer[NIXL_NAME_MAX + 8];
    char text[NIXL_TEXT_MAX]; /* a sentence: what is wrong and what to do */
} nixl_error_t;

/* 0 in a numeric field means the default in brackets; NULL in a string means the default. */
typedef struct nixl_agent_params {
    uint32_t struct_size;
    uint32_t transports;             /* mask of nixl_transport_t that may be used [all] */
    const char* name;                /* required */
    uint64_t incarnation;            /* required, non-zero, random per start */
    const char* listen_host;         /* address the control listener of fabric binds [127.0.0.1] */
    const char* advertise_host;      /* address put into metadata [listen_host; refused if that is a wildcard] */
    uint32_t listen_port;            /* [ephemeral] */
    uint32_t max_transfers;          /* in flight per agent [4096] */
    uint32_t max_notifications;      /* receive credits per sending peer [256] */
    uint32_t window_operations;      /* in flight per peer [256] */
    uint64_t window_bytes;           /* in flight per peer [8 MiB] */
    uint64_t chunk_bytes;            /* largest piece given to a transport at once [1 MiB] */
    uint64_t spin_ns;                /* busy polling after the last event [50 us] */
    uint64_t default_timeout_ns;     /* [30 s] */
    uint64_t suspect_after_ns;       /* silence that makes a peer suspect [5 s] */
    uint64_t quiesce_grace_ns;       /* after a missed deadline, before quiescence is forced [1 s] */
    const char* fabric_library;      /* path or soname [a vendor's (EFA installer), else libfabric.so.1] */
    const char* fabric_provider;     /* [efa, verbs;ofi_rxm or tcp;ofi_rxm: the first that works here] */
    const char* fabric_rails;        /* "auto" = every device of the provider; "near:node1", "near:0000:53:00.0" = those
                                        nearest to a NUMA node or a GPU; or IP addresses and device names with commas
                                        between, at most 32; used at once [one: advertise_host's] */
    uint64_t packing_piece_bytes;    /* pieces below this are packed [by the provider's costs; see nixl_agent_describe] */
    uint64_t staging_bytes;          /* for the packing rings of all connections, each way [128 MiB] */
    uint32_t packing;                /* nixl_packing_t [auto] */
    uint32_t copier_threads;         /* that copy for peers of this machine, together [cores / 8, at least 1, at most 4] */
} nixl_agent_params_t;

typedef struct nixl_arena_params {
    uint32_t struct_size;
    uint32_t huge_pages;  /* 0 = try, 1 = require, 2 = never */
    uint64_t length;      /* bytes; rounded up to whole pages */
    uint32_t numa_node_plus_one; /* 0 = any */
    uint32_t reserved;
} nixl_arena_params_t;

typedef struct nixl_arena_info {
    uint64_t arena;
    uint64_t address;     /* mapped at this address in this process; zero-filled */
    uint64_t length;
    uint64_t page_size;   /* what was got */
} nixl_arena_info_t;

typedef struct nixl_region_params {
    uint32_t struct_size;
    uint32_t kind;        /* nixl_memory_kind_t */
    uint64_t device;      /* GPU ordinal for VRAM, else 0 */
    uint64_t address;
    uint64_t length;
} nixl_region_params_t;

typedef struct nixl_region_info {
    uint64_t region;
    uint64_t address;
    uint64_t length;
    uint64_t device;
    uint32_t kind;
    uint32_t transports;  /* mask: which transports can move it */
    uint64_t arena;       /* 0 if the memory is the caller's own */
    uint64_t lists;       /* prepared lists that hold it */
} nixl_region_info_t;

/* One strided run of pieces: piece i begins at base + (i / units)*stride + (i % units)*unit_stride, 0 <= i < count. A
   block of `stride` bytes holds `units` pieces: how blocks of different sizes on the two sides are paired. */
typedef struct nixl_strided_region {
    uint64_t base;
    uint64_t stride;
    uint64_t length;
    uint64_t count;
    uint64_t device;
    uint64_t unit_stride;
    uint32_t units;       /* 0 is 1; count is a multiple; unit_stride is 0 with one unit */
    uint32_t kind;
} nixl_strided_region_t;

typedef struct nixl_list_params {
    uint32_t struct_size;
    uint32_t mode;        /* nixl_list_mode_t */
    uint64_t peer;        /* 0 = local, else a peer of nixl_peer_connect */
    const nixl_strided_region_t* regions;
    uint64_t region_count;
} nixl_list_params_t;

typedef struct nixl_list_info_t {
    uint64_t entries;         /* ids 0 … entries-1 are valid */
    uint64_t regions;
    uint64_t bytes_per_entry; /* block mode: sum over regions; flat mode: 0 if lengths differ */
    uint64_t memory_bytes;    /* native memory that the list holds */
    uint64_t peer;
    uint32_t mode;
    uint32_t reserved;
} nixl_list_info_t;

typedef struct nixl_peer_params {
    uint32_t struct_size;
    uint32_t transports;      /* mask that may be used for this peer [the agent's] */
    const uint8_t* metadata;  /* what the peer's nixl_agent_export wrote; copied */
    uint64_t metadata_length;
    uint64_t timeout_ns;
    uint64_t user_data;       /* given back in the NIXL_EVENT_PEER_CONNECTED event */
} nixl_peer_params_t;

typedef struct nixl_peer_info_t {
    char name[NIXL_NAME_MAX + 8];
    uint64_t incarnation;
    uint32_t state;           /* nixl_peer_state_t */
    uint32_t transport;       /* nixl_transport_t in use */
    uint64_t regions;
    uint64_t in_flight_operations;
    uint64_t in_flight_bytes;
    uint64_t process_id;      /* 0 if not on this machine */
    char transport_version[64]; /* library and version, e.g. "libfabric 1.17" */
    char provider[64];        /* e.g. "tcp;ofi_rxm", "memfd", "process_vm" */
    char reason[NIXL_TEXT_MAX]; /* why this transport, and why not the cheaper ones; or why the peer is gone */
} nixl_peer_info_t;

/* One of the rails that a connection to a peer uses at once. Counted by this agent, which gives them work. */
typedef struct nixl_rail_info {
    uint32_t rail;            /* the same number on both sides */
    uint32_t state;           /* nixl_rail_state_t */
    uint64_t written_bytes;   /* acknowledged as delivered */
    uint64_t read_bytes;
    uint64_t operations;
    uint64_t repeated;        /* operations that were repeated on other rails because this one died */
    uint64_t losses;          /* how often it died */
    char device[64];          /* this side's device */
} nixl_rail_info_t;

/* Travels with every notification. Fields that a release does not use yet are zero. */
typedef struct nixl_request_header {
    uint64_t lease_token;     /* of the receiver's block lease */
    uint32_t attempt;         /* 0 for the first */
    uint32_t reserved;
} nixl_request_header_t;

typedef struct nixl_post_params {
    uint32_t struct_size;
    uint32_t op;              /* nixl_op_t */
    uint64_t local_list;
    uint64_t remote_list;
    const uint32_t* local_ids;  /* copied before the call returns */
    const uint32_t* remote_ids;
    uint64_t id_count;
    const uint8_t* notification; /* copied */
    uint32_t notification_length;
    uint32_t flags;           /* nixl_post_flags_t */
    uint64_t timeout_ns;
    uint64_t user_data;
    nixl_request_header_t request;
    uint64_t source_ready_event; /* reserved for GPU events; must be 0 */
    struct nixl_event* done;  /* not NULL: the call may complete the transfer itself; it then returns NIXL_SUCCESS and
                                 fills this in like the event that would have come (both flags), and no event follows.
                                 Otherwise it returns NIXL_IN_PROGRESS. Required with NIXL_POST_NOW */
} nixl_post_params_t;

typedef struct nixl_notification_params {
    uint32_t struct_size;
    uint32_t payload_length;
    uint64_t peer;
    const uint8_t* payload;   /* copied */
    uint64_t timeout_ns;
    uint64_t user_data;
    nixl_request_header_t request;
    uint32_t flags;           /* NIXL_POST_NOW: the peer has it when the call returns NIXL_SUCCESS, and no event follows */
    uint32_t reserved;
} nixl_notification_params_t;

typedef struct nixl_event {
    uint64_t user_data;
    uint32_t kind;            /* nixl_event_kind_t */
    uint32_t flags;           /* nixl_event_flags_t */
    int32_t status;           /* of the operation */
    int32_t system_error;
    uint64_t peer;
    uint64_t bytes;           /* moved, counted by the transport */
    uint64_t operations;      /* given to the transport, after merging */
    uint64_t entry;           /* failures: position in the ids array of the first piece that failed; UINT64_MAX = none */
    uint64_t address;         /* failures: remote address of that piece */
    uint64_t length;
    uint64_t posted_ns;       /* monotonic clock */
    uint64_t started_ns;
    uint64_t data_done_ns;    /* last data completion; the notification follows it */
    uint64_t settled_ns;
} nixl_event_t;

typedef struct nixl_notification {
    uint64_t sender;          /* id of the sender's connection: equal ids are the same sender */
    uint64_t sender_incarnation;
    char sender_name[NIXL_NAME_MAX + 8];
    uint64_t payload_length;
    uint64_t request_bytes;   /* of the WRITE that this ends; 0 for a free-standing one or a READ */
    uint64_t request_operations;
    nixl_request_header_t request;
    uint32_t op;              /* nixl_op_t of its request; meaningful if with_transfer */
    uint32_t with_transfer;   /* 0 = free-standing */
    uint32_t arrival_slot;    /* 24 bits, granted by this agent; 0 where the transport orders */
    uint32_t arrival_generation;
    uint64_t arrived_ns;
} nixl_notification_t;

/* Counted by the transports themselves. One entry per transport. */
typedef struct nixl_transport_counters {
    uint32_t transport;
    uint32_t reserved;
    uint64_t written_bytes;
    uint64_t read_bytes;
    uint64_t operations;
    uint64_t transfers;
    uint64_t failures;
    uint64_t notifications_sent;
    uint64_t notifications_received;
    uint64_t notifications_dropped_late; /* of another incarnation or a fenced request; and completions and writes of
                                            finished attempts and fenced rails */
} nixl_transport_counters_t;

/* Test aid of the loopback transport. All zero = off. */
typedef struct nixl_loopback_faults {
    uint32_t struct_size;
    uint32_t fail_every;      /* every n-th operation fails with NIXL_ERR_BACKEND */
    uint64_t delay_ns;        /* before each operation */
    uint64_t seed;            /* != 0: operations of one request complete in random order */
    uint32_t hang;            /* 1 = operations never complete (until the peer is fenced) */
    uint32_t move_nothing;    /* 1 = pieces are found and counted, and no byte is moved: what posting alone costs */
    uint32_t rails;           /* != 0: EFA's rules. So many rails (at most 32), nothing is ordered, every write of a notified
                                 WRITE is counted by its immediate data, immediates of finished attempts are replayed */
    uint32_t operation_bytes; /* with rails: operations are split at this [4096] */
    uint32_t kill_after;      /* with rails: after so many operations of a connection one of its rails dies, and what was in
                                 flight there arrives late; never the last rail */
    uint32_t withhold_receives; /* with rails: 1 = the target has no receive for a counted write; retried a finite time */
} nixl_loopback_faults_t;

/* ---- library ---- */
NIXL_EXPORT uint32_t nixl_abi_version(void) NIXL_NOEXCEPT;
/* JSON: {"structs":{"nixl_event":{"size":n,"fields":{"user_data":[offset,size],…}}},"enums":{"nixl_status":{"NIXL_SUCCESS":0,…}}}.
 * Static storage. Lets a binding check its own layouts. */
NIXL_EXPORT const char* nixl_abi_describe(void) NIXL_NOEXCEPT;
NIXL_EXPORT const char* nixl_status_name(int32_t status) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_error_last(nixl_error_t* error) NIXL_NOEXCEPT;

/* ---- agent ---- */
NIXL_EXPORT int32_t nixl_agent_create(const nixl_agent_params_t* params, nixl_agent_t** agent) NIXL_NOEXCEPT;
/* Fails every operation, quiesces (by force after timeout_ns), joins the threads and frees everything. Always succeeds
 * in freeing; a negative status says that quiescence had to be forced. */
NIXL_EXPORT int32_t nixl_agent_destroy(nixl_agent_t* agent, uint64_t timeout_ns) NIXL_NOEXCEPT;
/* JSON text: transports with library, version, provider and limits, or the reason why one is not available.
 * *length is the text's length without the terminating zero; NIXL_ERR_BUFFER_TOO_SMALL if capacity does not suffice. */
NIXL_EXPORT int32_t nixl_agent_describe(nixl_agent_t* agent, char* buffer, uint64_t capacity, uint64_t* length) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_agent_counters(nixl_agent_t* agent, nixl_transport_counters_t* counters, uint64_t capacity,
                                        uint64_t* count) NIXL_NOEXCEPT;
/* The native part of the agent's metadata: identity, transport addresses, regions and keys. Bounded, versioned. */
NIXL_EXPORT int32_t nixl_agent_export(nixl_agent_t* agent, uint8_t* buffer, uint64_t capacity, uint64_t* length) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_loopback_set_faults(nixl_agent_t* agent, const nixl_loopback_faults_t* faults) NIXL_NOEXCEPT;

/* ---- events and notifications ---- */
/* Readable (poll) while events or notifications wait. Owned by the agent. */
NIXL_EXPORT int32_t nixl_agent_event_fd(nixl_agent_t* agent, int32_t* fd) NIXL_NOEXCEPT;
/* Blocks until an event or a notification waits, nixl_agent_wake is called, or timeout_ns passed (NIXL_ERR_TIMEOUT). */
NIXL_EXPORT int32_t nixl_agent_wait(nixl_agent_t* agent, uint64_t timeout_ns) NIXL_NOEXCEPT;
/* For the one thread that drains events while other threads read notifications: like nixl_agent_wait, but a notification
 * ends the wait once, when it arrives, and not for as long as it waits to be read. *what is a mask of nixl_wait_t.
 * Once somebody has polled with nixl_notification_read, a notification of a peer on this machine ends it only after
 * nixl_notification_watch, so that polling costs the peer no wake-ups. */
NIXL_EXPORT int32_t nixl_agent_wait_new(nixl_agent_t* agent, uint64_t timeout_ns, uint32_t* what) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_agent_wake(nixl_agent_t* agent) NIXL_NOEXCEPT;
/* Takes up to capacity events; never blocks. */
NIXL_EXPORT int32_t nixl_event_read(nixl_agent_t* agent, nixl_event_t* events, uint64_t capacity, uint64_t* count) NIXL_NOEXCEPT;
/* Takes one notification; NIXL_ERR_NOT_FOUND if there is none; NIXL_ERR_BUFFER_TOO_SMALL leaves it there and fills
 * header->payload_length. Never blocks. */
NIXL_EXPORT int32_t nixl_notification_read(nixl_agent_t* agent, nixl_notification_t* header, uint8_t* payload,
                                           uint64_t capacity) NIXL_NOEXCEPT;
/* *waiting = 1: a notification is there; looks for up to the agent's spin_ns. 0: the next one to come ends
 * nixl_agent_wait_new (once). */
NIXL_EXPORT int32_t nixl_notification_watch(nixl_agent_t* agent, uint32_t* waiting) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_notification_send(nixl_agent_t* agent, const nixl_notification_params_t* params,
                                           uint64_t* operation) NIXL_NOEXCEPT;

/* ---- memory ---- */
NIXL_EXPORT int32_t nixl_arena_create(nixl_agent_t* agent, const nixl_arena_params_t* params, nixl_arena_info_t* arena) NIXL_NOEXCEPT;
/* NIXL_ERR_BUSY while a region of it is registered. */
NIXL_EXPORT int32_t nixl_arena_destroy(nixl_agent_t* agent, uint64_t arena) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_memory_register(nixl_agent_t* agent, const nixl_region_params_t* params, uint64_t* region) NIXL_NOEXCEPT;
/* NIXL_ERR_BUSY while a prepared list or an operation holds it. Waits up to timeout_ns for peers that are copying into
 * it at this moment; after success nobody can reach the memory through this agent any more. */
NIXL_EXPORT int32_t nixl_memory_deregister(nixl_agent_t* agent, uint64_t region, uint64_t timeout_ns) NIXL_NOEXCEPT;
/* region != 0: that one. region == 0: the registration that covers [info->address, +info->length) of info->kind. */
NIXL_EXPORT int32_t nixl_memory_query(nixl_agent_t* agent, uint64_t region, nixl_region_info_t* info) NIXL_NOEXCEPT;

/* ---- peers ---- */
/* Returns at once with the peer's id; the outcome comes as NIXL_EVENT_PEER_CONNECTED. An unreadable blob answers
 * NIXL_ERR_MISMATCH, the agent's own metadata NIXL_ERR_INVALID_PARAM, no common transport NIXL_ERR_BACKEND; the same name
 * with the same incarnation returns the same peer and takes over added or removed regions. The same name with another
 * incarnation invalidates the old peer. */
NIXL_EXPORT int32_t nixl_peer_connect(nixl_agent_t* agent, const nixl_peer_params_t* params, uint64_t* peer) NIXL_NOEXCEPT;
/* Its operations in flight end with NIXL_ERR_STALE_PEER; lists prepared for it can no longer be posted. */
NIXL_EXPORT int32_t nixl_peer_invalidate(nixl_agent_t* agent, uint64_t peer) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_peer_info(nixl_agent_t* agent, uint64_t peer, nixl_peer_info_t* info) NIXL_NOEXCEPT;
/* The rails of the connection to a peer, by number. *count is how many there are (0: the transport has no rails);
 * NIXL_ERR_BUFFER_TOO_SMALL if capacity does not suffice. */
NIXL_EXPORT int32_t nixl_peer_rails(nixl_agent_t* agent, uint64_t peer, nixl_rail_info_t* rails, uint64_t capacity,
                                    uint64_t* count) NIXL_NOEXCEPT;

/* ---- prepared lists ---- */
NIXL_EXPORT int32_t nixl_list_prepare(nixl_agent_t* agent, const nixl_list_params_t* params, uint64_t* list) NIXL_NOEXCEPT;
/* At any time: operations in flight hold what they need. */
NIXL_EXPORT int32_t nixl_list_release(nixl_agent_t* agent, uint64_t list) NIXL_NOEXCEPT;
NIXL_EXPORT int32_t nixl_list_info(nixl_agent_t* agent, uint64_t list, nixl_list_info_t* info) NIXL_NOEXCEPT;

/* ---- transfers ---- */
/* Checks everything, copies the ids and returns; never waits for the transport. On success one OUTCOME and one QUIESCED
 * follow for user_data, unless `done` says that it has ended already: up to 64 KiB between arenas of one machine are
 * copied by the call. On failure nothing follows. Destination ids must be distinct. */
NIXL_EXPORT int32_t nixl_transfer_post(nixl_agent_t* agent, const nixl_post_params_t* params, uint64_t* transfer) NIXL_NOEXCEPT;
/* Asks; the outcome may still be success. Works for free-standing notifications and connects (peer id) too. */
NIXL_EXPORT int32_t nixl_transfer_cancel(nixl_agent_t* agent, uint64_t transfer) NIXL_NOEXCEPT;
/* NIXL_IN_PROGRESS, or NIXL_SUCCESS / the failure once settled; NIXL_ERR_NOT_FOUND once quiesced. */
NIXL_EXPORT int32_t nixl_transfer_state(nixl_agent_t* agent, uint64_t transfer) NIXL_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
