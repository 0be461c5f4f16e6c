using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM FlashAttention
[KvLayout(KvOrder.FlashAttention, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaFlashAttention
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
#endregion

#region vLLM FlashAttention
[KvPreset(KvEngine.VllmFlashAttention, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaFlashAttentionPreset;
#endregion

[KvLayout(KvOrder.FlashAttention, Layers = 3, BlockTokens = 5, KvHeads = 4)]
public readonly partial struct TinyFlashAttention
{
    [KvComponent(BFloat16, 6)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 6)] public static partial KvComponent Value { get; }
}

public sealed class VllmFlashAttention : SectionTests
{
    private const int L = 3, N = 5, H = 4, D = 6;

    public override string Heading => "vLLM FlashAttention";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaFlashAttention.Schema, 8, 16, (160, 4096)),
        CheckValue.Of("Llama-3.1-70B", LlamaFlashAttention.Schema, 8, 64, (160, 16_384)),
        CheckValue.Of("Llama-3.1-70B", LlamaFlashAttention.Schema, 8, 128, (160, 32_768)),
        CheckValue.Of("Llama-3.1-70B fp8", LlamaFlashAttention.Schema.WithType(Fp8E4M3), 8, 16, (160, 2048)),
        CheckValue.Between("Llama-3.1-70B, N = 16", LlamaFlashAttention.Schema, 4, LlamaFlashAttention.Schema, 8, (2560, 256)),
    ];

    /// <summary>Per layer [2, B, N, H, D].</summary>
    internal static NaiveGroup Naive(Part heads) => new(
        B => NaiveGroup.Same(L, 2L * B * N * heads.All * D * 2),
        (B, b) =>
            from l in Upto(L) from kv in Upto(2) from n in Upto(N) from h in Each(heads) from d in Upto(D)
            select new Place(l, ((((kv * (long)B + b) * N + n) * heads.All + h) * D + d) * 2, 2, new(kv, l, h, n, d)));

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyFlashAttention>(transports, memory, [Naive(Part.Whole(H))]);
}
