using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region LMCache
[KvLayout(KvOrder.LmCacheChunk, Layers = 80, BlockTokens = 256, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaLmCache
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
#endregion

#region LMCache
[KvPreset(KvEngine.LmCacheChunk, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 256, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaLmCachePreset;
#endregion

[KvLayout(KvOrder.LmCacheChunk, Layers = 2, BlockTokens = 256, KvHeads = 2)]
public readonly partial struct TinyLmCache
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

public sealed class LmCache : SectionTests
{
    private const int L = 2, T = 256, H = 2, D = 3;

    public override string Heading => "LMCache";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaLmCache.Schema, 8, 256, (1, 10_485_760)),
        CheckValue.Between("Llama-3.1-70B, vLLM HND, N = 16 → chunk", LlamaFlashInferHnd.Schema, 8, LlamaLmCache.Schema, 8, (2560, 4096)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyLmCache>(transports, memory, [Naive()]);

    /// <summary>Chunks of [2, L, T, H·D], one behind the other.</summary>
    private static NaiveGroup Naive() => new(
        B => [(long)B * 2 * L * T * H * D * 2],
        (B, b) =>
            from kv in Upto(2) from l in Upto(L) from t in Upto(T) from hd in Upto(H * D)
            select new Place(0, ((((b * 2L + kv) * L + l) * T + t) * (H * D) + hd) * 2, 2, new(kv, l, hd / D, t, hd % D)));
}
