namespace Nixl.Sdk.Serving;

public sealed partial class BlockLease
{
    /// <summary>
    /// Lets a peer write one part of what is expected. From now on the blocks cannot become free before its grant has ended. What an earlier
    /// writer of the same part has written counts for nothing any more: this one overwrites it.
    /// </summary>
    /// <param name="peer">The peer.</param>
    /// <param name="part">The part of the plan that it gives: the index of its rank in <see cref="ArrivalPlan.Parts"/>.</param>
    /// <returns>The grant; send its token to the peer, with the ids of the blocks that are not cached.</returns>
    /// <exception cref="InvalidOperationException">Nothing is expected, the part has a writer or has come, the lease is ready, somebody
    /// reads it, or the peer has exited.</exception>
    /// <exception cref="LeaseExpiredException">The lease has expired.</exception>
    /// <exception cref="ObjectDisposedException">The lease was given up.</exception>
    public LeaseGrant GrantWrite(PeerIdentity peer, int part = 0)
    {
        lock (Pool.Sync) return OpenWrite(peer, part, isOwn: false);
    }

    /// <summary>
    /// Lets a peer read the blocks: ready ones, or those of a lease that the owner computes, where the peer is told layer by layer what it
    /// can read. The blocks cannot become free before its grant has ended.
    /// </summary>
    /// <param name="peer">The peer.</param>
    /// <exception cref="InvalidOperationException">Others write the lease, or have written it and no complete arrival was taken; or the peer
    /// has exited.</exception>
    /// <exception cref="LeaseExpiredException">The lease has expired.</exception>
    /// <exception cref="ObjectDisposedException">The lease was given up.</exception>
    public LeaseGrant GrantRead(PeerIdentity peer)
    {
        lock (Pool.Sync) return OpenRead(peer, isOwn: false);
    }

    /// <summary>Before the post of a READ of our own into the lease.</summary>
    /// <param name="part">The part of the plan that it brings.</param>
    /// <inheritdoc cref="GrantWrite"/>
    /// <returns>What to end at the transfer's quiescing.</returns>
    public LeaseOperation BeginPull(int part = 0)
    {
        lock (Pool.Sync) return new LeaseOperation(OpenWrite(Pool.Owner, part, isOwn: true));
    }

    /// <summary>Before the post of a WRITE of our own out of the lease.</summary>
    /// <inheritdoc cref="GrantRead"/>
    /// <returns>What to end at the transfer's quiescing.</returns>
    public LeaseOperation BeginPush()
    {
        lock (Pool.Sync) return new LeaseOperation(OpenRead(Pool.Owner, isOwn: true));
    }

    private LeaseGrant OpenWrite(PeerIdentity peer, int part, bool isOwn)
    {
        CheckServed();
        if (_coverage is null)
            throw new InvalidOperationException("Say with Expect what has to come before anybody is allowed to write: else nothing could prove that it has.");
        ArgumentOutOfRangeException.ThrowIfNegative(part);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(part, _coverage.Plan.Parts.Count);
        if (_content == BlockContent.Whole)
            throw new InvalidOperationException("The lease is ready; its blocks are read and cannot be written any more. Reserve another one.");
        if (_open.Count > _openWrites)
            throw new InvalidOperationException("The lease is being read; nobody may write it meanwhile.");
        if (_coverage.IsPartComplete(part))
            throw new InvalidOperationException($"Part {part} has come already; nobody needs to write it.");
        foreach (var open in _open)
            if (open.Part == part) throw new InvalidOperationException($"Part {part} is {open.Peer}'s as long as that may write. Wait for its confirmation, its exit or a fence.");
        _open.EnsureCapacity(_open.Count + 1);
        var grant = Pool.Open(this, peer, BlockAccess.Write, part, isOwn); // before the rest, which cannot fail
        _coverage.Clear(part);
        SetContent(BlockContent.Incoming);
        Opened(grant);
        return grant;
    }

    private LeaseGrant OpenRead(PeerIdentity peer, bool isOwn)
    {
        CheckServed();
        if (_content == BlockContent.Incoming)
            throw new InvalidOperationException($"The lease is {StateUnderLock}; what others have written may be read after MarkReady only.");
        _open.EnsureCapacity(_open.Count + 1);
        var grant = Pool.Open(this, peer, BlockAccess.Read, -1, isOwn);
        Opened(grant);
        return grant;
    }
}
