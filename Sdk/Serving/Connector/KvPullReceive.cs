using System.Diagnostics;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>The consumer's side of a pull: READs of what every rank of the source has offered.</summary>
internal sealed class KvPullReceive : KvReceive
{
    private readonly TaskCompletionSource _untouched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly KvHeld[] _offers; // by rank
    private readonly bool _layerByLayer;

    public KvPullReceive(KvConnector connector, KvRequest request, long deadline, KvSource source, BlockLease[] leases, KvHeld[] offers, Activity? span)
        : base(connector, request, deadline, source, leases, span) => (_offers, _layerByLayer) = (offers, request.LayerByLayer);

    private const int AllLayers = -1;

    public void Start() => _ = RunAsync();

    private protected override bool IsPull => true;

    private protected override Task WhenUntouchedAsync() => _untouched.Task;

    private protected override void Stop(Exception reason) => _ = _stop.CancelAsync();

    private async Task RunAsync()
    {
        var failures = await Task.WhenAll(_offers.Select((_, rank) => ReadRankAsync(rank))).ConfigureAwait(false);
        var failure = Array.Find(failures, static failure => failure is not null);
        if (!IsEnded)
        {
            if (failure is null || Recomputes) Complete();
            else Fail(failure);
        }
        _untouched.TrySetResult();
    }

    /// <summary>Reads a rank's part and tells it that its blocks are free of us.</summary>
    private async Task<Exception?> ReadRankAsync(int rank)
    {
        var offer = _offers[rank];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, offer.Stopped);
        try
        {
            var began = Connector.Clock.Now;
            await ReadGroupsAsync(rank, stop.Token).ConfigureAwait(false);
            if (Moved[rank].Bytes > 0) Moved[rank] = Moved[rank] with { Time = Connector.Clock.Since(began) };
            Payloads[rank] = offer.Access.Payload;
            offer.End(KvOutcome.Completed, "", default);
            return null;
        }
#pragma warning disable CA1031 // Whatever it is, the request ends with it, and the peer is told.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var reason = offer.Reason ?? (e as KvHandoverException) ?? new KvHandoverException(
                e is TransferTimeoutException ? KvOutcome.TimedOut : e is OperationCanceledException ? KvOutcome.Cancelled : KvOutcome.Failed,
                $"Reading '{Name}' from '{offer.Giver.Name}' failed: {e.Message}", e);
            offer.End(KvHeld.OutcomeToTell(reason), reason.Message, default);
            return reason;
        }
    }

    // One READ is on its way while the next one is posted, so that the wire has always something to do and layers come in their order.
    private async Task ReadGroupsAsync(int rank, CancellationToken cancellationToken)
    {
        var pulls = new LeaseOperation?[Leases.Count];
        var before = Task.CompletedTask; // what is on its way
        try
        {
            for (var group = 0; group < pulls.Length; group++)
                if (Source.PartOf(rank, group) >= 0 && Wanted(group) > 0) pulls[group] = Leases[group].BeginPull(Source.PartOf(rank, group));
            foreach (var (group, layer) in Steps(rank, pulls))
            {
                var last = before;
                before = ReadAsync(rank, group, layer, pulls[group]!, cancellationToken);
                await last.ConfigureAwait(false);
            }
            await before.ConfigureAwait(false);
        }
        finally
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var pull in pulls) pull?.Quiesced();
            LookAtLayers();
        }
    }

    /// <summary>What is read, in order: -1 for all layers of a group at once.</summary>
    private IEnumerable<(int Group, int Layer)> Steps(int rank, LeaseOperation?[] pulls)
    {
        var parts = Enumerable.Range(0, pulls.Length).Where(group => pulls[group] is not null).Select(group => (Group: group, PartOf(rank, group).Layers));
        return parts.SelectMany(part => _layerByLayer && part.Layers.Count > 1 ? part.Layers.Select(layer => (part.Group, layer)) : [(part.Group, AllLayers)]).OrderBy(static step => step.Item2);
    }

    private async Task ReadAsync(int rank, int group, int layer, LeaseOperation pull, CancellationToken cancellationToken)
    {
        var step = NixlActivities.Step(Span, "nixl.kv.read", Wanted(group), _offers[rank].Giver.Name, layer);
        TransferResult result;
        try
        {
            result = await Post(rank, group, layer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception reason)
        {
            NixlActivities.Failed(step, reason);
            throw;
        }
        NixlActivities.End(step, KvOutcome.Completed, result.Bytes);
        var (first, wanted, part) = (Leases[group].CachedBlocks, Wanted(group), PartOf(rank, group));
        var run = layer == AllLayers ? part.Whole(first, wanted) : part.Whole(part.Layers.AsSpan().IndexOf(layer), 1, first, wanted);
        if (Connector.Options.Checksums) Compare(rank, group, result, run, pull);
        else pull.Arrived(result, run);
        lock (Sync) Moved[rank] = Moved[rank] with { Bytes = Moved[rank].Bytes + result.Bytes };
        LookAtLayers();
    }

    private void Compare(int rank, int group, in TransferResult result, in ArrivalRun run, LeaseOperation pull)
    {
        var different = new List<(int Layer, int Block)>();
        var failure = Compare(rank, group, run, SumsOf(rank, group, run), different);
        pull.Arrived(result, run, [.. different]);
        if (failure is not null) throw failure;
    }

    /// <summary>The offer's checksums of a run.</summary>
    private ulong[] SumsOf(int rank, int group, in ArrivalRun run)
    {
        var (offered, part) = (OfferedBy(rank, group), PartOf(rank, group));
        var blocks = offered.Sums.Length / part.LayerCount;
        if (offered.Sums.Length % part.LayerCount != 0 || offered.First != 0 || run.Block + run.Blocks > blocks)
            throw new KvHandoverException(KvOutcome.Failed,
                $"'{Source.Ranks[rank].Remote.Name}' offers '{Name}' with {offered.Sums.Length} checksums of group '{offered.Name}', which are not those of {part.LayerCount} layers of at least {run.Block + run.Blocks} blocks.");
        var sums = new ulong[run.Layers * run.Blocks];
        for (var layer = 0; layer < run.Layers; layer++)
            offered.Sums.AsSpan(((run.Layer + layer) * blocks) + run.Block, run.Blocks).CopyTo(sums.AsSpan(layer * run.Blocks));
        return sums;
    }

    private KvAccessGroup OfferedBy(int rank, int group)
    {
        var (remote, name) = (Source.Ranks[rank], Source.Plans[group].Group);
        return _offers[rank].Access.Groups.FirstOrDefault(candidate => candidate.Name == name)
               ?? throw new KvHandoverException(KvOutcome.Failed, $"'{remote.Remote.Name}' offers no blocks of group '{name}' for '{Name}'.");
    }

    private ValueTask<TransferResult> Post(int rank, int group, int layer, CancellationToken cancellationToken)
    {
        var (remote, lease, offered) = (Source.Ranks[rank], Leases[group], OfferedBy(rank, group));
        var name = offered.Name;
        var wanted = KvBlockSpan.Translate(remote.UnitsOf(group, TransferOperation.Read), lease.CachedBlocks, Wanted(group), name);
        if (wanted.First < offered.First || wanted.First + wanted.Count > offered.First + offered.Blocks.Length)
            throw new KvHandoverException(KvOutcome.Failed,
                $"'{remote.Remote.Name}' offers blocks {offered.First} … {offered.First + offered.Blocks.Length - 1} of group '{name}' for '{Name}'; {wanted.First} … {wanted.First + wanted.Count - 1} are wanted. Do both sides mean the same prompt?");
        return remote.MoveUntilQuiescedAsync(
            TransferOperation.Read, group, layer, lease.Blocks.Slice(lease.CachedBlocks, Wanted(group)), offered.Blocks.AsSpan(wanted.First - offered.First, wanted.Count),
            new PostOptions { Timeout = Connector.Left(Deadline), LeaseToken = offered.Token }, cancellationToken);
    }
}
