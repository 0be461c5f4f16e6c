using Xunit;

namespace Nixl.Sdk.Generators.Tests.Support;

/// <summary>Each engine with numbers that fit it, as they stand in an attribute.</summary>
public static class PresetSources
{
    public static TheoryData<string, string> All()
    {
        var data = new TheoryData<string, string>();
        foreach (var engine in Enum.GetValues<KvEngine>().Where(engine => engine != KvEngine.None))
            data.Add(engine.ToString(), Numbers(engine));
        return data;
    }

    private static string Numbers(KvEngine engine) => engine switch
    {
        KvEngine.VllmMla or KvEngine.VllmMlaCrossLayer or KvEngine.SglangMla or KvEngine.TensorRtLlmMla =>
            "Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16",
        KvEngine.VllmFp8DsMla => "Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64",
        KvEngine.VllmFp8DsMlaSparse => "Layers = 61, LatentDim = 512, RopeDim = 64, IndexerDim = 128, BlockTokens = 64, TpSizes = [4, 8]",
        KvEngine.VllmPerTokenHead => "Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = Int8",
        KvEngine.LmCacheChunk => "Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 256, CacheType = BFloat16",
        _ => "Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16, TpSizes = [4, 8]",
    };
}
