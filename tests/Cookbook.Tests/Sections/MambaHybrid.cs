using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region Attention and Mamba state in one model
[KvLayout(TpSizes = [1, 2])]
public readonly partial struct Nemotron3Nano
{
    [KvGroup(KvOrder.FlashInferHnd, LayerIndices = [5, 12, 19, 26, 33, 42], BlockTokens = 16, KvHeads = 2)]
    public readonly partial struct Attention
    {
        [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.State, PageAlign = 4096, LayerIndices =
        [0, 2, 4, 7, 9, 11, 14, 16, 18, 21, 23, 25, 28, 30, 32, 35, 37, 39, 41, 44, 46, 48, 50])]
    public readonly partial struct State
    {
        [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
        [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
        [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
    }
}
#endregion

[KvLayout]
public readonly partial struct TinyMambaHybrid
{
    [KvGroup(KvOrder.FlashInferHnd, LayerIndices = [1, 3, 6], BlockTokens = 3, KvHeads = 2)]
    public readonly partial struct Attention
    {
        [KvComponent(BFloat16, 4)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 4)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.State, LayerIndices = [0, 5], PageAlign = 256)]
    public readonly partial struct State
    {
        [KvComponent(BFloat16, 8, 3, Shard = KvShard.Units, Units = 4)] public static partial KvComponent X { get; }
        [KvComponent(BFloat16, 4, 3, Shard = KvShard.Units, Units = 4)] public static partial KvComponent B { get; }
        [KvComponent(BFloat16, 4, 3, Shard = KvShard.Units, Units = 4)] public static partial KvComponent C { get; }
        [KvComponent(Float32, 4, 2, 6, Shard = KvShard.Units, Units = 4)] public static partial KvComponent Ssm { get; }
    }
}

public sealed class MambaHybrid : SectionTests
{
    public override string Heading => "Attention and Mamba state in one model";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Nemotron 3 Nano attention", Nemotron3Nano.Schema, 2, 16, 0, (6, 8192)),
        CheckValue.Of("Nemotron 3 Nano state", Nemotron3Nano.Schema, 2, 0, 1, (23, 18_432 + 1_048_576)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_and_pages_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyMambaHybrid>(transports, memory, [NaiveAttention(Part.Whole(2)), VllmState.Naive(Part.Whole(4))]);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public Task A_rank_moves_half_the_heads_and_half_the_units(int rank) =>
        Moves.CheckAsync<TinyMambaHybrid>(
            NixlTransports.Local, Memory.Bound, [NaiveAttention(Part.Whole(1)), VllmState.Naive(Part.Whole(2))], new KvParallel(2, rank));

    /// <summary>Per layer [B, 2, H, N, D].</summary>
    private static NaiveGroup NaiveAttention(Part heads)
    {
        const int L = 3, N = 3, D = 4;
        return new(
            B => NaiveGroup.Same(L, (long)B * 2 * heads.All * N * D * 2),
            (B, b) =>
                from l in Upto(L) from kv in Upto(2) from h in Each(heads) from n in Upto(N) from d in Upto(D)
                select new Place(l, ((((b * 2L + kv) * heads.All + h) * N + n) * D + d) * 2, 2, new(kv, l, h, n, d)));
    }
}
