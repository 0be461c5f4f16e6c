namespace Nixl.Sdk.Serving;

// Quarantine ends by what is written here and in Confirm and Arrived, and by nothing else: no timer, no heartbeat, no lost connection.
public sealed partial class BlockPool
{
    /// <summary>
    /// A peer's process is gone: it can touch nothing any more, all its grants end, and it is given no others. Call this only when that is
    /// certain: its supervisor has waited for it, or its host is known to be down. A lost connection, a missing heartbeat or a new incarnation of the same name are
    /// not that: the old process may still write.
    /// </summary>
    /// <param name="peer">The peer, with the incarnation that is gone.</param>
    /// <returns>The number of grants that it ended.</returns>
    public int PeerExited(PeerIdentity peer)
    {
        lock (Sync)
        {
            _exited.Add(peer);
            return CloseWhere(long.MaxValue, peer);
        }
    }

    /// <summary>
    /// Begins to take the memory back from everybody: close it next, with <see cref="KvPool.Dispose"/>, and complete the fence when it is
    /// closed. Grants that are given after this call are not touched by the fence.
    /// </summary>
    /// <param name="memory">The pool whose blocks these are.</param>
    /// <exception cref="InvalidOperationException">The memory is closed already: grants since then may reach it through something else,
    /// and the fence could not tell them apart.</exception>
    public BlockFence BeginFence(KvPool memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (!memory.IsReachable)
            throw new InvalidOperationException($"Pool '{memory.Name}' is closed already. Begin the fence before closing it, so that later grants can be told from earlier ones.");
        return BeginFence(() => !memory.IsReachable, $"pool '{memory.Name}'");
    }

    /// <summary>What cannot become free although nobody wants it any more, by the peer that may still touch it, oldest first.</summary>
    public IReadOnlyList<QuarantinedPeer> GetQuarantine()
    {
        lock (Sync) return ReportQuarantine();
    }

    internal BlockFence BeginFence(Func<bool> isClosed, string what)
    {
        lock (Sync) return new BlockFence(this, isClosed, what, _sequence);
    }

    internal int CompleteFence(long sequence)
    {
        lock (Sync) return CloseWhere(sequence, null);
    }

    // An operation of our own ends by its own quiescing only: whoever is gone or fenced off, our transport is not.
    private int CloseWhere(long sequence, PeerIdentity? peer)
    {
        var closed = 0;
        foreach (var grant in _grants.Values)
        {
            if (grant.IsOwn || grant.Sequence > sequence || (peer is { } only && grant.Peer != only)) continue;
            Close(grant);
            closed++;
        }
        if (closed > 0) Serve();
        return closed;
    }

    /// <summary>One user of a lease less; if it was the last and the owner is gone, its blocks are free. Under the lock.</summary>
    private void Close(LeaseGrant grant)
    {
        grant.Lease.ExpireDue(); // an end that comes too late is one
        _grants.Remove(grant.Token.Value);
        grant.IsOpen = false;
        grant.Lease.Closed(grant);
    }

    private List<QuarantinedPeer> ReportQuarantine()
    {
        var now = Now();
        var report = new Dictionary<PeerIdentity, (HashSet<BlockLease> Leases, int Blocks, TimeSpan Age)>();
        foreach (var grant in _grants.Values)
        {
            if (grant.Lease.StateUnderLock != BlockState.Quarantined) continue;
            var (leases, blocks, age) = report.TryGetValue(grant.Peer, out var entry) ? entry : ([], 0, TimeSpan.Zero);
            var more = leases.Add(grant.Lease) ? grant.Blocks : 0;
            var since = _time.GetElapsedTime(grant.Lease.QuarantinedSince ?? now, now);
            report[grant.Peer] = (leases, blocks + more, since > age ? since : age);
        }
        return [.. report.Select(entry => new QuarantinedPeer(entry.Key, entry.Value.Leases.Count, entry.Value.Blocks, entry.Value.Age)).OrderByDescending(entry => entry.Age)];
    }
}
