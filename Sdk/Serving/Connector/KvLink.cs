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
internal sealed class KvLink(ulong id, RemoteAgent peer, IKvLinkOwner owner, LeaseGrant[] grants)
{
    private long _nextCancel = long.MinValue;

    public ulong Id { get; } = id;

    public RemoteAgent Peer { get; } = peer;

    public PeerIdentity Identity { get; } = PeerIdentity.Of(peer);

    public IKvLinkOwner Owner { get; } = owner;

    /// <summary>In the order of the message's groups.</summary>
    public LeaseGrant[] Grants { get; } = grants;

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
