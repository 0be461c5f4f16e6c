namespace Nixl.Sdk;

/// <summary>The state of a connected peer.</summary>
/// <remarks>
/// <code>
/// Connecting → Connected ⇄ Suspect
///     │            │          │
///     └────────────┴──────────┴──→ Disconnected | Invalidated   (both final)
/// </code>
/// </remarks>
public enum PeerState
{
    /// <summary>The connection is being made.</summary>
    Connecting = 0,

    /// <summary>Usable.</summary>
    Connected = 1,

    /// <summary>Silent for longer than <see cref="NixlAgentOptions.SuspectAfter"/>: new work is refused; it may come back.</summary>
    Suspect = 2,

    /// <summary>Its process is gone or its connection broke. Final.</summary>
    Disconnected = 3,

    /// <summary>By <see cref="NixlAgent.Invalidate"/>, or because the same name came back with another incarnation. Final.</summary>
    Invalidated = 4,
}
