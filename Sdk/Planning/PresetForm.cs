namespace Nixl.Sdk.Planning;

/// <summary>What an engine's preset is made of and in which order; the one table of them.</summary>
/// <param name="Kind">What its pages are made of.</param>
/// <param name="Order">Their order; that of the first group where there are two.</param>
internal sealed record PresetForm(PresetKind Kind, string Order)
{
    public bool HasHeads => Kind is PresetKind.KeyValue or PresetKind.ScaledKeyValue or PresetKind.TiledKeyValue;

    /// <summary>True where the layout itself says the element types.</summary>
    public bool FixesTypes => Kind is PresetKind.ScaledLatent or PresetKind.IndexedLatent;

    public static PresetForm Of(KvEngine engine) => engine switch
    {
        KvEngine.VllmFlashAttention => new(PresetKind.KeyValue, KvOrder.FlashAttention),
        KvEngine.VllmFlashInferNhd => new(PresetKind.KeyValue, KvOrder.FlashInferNhd),
        KvEngine.VllmFlashInferHnd => new(PresetKind.KeyValue, KvOrder.FlashInferHnd),
        KvEngine.VllmPackedHnd => new(PresetKind.KeyValue, KvOrder.PackedHnd),
        KvEngine.VllmPackedNhd => new(PresetKind.KeyValue, KvOrder.PackedNhd),
        KvEngine.VllmPackedLbhnc => new(PresetKind.KeyValue, KvOrder.PackedLbhnc),
        KvEngine.VllmPackedLbnhc => new(PresetKind.KeyValue, KvOrder.PackedLbnhc),
        KvEngine.VllmPackedLhbnc => new(PresetKind.KeyValue, KvOrder.PackedLhbnc),
        KvEngine.VllmPackedBlhnc => new(PresetKind.KeyValue, KvOrder.PackedBlhnc),
        KvEngine.VllmPackedBlnhc => new(PresetKind.KeyValue, KvOrder.PackedBlnhc),
        KvEngine.VllmPackedBhlnc => new(PresetKind.KeyValue, KvOrder.PackedBhlnc),
        KvEngine.VllmCrossLayer => new(PresetKind.KeyValue, KvOrder.CrossLayer),
        KvEngine.VllmPerTokenHead => new(PresetKind.ScaledKeyValue, KvOrder.SplitNhd),
        KvEngine.VllmXPacked => new(PresetKind.TiledKeyValue, KvOrder.SplitHnd),
        KvEngine.VllmMla => new(PresetKind.Latent, KvOrder.Mla),
        KvEngine.VllmMlaCrossLayer => new(PresetKind.Latent, KvOrder.MlaCrossLayer),
        KvEngine.VllmFp8DsMla => new(PresetKind.ScaledLatent, KvOrder.MlaAlternating),
        KvEngine.VllmFp8DsMlaSparse => new(PresetKind.IndexedLatent, KvOrder.MlaAlternating),
        KvEngine.SglangMha => new(PresetKind.KeyValue, KvOrder.TokenPool),
        KvEngine.SglangMla => new(PresetKind.Latent, KvOrder.TokenPoolMla),
        KvEngine.TensorRtLlmMha => new(PresetKind.KeyValue, KvOrder.TensorRtLlm),
        KvEngine.TensorRtLlmMla => new(PresetKind.Latent, KvOrder.TensorRtLlmMla),
        KvEngine.LmCacheChunk => new(PresetKind.KeyValue, KvOrder.LmCacheChunk),
        _ => new(PresetKind.Unknown, ""),
    };
}
