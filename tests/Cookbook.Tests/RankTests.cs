using Nixl.Sdk.Cookbook.Tests.Sections;
using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Cookbook.Tests;

/// <summary>
/// Every sharding rule: the whole model's cache is dealt to the ranks by hand, every rank moves its blocks to its counterpart, and
/// what arrived is put together again and compared with the whole.
/// </summary>
public sealed class RankTests
{
    private const int BlocksA = 6;
    private const int BlocksB = 5;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public Task Heads_are_dealt_in_runs(int tp) =>
        DealAsync<TinyFlashAttention>(tp, 4, VllmFlashAttention.Naive, rank => new Part(rank * (4 / tp), 4 / tp, 4));

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public Task Heads_outside_tokens_are_dealt_in_runs(int tp) =>
        DealAsync<TinyFlashInferHnd>(tp, 4, VllmFlashInferHnd.Naive, rank => new Part(rank * (4 / tp), 4 / tp, 4));

    [Fact]
    public Task With_more_ranks_than_heads_neighbours_hold_the_same_head() =>
        DealAsync<TinyFlashInferNhd>(8, 4, VllmFlashInferNhd.Naive, static rank => new Part(rank / 2, 1, 4));

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public Task A_latent_is_the_same_on_every_rank(int tp) =>
        DealAsync<TinyMla>(tp, 1, static _ => VllmMla.Naive(), static _ => Part.Whole(1));

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public Task State_is_dealt_by_units(int tp) =>
        DealAsync<TinyState>(tp, 4, static units => VllmState.Naive(units), rank => new Part(rank * (4 / tp), 4 / tp, 4));

    // part: which heads or units of the whole a rank must hold.
    private static async Task DealAsync<T>(int tp, int all, Func<Part, NaiveGroup> naive, Func<int, Part> part)
        where T : IKvLayout<T>
    {
        var random = new Random(tp);
        var whole = naive(Part.Whole(all));
        var (source, target) = (RandomBytes(whole, BlocksA, random), RandomBytes(whole, BlocksB, random));
        var (from, to) = (Moves.Ids(random, BlocksA, 3), Moves.Ids(random, BlocksB, 3));
        var expected = target.Select(static tensor => (byte[])tensor.Clone()).ToArray();
        for (var i = 0; i < from.Length; i++)
            whole.Copy(t => source[t], BlocksA, from[i], t => expected[t], BlocksB, to[i]);
        for (var rank = 0; rank < tp; rank++)
        {
            var slice = naive(part(rank));
            var own = naive(Part.Whole(part(rank).Count));
            var parallel = new KvParallel(tp, rank);
            await using var a = await Side<T>.CreateAsync("a", NixlTransports.Loopback, Memory.Allocated, [own], [BlocksA], parallel);
            await using var b = await Side<T>.CreateAsync("b", NixlTransports.Loopback, Memory.Allocated, [own], [BlocksB], parallel);
            await using var remote = a.Pool.Connect(await a.Agent.ConnectAsync(b.Agent.ExportMetadata()));
            AssertShare(a.Pool, part(rank), tp);
            a.AssertElements(own, 0);
            Deal(slice, own, source, a, BlocksA);
            Deal(slice, own, target, b, BlocksB);
            await remote.WriteBlocksAsync(from, to);
            var arrived = b.Copy();
            for (var block = 0; block < BlocksB; block++)
                Copy(own, b.TensorsOf(arrived, 0), slice, t => target[t], BlocksB, block);
        }
        for (var t = 0; t < expected.Length; t++)
            Assert.True(expected[t].AsSpan().SequenceEqual(target[t]), $"Tensor {t} of the whole model, put together from {tp} ranks");
    }

    // What the pool says it holds must be what was dealt to it.
    private static void AssertShare(KvPool pool, Part part, int tp)
    {
        foreach (var component in pool.Plan.Groups[0].Components)
        {
            var share = component.Share;
            if (component.Schema.Shard == KvShard.Units)
                Assert.Equal(share.Elements / part.Count * part.First, share.FirstElement);
            else if (pool.Plan.Schema.Groups[0].KvHeads > 0)
                Assert.Equal((part.First, part.Count), (share.FirstHead, share.Heads));
            else
                Assert.Equal(tp, share.Replicas);
        }
    }

    private static void Deal<T>(NaiveGroup slice, NaiveGroup own, byte[][] whole, Side<T> side, int blocks)
        where T : IKvLayout<T>
    {
        var copy = side.Copy();
        for (var block = 0; block < blocks; block++)
            Copy(slice, t => whole[t], own, side.TensorsOf(copy, 0), blocks, block);
        side.Fill(copy);
    }

    private static void Copy(NaiveGroup from, Func<int, byte[]> source, NaiveGroup to, Func<int, byte[]> target, int blocks, int block)
    {
        foreach (var (here, there) in from.Block(blocks, block).Zip(to.Block(blocks, block)))
            source(here.Tensor).AsSpan((int)here.Offset, here.Bytes).CopyTo(target(there.Tensor).AsSpan((int)there.Offset, there.Bytes));
    }

    private static byte[][] RandomBytes(NaiveGroup group, int blocks, Random random) => [.. group.Tensors(blocks).Select(bytes =>
    {
        var tensor = new byte[bytes];
        random.NextBytes(tensor);
        return tensor;
    })];
}
