using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM FlashInfer, HND
[KvLayout(KvOrder.FlashInferHnd, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaFlashInferHnd
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
#endregion

#region vLLM FlashInfer, HND
[KvPreset(KvEngine.VllmFlashInferHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaFlashInferHndPreset;
#endregion

[KvLayout(KvOrder.FlashInferHnd, Layers = 2, BlockTokens = 7, KvHeads = 4)]
public readonly partial struct TinyFlashInferHnd
{
    [KvComponent(BFloat16, 5)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 5)] public static partial KvComponent Value { get; }
}

public sealed class VllmFlashInferHnd : SectionTests
{
    private const int L = 2, N = 7, H = 4, D = 5;

    public override string Heading => "vLLM FlashInfer, HND";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaFlashInferHnd.Schema, 8, 16, (80, 8192)),
        CheckValue.Of("Llama-3.1-70B", LlamaFlashInferHnd.Schema, 8, 64, (80, 32_768)),
        CheckValue.Of("Llama-3.1-70B", LlamaFlashInferHnd.Schema, 8, 128, (80, 65_536)),
        CheckValue.Between("Llama-3.1-70B, N = 16", LlamaFlashInferHnd.Schema, 4, LlamaFlashInferHnd.Schema, 8, (160, 4096)),
    ];

    /// <summary>Per layer [B, 2, H, N, D].</summary>
    internal static NaiveGroup Naive(Part heads) => new(
        B => NaiveGroup.Same(L, B * 2L * N * heads.All * D * 2),
        (B, b) =>
            from l in Upto(L) from kv in Upto(2) from n in Upto(N) from h in Each(heads) from d in Upto(D)
            select new Place(l, ((((b * 2L + kv) * heads.All + h) * N + n) * D + d) * 2, 2, new(kv, l, h, n, d)));

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyFlashInferHnd>(transports, memory, [Naive(Part.Whole(H))]);
}
