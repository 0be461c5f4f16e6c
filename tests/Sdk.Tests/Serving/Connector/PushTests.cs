using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>The producer writes what the consumer asks for; every byte is looked at.</summary>
public sealed class PushTests
{
    private const int Layers = 3;

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Whole_blocks(Backend backend) => PushesAsync<SplitKv, SplitKv>(backend, 1, 1, async push => await push.WriteAsync());

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Layer_by_layer(Backend backend) => PushesAsync<StripsKv, StripsKv>(backend, 1, 1, ByLayerAsync);

    [Theory, MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public Task Layer_by_layer_from_one_rank_to_two(Backend backend) => PushesAsync<SplitKv, PackedKv>(backend, 1, 2, ByLayerAsync);

    [Theory, MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public Task Layer_by_layer_from_two_ranks_to_one(Backend backend) => PushesAsync<PackedKv, SplitKv>(backend, 2, 1, ByLayerAsync);

    [Fact]
    public Task One_piece_for_all_layers() => PushesAsync<CrossLayerKv, CrossLayerKv>(Backend.Local, 1, 1, async push =>
    {
        await Assert.ThrowsAsync<NotSupportedException>(async () => await push.WriteLayerAsync(0));
        await push.WriteAsync();
    });

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Chunk_by_chunk_and_layer_by_layer(Backend backend) => PushesAsync<SplitKv, SplitKv>(backend, 1, 1, async push =>
    {
        for (var layer = 0; layer < Layers; layer++) await push.WriteLayerBlocksAsync(0, layer, 0, 2);
        await push.WriteBlocksAsync(0, 2, 3);
    });

    [Fact]
    public async Task Small_blocks_fill_large_ones_and_chunks_that_end_inside_of_one_are_refused()
    {
        await using var fleet = await ServingFleet<SplitKv, LargerBlocksKv>.CreateAsync(Backend.Local); // 4 and 8 tokens
        fleet.Pools.Fill(0, 4);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(2)));
        await using var push = await fleet.NextAsync();
        using var few = fleet.SourceBlockPools[0].TryReserve(3)!;
        Assert.Contains("the tokens of 4 blocks", Assert.Throws<ArgumentException>(() => push.Accept(few)).Message, StringComparison.Ordinal);
        using var own = fleet.Compute(4)[0];
        push.Accept(own);
        var expected = fleet.Expect(0, own.Blocks, receive.Leases[0].Blocks);
        var wrong = await Assert.ThrowsAsync<ArgumentException>(async () => await push.WriteBlocksAsync(0, 0, 3));
        Assert.Contains("begin or end within a block", wrong.Message, StringComparison.Ordinal);
        await push.WriteBlocksAsync(0, 0, 2);
        await push.WriteBlocksAsync(0, 2, 2);
        await push.CompleteAsync();
        await receive.WaitAsync().SoonAsync();
        fleet.AssertHolds(0, expected);
    }

    [Fact]
    public async Task A_layer_can_be_used_before_the_next_has_come()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(3)));
        await using var push = await fleet.NextAsync();
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        for (var layer = 0; layer < Layers; layer++)
        {
            var waiting = receive.WaitForLayerAsync(layer).AsTask();
            Assert.False(receive.HasLayer(layer));
            await push.WriteLayerAsync(layer);
            await waiting.SoonAsync();
            Assert.True(receive.HasLayer(layer));
            Assert.False(receive.IsEnded);
        }
        await push.CompleteAsync("7"u8.ToArray());
        var received = await receive.WaitAsync().SoonAsync();
        Assert.Equal("7"u8.ToArray(), received.Payloads[0].ToArray());
        Assert.Equal(BlockState.Ready, receive.Leases[0].State);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Only_the_uncached_tail_moves_and_a_full_hit_moves_nothing_and_still_tells(bool full)
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local);
        BlockHash[] hashes = [new(1, 1), new(1, 2), new(1, 3), new(1, 4)];
        var cached = full ? 4 : 2;
        using (var first = fleet.TargetBlockPools[0].TryReserve(cached)!)
        {
            first.MarkComputed();
            first.Publish(hashes.AsSpan(0, cached));
        }
        fleet.Pools.Fill(0, 3);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(6, 4) { Prefix = hashes }));
        await using var push = await fleet.NextAsync();
        Assert.Equal((full, full ? 0 : 2, 4 - cached), (push.IsFullHit, push.FirstWanted(), push.CountWanted()));
        using var own = fleet.Compute(4)[0];
        var expected = full ? PoolBytes.Copy(fleet.Pools.Targets[0]) : fleet.Expect(0, own.Blocks[2..], receive.Leases[0].Blocks[2..4]);
        push.Accept(own);
        await push.WriteBlocksAsync(0, 0, 3);
        await push.WriteBlocksAsync(0, 3, 1);
        await push.CompleteAsync("first token"u8.ToArray());
        var received = await receive.WaitAsync().SoonAsync();
        Assert.Equal("first token"u8.ToArray(), received.Payloads[0].ToArray());
        Assert.True(received.IsComplete);
        Assert.Equal(BlockState.Ready, receive.Leases[0].State);
        fleet.AssertHolds(0, expected);
        Assert.Equal((4 - cached) * fleet.Pools.Sources[0].BytesPerBlock(), fleet.Pools.Sources[0].Agent.GetCounters(NixlTransports.Local).WrittenBytes);
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task What_the_producer_forgets_is_named_and_not_served()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(3)));
        await using var push = await fleet.NextAsync();
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        await push.WriteLayerAsync(0);
        await push.WriteLayerAsync(2);
        await push.CompleteAsync();
        var error = await Assert.ThrowsAsync<IncompleteArrivalException>(() => receive.WaitAsync().SoonAsync());
        Assert.Contains("layer 1", error.Message, StringComparison.Ordinal);
        await Deadlines.UntilAsync(() => fleet.TargetBlockPools[0].Snapshot().Free == ServingFleet<SplitKv, SplitKv>.TargetBlocks, "its blocks are given up"); // at that moment
        Assert.Throws<ObjectDisposedException>(() => receive.Leases[0].Blocks.Length);
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task What_a_failed_producer_has_written_is_kept_by_who_recomputes_the_rest()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(3)) { Policy = ArrivalPolicy.Recompute });
        await using (var push = await fleet.NextAsync())
        {
            using var own = fleet.Compute(3)[0];
            push.Accept(own);
            await push.WriteBlocksAsync(0, 0, 2);
            await push.FailAsync("no more");
        }
        var received = await receive.WaitAsync().SoonAsync();
        Assert.False(received.IsComplete);
        Assert.Equal([2], received.Arrivals[0]!.BlocksToRecompute);
        receive.Leases[0].MarkRecomputed(received.Arrivals[0]!, 2);
        Assert.Equal(BlockState.Ready, receive.Leases[0].State);
    }

    [Fact]
    public async Task The_agents_other_notifications_are_passed_on_in_order()
    {
        var others = new List<string>();
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, options: new KvConnectorOptions
        {
            CheckInterval = TimeSpan.FromMilliseconds(5),
            OtherNotification = other =>
            {
                lock (others) others.Add(System.Text.Encoding.UTF8.GetString(other.Payload.Span));
                return others.Count == 2 ? throw new InvalidOperationException("a handler that fails") : default;
            },
        });
        var peer = fleet.Pools.Writes.Single().Remote.Remote;
        for (var i = 0; i < 5; i++) await fleet.Pools.Sources[0].Agent.NotifyAsync(peer, System.Text.Encoding.UTF8.GetBytes($"{i}")).SoonAsync();
        await Deadlines.UntilAsync(() => { lock (others) return others.Count == 5; }, "five notifications");
        Assert.Equal(["0", "1", "2", "3", "4"], others);
        Assert.Equal((5, 0), (fleet.TargetConnectors[0].Snapshot().Others, fleet.TargetConnectors[0].Snapshot().Malformed));
    }

    [Fact]
    public async Task A_handler_that_hangs_does_not_keep_the_connector_from_being_disposed()
    {
        var never = new TaskCompletionSource();
        var called = new TaskCompletionSource();
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, options: new KvConnectorOptions
        {
            ConfirmTimeout = TimeSpan.FromMilliseconds(200),
            OtherNotification = _ =>
            {
                called.SetResult();
                return new ValueTask(never.Task);
            },
        });
        await fleet.Pools.Sources[0].Agent.NotifyAsync(fleet.Pools.Writes.Single().Remote.Remote, [1]).SoonAsync();
        await called.Task.SoonAsync();
        var disposed = fleet.TargetConnectors[0].DisposeAsync().AsTask();
        var first = await Task.WhenAny(disposed, Task.Delay(Deadlines.Soon));
        never.SetResult();
        Assert.Same(disposed, first);
    }

    private static async Task ByLayerAsync(KvPush push)
    {
        for (var layer = 0; layer < Layers; layer++) await push.WriteLayerAsync(layer);
    }

    private static async Task PushesAsync<TSource, TTarget>(Backend backend, int sourceTp, int targetTp, Func<KvPush, Task> write)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        for (var round = 0; round < 2; round++)
        {
            await using var fleet = await ServingFleet<TSource, TTarget>.CreateAsync(backend, sourceTp, targetTp, checksums: round == 1);
            fleet.Pools.Fill(0, round);
            var own = fleet.Compute(5);
            var receives = new List<KvReceive>();
            var expected = new List<List<byte[]>>();
            for (var rank = 0; rank < targetTp; rank++)
            {
                var receive = await fleet.Consumers[rank].RequestAsync(fleet.Sources[rank], new KvRequest($"request {round}", new KvRequestBlocks(6, 5)) { Payload = "prompt"u8.ToArray() });
                receives.Add(receive);
                expected.Add(fleet.Expect(rank, own[0].Blocks, receive.Leases[0].Blocks[..5]));
            }
            for (var rank = 0; rank < sourceTp; rank++)
            {
                for (var i = 0; i < targetTp; i++)
                {
                    await using var push = await fleet.NextAsync(rank);
                    Assert.Equal(($"request {round}", "prompt"), (push.Name, System.Text.Encoding.UTF8.GetString(push.Payload.Span)));
                    push.Accept(own[rank]);
                    await write(push).SoonAsync();
                    await push.CompleteAsync(new byte[] { (byte)rank });
                }
                own[rank].Dispose();
            }
            for (var rank = 0; rank < targetTp; rank++)
            {
                var received = await receives[rank].WaitAsync().SoonAsync();
                Assert.Equal(Enumerable.Range(0, sourceTp).Select(source => (byte)source), received.Payloads.Select(payload => payload.Span[0]));
                Assert.Equal(BlockState.Ready, receives[rank].Leases[0].State);
                fleet.AssertHolds(rank, expected[rank]);
                fleet.AssertCompared(rank, round == 1, 5);
                receives[rank].Dispose();
            }
            await fleet.AssertAllEndedAsync();
        }
    }
}
