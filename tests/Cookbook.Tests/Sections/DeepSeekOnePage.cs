using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region MLA and indexer in one page
[KvLayout]
public readonly partial struct DeepSeekV32OnePage
{
    [KvGroup(KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64, Pool = "kv", Share = KvShare.Concat)]
    public readonly partial struct Mla
    {
        [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
        [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
    }

    [KvGroup(KvOrder.Indexer, Layers = 61, BlockTokens = 64, Pool = "kv", Share = KvShare.Concat)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}
#endregion

[KvLayout]
public readonly partial struct TinyDeepSeekOnePage
{
    [KvGroup(KvOrder.MlaAlternating, Layers = 3, BlockTokens = 5, Pool = "kv", Share = KvShare.Concat)]
    public readonly partial struct Mla
    {
        [KvComponent(Fp8E4M3, 20)] public static partial KvComponent Latent { get; }
        [KvComponent(Float32, 2, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
        [KvComponent(BFloat16, 6)] public static partial KvComponent Rope { get; }
    }

    [KvGroup(KvOrder.Indexer, Layers = 3, BlockTokens = 5, Pool = "kv", Share = KvShare.Concat)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 12)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}

public sealed class DeepSeekOnePage : SectionTests
{
    private const int L = 3, N = 5, Token = 20 + 2 * 4 + 6 * 2, Key = 12, Page = N * Token + N * Key + N * 4;

    public override string Heading => "MLA and indexer in one page";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("DeepSeek-V3.2 MLA", DeepSeekV32OnePage.Schema, 8, 64, 0, (61, 41_984)),
        CheckValue.Of("DeepSeek-V3.2 indexer", DeepSeekV32OnePage.Schema, 8, 64, 1, (61, 8448)),
    ];

    [Fact]
    public void The_indexer_lies_behind_the_latent_in_every_page()
    {
        var plan = DeepSeekV32OnePage.Plan(10);
        Assert.All(plan.Groups[1].Regions, static region => Assert.Equal((41_984, 41_984 + 8448), (region.Offset, region.Stride)));
        Assert.Equal(61 * 10 * (41_984 + 8448), plan.TotalBytes);
    }

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_both_groups_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyDeepSeekOnePage>(transports, memory, [NaiveMla(), NaiveIndexer()]);

    /// <summary>Per layer [B] pages that begin with N tokens of: fp8 latent, fp32 scales, bf16 rope.</summary>
    private static NaiveGroup NaiveMla() => new(
        B => NaiveGroup.Same(L, (long)B * Page),
        (B, b) =>
            from l in Upto(L) from n in Upto(N)
            let token = b * (long)Page + n * Token
            from place in Upto(20).Select(i => new Place(l, token + i, 1, new(0, l, 0, n, i)))
                .Concat(Upto(2).Select(i => new Place(l, token + 20 + i * 4, 4, new(1, l, 0, n, i))))
                .Concat(Upto(6).Select(i => new Place(l, token + 28 + i * 2, 2, new(2, l, 0, n, i))))
            select place);

    /// <summary>Behind them, in the same pages: N × 12 fp8, then N × fp32.</summary>
    private static NaiveGroup NaiveIndexer() => new(
        B => NaiveGroup.Same(L, (long)B * Page),
        (B, b) =>
            from l in Upto(L) from n in Upto(N)
            let start = b * (long)Page + N * Token
            from place in Upto(Key).Select(d => new Place(l, start + n * Key + d, 1, new(0, l, 0, n, d)))
                .Append(new Place(l, start + N * Key + n * 4, 4, new(1, l, 0, n, 0)))
            select place);
}
