using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region TensorRT-LLM
[KvLayout(KvOrder.TensorRtLlm, Layers = 80, BlockTokens = 32, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaTensorRtLlm
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout("| B L N D", Layers = 61, BlockTokens = 32)]
public readonly partial struct DeepSeekTensorRtLlm
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}
#endregion

#region TensorRT-LLM
[KvPreset(KvEngine.TensorRtLlmMha, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 32, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaTensorRtLlmPreset;

[KvPreset(KvEngine.TensorRtLlmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 32, CacheType = BFloat16)]
public readonly partial struct DeepSeekTensorRtLlmPreset;
#endregion

[KvLayout(KvOrder.TensorRtLlm, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyTensorRtLlm
{
    [KvComponent(BFloat16, 7)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 7)] public static partial KvComponent Value { get; }
}

[KvLayout("| B L N D", Layers = 4, BlockTokens = 3)]
public readonly partial struct TinyTensorRtLlmMla
{
    [KvComponent(BFloat16, 13)] public static partial KvComponent Latent { get; }
}

public sealed class TensorRtLlm : SectionTests
{
    public override string Heading => "TensorRT-LLM";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaTensorRtLlm.Schema, 8, 16, (1, 655_360)),
        CheckValue.Of("Llama-3.1-70B", LlamaTensorRtLlm.Schema, 8, 32, (1, 1_310_720)),
        CheckValue.Of("DeepSeek-R1", DeepSeekTensorRtLlm.Schema, 8, 32, (1, 2_248_704)),
        CheckValue.Of("DeepSeek-R1", DeepSeekTensorRtLlm.Schema, 8, 64, (1, 4_497_408)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyTensorRtLlm>(transports, memory, [Naive()]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_MLA_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyTensorRtLlmMla>(transports, memory, [NaiveMla()]);

    /// <summary>[B, L, 2, H, N, D].</summary>
    private static NaiveGroup Naive()
    {
        const int L = 3, N = 5, H = 2, D = 7;
        return new(
            B => [(long)B * L * 2 * H * N * D * 2],
            (B, b) =>
                from l in Upto(L) from kv in Upto(2) from h in Upto(H) from n in Upto(N) from d in Upto(D)
                select new Place(0, (((((b * (long)L + l) * 2 + kv) * H + h) * N + n) * D + d) * 2, 2, new(kv, l, h, n, d)));
    }

    /// <summary>[B, L, 1, N, 576].</summary>
    private static NaiveGroup NaiveMla()
    {
        const int L = 4, N = 3, D = 13;
        return new(
            B => [(long)B * L * N * D * 2],
            (B, b) =>
                from l in Upto(L) from n in Upto(N) from d in Upto(D)
                select new Place(0, (((b * (long)L + l) * N + n) * D + d) * 2, 2, new(0, l, 0, n, d)));
    }
}
