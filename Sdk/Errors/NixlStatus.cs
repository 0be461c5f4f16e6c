namespace Nixl.Sdk;

/// <summary>Outcome codes. 1 … -12 are NIXL's own numbers, -100 and below are this SDK's.</summary>
public enum NixlStatus
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>Posted and not ended yet.</summary>
    InProgress = 1,

    /// <summary>Never posted.</summary>
    NotPosted = -1,

    /// <summary>An argument is wrong; the message says which and why.</summary>
    InvalidParameter = -2,

    /// <summary>A transport failed.</summary>
    Backend = -3,

    /// <summary>No such peer, registration, list or operation.</summary>
    NotFound = -4,

    /// <summary>Metadata that cannot be read, or that belongs to something else.</summary>
    Mismatch = -5,

    /// <summary>The other side or the state forbids it.</summary>
    NotAllowed = -6,

    /// <summary>The same transfer is still running.</summary>
    RepostActive = -7,

    /// <summary>An error without a code of its own.</summary>
    Unknown = -8,

    /// <summary>This build, platform or transport cannot do it.</summary>
    NotSupported = -9,

    /// <summary>The peer's process is gone or its connection broke.</summary>
    RemoteDisconnect = -10,

    /// <summary>Cancelled on request.</summary>
    Canceled = -11,

    /// <summary>Telemetry is off.</summary>
    NoTelemetry = -12,

    /// <summary>The deadline passed.</summary>
    Timeout = -100,

    /// <summary>A bounded table or window is full, or the object is still in use.</summary>
    Busy = -101,

    /// <summary>The caller's buffer is too small; nothing was consumed.</summary>
    BufferTooSmall = -102,

    /// <summary>The peer was invalidated or restarted (its incarnation changed).</summary>
    StalePeer = -103,

    /// <summary>The native library does not understand this SDK's version.</summary>
    Abi = -104,

    /// <summary>The operating system or the peer refuses access.</summary>
    Permission = -105,

    /// <summary>Out of memory, or of registrations.</summary>
    OutOfMemory = -106,

    /// <summary>The peer has been silent for too long; new work is refused until it is heard again.</summary>
    SuspectPeer = -107,

    /// <summary>The agent is closing.</summary>
    Closed = -108,
}
