namespace Nixl.Sdk.Serving;

/// <summary>One place of a peer's share. Thread-safe.</summary>
internal sealed class PeerPlace(PeerShares shares, PeerIdentity peer)
{
    private int _freed;

    /// <summary>Again: no effect.</summary>
    public void Free()
    {
        if (Interlocked.Exchange(ref _freed, 1) == 0) shares.Free(peer);
    }
}
