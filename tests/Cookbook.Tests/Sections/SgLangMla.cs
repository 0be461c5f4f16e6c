using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region SGLang MLA
[KvLayout(KvOrder.TokenPoolMla, Layers = 61, BlockTokens = 64)]
public readonly partial struct DeepSeekSgLang
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}
#endregion

#region SGLang MLA
[KvPreset(KvEngine.SglangMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16)]
public readonly partial struct DeepSeekSgLangPreset;
#endregion

[KvLayout(KvOrder.TokenPoolMla, Layers = 3, BlockTokens = 1)]
public readonly partial struct TinySgLangMla1
{
    [KvComponent(BFloat16, 9)] public static partial KvComponent Latent { get; }
}

[KvLayout(KvOrder.TokenPoolMla, Layers = 3, BlockTokens = 64)]
public readonly partial struct TinySgLangMla64
{
    [KvComponent(BFloat16, 9)] public static partial KvComponent Latent { get; }
}

public sealed class SgLangMla : SectionTests
{
    private const int L = 3, D = 9;

    public override string Heading => "SGLang MLA";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("DeepSeek-R1", DeepSeekSgLang.Schema, 8, 1, (61, 1152)),
        CheckValue.Of("DeepSeek-R1", DeepSeekSgLang.Schema, 8, 64, (61, 73_728)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_slots_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinySgLangMla1>(transports, memory, [Naive(1)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_pages_of_64_slots_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinySgLangMla64>(transports, memory, [Naive(64)]);

    /// <summary>Per layer [slots, 576]; page b is the slots from b · page on.</summary>
    private static NaiveGroup Naive(int page) => new(
        B => NaiveGroup.Same(L, (long)B * page * D * 2),
        (B, b) =>
            from l in Upto(L) from n in Upto(page) from d in Upto(D)
            select new Place(l, ((b * (long)page + n) * D + d) * 2, 2, new(0, l, 0, n, d)));
}
