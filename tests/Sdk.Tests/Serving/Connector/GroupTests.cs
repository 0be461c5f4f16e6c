using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>Layouts with several groups of blocks: each has its own blocks, layers and prefix hits. Every byte is looked at.</summary>
public sealed class GroupTests
{
    private static readonly int[] Mla = [4, 2]; // 16 tokens in blocks of 4 and of 8
    private static readonly int[] Hybrid = [5, 3]; // the window covers the last 3

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Latents_and_indexer_are_pushed(Backend backend) => MovesAsync<TwoGroups>(backend, 1, 1, Mla, WholeAsync);

    [Theory, InlineData(1, 2), InlineData(2, 1)]
    public Task Latents_and_indexer_that_every_rank_has(int sourceTp, int targetTp) => MovesAsync<TwoGroups>(Backend.Local, sourceTp, targetTp, Mla, WholeAsync);

    [Theory, InlineData(1, 1), InlineData(1, 2), InlineData(2, 1), InlineData(2, 4)]
    public Task Full_and_sliding_attention_layer_by_layer(int sourceTp, int targetTp) => MovesAsync<HybridKv>(Backend.Local, sourceTp, targetTp, Hybrid, ByLayerAsync);

    [Theory, InlineData(Backend.Fabric), InlineData(Backend.Loopback)]
    public Task Full_and_sliding_attention_in_chunks(Backend backend) => MovesAsync<HybridKv>(backend, 1, 2, Hybrid, async push =>
    {
        await push.WriteBlocksAsync(0, 0, 2);
        await push.WriteBlocksAsync(1, 0, 1);
        for (var layer = 0; layer < 5; layer += 2) await push.WriteLayerBlocksAsync(0, layer, 2, 3);
        await push.WriteLayerBlocksAsync(1, 1, 1, 2);
        await push.WriteLayerBlocksAsync(1, 3, 1, 2);
    });

    [Theory, InlineData(1, 1), InlineData(2, 1), InlineData(1, 2)]
    public Task Full_and_sliding_attention_are_pulled(int sourceTp, int targetTp) => MovesAsync<HybridKv>(Backend.Local, sourceTp, targetTp, Hybrid, null);

    [Theory, InlineData(1, 1), InlineData(2, 1), InlineData(1, 2)]
    public Task Full_and_sliding_attention_are_pulled_layer_by_layer(int sourceTp, int targetTp) => MovesAsync<HybridKv>(Backend.Local, sourceTp, targetTp, Hybrid, null, layers: true);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Latents_and_indexer_are_pulled_layer_by_layer(Backend backend) => MovesAsync<TwoGroups>(backend, 1, 1, Mla, null, layers: true);

    [Fact]
    public Task Layers_that_lie_together_are_pulled_together() => MovesAsync<CrossLayerKv>(Backend.Local, 1, 1, [4], null, layers: true);

    [Theory, InlineData(1, 2), InlineData(2, 1)]
    public Task Latents_and_indexer_are_pulled(int sourceTp, int targetTp) => MovesAsync<TwoGroups>(Backend.Local, sourceTp, targetTp, Mla, null);

    [Fact]
    public Task Groups_in_the_same_pages() => MovesAsync<OverlaidKv>(Backend.Local, 1, 1, Hybrid, ByLayerAsync);

    [Theory, InlineData(true), InlineData(false)]
    public async Task Each_group_has_its_own_prefix_hits(bool push)
    {
        await using var fleet = await ServingFleet<HybridKv, HybridKv>.CreateAsync(Backend.Local, checksums: true);
        BlockHash[][] hashes = [[.. Enumerable.Range(0, 5).Select(static i => new BlockHash(1, (ulong)i))], [.. Enumerable.Range(0, 3).Select(static i => new BlockHash(2, (ulong)i))]];
        foreach (var cached in (int[][])[[2, 3], [5, 0], [5, 1], [0, 3], [5, 3]])
        {
            for (var group = 0; group < 2; group++)
            {
                using (var all = fleet.TargetGroups[0][group].TryReserve(ServingFleet<HybridKv, HybridKv>.TargetBlocks)!) all.MarkComputed(); // whatever was cached is evicted
                if (cached[group] == 0) continue;
                using var first = fleet.TargetGroups[0][group].TryReserve(cached[group])!;
                first.MarkComputed();
                first.Publish(hashes[group].AsSpan(0, cached[group]));
            }
            await MoveAsync(fleet, Hybrid, push ? ByLayerAsync : null, cached, hashes);
        }
    }

    [Fact]
    public async Task Groups_in_the_same_pages_need_the_same_pool_of_blocks()
    {
        await using var fleet = await ServingFleet<OverlaidKv, OverlaidKv>.CreateAsync(Backend.Fake);
        var (pool, connector) = (fleet.Pools.Sources[0], fleet.SourceConnectors[0]);
        var options = new BlockPoolOptions { Owner = new PeerIdentity(pool.Agent.Name, pool.Agent.Incarnation) };
        using var other = new BlockPool(4, options);
        var error = Assert.Throws<ArgumentException>(() => new KvConsumer<OverlaidKv>(connector, pool, fleet.SourceBlockPools[0], other));
        Assert.Contains("same bytes", error.Message, StringComparison.Ordinal);
        var hash = new BlockHash(1, 1);
        var request = new KvRequest("r", new KvRequestBlocks(2) { Prefix = [hash] }, new KvRequestBlocks(2) { Prefix = [hash] });
        error = await Assert.ThrowsAsync<ArgumentException>(async () => await fleet.Consumers[0].RequestAsync(fleet.Sources[0], request));
        Assert.Contains("another salt", error.Message, StringComparison.Ordinal);
        await fleet.AssertAllEndedAsync();
    }

    private static async Task WholeAsync(KvPush push) => await push.WriteAsync();

    private static async Task ByLayerAsync(KvPush push)
    {
        for (var layer = 0; layer < 5; layer++) await push.WriteLayerAsync(layer);
    }

    private static async Task MovesAsync<TLayout>(Backend backend, int sourceTp, int targetTp, int[] blocks, Func<KvPush, Task>? write, bool layers = false)
        where TLayout : IKvLayout<TLayout>
    {
        for (var round = 0; round < 2; round++)
        {
            await using var fleet = await ServingFleet<TLayout, TLayout>.CreateAsync(backend, sourceTp, targetTp, checksums: round == 1);
            await MoveAsync(fleet, blocks, write, new int[blocks.Length], [.. blocks.Select(static _ => Array.Empty<BlockHash>())], layers);
            for (var rank = 0; rank < targetTp; rank++) fleet.AssertCompared(rank, round == 1, blocks);
        }
    }

    // By push, or, without a way to write, by pull.
    private static async Task MoveAsync<TLayout>(ServingFleet<TLayout, TLayout> fleet, int[] blocks, Func<KvPush, Task>? write, int[] cached, BlockHash[][] hashes, bool layers = false)
        where TLayout : IKvLayout<TLayout>
    {
        fleet.Pools.Fill(0, blocks[0] + cached[0]);
        var own = fleet.ComputeGroups(blocks);
        var request = new KvRequest("r", [.. blocks.Select((count, group) => new KvRequestBlocks(count + group, count) { Prefix = hashes[group] })]) { LayerByLayer = layers };
        var expected = fleet.Pools.Targets.Select(PoolBytes.Copy).ToArray();
        var receives = write is null ? await PullAsync(fleet, own, request) : await PushAsync(fleet, own, request, write, (rank, receive) => Expect(rank, receive));
        for (var rank = 0; rank < receives.Count; rank++)
        {
            var received = await receives[rank].WaitAsync().SoonAsync();
            if (write is null) Expect(rank, receives[rank]);
            Assert.All(receives[rank].Leases, static lease => Assert.Equal(BlockState.Ready, lease.State));
            Assert.Equal(cached, receives[rank].Leases.Select(static lease => lease.CachedBlocks));
            fleet.AssertHolds(rank, expected[rank]);
            var wanted = fleet.Pools.Targets[rank].Plan.Groups.Select((plan, group) => plan.BytesPerBlock * (blocks[group] - cached[group])).Sum();
            Assert.Equal(wanted, received.MovedInAll.Bytes);
            Assert.True(received.MovedInAll.Time > TimeSpan.Zero == wanted > 0, $"{wanted} bytes in {received.MovedInAll.Time}");
            receives[rank].Dispose();
        }
        foreach (var lease in own.SelectMany(static leases => leases)) lease.Dispose();
        await fleet.AssertAllEndedAsync();

        // Source bytes do not change, so that this may be asked before or after the move.
        void Expect(int rank, KvReceive receive)
        {
            for (var group = 0; group < blocks.Length; group++)
                fleet.Pools.Expect(fleet.Pools.Targets[rank], group, own[0][group].Blocks[cached[group]..].ToArray(), receive.Leases[group].Blocks[cached[group]..blocks[group]].ToArray(), expected[rank]);
        }
    }

    private static async Task<List<KvReceive>> PushAsync<TLayout>(
        ServingFleet<TLayout, TLayout> fleet, List<BlockLease[]> own, KvRequest request, Func<KvPush, Task> write, Action<int, KvReceive> expect)
        where TLayout : IKvLayout<TLayout>
    {
        var receives = new List<KvReceive>();
        for (var rank = 0; rank < fleet.Consumers.Count; rank++)
        {
            receives.Add(await fleet.Consumers[rank].RequestAsync(fleet.Sources[rank], request));
            expect(rank, receives[rank]);
        }
        for (var rank = 0; rank < own.Count; rank++)
        {
            for (var i = 0; i < receives.Count; i++)
            {
                await using var push = await fleet.NextAsync(rank);
                push.Accept(own[rank]);
                await write(push).SoonAsync();
                await push.CompleteAsync();
            }
        }
        return receives;
    }

    private static async Task<List<KvReceive>> PullAsync<TLayout>(ServingFleet<TLayout, TLayout> fleet, List<BlockLease[]> own, KvRequest request)
        where TLayout : IKvLayout<TLayout>
    {
        foreach (var (source, _, remote) in fleet.Pools.Writes)
        {
            var rank = fleet.Pools.Sources.ToList().IndexOf(source);
            _ = await fleet.Producers[rank].OfferAsync(remote, new KvOfferOptions(request.Name), own[rank]);
        }
        var receives = new List<KvReceive>();
        for (var rank = 0; rank < fleet.Consumers.Count; rank++) receives.Add(await fleet.Consumers[rank].PullAsync(fleet.Sources[rank], request).SoonAsync());
        return receives;
    }
}
