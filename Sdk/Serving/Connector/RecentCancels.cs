namespace Nixl.Sdk.Serving;

/// <summary>
/// Ends that were told to peers of things that had not begun here. Each peer has its own room, so that one that cancels without end makes
/// nothing of another peer's forgotten. Not thread-safe.
/// </summary>
internal sealed class RecentCancels(int peers = 256, int ofEach = 1024)
{
    private readonly Dictionary<PeerIdentity, RecentSet<ulong>> _ofPeer = [];
    private readonly Queue<PeerIdentity> _order = new();

    public void Add(PeerIdentity peer, ulong id)
    {
        if (!_ofPeer.TryGetValue(peer, out var ids))
        {
            _ofPeer.Add(peer, ids = new RecentSet<ulong>(ofEach));
            _order.Enqueue(peer);
            if (_order.Count > peers) _ofPeer.Remove(_order.Dequeue());
        }
        ids.Add(id);
    }

    public bool Contains(PeerIdentity peer, ulong id) => _ofPeer.TryGetValue(peer, out var ids) && ids.Contains(id);
}
