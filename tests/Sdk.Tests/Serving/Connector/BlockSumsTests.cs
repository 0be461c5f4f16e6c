using System.IO.Hashing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>Both sides make the same checksums from their own memory, and each byte that is moved is in exactly one of them.</summary>
public sealed class BlockSumsTests
{
    [Fact]
    public Task Same_layout() => AgreeAsync<SplitKv, SplitKv>(1, 1);

    [Fact]
    public Task Other_orders() => AgreeAsync<StripsKv, PackedKv>(1, 1);

    [Fact]
    public Task Layers_that_cannot_be_told_apart() => AgreeAsync<CrossLayerKv, CrossLayerKv>(1, 1);

    [Fact]
    public Task Padding_and_another_order() => AgreeAsync<PaddedKv, SplitKv>(1, 1);

    [Theory, InlineData(1, 2), InlineData(2, 1), InlineData(2, 4), InlineData(4, 2)]
    public Task Other_tensor_parallelism(int sourceTp, int targetTp) => AgreeAsync<SplitKv, PackedKv>(sourceTp, targetTp);

    [Fact]
    public Task Larger_blocks() => AgreeAsync<SplitKv, LargerBlocksKv>(1, 1);

    [Fact]
    public Task Smaller_blocks_of_more_ranks() => AgreeAsync<LargerBlocksKv, SplitKv>(1, 2);

    [Fact]
    public Task Blocks_that_do_not_divide_each_other() => AgreeAsync<SplitKv, SixTokensKv>(1, 1);

    [Theory, InlineData(1, 1), InlineData(1, 2)]
    public Task Several_groups_with_layers_in_no_order(int sourceTp, int targetTp) => AgreeAsync<HybridKv, HybridKv>(sourceTp, targetTp);

    [Fact]
    public Task Components_that_stay_where_they_are() => AgreeAsync<TwoGroups, TwoGroups>(1, 1);

    [Fact]
    public async Task It_is_the_hash_of_the_pieces_one_after_the_other()
    {
        await using var fleet = await ReshardFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake, 1, 1);
        fleet.Fill(0, 1);
        var (pool, sums) = (fleet.Sources[0], new ulong[6]);
        fleet.Writes.Single().Remote.SumsOf(TransferOperation.Write, 0).Compute(0, 3, [7, 2], sums);
        for (var layer = 0; layer < 3; layer++)
        {
            foreach (var (block, i) in ((int, int)[])[(7, 0), (2, 1)])
            {
                var bytes = pool.Plan.Groups[0].Regions.Select((region, piece) => (region, piece)).Where(pair => pair.region.Layer == layer).SelectMany(pair => pool.Piece(0, pair.piece, block).ToArray());
                Assert.Equal(XxHash3.HashToUInt64(bytes.ToArray()), sums[(layer * 2) + i]);
            }
        }
    }

    [Fact]
    public async Task Memory_that_the_host_cannot_read_has_none_and_what_is_disposed_is_not_read()
    {
        await using var fleet = await ReshardFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local, 1, 1);
        var (pool, sums) = (fleet.Targets[0], fleet.Reads.Single().Remote.SumsOf(TransferOperation.Read, 0));
        var group = pool.Groups[0];
        Assert.Null(BlockSums.Problem("kv", pool.Groups));
        var onGpu = KvGroupMemory.TryCreate(group.Plan, 1, [.. group.Tensors.Select(static tensor => tensor with { Kind = MemoryKind.Vram })], out var problem);
        Assert.Null(problem);
        Assert.Contains("lies in Vram memory, which the host cannot read", BlockSums.Problem("kv", [onGpu!]), StringComparison.Ordinal);
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => sums.Compute(0, 1, [0], new ulong[1]));
        await pool.Agent.DisposeAsync().SoonAsync();
        Assert.Throws<ObjectDisposedException>(() => sums.Compute(0, 1, [0], new ulong[1]));
    }

    // The reference knows no pieces: it asks the layout of which layer of which block a byte is, element by element.
    private static async Task AgreeAsync<TSource, TTarget>(int sourceTp, int targetTp)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        await using var fleet = await ReshardFleet<TSource, TTarget>.CreateAsync(Backend.Fake, sourceTp, targetTp);
        for (var group = 0; group < TTarget.Schema.Groups.Count; group++)
        {
            fleet.Fill(group, 1);
            var from = PoolBytes.RandomIds(new Random(2), 13, Tokens / TSource.Schema.Groups[group].BlockTokens);
            var to = PoolBytes.RandomIds(new Random(3), 11, Tokens / TTarget.Schema.Groups[group].BlockTokens);
            foreach (var target in fleet.Targets)
            {
                var writes = fleet.Writes.Where(write => write.Target == target && write.Remote.PartGiven(group) is not null).Select(static write => write.Remote).ToArray();
                var reads = fleet.Reads.Where(read => read.Target == target && read.Remote.PartTaken(group) is not null).Select(static read => read.Remote).ToArray();
                foreach (var write in writes) await write.WriteBlocksAsync(group, from, to, default).SoonAsync();
                var sent = writes.Select(write => Sums(write.SumsOf(TransferOperation.Write, group), from, to.Length)).ToArray();
                Assert.All(sent, sums => Assert.Equal(sums.Length, sums.Distinct().Count())); // random bytes: nothing is equal by chance
                Assert.Equal(sent, reads.Select(read => Sums(read.SumsOf(TransferOperation.Read, group), to, to.Length)));
                EachByteIsInOneSum(target, group, to, reads, sent);
            }
        }
    }

    private const int Tokens = 24; // whole blocks of 4, 6 and 8

    private static unsafe void EachByteIsInOneSum(KvPool target, int group, int[] blocks, RemoteKvPool[] sources, ulong[][] sent)
    {
        var (places, random, hits) = (Places(target, group), new Random(4), 0);
        var tensors = target.Groups[group].Tensors;
        for (var round = 0; round < 400; round++)
        {
            var tensor = tensors[random.Next(tensors.Length)];
            var flipped = (byte*)tensor.Address + random.Next((int)tensor.Length);
            *flipped ^= 0x10;
            var changed = new List<(int Layer, int Block)>();
            for (var source = 0; source < sources.Length; source++)
            {
                var (now, layers) = (Sums(sources[source].SumsOf(TransferOperation.Read, group), blocks, blocks.Length), sources[source].PartTaken(group)!.Layers);
                for (var i = 0; i < now.Length; i++)
                    if (now[i] != sent[source][i]) changed.Add((layers.Count == 0 ? -1 : layers[i / blocks.Length], blocks[i % blocks.Length]));
            }
            *flipped ^= 0x10;
            var isMoved = places.TryGetValue((nint)flipped, out var place) && blocks.Contains(place.Block);
            var apart = sources[0].PartTaken(group)!.Layers.Count > 0;
            (int Layer, int Block)[] expected = isMoved ? [(apart ? place.Layer : -1, place.Block)] : [];
            Assert.Equal(expected, changed);
            hits += expected.Length;
        }
        Assert.InRange(hits, 20, 380); // both kinds of bytes were met
    }

    private static ulong[] Sums(BlockSums made, ReadOnlySpan<int> blocks, int targets)
    {
        Assert.Equal(targets, made.TargetBlocks(blocks.Length));
        var sums = new ulong[made.Layers * targets];
        made.Compute(0, made.Layers, blocks, sums);
        return sums;
    }

    /// <summary>The layer, by the model's index, and the block of each byte that can be moved.</summary>
    private static Dictionary<nint, (int Layer, int Block)> Places(KvPool pool, int group)
    {
        var places = new Dictionary<nint, (int, int)>();
        var plan = pool.Plan.Groups[group];
        for (var c = 0; c < plan.Components.Count; c++)
        {
            if (!plan.Schema.Components[c].Transfer) continue;
            var (component, planned) = (new KvComponent(pool.Plan.Schema, group, c), plan.Components[c]);
            for (var layer = 0; layer < plan.Layers.Count; layer++)
                for (var block = 0; block < plan.Blocks; block++)
                    for (var head = 0; head < planned.Share.Heads; head++)
                        for (var entry = 0; entry < plan.Schema.EntriesPerBlock; entry++)
                            for (long element = 0; element < planned.Share.Elements; element++)
                                for (var at = 0; at < planned.ElementBytes; at++)
                                    places.Add(pool.AddressOf(component, layer, block, head, entry, element) + at, (plan.Layers[layer], block));
        }
        return places;
    }
}
