using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region From a model's config.json
[KvPreset(KvEngine.VllmPackedHnd, Model = "models/llama-3.1-70b/config.json", BlockTokens = 64, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaOfConfig;
#endregion

#region From a model's config.json
[KvLayout(KvOrder.PackedHnd, Model = "models/llama-3.1-70b/config.json", BlockTokens = 64, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaOfConfigWrittenOut
{
    [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
}
#endregion

[KvLayout("L | B H N P D", Layers = 80, BlockTokens = 64, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaWithoutConfig
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

public sealed class ModelConfig : SectionTests
{
    public override string Heading => "From a model's config.json";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaOfConfig.Schema, 8, 64, (80, 32_768)),
        CheckValue.Of("Llama-3.1-70B", LlamaOfConfig.Schema, 1, 64, (80, 262_144)),
    ];

    [Fact]
    public void Both_have_the_numbers_of_the_file()
    {
        Assert.Equal(LlamaWithoutConfig.Schema with { Name = "" }, LlamaOfConfig.Schema with { Name = "" });
        Assert.Equal(LlamaWithoutConfig.Schema with { Name = "" }, LlamaOfConfigWrittenOut.Schema with { Name = "" });
        Assert.Equal(LlamaWithoutConfig.Fingerprint, LlamaOfConfig.Fingerprint);
        Assert.Equal(LlamaWithoutConfig.Fingerprint, LlamaOfConfigWrittenOut.Fingerprint);
        Assert.Equal(2 * 80 * 8 * 128 * 2, LlamaOfConfig.BytesPerToken);
    }
}
