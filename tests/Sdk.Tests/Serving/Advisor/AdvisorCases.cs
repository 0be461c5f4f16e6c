using Nixl.Sdk.Planning;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving.Advisor;

/// <summary>Llama 70B at tensor parallelism 8, and the figures that docs/serving.md reckons with.</summary>
internal static class AdvisorCases
{
    public static readonly KvPreset Llama70B = new(KvEngine.VllmFlashAttention) { Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = ElementType.BFloat16 };

    /// <summary>One of eight ranks: 80 layers × (key, value) × 1 head × 128 × 2 bytes = 40,960 bytes a token.</summary>
    public static readonly KvCacheSize Rank = KvCacheSize.Of(KvPlan.Create(KvPresets.Expand("Llama", Llama70B), new KvParallel(8, 0, 1, 0), 8));

    /// <summary>4096 tokens in 200 ms, 7 GB/s.</summary>
    public static readonly KvCosts Costs = new()
    {
        LocalPrefill = new KvRate(20_480),
        RemotePrefill = new KvRate(20_480),
        Transfer = new KvRate(7e9),
        DecodeStep = new KvRate(1000, TimeSpan.FromMilliseconds(20)),
    };

    public static KvAdvisor Advisor(Action<KvAdvisorOptions>? configure = null)
    {
        var options = new KvAdvisorOptions { Name = "test", LocalTokensPerSecond = 20_480, RemoteTokensPerSecond = 20_480, BytesPerSecond = 7e9, ExploreEvery = 0, MinGain = 0 };
        configure?.Invoke(options);
        return new KvAdvisor(Rank, options);
    }
}
