using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Two sides with other orders, block sizes, paddings and ranks: what the engines of a fleet really do, byte by byte.</summary>
public sealed class PoolReshardTests
{
    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Tokens_outside_heads_to_heads_outside_tokens_with_more_ranks(Backend backend) => MovesAsync<SplitKv, PackedKv>(backend, 1, 2);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Small_blocks_fill_large_ones(Backend backend) => MovesAsync<PackedKv, LargerBlocksKv>(backend, 2, 1);

    [Theory, MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public Task Large_blocks_are_taken_apart(Backend backend) => MovesAsync<LargerBlocksKv, CrossLayerKv>(backend, 4, 2);

    [Theory, InlineData(4), InlineData(5), InlineData(9), InlineData(13), InlineData(16)]
    public async Task Blocks_of_which_neither_is_a_multiple_of_the_other_hold_any_number_of_tokens(int tokens)
    {
        await using var up = await ReshardFleet<SplitKv, SixTokensKv>.CreateAsync(Backend.Fake, 1, 2); // 4 and 6 tokens
        await up.MovesAsync(group: 0, tokens, seed: tokens);
        await using var down = await ReshardFleet<SixTokensKv, SplitKv>.CreateAsync(Backend.Fake, 2, 1);
        await down.MovesAsync(group: 0, tokens, seed: tokens);
    }

    [Fact]
    public Task Padded_pages_to_strips() => MovesAsync<PaddedKv, StripsKv>(Backend.Local, 2, 4);

    [Fact]
    public Task Stages_to_ranks() => MovesAsync<LayersOutsideKv, SplitKv>(Backend.Loopback, 1, 2, sourcePp: 3, targetPp: 2);

    [Fact]
    public Task More_ranks_than_heads() => MovesAsync<SplitKv, SplitKv>(Backend.Fake, 8, 8);

    [Fact]
    public async Task Replicated_components_are_taken_from_one_rank_and_all_are_told()
    {
        await using var fleet = await ReshardFleet<TwoGroups, TwoGroups>.CreateAsync(Backend.Loopback, 4, 2);
        await fleet.MovesAsync(group: 0, tokens: 9, seed: 1);
        await fleet.MovesAsync(group: 1, tokens: 17, seed: 2);
        // Each source was notified by both targets in each of the two rounds of READs, whether they took bytes from it or not.
        foreach (var source in fleet.Sources)
        {
            var buffer = new byte[16];
            for (var i = 0; i < 2 * 2; i++) Assert.True(source.Agent.TryReadNotification(buffer, out _));
            Assert.False(source.Agent.TryReadNotification(buffer, out _));
        }
    }

    [Fact]
    public async Task A_pair_that_exchanges_nothing_says_so_instead_of_succeeding_in_silence()
    {
        await using var fleet = await ReshardFleet<TwoGroups, TwoGroups>.CreateAsync(Backend.Fake, 2, 1);
        var idle = fleet.Writes.Single(pair => pair.Source.Parallel.TpRank == 1).Remote;
        Assert.True(idle.Route(TransferOperation.Write)!.IsEmpty);
        var error = Assert.Throws<InvalidOperationException>(() => Ignore(idle.WriteBlocksAsync(0, [1], [2], default)));
        Assert.Contains("TP rank 1 of 2, PP rank 0 of 1, has nothing to give to TP rank 0 of 1", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await idle.WriteBlocksAsync(0, [1], [2], new PostOptions { Notification = "done"u8, LeaseToken = 77 }).SoonAsync()).Bytes);
        var buffer = new byte[16];
        Assert.True(fleet.Targets[0].Agent.TryReadNotification(buffer, out var info));
        Assert.Equal((4, 77UL), (info.PayloadLength, info.LeaseToken));
    }

    [Fact]
    public async Task Blocks_that_do_not_hold_the_same_tokens_are_refused_with_the_numbers()
    {
        await using var fleet = await ReshardFleet<SplitKv, LargerBlocksKv>.CreateAsync(Backend.Fake, 1, 1); // 4 and 8 tokens
        var remote = fleet.Writes.Single().Remote;
        Refused([1, 2, 3], [1], "3 local blocks of 1 units and 1 remote blocks of 2 do not hold the same tokens; 3 and 2 do");
        Refused([1], [1, 2], "1 and 1 do");
        Refused([], [], "1 and 1 do");
        Refused([1, 13], [1], "local block 13 at position 1 is out of range; there are 13");
        Refused([1, 2], [-1], "remote block -1 at position 0 is out of range");
        Refused([1, 2, 3], [4, 4], "block 4 is a destination twice");
        Assert.Throws<InvalidOperationException>(() => remote.List());

        void Refused(int[] from, int[] to, string why) => Assert.Contains(
            why, Assert.Throws<NixlInvalidArgumentException>(() => Ignore(remote.WriteBlocksAsync(from, to))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_posted_after_the_end_of_the_local_pool()
    {
        await using var fleet = await ReshardFleet<SplitKv, PackedKv>.CreateAsync(Backend.Fake, 1, 1);
        var (source, _, remote) = fleet.Writes.Single();
        source.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Ignore(remote.WriteBlocksAsync([1], [2])));
    }

    [Fact]
    public async Task Many_blocks_of_different_sizes_in_one_post()
    {
        await using var pair = await Pair.CreateAsync(Backend.Local);
        using var small = KvPool<SplitKv>.Allocate(pair.A, 2048, PoolPair<SplitKv>.Model, new KvPoolOptions { Name = "kv" });
        using var large = KvPool<LargerBlocksKv>.Allocate(pair.B, 1024, PoolPair<SplitKv>.Model, new KvPoolOptions { Name = "kv" });
        await pair.ConnectAsync();
        using var remote = small.Connect(pair.ToB);
        PoolBytes.FillRandom(small, 1);
        var (from, to) = (PoolBytes.RandomIds(new Random(2), 2048, 2048), PoolBytes.RandomIds(new Random(3), 1024, 1024));
        Assert.Equal(2048 * small.BytesPerBlock(), (await remote.WriteBlocksAsync(from, to).SoonAsync()).Bytes);
        var component = new KvComponent(small.Plan.Schema, 0, 1);
        for (var token = 0; token < 2048 * 4; token++)
        {
            for (var head = 0; head < 4; head++)
            {
                Assert.True(PoolBytes.At(small.AddressOf(component, 2, from[token / 4], head, token % 4), 16).SequenceEqual(
                    PoolBytes.At(large.AddressOf(component, 2, to[token / 8], head, token % 8), 16)));
            }
        }
    }

    private static void Ignore(ValueTask<TransferResult> task) => _ = task;

    private static async Task MovesAsync<TSource, TTarget>(Backend backend, int sourceTp, int targetTp, int sourcePp = 1, int targetPp = 1)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        await using var fleet = await ReshardFleet<TSource, TTarget>.CreateAsync(backend, sourceTp, targetTp, sourcePp, targetPp);
        foreach (var tokens in (int[])[3, 8, 21]) await fleet.MovesAsync(group: 0, tokens, seed: tokens);
    }
}
