namespace Nixl.Sdk;

/// <summary>A connected peer changed its state.</summary>
/// <remarks>Immutable, so thread-safe.</remarks>
/// <param name="peer">Which one.</param>
/// <param name="state">Its state at the time of the change.</param>
/// <param name="reason">Why, in words.</param>
public sealed class PeerStateChangedEventArgs(RemoteAgent peer, PeerState state, string reason) : EventArgs
{
    /// <summary>Which peer.</summary>
    public RemoteAgent Peer { get; } = peer;

    /// <summary>Its state at the time of the change.</summary>
    public PeerState State { get; } = state;

    /// <summary>Why, in words.</summary>
    public string Reason { get; } = reason;
}
