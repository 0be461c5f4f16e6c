using System.Reflection;
using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests;

/// <summary>A preset is the layout that a person would have written out, at compile time and, from the attribute's numbers, at run time.</summary>
public sealed class PresetTests
{
    private const int Blocks = 3;

    private static readonly KvPreset Llama =
        new(KvEngine.VllmPackedHnd) { Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = ElementType.BFloat16 };

    private static readonly KvPreset DeepSeek = new(KvEngine.VllmFp8DsMla) { Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64 };

    [Fact]
    public void Every_preset_is_the_layout_written_out_beside_it()
    {
        var seen = new List<KvEngine>();
        AssertSame<VllmFlashAttention, VllmFlashAttentionByHand>(seen, VllmFlashAttention.Fingerprint, VllmFlashAttentionByHand.Fingerprint);
        AssertSame<VllmFlashInferNhd, VllmFlashInferNhdByHand>(seen, VllmFlashInferNhd.Fingerprint, VllmFlashInferNhdByHand.Fingerprint);
        AssertSame<VllmFlashInferHnd, VllmFlashInferHndByHand>(seen, VllmFlashInferHnd.Fingerprint, VllmFlashInferHndByHand.Fingerprint);
        AssertSame<VllmPackedHnd, VllmPackedHndByHand>(seen, VllmPackedHnd.Fingerprint, VllmPackedHndByHand.Fingerprint);
        AssertSame<VllmPackedNhd, VllmPackedNhdByHand>(seen, VllmPackedNhd.Fingerprint, VllmPackedNhdByHand.Fingerprint);
        AssertSame<VllmPackedLbhnc, VllmPackedLbhncByHand>(seen, VllmPackedLbhnc.Fingerprint, VllmPackedLbhncByHand.Fingerprint);
        AssertSame<VllmPackedLbnhc, VllmPackedLbnhcByHand>(seen, VllmPackedLbnhc.Fingerprint, VllmPackedLbnhcByHand.Fingerprint);
        AssertSame<VllmPackedLhbnc, VllmPackedLhbncByHand>(seen, VllmPackedLhbnc.Fingerprint, VllmPackedLhbncByHand.Fingerprint);
        AssertSame<VllmPackedBlhnc, VllmPackedBlhncByHand>(seen, VllmPackedBlhnc.Fingerprint, VllmPackedBlhncByHand.Fingerprint);
        AssertSame<VllmPackedBlnhc, VllmPackedBlnhcByHand>(seen, VllmPackedBlnhc.Fingerprint, VllmPackedBlnhcByHand.Fingerprint);
        AssertSame<VllmPackedBhlnc, VllmPackedBhlncByHand>(seen, VllmPackedBhlnc.Fingerprint, VllmPackedBhlncByHand.Fingerprint);
        AssertSame<VllmCrossLayer, VllmCrossLayerByHand>(seen, VllmCrossLayer.Fingerprint, VllmCrossLayerByHand.Fingerprint);
        AssertSame<TensorRtLlmMha, TensorRtLlmMhaByHand>(seen, TensorRtLlmMha.Fingerprint, TensorRtLlmMhaByHand.Fingerprint);
        AssertSame<VllmPerTokenHead, VllmPerTokenHeadByHand>(seen, VllmPerTokenHead.Fingerprint, VllmPerTokenHeadByHand.Fingerprint);
        AssertSame<VllmXPacked, VllmXPackedByHand>(seen, VllmXPacked.Fingerprint, VllmXPackedByHand.Fingerprint);
        AssertSame<SglangMha, SglangMhaByHand>(seen, SglangMha.Fingerprint, SglangMhaByHand.Fingerprint);
        AssertSame<LmCacheChunk, LmCacheChunkByHand>(seen, LmCacheChunk.Fingerprint, LmCacheChunkByHand.Fingerprint);
        AssertSame<VllmMla, VllmMlaByHand>(seen, VllmMla.Fingerprint, VllmMlaByHand.Fingerprint);
        AssertSame<VllmMlaCrossLayer, VllmMlaCrossLayerByHand>(seen, VllmMlaCrossLayer.Fingerprint, VllmMlaCrossLayerByHand.Fingerprint);
        AssertSame<SglangMla, SglangMlaByHand>(seen, SglangMla.Fingerprint, SglangMlaByHand.Fingerprint);
        AssertSame<TensorRtLlmMla, TensorRtLlmMlaByHand>(seen, TensorRtLlmMla.Fingerprint, TensorRtLlmMlaByHand.Fingerprint);
        AssertSame<VllmFp8DsMla, VllmFp8DsMlaByHand>(seen, VllmFp8DsMla.Fingerprint, VllmFp8DsMlaByHand.Fingerprint);
        AssertSame<VllmFp8DsMlaSparse, VllmFp8DsMlaSparseByHand>(seen, VllmFp8DsMlaSparse.Fingerprint, VllmFp8DsMlaSparseByHand.Fingerprint);
        Assert.Equal(Enum.GetValues<KvEngine>().Except([KvEngine.None]).Order(), seen.Order());
    }

    [Fact]
    public void The_attribute_has_every_number_of_the_record()
    {
        const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        Assert.Equal(
            Sorted([.. typeof(KvPreset).GetProperties(Declared).Select(property => property.Name), "Model"]),
            Sorted(typeof(KvPresetAttribute).GetProperties(Declared).Select(property => property.Name)));
    }

    [Fact]
    public void Generated_members_of_a_preset_are_those_of_a_layout()
    {
        Assert.Equal("Value", VllmPackedHnd.Value.Name);
        Assert.Equal((1, 1), (VllmFp8DsMlaSparse.Indexer.Scale.GroupIndex, VllmFp8DsMlaSparse.Indexer.Scale.Index));
        Assert.Equal(61 * 41_984, VllmFp8DsMlaSparse.Mla.BytesPerBlock);
        Assert.Equal(61 * 8448, VllmFp8DsMlaSparse.Indexer.BytesPerBlock);
        Assert.Equal(80, VllmPackedHnd.Plan(Blocks, new KvParallel(Tp: 8)).Groups[0].PiecesPerBlock);
        Assert.Same(VllmMla.CanonicalText, VllmMla.CanonicalText);
    }

    [Fact]
    public void Layers_of_two_kinds_are_two_groups()
    {
        var schema = KvPresets.Expand("Hybrid", Llama with { Layers = 7, Window = 128, SlidingLayers = [0, 2, 4, 6] });
        Assert.Equal(["Full", "Sliding"], schema.Groups.Select(group => group.Name));
        Assert.Equal([1, 3, 5], schema.Groups[0].LayerNumbers());
        Assert.Equal([0, 2, 4, 6], schema.Groups[1].LayerNumbers());
        Assert.Equal((0, 128), (schema.Groups[0].Window, schema.Groups[1].Window));
        Assert.Equal([0, 1, 5], KvPresets.Expand("Odd", Llama with { Layers = 7, Window = 1, SlidingLayers = [0, 1, 5] }).Groups[1].LayerIndices);
    }

    [Fact]
    public void Two_groups_may_share_memory()
    {
        var groups = KvPresets.Expand("Hybrid", Llama with { Window = 128, SlidingLayers = [0, 1], Share = KvShare.Overlay }).Groups;
        Assert.All(groups, group => Assert.Equal(("kv", KvShare.Overlay), (group.Pool, group.Share)));
    }

    [Fact]
    public void A_tile_holds_16_bytes_whatever_the_type() => Assert.Equal(
        "H D/16 N D%16", KvPresets.Expand("Fp8", Llama with { Engine = KvEngine.VllmXPacked, CacheType = ElementType.Fp8E4M3 }).Groups[0].Components[0].Order);

    [Fact]
    public void Every_missing_number_is_named_at_once() =>
        AssertRefused(new KvPreset(KvEngine.VllmPackedHnd), "Layers", "KvHeads", "HeadDim", "BlockTokens", "CacheType");

    [Fact]
    public void Numbers_of_the_other_kind_of_cache_are_refused()
    {
        AssertRefused(Llama with { LatentDim = 512 }, "no use for LatentDim = 512");
        AssertRefused(DeepSeek with { KvHeads = 8, HeadDim = 128 }, "no use for KvHeads = 8 and HeadDim = 128");
        AssertRefused(DeepSeek with { CacheType = ElementType.BFloat16 }, "no use for CacheType = BFloat16");
        AssertRefused(DeepSeek with { Window = 128 }, "no use for Window = 128");
        AssertRefused(DeepSeek with { IndexerDim = 128 }, "no use for IndexerDim = 128");
    }

    [Fact]
    public void Numbers_that_contradict_each_other_are_refused()
    {
        AssertRefused(DeepSeek with { LatentDim = 500 }, "LatentDim 500 is not a multiple of 128");
        AssertRefused(DeepSeek with { Engine = KvEngine.VllmFp8DsMlaSparse, IndexerDim = 100 }, "IndexerDim 100 is not a multiple of 128");
        AssertRefused(Llama with { Engine = KvEngine.VllmPerTokenHead }, "CacheType is BFloat16 of 2 bytes");
        AssertRefused(Llama with { Engine = KvEngine.VllmXPacked, HeadDim = 100 }, "HeadDim 100 is not a multiple of 8");
        AssertRefused(Llama with { SlidingLayers = [1] }, "Window is missing");
        AssertRefused(Llama with { SlidingLayers = [1, 80, 1], Window = 128 }, "SlidingLayers contains 80", "SlidingLayers contains 1,");
        AssertRefused(Llama with { Layers = 2, SlidingLayers = [0, 1], Window = 128 }, "names all 2 layers");
        AssertRefused(Llama with { Share = KvShare.Overlay }, "only one kind of layers");
    }

    [Fact]
    public void Impossible_numbers_are_refused()
    {
        AssertRefused(new KvPreset(KvEngine.None), "names no engine");
        AssertRefused(new KvPreset((KvEngine)999), "names no engine");
        AssertRefused(Llama with { KvHeads = -8 }, "KvHeads is -8");
        AssertRefused(Llama with { Layers = int.MaxValue }, "Layers is 2147483647");
        AssertRefused(Llama with { Layers = 5000, SlidingLayers = [1], Window = 128 }, "with SlidingLayers it must lie in 1 … 4096");
        AssertRefused(Llama with { CacheType = (ElementType)99 }, "CacheType is 99");
    }

    private static void AssertRefused(KvPreset preset, params string[] said)
    {
        var thrown = Assert.Throws<LayoutException>(() => KvPresets.Expand("Refused", preset));
        Assert.All(thrown.Problems, problem => Assert.Equal(LayoutProblemKind.Preset, problem.Kind));
        Assert.All(said, text => Assert.Contains(text, thrown.Message, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Sorted(IEnumerable<string> names) => names.Order(StringComparer.Ordinal);

    private static void AssertSame<TPreset, THand>(List<KvEngine> seen, LayoutFingerprint preset, LayoutFingerprint hand)
        where TPreset : IKvLayout<TPreset>
        where THand : IKvLayout<THand>
    {
        Assert.Equal(THand.Schema with { Name = "" }, TPreset.Schema with { Name = "" });
        Assert.Equal(hand, preset);
        Assert.Equal(LayoutFingerprint.Of(TPreset.Schema), preset);
        Assert.Equal(KvLayouts.CanonicalText<THand>(), KvLayouts.CanonicalText<TPreset>());

        var attribute = typeof(TPreset).GetCustomAttribute<KvPresetAttribute>()!;
        Assert.Equal(TPreset.Schema, KvPresets.Expand(typeof(TPreset).Name, new KvPreset(attribute.Engine)
        {
            Layers = attribute.Layers, KvHeads = attribute.KvHeads, HeadDim = attribute.HeadDim, LatentDim = attribute.LatentDim,
            RopeDim = attribute.RopeDim, IndexerDim = attribute.IndexerDim, BlockTokens = attribute.BlockTokens,
            CacheType = attribute.CacheType, TpSizes = [.. attribute.TpSizes ?? []],
        }));
        seen.Add(attribute.Engine);
    }
}
