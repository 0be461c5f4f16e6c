using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

// Each preset, and beside it (…ByHand) the layout that it must be, written out. Orders are texts here on purpose: independent of KvOrder.

[KvPreset(KvEngine.VllmFlashAttention, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmFlashAttention;

[KvLayout("L | P B N H D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmFlashAttentionByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmFlashInferNhd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmFlashInferNhd;

[KvLayout("L | B P N H D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmFlashInferNhdByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmFlashInferHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmFlashInferHnd;

[KvLayout("L | B P H N D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmFlashInferHndByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedHnd;

[KvLayout("L | B H N P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedHndByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedNhd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedNhd;

[KvLayout("L | B N H P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedNhdByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedLbhnc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedLbhnc;

[KvLayout("| L B H N P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedLbhncByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedLbnhc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedLbnhc;

[KvLayout("| L B N H P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedLbnhcByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedLhbnc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedLhbnc;

[KvLayout("| L H B N P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedLhbncByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedBlhnc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedBlhnc;

[KvLayout("| B L H N P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedBlhncByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedBlnhc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedBlnhc;

[KvLayout("| B L N H P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedBlnhcByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPackedBhlnc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmPackedBhlnc;

[KvLayout("| B H L N P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPackedBhlncByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmCrossLayer, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmCrossLayer;

[KvLayout("| B L H N P D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmCrossLayerByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.TensorRtLlmMha, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct TensorRtLlmMha;

[KvLayout("| B L P H N D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct TensorRtLlmMhaByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmPerTokenHead, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = Int8)]
public readonly partial struct VllmPerTokenHead;

[KvLayout("L P | B N H D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmPerTokenHeadByHand
{
    [KvComponent(Int8, 128)] public static partial KvComponent Key { get; }
    [KvComponent(Int8, 128)] public static partial KvComponent Value { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent KeyScale { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Value))] public static partial KvComponent ValueScale { get; }
}

[KvPreset(KvEngine.VllmXPacked, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmXPacked;

[KvLayout("L P | B H N D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct VllmXPackedByHand
{
    [KvComponent(BFloat16, 128, Order = "H D/8 N D%8")] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128, Order = "H D N")] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.SglangMha, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 1, CacheType = BFloat16, TpSizes = [4, 8])]
public readonly partial struct SglangMha;

[KvLayout("L P | T H D", Layers = 80, BlockTokens = 1, KvHeads = 8, TpSizes = [4, 8])]
public readonly partial struct SglangMhaByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.LmCacheChunk, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 256, CacheType = BFloat16)]
public readonly partial struct LmCacheChunk;

[KvLayout("| B P L N H D", Layers = 80, BlockTokens = 256, KvHeads = 8)]
public readonly partial struct LmCacheChunkByHand
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvPreset(KvEngine.VllmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct VllmMla;

[KvLayout("L | B N D", Layers = 61, BlockTokens = 16)]
public readonly partial struct VllmMlaByHand
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}

[KvPreset(KvEngine.VllmMlaCrossLayer, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16)]
public readonly partial struct VllmMlaCrossLayer;

[KvLayout("| B L N D", Layers = 61, BlockTokens = 64)]
public readonly partial struct VllmMlaCrossLayerByHand
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}

[KvPreset(KvEngine.SglangMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16)]
public readonly partial struct SglangMla;

[KvLayout("L | T D", Layers = 61, BlockTokens = 64)]
public readonly partial struct SglangMlaByHand
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}

[KvPreset(KvEngine.TensorRtLlmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 32, CacheType = BFloat16)]
public readonly partial struct TensorRtLlmMla;

[KvLayout("| B L N D", Layers = 61, BlockTokens = 32)]
public readonly partial struct TensorRtLlmMlaByHand
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}

[KvPreset(KvEngine.VllmFp8DsMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64)]
public readonly partial struct VllmFp8DsMla;

[KvLayout("L | B N P D", Layers = 61, BlockTokens = 64)]
public readonly partial struct VllmFp8DsMlaByHand
{
    [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
    [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
    [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
}

[KvPreset(KvEngine.VllmFp8DsMlaSparse, Layers = 61, LatentDim = 512, RopeDim = 64, IndexerDim = 128, BlockTokens = 64)]
public readonly partial struct VllmFp8DsMlaSparse;

[KvLayout]
public readonly partial struct VllmFp8DsMlaSparseByHand
{
    [KvGroup("L | B N P D", Layers = 61, BlockTokens = 64)]
    public readonly partial struct Mla
    {
        [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
        [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
    }

    [KvGroup("L | B P N D", Layers = 61, BlockTokens = 64)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}
