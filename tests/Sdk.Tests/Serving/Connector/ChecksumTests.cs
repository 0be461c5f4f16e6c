using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>A byte that is not what the producer had is never served: it is flipped after it has come and before it counts.</summary>
public sealed class ChecksumTests
{
    private const int Layers = 3;
    private const int Blocks = 4;

    public enum Way
    {
        Push,
        PushByLayer,
        Pull,
        PullByLayer,
    }

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Pushed_whole(Backend backend) => EachLayerAsync<SplitKv, SplitKv>(backend, 1, 1, Way.Push);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Pulled_whole(Backend backend) => EachLayerAsync<SplitKv, SplitKv>(backend, 1, 1, Way.Pull);

    [Theory, InlineData(1, 1), InlineData(1, 2), InlineData(2, 1)]
    public Task Pushed_layer_by_layer(int sourceTp, int targetTp) => EachLayerAsync<SplitKv, PackedKv>(Backend.Local, sourceTp, targetTp, Way.PushByLayer);

    [Theory, InlineData(1, 1), InlineData(1, 2), InlineData(2, 1)]
    public Task Pulled_layer_by_layer(int sourceTp, int targetTp) => EachLayerAsync<SplitKv, PackedKv>(Backend.Local, sourceTp, targetTp, Way.PullByLayer);

    [Theory, InlineData(Way.Push), InlineData(Way.PushByLayer), InlineData(Way.Pull), InlineData(Way.PullByLayer)]
    public async Task Who_recomputes_is_told_the_block_and_keeps_the_others(Way way)
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake, checksums: true);
        fleet.Pools.Fill(0, 1);
        Flip(fleet, layer: 1, position: 2);
        using var own = fleet.Compute(Blocks)[0];
        using var receive = (await HandOverAsync(fleet, [own], way, ArrivalPolicy.Recompute)).Single();
        var received = await receive.WaitAsync().SoonAsync();
        Assert.Equal([2], received.Arrivals[0]!.BlocksToRecompute);
        var gap = Assert.Single(received.Arrivals[0]!.Gaps);
        Assert.Equal((1, 2, 1), (gap.Layer, gap.Block, gap.Blocks));
        Assert.NotEqual(BlockState.Ready, receive.Leases[0].State);
        Assert.Equal([true, false, true], Enumerable.Range(0, Layers).Select(receive.HasLayer));
        receive.Leases[0].MarkRecomputed(received.Arrivals[0]!, 2);
        Assert.Equal(BlockState.Ready, receive.Leases[0].State);
        Assert.Equal(((Layers * Blocks) - 1, 1), Counts(fleet.TargetConnectors[0]));
    }

    [Fact]
    public async Task A_layer_is_compared_also_when_earlier_ones_are_in_use()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, checksums: true);
        fleet.Pools.Fill(0, 1);
        Flip(fleet, layer: 2, position: 0);
        using var own = fleet.Compute(Blocks)[0];
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(Blocks)));
        await using (var push = await fleet.NextAsync())
        {
            push.Accept(own);
            for (var layer = 0; layer < 2; layer++)
            {
                await push.WriteLayerAsync(layer);
                await receive.WaitForLayerAsync(layer).SoonAsync();
            }
            await push.WriteLayerAsync(2);
            Assert.Equal(KvOutcome.Corrupted, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitForLayerAsync(2).SoonAsync())).Outcome);
        }
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task The_end_waits_until_everything_has_been_compared()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, checksums: true);
        using var ended = new ManualResetEventSlim();
        fleet.TargetConnectors[0].BeforeCompare = (_, _, _) => Assert.True(ended.Wait(Deadlines.Soon));
        using var own = fleet.Compute(Blocks)[0];
        using var receive = (await HandOverAsync(fleet, [own], Way.PushByLayer, ArrivalPolicy.FailClosed)).Single();
        await Deadlines.UntilAsync(() => fleet.TargetConnectors[0].Snapshot().Messages == Layers + 1, "the end was read");
        Assert.False(receive.IsEnded);
        ended.Set();
        Assert.True((await receive.WaitAsync().SoonAsync()).IsComplete);
        await fleet.AssertAllEndedAsync();
    }

    [Theory, InlineData(Way.Push, 2), InlineData(Way.Pull, 1)]
    public async Task What_does_not_fit_one_notification_goes_in_several(Way way, int transfers)
    {
        const int Many = 10;
        await using var fleet = await ServingFleet<ManyLayersKv, ManyLayersKv>.CreateAsync(Backend.Local, checksums: true);
        fleet.Pools.Fill(0, 1);
        using var own = fleet.Compute(Many)[0];
        var before = PoolBytes.Copy(fleet.Pools.Targets[0]);
        var compares = 0;
        fleet.TargetConnectors[0].BeforeCompare = (_, _, _) => Interlocked.Increment(ref compares);
        using var receive = (await HandOverAsync(fleet, [own], way, ArrivalPolicy.FailClosed, Many)).Single();
        await receive.WaitAsync().SoonAsync();
        fleet.AssertHolds(0, PoolBytes.Expect(fleet.Pools.Sources[0], before, fleet.Pools.Targets[0], 0, own.Blocks, receive.Leases[0].Blocks));
        Assert.Equal((Many * ManyLayersKv.Layers, 0), Counts(fleet.TargetConnectors[0]));
        Assert.Equal(transfers, compares);
    }

    [Theory, InlineData(Way.Push), InlineData(Way.Pull)]
    public async Task A_producer_is_asked_and_an_offer_without_checksums_is_refused(Way way)
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake, checksums: true, sourceChecksums: false);
        fleet.Pools.Fill(0, 1);
        using var own = fleet.Compute(Blocks)[0];
        if (way == Way.Push)
        {
            using var receive = (await HandOverAsync(fleet, [own], way, ArrivalPolicy.FailClosed)).Single();
            Assert.True((await receive.WaitAsync().SoonAsync()).IsComplete);
            Assert.Equal((Layers * Blocks, 0), Counts(fleet.TargetConnectors[0]));
        }
        else
        {
            var error = await Assert.ThrowsAsync<KvHandoverException>(() => HandOverAsync(fleet, [own], way, ArrivalPolicy.Recompute));
            Assert.Equal((KvOutcome.Refused, fleet.Pools.Sources[0].Agent.Name), (error.Outcome, error.Peer));
            Assert.Contains("without checksums", error.Message, StringComparison.Ordinal);
        }
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task Who_does_not_want_them_takes_offers_with_checksums()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake, sourceChecksums: true);
        fleet.Pools.Fill(0, 1);
        using var own = fleet.Compute(Blocks)[0];
        using var receive = (await HandOverAsync(fleet, [own], Way.Pull, ArrivalPolicy.FailClosed)).Single();
        Assert.True((await receive.WaitAsync().SoonAsync()).IsComplete);
        Assert.Equal((0, 0), Counts(fleet.TargetConnectors[0]));
    }

    [Theory, InlineData(0), InlineData(1), InlineData(Layers * Blocks + 1)]
    public async Task Declarations_without_or_with_other_checksums_than_were_asked_for_serve_nothing(int sums)
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, checksums: true);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(Blocks)));
        await using var push = await fleet.NextAsync();
        var lease = receive.Leases[0];
        var part = ArrivalPlan.SamePlacement(fleet.Pools.Targets[0]).Parts[0];
        var message = new KvWroteMessage(push.AccessId, 0, [part.Whole(0, Blocks)]) { Sums = new ulong[sums] };
        await fleet.Pools.Writes.Single().Remote.WriteBlocksAsync(0, [0, 1, 2, 3], lease.Blocks, new PostOptions { Notification = KvMessageCodec.Encode(message), LeaseToken = push.TokenOf(0) }).SoonAsync();
        await Deadlines.UntilAsync(() => fleet.TargetConnectors[0].Snapshot().Malformed == 1, "it is malformed");
        if (sums == 0) await Assert.ThrowsAsync<KvHandoverException>(async () => await WhenStoppedAsync(push));
        else await push.CompleteAsync();
        var error = await Assert.ThrowsAnyAsync<NixlException>(() => receive.WaitAsync().SoonAsync());
        if (sums == 0) Assert.Contains("without the checksums that were asked for", error.Message, StringComparison.Ordinal);
        else Assert.IsType<IncompleteArrivalException>(error);
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task Nothing_is_read_for_declarations_without_a_transfer_or_of_other_bytes_and_not_without_end()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, checksums: true);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(Blocks)));
        await using var push = await fleet.NextAsync();
        var (connector, remote, part) = (fleet.TargetConnectors[0], fleet.Pools.Writes.Single().Remote, ArrivalPlan.SamePlacement(fleet.Pools.Targets[0]).Parts[0]);
        var (compares, go) = (0, new ManualResetEventSlim());
        connector.BeforeCompare = (_, _, _) =>
        {
            Interlocked.Increment(ref compares);
            Assert.True(go.Wait(Deadlines.Soon));
        };
        var whole = KvMessageCodec.Encode(new KvWroteMessage(push.AccessId, 0, [part.Whole(0, Blocks)]) { Sums = new ulong[Layers * Blocks] });
        await remote.Local.Agent.NotifyAsync(remote.Remote, new PostOptions { Notification = whole, LeaseToken = push.TokenOf(0) }, CancellationToken.None).SoonAsync();
        await remote.WriteBlocksAsync(0, [0], receive.Leases[0].Blocks[..1], new PostOptions { Notification = whole, LeaseToken = push.TokenOf(0) }).SoonAsync();
        await Deadlines.UntilAsync(() => connector.Snapshot().Malformed == 2, "both are malformed");
        Assert.Equal(0, compares);
        for (var i = 0; i < 5; i++) await remote.WriteBlocksAsync(0, [0, 1, 2, 3], receive.Leases[0].Blocks, new PostOptions { Notification = whole, LeaseToken = push.TokenOf(0) }).SoonAsync();
        await Deadlines.UntilAsync(() => connector.Snapshot().Malformed == 5, "of five only two may wait");
        go.Set();
        Assert.Equal(KvOutcome.Corrupted, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        await push.DisposeAsync();
        await fleet.AssertAllEndedAsync();
        Assert.InRange(compares, 1, 2);
        go.Dispose();
    }

    private static async Task EachLayerAsync<TSource, TTarget>(Backend backend, int sourceTp, int targetTp, Way way)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        await using var fleet = await ServingFleet<TSource, TTarget>.CreateAsync(backend, sourceTp, targetTp, checksums: true);
        fleet.Pools.Fill(0, 1);
        var (wrong, rank) = (fleet.TargetConnectors[^1], targetTp - 1);
        for (var layer = 0; layer < Layers; layer++)
        {
            var own = fleet.Compute(Blocks);
            var flipped = Flip(fleet, layer, position: layer);
            var receives = await HandOverAsync(fleet, own, way, ArrivalPolicy.FailClosed);
            var error = await Assert.ThrowsAsync<KvHandoverException>(() => receives[^1].WaitAsync().SoonAsync());
            Assert.Equal((KvOutcome.Corrupted, NixlStatus.Mismatch, fleet.Pools.Sources[^1].Agent.Name), (error.Outcome, error.Status, error.Peer));
            foreach (var part in (string[])[$"'{fleet.Pools.Sources[^1].Agent.Name}'", "'r'", "group 'kv'", $"TP rank {sourceTp - 1} of {sourceTp}", $"layer {layer}", $"block {layer},", "bytes 0 …", $"block id {flipped()}"])
                Assert.Contains(part, error.Message, StringComparison.Ordinal);
            Assert.False(HasLayer(receives[^1], layer));
            for (var other = 0; other < rank; other++) await receives[other].WaitAsync().SoonAsync();
            foreach (var receive in receives) receive.Dispose();
            foreach (var lease in own) lease.Dispose();
            await fleet.AssertAllEndedAsync();
            Assert.Equal(layer + 1, wrong.Snapshot().ChecksumsDifferent);
            Assert.Equal(layer + 1, Meters.Collect("nixl.kv.checksums", "nixl.agent", wrong.Agent.Name)["different"]);
        }
    }

    /// <summary>Flips a bit of the last head, which the last source rank gives to the last target rank, once. Returns the block's id.</summary>
    private static unsafe Func<int> Flip<TSource, TTarget>(ServingFleet<TSource, TTarget> fleet, int layer, int position)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        var (pool, rank, id) = (fleet.Pools.Targets[^1], fleet.Pools.Sources.Count - 1, -1);
        fleet.TargetConnectors[^1].BeforeCompare = (receive, source, run) =>
        {
            if (id >= 0 || source != rank || layer < run.Layer || layer >= run.Layer + run.Layers) return;
            id = receive.Leases[0].Blocks[position];
            var heads = pool.Plan.Groups[0].Components[0].Share.Heads;
            *(byte*)pool.AddressOf(new KvComponent(pool.Plan.Schema, 0, 0), layer, id, heads - 1, entry: 1, element: 2) ^= 1;
        };
        return () => id;
    }

    private static async Task<List<KvReceive>> HandOverAsync<TSource, TTarget>(ServingFleet<TSource, TTarget> fleet, BlockLease[] own, Way way, ArrivalPolicy policy, int blocks = Blocks)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        var request = new KvRequest("r", new KvRequestBlocks(blocks)) { Policy = policy, LayerByLayer = way == Way.PullByLayer };
        var receives = new List<KvReceive>();
        if (way is Way.Pull or Way.PullByLayer)
        {
            foreach (var (source, _, remote) in fleet.Pools.Writes)
            {
                var rank = fleet.Pools.Sources.ToList().IndexOf(source);
                _ = await fleet.Producers[rank].OfferAsync(remote, new KvOfferOptions("r"), [own[rank]]);
            }
            for (var rank = 0; rank < fleet.Consumers.Count; rank++) receives.Add(await fleet.Consumers[rank].PullAsync(fleet.Sources[rank], request).SoonAsync());
            return receives;
        }
        for (var rank = 0; rank < fleet.Consumers.Count; rank++) receives.Add(await fleet.Consumers[rank].RequestAsync(fleet.Sources[rank], request));
        for (var i = 0; i < own.Length * receives.Count; i++)
        {
            await using var push = await fleet.NextAsync(i / receives.Count);
            push.Accept(own[i / receives.Count]);
            try
            {
                if (way == Way.Push) await push.WriteAsync().SoonAsync();
                else
                    for (var layer = 0; layer < Layers; layer++) await push.WriteLayerAsync(layer).SoonAsync();
                await push.CompleteAsync();
            }
            catch (KvHandoverException)
            {
                // The consumer has found out, and has cancelled it.
            }
        }
        return receives;
    }

    // Its blocks are given up right after the failure is told.
    private static bool HasLayer(KvReceive receive, int layer)
    {
        try
        {
            return receive.HasLayer(layer);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private static async Task WhenStoppedAsync(KvPush push)
    {
        await Deadlines.UntilAsync(() => push.Stopped.IsCancellationRequested, "it is cancelled");
        await push.CompleteAsync();
    }

    private static (long Equal, long Different) Counts(KvConnector connector) => (connector.Snapshot().ChecksumsEqual, connector.Snapshot().ChecksumsDifferent);
}
