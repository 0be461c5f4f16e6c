namespace Nixl.Sdk.Serving;

/// <summary>
/// One peer's access to blocks of ours, with a grant for each group. Lives until the last grant has ended, whatever becomes of the request.
/// </summary>
/// <remarks>
/// <code>
/// open ──┬─ End ──────────────────────────────────→ ended: grants confirmed
///        ├─ Cancel sent ──→ stopping ── End ──────→ ended
///        └─ connection gone ──→ lost ── exit known ──→ ended (its grants closed by PeerExited)
/// </code>
/// </remarks>
/// <param name="id">Random.</param>
/// <param name="peer">Who is let at them.</param>
/// <param name="owner">Whose they are.</param>
/// <param name="grants">In the order of the message's groups.</param>
/// <param name="withSums">Whether what is written has to come with checksums.</param>
internal sealed class KvLink(ulong id, RemoteAgent peer, IKvLinkOwner owner, LeaseGrant[] grants, bool withSums = false)
{
    // Who writes each layer of each block once never has twice as many of them waiting; who declares the same again and again has to wait.
    private readonly long _mostPending = withSums ? 2 * grants.Sum(static grant => grant.Lease.LayersOfBlocks(grant.Part)) : 0;
    private Task _checks = Task.CompletedTask; // the dispatcher's own
    private long _pending; // checksums that are to be compared
    private long _nextCancel = long.MinValue;

    public ulong Id { get; } = id;

    public RemoteAgent Peer { get; } = peer;

    public PeerIdentity Identity { get; } = PeerIdentity.Of(peer);

    public IKvLinkOwner Owner { get; } = owner;

    /// <summary>In the order of the message's groups.</summary>
    public LeaseGrant[] Grants { get; } = grants;

    public bool WithSums { get; } = withSums;

    /// <summary>False if too much waits already; else say <see cref="EndCompare"/> when it is done.</summary>
    public bool TryBeginCompare(int sums)
    {
        if (Interlocked.Add(ref _pending, Math.Max(1, sums)) <= _mostPending) return true;
        EndCompare(sums);
        return false;
    }

    public void EndCompare(int sums) => Interlocked.Add(ref _pending, -Math.Max(1, sums));

    /// <summary>Whether something that was written is still being compared.</summary>
    public bool IsComparing => !_checks.IsCompleted;

    /// <summary>Does something on the thread pool, after what was given before; must not throw. By the dispatcher only.</summary>
    public void AfterChecks(Action next) => _checks = _checks.ContinueWith(static (_, next) => ((Action)next!)(), next, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    /// <summary>The peer's connection is gone: no message of it will come any more.</summary>
    public bool IsLost { get; set; }

    public bool IsEnded { get; private set; }

    /// <summary>Whether the peer, or what it has sent, can still touch a block.</summary>
    public bool HasOpenGrants => Array.Exists(Grants, static grant => grant.IsOpen);

    /// <summary>True the first time, and again when the peer has had time enough to answer: the message or its answer may have been lost.</summary>
    public bool TrySendCancel(long now, long next)
    {
        var due = Volatile.Read(ref _nextCancel);
        return now >= due && Interlocked.CompareExchange(ref _nextCancel, next, due) == due;
    }

    /// <summary>The peer's word that it is done.</summary>
    public void Confirm()
    {
        IsEnded = true;
        foreach (var grant in Grants)
            if (grant.IsOpen) grant.Lease.Pool.Confirm(grant.Token, Identity);
    }

    /// <summary>False if a grant is served no more.</summary>
    public bool Heartbeat()
    {
        var served = true;
        foreach (var grant in Grants)
            if (grant.IsOpen) served &= grant.Lease.Pool.Heartbeat(grant.Token, Identity) == LeaseAnswer.Accepted;
        return served;
    }

    public bool HasExpired => Array.Exists(Grants, static grant => grant.IsExpired);
}
