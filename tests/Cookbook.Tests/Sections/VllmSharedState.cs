using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM hybrid models: attention and state in shared tensors
[KvLayout(TpSizes = [1, 2])]
public readonly partial struct Nemotron3NanoShared
{
    [KvGroup("L | B N/16 P H N%16 D", LayerIndices = [5, 12, 19, 26, 33, 42], BlockTokens = 131 * 16, KvHeads = 2,
        Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Attention
    {
        [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [0, 9, 18, 28, 37, 46], Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State0
    {
        [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
        [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [2, 11, 21, 30, 39, 48], Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State1
    {
        [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
        [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [4, 14, 23, 32, 41, 50], Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State2
    {
        [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
        [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [7, 16, 25, 35, 44], Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State3
    {
        [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
        [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
    }
}
#endregion

[KvLayout]
public readonly partial struct TinyMambaShared
{
    [KvGroup("L | B N/2 P H N%2 D", LayerIndices = [1, 3], BlockTokens = 6, KvHeads = 2, Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Attention
    {
        [KvComponent(BFloat16, 4)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 4)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [0, 4], Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State0
    {
        [KvComponent(BFloat16, 4, 3)] public static partial KvComponent Conv { get; }
        [KvComponent(Float32, 2, 3, 5)] public static partial KvComponent Ssm { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [2], Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State1
    {
        [KvComponent(BFloat16, 4, 3)] public static partial KvComponent Conv { get; }
        [KvComponent(Float32, 2, 3, 5)] public static partial KvComponent Ssm { get; }
    }
}

public sealed class VllmSharedState : SectionTests
{
    private const int Page = 6 * 2 * 2 * 4 * 2; // the attention's, which is the longer one

    public override string Heading => "vLLM hybrid models: attention and state in shared tensors";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Nemotron 3 Nano attention, N = 2,096", Nemotron3NanoShared.Schema, 2, 0, 0, (6, 1_073_152)),
        CheckValue.Of("Nemotron 3 Nano state, first of four groups", Nemotron3NanoShared.Schema, 2, 0, 1, (6, 1_067_008)),
        CheckValue.Of("Nemotron 3 Nano state, last of four groups", Nemotron3NanoShared.Schema, 2, 0, 4, (5, 1_067_008)),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_block_of_131_times_16_tokens_is_the_least_that_holds_a_state_page(int tp)
    {
        var groups = Nemotron3NanoShared.Plan(10, new KvParallel(tp)).Groups;
        var (attention, state) = (groups[0].Regions[0].Length, groups[1].Regions[0].Length);
        Assert.InRange(state, attention / 131 * 130 + 1, attention);
        Assert.All(groups, group => Assert.All(group.Tensors, tensor => Assert.Equal(attention, tensor.PageStride)));
    }

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_and_pages_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyMambaShared>(transports, memory, [NaiveAttention(), NaiveState(L: 2), NaiveState(L: 1)]);

    /// <summary>Per tensor [B, N / 2, 2, H, 2, D]: a block is three of the kernel's blocks of two tokens.</summary>
    private static NaiveGroup NaiveAttention()
    {
        const int L = 2, N = 6, H = 2, D = 4;
        return new(
            B => NaiveGroup.Same(L, (long)B * Page),
            (B, b) =>
                from l in Upto(L) from kv in Upto(2) from h in Upto(H) from n in Upto(N) from d in Upto(D)
                select new Place(l, b * (long)Page + (((((n / 2) * 2 + kv) * H + h) * 2 + n % 2) * D + d) * 2, 2, new(kv, l, h, n, d)));
    }

    /// <summary>Per tensor [B] pages of: conv (4, 3) bf16, SSM (2, 3, 5) fp32, and a pad up to the attention's page.</summary>
    private static NaiveGroup NaiveState(int L) => new(
        B => NaiveGroup.Same(L, (long)B * Page),
        (B, b) =>
            from l in Upto(L)
            from place in Upto(12).Select(i => new Place(l, b * (long)Page + i * 2, 2, new(0, l, 0, 0, i)))
                .Concat(Upto(30).Select(i => new Place(l, b * (long)Page + 24 + i * 4, 4, new(1, l, 0, 0, i))))
            select place);
}
