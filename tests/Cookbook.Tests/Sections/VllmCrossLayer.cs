using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM cross-layer
[KvLayout(KvOrder.CrossLayer, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaCrossLayer
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout("| B L N D", Layers = 61, BlockTokens = 64)]
public readonly partial struct DeepSeekCrossLayer
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}
#endregion

#region vLLM cross-layer
[KvPreset(KvEngine.VllmCrossLayer, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaCrossLayerPreset;

[KvPreset(KvEngine.VllmMlaCrossLayer, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16)]
public readonly partial struct DeepSeekCrossLayerPreset;
#endregion

[KvLayout("| B L N D", Layers = 3, BlockTokens = 5)]
public readonly partial struct TinyCrossLayerMla
{
    [KvComponent(BFloat16, 9)] public static partial KvComponent Latent { get; }
}

public sealed class VllmCrossLayer : SectionTests
{
    private const int L = 3, N = 5, D = 9;

    public override string Heading => "vLLM cross-layer";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaCrossLayer.Schema, 8, 16, (1, 655_360)),
        CheckValue.Of("Llama-3.1-70B", LlamaCrossLayer.Schema, 8, 64, (1, 2_621_440)),
        CheckValue.Of("Llama-3.1-70B", LlamaCrossLayer.Schema, 8, 128, (1, 5_242_880)),
        CheckValue.Of("Llama-3.1-70B fp8", LlamaCrossLayer.Schema.WithType(Fp8E4M3), 8, 16, (1, 327_680)),
        CheckValue.Of("DeepSeek-R1", DeepSeekCrossLayer.Schema, 8, 64, (1, 4_497_408)),
    ];

    // [B, L, H, N, C] and [B, L, N, H, C] are moved with the packed orders.

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyCrossLayerMla>(transports, memory, [Naive()]);

    /// <summary>[B, L, N, D].</summary>
    private static NaiveGroup Naive() => new(
        B => [(long)B * L * N * D * 2],
        (B, b) =>
            from l in Upto(L) from n in Upto(N) from d in Upto(D)
            select new Place(0, (((b * (long)L + l) * N + n) * D + d) * 2, 2, new(0, l, 0, n, d)));
}
