using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Random blocks of every kind of layout, poisoned targets, every byte looked at.</summary>
public sealed class PoolMoveTests
{
    private const int BlocksA = 23;
    private const int BlocksB = 17;

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Split(Backend backend) => MovesBothWays<SplitKv>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Packed(Backend backend) => MovesBothWays<PackedKv>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Cross_layer(Backend backend) => MovesBothWays<CrossLayerKv>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Layers_outside_blocks(Backend backend) => MovesBothWays<LayersOutsideKv>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Strips(Backend backend) => MovesBothWays<StripsKv>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Padded_pages(Backend backend) => MovesBothWays<PaddedKv>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Two_groups(Backend backend) => MovesBothWays<TwoGroups>(backend);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_ranks_share(Backend backend)
    {
        var options = new KvPoolOptions { Parallel = new KvParallel(Tp: 2, TpRank: 1, Pp: 3, PpRank: 2) };
        await MovesBothWays<SplitKv>(backend, options);
    }

    [Fact]
    public async Task Where_an_element_lies_is_what_the_order_says()
    {
        // Independent of the planner: the order's own formula, written out.
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var split = KvPool<SplitKv>.Allocate(pair.A, BlocksA, PoolPair<SplitKv>.Model);
        using var cross = KvPool<CrossLayerKv>.Allocate(pair.A, BlocksA, PoolPair<SplitKv>.Model);
        var (layer, block, head, token, element) = (2, 11L, 3, 1, 5L);
        var value = new KvComponent(split.Plan.Schema, 0, 1);
        Assert.Equal(split.TensorAddress((layer * 2) + 1) + (nint)(((((((block * 4) + token) * 4) + head) * 8) + element) * 2),
            split.AddressOf(value, layer, block, head, token, element));
        value = new KvComponent(cross.Plan.Schema, 0, 1);
        Assert.Equal(cross.TensorAddress(0) + (nint)(((((((((((block * 3) + layer) * 4) + head) * 4) + token) * 2) + 1) * 8) + element) * 2),
            cross.AddressOf(value, layer, block, head, token, element));
    }

    [Fact]
    public async Task The_numbers_of_a_pool_are_those_of_its_layout()
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var pool = KvPool<SplitKv>.Allocate(pair.A, BlocksA, PoolPair<SplitKv>.Model);
        Assert.Equal(6, pool.PiecesPerBlock());
        Assert.Equal(6 * 4 * 4 * 8 * 2, pool.BytesPerBlock());
        Assert.Equal(pool.BytesPerBlock(), pool.Local().BytesPerEntry);
        Assert.Equal(BlocksA, pool.Local().Entries);
        Assert.Equal(4 * 4 * 8 * 2, pool.Piece(5, BlocksA - 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Piece(5, BlocksA).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Piece(5, -1).Length);
    }

    private static async Task MovesBothWays<T>(Backend backend, KvPoolOptions? options = null)
        where T : IKvLayout<T>
    {
        var make = (long blocks) => (NixlAgent agent) => KvPool<T>.Allocate(agent, blocks, PoolPair<T>.Model, options);
        await using var pair = await PoolPair<T>.CreateAsync(backend, BlocksA, BlocksB, make(BlocksA), make(BlocksB));
        var random = new Random(7);
        for (var group = 0; group < pair.A.Plan.Groups.Count; group++)
        {
            foreach (var count in (int[])[1, 5, BlocksB])
            {
                PoolBytes.FillRandom(pair.A, count);
                PoolBytes.Fill(pair.B, TestMemory.Poison);
                var (from, to) = (PoolBytes.RandomIds(random, BlocksA, count), PoolBytes.RandomIds(random, BlocksB, count));
                var expected = PoolBytes.Expect(pair.A, PoolBytes.Copy(pair.B), pair.B, group, from, to);
                var before = PoolBytes.Copy(pair.A);
                var result = await pair.Remote.WriteBlocksAsync(group, from, to, default).SoonAsync();
                Assert.Equal(count * pair.A.BytesPerBlock(group), result.Bytes);
                PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.B));
                PoolBytes.AssertEqual(before, PoolBytes.Copy(pair.A));

                PoolBytes.FillRandom(pair.B, count + 1);
                PoolBytes.Fill(pair.A, TestMemory.Poison);
                expected = PoolBytes.Expect(pair.B, PoolBytes.Copy(pair.A), pair.A, group, to, from);
                result = await pair.Remote.ReadBlocksAsync(group, from, to, default).SoonAsync();
                Assert.Equal(count * pair.A.BytesPerBlock(group), result.Bytes);
                PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.A));
            }
        }
    }
}
