namespace Nixl.Sdk.Serving;

// What peers say about leases, and what they are answered. A message that is late, unknown or somebody else's changes nothing and is
// counted; one that is late and still says that its sender has ended lets the memory go.
public sealed partial class BlockPool
{
    /// <summary>
    /// A WRITE with a notification has come. When everything of its sender's part has, its grant ends: it writes no more under this token.
    /// </summary>
    /// <param name="info">The notification, as read from the agent.</param>
    /// <param name="runs">What its payload declares to have been written; must be the bytes that the transport has counted.</param>
    /// <param name="lease">The lease, if accepted.</param>
    public LeaseAnswer Arrived(in NotificationInfo info, ReadOnlySpan<ArrivalRun> runs, out BlockLease? lease) => Arrived(info, runs, [], out lease);

    /// <summary>The same, where some of it is not what was sent and counts as not having come.</summary>
    internal LeaseAnswer Arrived(in NotificationInfo info, ReadOnlySpan<ArrivalRun> runs, ReadOnlySpan<(int Layer, int Block)> spoiled, out BlockLease? lease)
    {
        lease = null;
        lock (Sync)
        {
            var answer = Find(new LeaseToken(info.LeaseToken, Owner.Incarnation), PeerIdentity.Of(info), out var grant);
            if (grant is null) return Refuse(answer);
            if (grant.Access != BlockAccess.Write) return Refuse(LeaseAnswer.NotGranted);
            if (!info.WithTransfer || info.Operation != TransferOperation.Write || !grant.Lease.Record(grant.Part, runs, info.RequestBytes, spoiled))
                return Refuse(LeaseAnswer.Malformed);
            answer = AnswerOf(grant);
            if (grant.Lease.HasWhole(grant.Part))
            {
                Close(grant);
                Serve();
            }
            if (answer != LeaseAnswer.Accepted) return Refuse(answer);
            lease = grant.Lease;
            return answer;
        }
    }

    /// <summary>
    /// A peer says that it will not touch the blocks any more: a reader has read, a cancelled writer's transfer has quiesced. Its grant ends,
    /// expired or given up or not.
    /// </summary>
    /// <param name="token">What it was given.</param>
    /// <param name="sender">Who says so, by its connection.</param>
    public LeaseAnswer Confirm(LeaseToken token, PeerIdentity sender)
    {
        lock (Sync)
        {
            var answer = Find(token, sender, out var grant);
            if (grant is null) return Refuse(answer);
            Close(grant);
            Serve();
            return LeaseAnswer.Accepted;
        }
    }

    /// <summary>A peer is alive and still needs its grant: it now lives at least for <see cref="BlockPoolOptions.LeaseExtension"/>.</summary>
    /// <param name="token">What it was given.</param>
    /// <param name="sender">Who says so, by its connection.</param>
    public LeaseAnswer Heartbeat(LeaseToken token, PeerIdentity sender)
    {
        lock (Sync)
        {
            var answer = Find(token, sender, out var grant);
            if (grant is null) return Refuse(answer);
            answer = AnswerOf(grant);
            if (answer != LeaseAnswer.Accepted) return Refuse(answer);
            grant.Deadline = Math.Max(grant.Deadline, Now() + _extension);
            return answer;
        }
    }

    /// <summary>
    /// Finds grants whose time has passed. Call it now and then, about once a heartbeat interval: messages notice an expired grant by
    /// themselves, and this is for those from whom none comes, and to tell the owners. It frees nothing.
    /// </summary>
    /// <param name="expired">Where to add the leases of grants that have expired since the last call with a list, whoever noticed it; those that were
    /// given up are left out. Dispose those that are not wanted any more.</param>
    /// <returns>The number of grants whose expiry was noticed just now.</returns>
    public int ExpireGrants(ICollection<BlockLease>? expired = null)
    {
        var count = 0;
        BlockLease[] found = [];
        lock (Sync)
        {
            var now = Now();
            foreach (var grant in _grants.Values)
                if (ExpireIfDue(grant, now)) count++;
            if (expired is not null) // else the next call with a list names them
            {
                found = [.. _expired];
                _expired.Clear();
            }
        }
        if (expired is not null)
            foreach (var lease in found) expired.Add(lease); // outside of the lock: it is the caller's code
        return count;
    }

    internal LeaseGrant Open(BlockLease lease, PeerIdentity peer, BlockAccess access, int part, bool isOwn)
    {
        if (!isOwn)
        {
            ArgumentException.ThrowIfNullOrEmpty(peer.Name, nameof(peer));
            if (_exited.Contains(peer))
                throw new InvalidOperationException($"{peer} has exited, so nobody would ever end its grant. Grant to another peer, or to its successor's incarnation.");
        }
        ulong value;
        do value = Draw();
        while (value == 0 || _grants.ContainsKey(value));
        var grant = new LeaseGrant(lease, new LeaseToken(value, Owner.Incarnation), peer, access, part, ++_sequence, isOwn);
        if (!isOwn) grant.Deadline = Now() + _lifetime;
        _grants.Add(value, grant);
        return grant;
    }

    /// <summary>Its owner needs not be told that it has expired. Under the lock.</summary>
    internal void GivenUp(BlockLease lease) => _expired.Remove(lease);

    internal LeaseAnswer OwnArrived(LeaseGrant grant, long bytes, ReadOnlySpan<ArrivalRun> runs, ReadOnlySpan<(int Layer, int Block)> spoiled)
    {
        lock (Sync)
        {
            if (!grant.IsOpen || grant.Access != BlockAccess.Write)
                throw new InvalidOperationException("Only a pull that has not been ended brings bytes. Say Arrived before Quiesced.");
            return grant.Lease.Record(grant.Part, runs, bytes, spoiled) ? LeaseAnswer.Accepted : Refuse(LeaseAnswer.Malformed);
        }
    }

    internal void OwnQuiesced(LeaseGrant grant)
    {
        lock (Sync)
        {
            if (!grant.IsOpen) return;
            Close(grant);
            Serve();
        }
    }

    private LeaseAnswer Find(LeaseToken token, PeerIdentity sender, out LeaseGrant? grant)
    {
        grant = null;
        if (token.Incarnation != Owner.Incarnation) return LeaseAnswer.Stale;
        if (!_grants.TryGetValue(token.Value, out var found)) return LeaseAnswer.Unknown;
        // Nobody speaks for another, and nobody but we for our own transport.
        if (found.IsOwn || found.Peer != sender) return LeaseAnswer.NotGranted;
        grant = found;
        return LeaseAnswer.Accepted;
    }

    private static LeaseAnswer AnswerOf(LeaseGrant grant)
    {
        grant.Lease.ExpireDue();
        return grant.Lease.IsGivenUp ? LeaseAnswer.GivenUp
            : grant.IsExpired || grant.Lease.HasExpired ? LeaseAnswer.Expired
            : LeaseAnswer.Accepted;
    }

    internal bool ExpireIfDue(LeaseGrant grant, long now)
    {
        if (grant.IsExpired || now < grant.Deadline) return false;
        grant.IsExpired = true;
        if (!grant.Lease.IsGivenUp) _expired.Add(grant.Lease);
        grant.Lease.Expired(grant);
        return true;
    }

    private LeaseAnswer Refuse(LeaseAnswer answer)
    {
        _refused[(int)answer]++;
        return answer;
    }
}
