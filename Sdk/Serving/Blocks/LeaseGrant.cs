namespace Nixl.Sdk.Serving;

/// <summary>
/// A peer's permission to read or write a lease's blocks. While it is open, the blocks cannot become free, whatever else happens.
/// </summary>
/// <remarks>
/// <code>
/// GrantWrite/GrantRead ──→ open ──┬─ everything of it has arrived, or Confirm ───────→ closed     the peer's own word
///                           │     ├─ PeerExited ─────────────────────────────────────→ closed     its process is gone
///                           │     └─ BlockFence.Complete ────────────────────────────→ closed     it cannot reach us any more
///                           └─ no heartbeat in time ──→ expired, and still open: refused, but closed only by the three above
/// </code>
/// Thread-safe; state changes under the pool's lock. Owns nothing.
/// </remarks>
public sealed class LeaseGrant
{
    internal LeaseGrant(BlockLease lease, LeaseToken token, PeerIdentity peer, BlockAccess access, int part, long sequence, bool isOwn)
    {
        Lease = lease;
        Token = token;
        Peer = peer;
        Access = access;
        Part = part;
        Sequence = sequence;
        IsOwn = isOwn;
    }

    /// <summary>The lease.</summary>
    public BlockLease Lease { get; }

    /// <summary>What the peer has to show. Send it to that peer only.</summary>
    public LeaseToken Token { get; }

    /// <summary>The peer; for an operation of our own the pool's owner.</summary>
    public PeerIdentity Peer { get; }

    /// <summary>What it may do.</summary>
    public BlockAccess Access { get; }

    /// <summary>Which part of the arrival plan it writes; -1 for a reader.</summary>
    public int Part { get; }

    /// <summary>Whether the peer may still touch the blocks.</summary>
    public bool IsOpen { get; internal set; } = true;

    /// <summary>Whether heartbeats have stayed away for too long. Final.</summary>
    public bool IsExpired { get; internal set; }

    /// <summary>Grows from grant to grant of a pool, so that a fence knows which were there when it began.</summary>
    internal long Sequence { get; }

    /// <summary>An operation of our own transport: nobody can speak for it but we.</summary>
    internal bool IsOwn { get; }

    /// <summary>Timestamp of the pool's clock from which on it has expired.</summary>
    internal long Deadline { get; set; } = long.MaxValue;

    /// <summary>The blocks that the peer may touch.</summary>
    internal int Blocks => Access == BlockAccess.Read ? Lease.Count : Lease.Count - Lease.CachedBlocks;
}
