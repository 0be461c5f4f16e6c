using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

/// <summary>vLLM's hybrid models: layer i of every group lies in one tensor, pages are made equal, block ids come from one pool.</summary>
[KvLayout]
public readonly partial struct HybridOverlay
{
    [KvGroup(KvOrder.FlashInferHnd, Layers = 3, FirstLayer = 1, LayerStep = 2, BlockTokens = 4, KvHeads = 2, Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Full
    {
        [KvComponent(BFloat16, 8)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 8)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.State, Layers = 2, LayerStep = 2, Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct State
    {
        [KvComponent(BFloat16, 7, 3)] public static partial KvComponent Conv { get; }
        [KvComponent(Float32, 5, 9)] public static partial KvComponent Ssm { get; }
    }
}

/// <summary>Two groups of the same layers whose pages lie one behind the other in one tensor per layer.</summary>
[KvLayout]
public readonly partial struct LatentBesideIndexer
{
    [KvGroup(KvOrder.Mla, Layers = 2, BlockTokens = 4, Pool = "kv", Share = KvShare.Concat)]
    public readonly partial struct Mla
    {
        [KvComponent(BFloat16, 9)] public static partial KvComponent Latent { get; }
    }

    [KvGroup(KvOrder.Indexer, Layers = 2, BlockTokens = 4, Pool = "kv", Share = KvShare.Concat)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 13)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}
