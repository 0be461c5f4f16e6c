namespace Nixl.Sdk.Serving;

/// <summary>Whether a peer's process has certainly ended.</summary>
internal static class PeerProcess
{
    /// <summary>
    /// True only for a peer over the local transport, whose process id the kernel has told (SO_PEERCRED, in our own name space), and
    /// whose connection has ended: no process of that id is there. An id that was given to another process since looks alive; then only
    /// <see cref="KvConnector.PeerExited"/> helps.
    /// </summary>
    public static bool IsGone(RemoteAgent peer) =>
        peer is { Transport: NixlTransports.Local, State: PeerState.Disconnected or PeerState.Invalidated, ProcessId: > 0 } && !Directory.Exists($"/proc/{peer.ProcessId}");
}
