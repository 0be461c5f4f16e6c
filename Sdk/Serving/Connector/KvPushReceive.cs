using System.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>The consumer's side of a push: one access for each rank of the source.</summary>
internal sealed class KvPushReceive : KvReceive, IKvLinkOwner
{
    private readonly TaskCompletionSource _untouched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly KvLink?[] _links;
    private int _left;

    public KvPushReceive(KvConnector connector, KvRequest request, long deadline, KvSource source, BlockLease[] leases, Activity? span)
        : base(connector, request, deadline, source, leases, span)
    {
        _links = new KvLink?[source.Ranks.Count];
        _left = _links.Length;
    }

    /// <summary>Lets every rank at its part and asks it for it.</summary>
    public async ValueTask SendAsync(KvRequest request, string pool, CancellationToken cancellationToken)
    {
        for (var rank = 0; rank < _links.Length; rank++)
        {
            var link = Grant(rank, out var groups);
            byte[][] message;
            try
            {
                message = KvMessageCodec.EncodeInParts(new KvAccessMessage(
                    KvMessageKind.Request, link.Id, Source.Ranks[rank].Name, pool, request.Name, Leases[0].Pool.HeartbeatInterval,
                    Connector.Left(Deadline), groups, request.Payload)
                {
                    HasChecksums = Connector.Options.Checksums,
                });
            }
            catch
            {
                Connector.NeverSent(link);
                throw;
            }
            await Connector.SendNowAsync(link.Peer, message, Deadline, cancellationToken).ConfigureAwait(false);
            if (IsEnded) Connector.SendCancel(link); // who ended it may not have seen this rank yet
        }
    }

    /// <summary>Not all ranks were told: those that were are asked to stop.</summary>
    public void FailToSend(Exception reason)
    {
        for (var rank = 0; rank < _links.Length; rank++)
            if (Volatile.Read(ref _links[rank]) is null) CountDown();
        Fail(reason);
        Stop(reason); // if it had failed before, a rank whose message was on its way has not been asked yet
        Dispose();
    }

    IReadOnlyList<(int Layer, int Block)>? IKvLinkOwner.Compare(KvLink link, KvWroteMessage wrote, long bytes)
    {
        var (rank, group) = (Array.IndexOf(_links, link), GroupOf(link.Grants[wrote.Group].Lease));
        var left = wrote.Sums.AsSpan();
        if (left.IsEmpty)
        {
            Fail(new KvHandoverException(KvOutcome.Failed, $"'{link.Peer.Name}' has written '{Name}' without the checksums that were asked for, so it cannot be served.") { Peer = link.Peer.Name });
            return null;
        }
        foreach (ref readonly var run in wrote.Runs.AsSpan())
        {
            if (!IsWhole(rank, group, run) || (long)run.Layers * run.Blocks > left.Length) return null;
            left = left[(run.Layers * run.Blocks)..];
            bytes -= run.Length * run.Layers * run.Blocks; // each factor is within the lease, so the product is within memory
        }
        if (!left.IsEmpty || bytes != 0) return null;

        var different = new List<(int Layer, int Block)>();
        left = wrote.Sums;
        foreach (ref readonly var run in wrote.Runs.AsSpan())
        {
            if (Compare(rank, group, run, left[..(run.Layers * run.Blocks)], different) is { } failure) Fail(failure);
            left = left[(run.Layers * run.Blocks)..];
        }
        return different;
    }

    private int GroupOf(BlockLease lease)
    {
        var group = 0;
        while (Leases[group] != lease) group++;
        return group;
    }

    void IKvLinkOwner.Wrote(KvLink link) => LookAtLayers();

    void IKvLinkOwner.Fail(KvHandoverException reason) => Fail(reason);

    void IKvLinkOwner.Ended(KvLink link, KvEndMessage end)
    {
        // What has come is worth something to who recomputes the rest, whyever the producer has ended.
        if (end.Outcome != KvOutcome.Completed && !Recomputes)
            Fail(new KvHandoverException(end.Outcome, $"'{link.Peer.Name}' ended the hand-over '{Name}' ({end.Outcome}): {end.Reason}") { Peer = link.Peer.Name });
        else
            (Payloads[Array.IndexOf(_links, link)], Moved[Array.IndexOf(_links, link)]) = (end.Payload, end.Moved);
    }

    void IKvLinkOwner.Closed(KvLink link) => CountDown();

    long IKvLinkOwner.Deadline => Deadline;

    bool IKvLinkOwner.HasEnded => IsEnded;

    private protected override bool IsPull => false;

    private protected override Task WhenUntouchedAsync() => _untouched.Task;

    private protected override void Stop(Exception reason)
    {
        foreach (var link in _links)
            if (link is not null) Connector.SendCancel(link);
    }

    private KvLink Grant(int rank, out List<KvAccessGroup> groups)
    {
        groups = [];
        var remote = Source.Ranks[rank];
        var grants = new List<LeaseGrant>();
        for (var group = 0; group < Leases.Count; group++)
        {
            var (lease, part, wanted) = (Leases[group], Source.PartOf(rank, group), Wanted(group));
            if (part < 0 || wanted == 0) continue;
            LeaseGrant grant;
            try
            {
                grant = lease.GrantWrite(PeerIdentity.Of(remote.Remote), part);
            }
            catch
            {
                foreach (var given in grants) given.Lease.Pool.Confirm(given.Token, PeerIdentity.Of(remote.Remote)); // of which it was never told
                Connector.ThrowIfExited(remote.Remote); // the pool refuses those, too; blocks may have been waited for since the source was taken
                throw;
            }
            grants.Add(grant);
            var bytes = Source.Plans[group].Parts[part];
            groups.Add(new KvAccessGroup(
                remote.Local.Groups[group].Plan.Schema.Name, grant.Token.Value, lease.CachedBlocks,
                lease.Blocks.Slice(lease.CachedBlocks, wanted).ToArray(), bytes.Layers.AsSpan().ToArray(), bytes.BytesPerLayer));
        }
        var link = new KvLink(KvConnector.DrawId(), remote.Remote, this, [.. grants], Connector.Options.Checksums);
        Volatile.Write(ref _links[rank], link);
        Connector.Given(link);
        return link;
    }

    // One peer less that can touch the blocks.
    private void CountDown()
    {
        if (Interlocked.Decrement(ref _left) != 0) return;
        if (!IsEnded) Complete();
        _untouched.TrySetResult();
    }
}
