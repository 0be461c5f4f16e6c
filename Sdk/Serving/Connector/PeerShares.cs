namespace Nixl.Sdk.Serving;

/// <summary>
/// Places that peers share so that nobody can take them all: a peer gets another one only while it has fewer than are free. Alone it gets half;
/// of n that want all of it each gets 1/(n + 1), and as much stays for who comes next.
/// </summary>
/// <param name="capacity">Places.</param>
/// <remarks>Thread-safe.</remarks>
internal sealed class PeerShares(int capacity)
{
    private readonly Lock _sync = new();
    private readonly Dictionary<PeerIdentity, int> _taken = [];
    private int _total;

    /// <summary>A place, or null if the peer has its share.</summary>
    public PeerPlace? TryTake(PeerIdentity peer)
    {
        lock (_sync)
        {
            var own = _taken.GetValueOrDefault(peer);
            if (own >= capacity - _total) return null;
            _taken[peer] = own + 1;
            _total++;
            return new PeerPlace(this, peer);
        }
    }

    internal void Free(PeerIdentity peer)
    {
        lock (_sync)
        {
            _total--;
            if (--_taken[peer] == 0) _taken.Remove(peer);
        }
    }
}
