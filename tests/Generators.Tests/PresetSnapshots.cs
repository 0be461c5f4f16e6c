using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>The generated code of every preset, and of layouts whose numbers come from a model's config.json.</summary>
public sealed class PresetSnapshots
{
    [Theory]
    [MemberData(nameof(PresetSources.All), MemberType = typeof(PresetSources))]
    public void Preset(string engine, string numbers) =>
        Check([], $"namespace Models; [KvPreset(KvEngine.{engine}, {numbers})] public readonly partial struct Layout;", engine);

    [Theory]
    [InlineData("llama-3.1-70b", "KvEngine.VllmPackedHnd, BlockTokens = 16, CacheType = BFloat16")]
    [InlineData("qwen3-32b", "KvEngine.SglangMha, BlockTokens = 64, CacheType = BFloat16")]
    [InlineData("mistral-7b-v0.3", "KvEngine.VllmFlashAttention, BlockTokens = 16, CacheType = Fp8E4M3")]
    [InlineData("mistral-7b-v0.1", "KvEngine.VllmFlashAttention, BlockTokens = 16, CacheType = BFloat16")]
    [InlineData("deepseek-r1", "KvEngine.VllmMla, BlockTokens = 64, CacheType = BFloat16")]
    [InlineData("gpt-oss-20b", "KvEngine.VllmFlashInferHnd, BlockTokens = 16, CacheType = BFloat16")]
    public void Preset_from_config(string model, string numbers) => Check(
        [TextFile.Real(model)], $"[KvPreset({numbers}, Model = \"models/{model}/config.json\")] public readonly partial struct Layout;", model);

    [Theory]
    [InlineData("llama-3.1-70b")]
    [InlineData("qwen3-32b")]
    [InlineData("mistral-7b-v0.3")]
    [InlineData("mistral-7b-v0.1")]
    public void Layout_from_config(string model) => Check([TextFile.Real(model)], $$"""
        [KvLayout(KvOrder.SplitHnd, Model = "models/{{model}}/config.json", BlockTokens = 16)]
        public readonly partial struct Layout
        {
            [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
            [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
        }
        """, model);

    [Fact]
    public void Latent_from_config() => Check([TextFile.Real("deepseek-r1")], """
        [KvLayout(KvOrder.Mla, Model = "models/deepseek-r1/config.json", BlockTokens = 64)]
        public readonly partial struct Layout
        {
            [KvComponent(BFloat16)] public static partial KvComponent Latent { get; }
        }
        """);

    [Fact]
    public void Groups_by_layer_type_from_config() => Check([TextFile.Real("gpt-oss-20b")], """
        [KvLayout(Model = "models/gpt-oss-20b/config.json")]
        public readonly partial struct Layout
        {
            [KvGroup(KvOrder.FlashInferHnd, LayerType = "full_attention", BlockTokens = 16)]
            public readonly partial struct Full
            {
                [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
                [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
            }

            [KvGroup(KvOrder.FlashInferHnd, LayerType = "sliding_attention", BlockTokens = 16)]
            public readonly partial struct Sliding
            {
                [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
                [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
            }
        }
        """);

    private static void Check(
        TextFile[] files, string source, string hint = "", [System.Runtime.CompilerServices.CallerMemberName] string method = "")
    {
        var generated = Assert.Single(GeneratorHarness.Generate(files, source).GeneratedTrees);
        Snapshot.Verify(generated.ToString(), hint, method: method);
    }
}
