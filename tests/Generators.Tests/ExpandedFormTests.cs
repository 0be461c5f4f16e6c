extern alias Generator;

using Generator::Nixl.Sdk.Generators.Emitting;
using Generator::Nixl.Sdk.Generators.Model;
using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;
using Group = Generator::Nixl.Sdk.KvGroupSchema;
using Schema = Generator::Nixl.Sdk.KvSchema;
using Share = Generator::Nixl.Sdk.KvShare;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>A preset written out is the same layout: the expanded text goes through the parser like any other.</summary>
public sealed class ExpandedFormTests
{
    [Theory]
    [MemberData(nameof(PresetSources.All), MemberType = typeof(PresetSources))]
    public void The_expanded_form_of_a_preset_is_the_same_layout(string engine, string numbers) =>
        AssertSame($"[KvPreset(KvEngine.{engine}, {numbers})] public readonly partial struct Layout;");

    [Fact]
    public void Layers_at_uneven_places_are_written_out() => AssertSame(
        "[KvPreset(KvEngine.VllmPackedHnd, Layers = 6, KvHeads = 8, HeadDim = 64, BlockTokens = 16, CacheType = BFloat16, Window = 128, " +
        "SlidingLayers = [0, 1, 5])] public readonly partial struct Layout;");

    [Theory]
    [InlineData("llama-3.1-70b", "VllmPackedHnd")]
    [InlineData("deepseek-r1", "VllmMla")]
    [InlineData("gpt-oss-20b", "VllmFlashInferHnd")]
    public void What_came_from_a_model_file_stands_in_the_expanded_form(string model, string engine) => AssertSame(
        $"[KvPreset(KvEngine.{engine}, BlockTokens = 16, CacheType = BFloat16, Model = \"models/{model}/config.json\")] public readonly partial struct Layout;",
        TextFile.Real(model));

    [Fact]
    public void It_reads_like_a_layout_written_by_hand()
    {
        var form = ExpandedForm.Of(Resolve(
            "[KvPreset(KvEngine.VllmPackedHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16)] public partial struct Layout;"));
        Assert.Equal("global::Nixl.Sdk.KvLayout(\"L | B H N P D\", Layers = 80, BlockTokens = 16, KvHeads = 8)", form.Attribute);
        Assert.Equal(
            """
                [global::Nixl.Sdk.KvComponent(global::Nixl.Sdk.ElementType.BFloat16, 128)] public static partial global::Nixl.Sdk.KvComponent Key { get; }
                [global::Nixl.Sdk.KvComponent(global::Nixl.Sdk.ElementType.BFloat16, 128)] public static partial global::Nixl.Sdk.KvComponent Value { get; }

            """, form.Members);
    }

    [Fact]
    public void Shared_memory_stands_in_the_schema_table()
    {
        var source = new SourceWriter();
        var group = new Group("Full", "L | B N D") { Layers = 1, BlockTokens = 1, Pool = "kv", Share = Share.Overlay };
        SchemaEmitter.Emit(source, new Schema("Layout", Generator::Nixl.Sdk.Planning.KvList.Create(group)));
        Assert.Contains("Pool = \"kv\", Share = global::Nixl.Sdk.KvShare.Overlay", source.ToString(), StringComparison.Ordinal);
    }

    private static void AssertSame(string preset, params AdditionalText[] files)
    {
        var layout = Resolve(preset, files);
        var form = ExpandedForm.Of(layout);
        var expanded = $"[{form.Attribute}] public readonly partial struct Layout\n{{\n{form.Members}}}";
        GeneratorHarness.Generate(expanded);
        Assert.Equal(layout.Schema, Resolve(expanded).Schema);
    }

    private static LayoutSpec Resolve(string source, params AdditionalText[] files)
    {
        var result = Assert.Single(SharedPipeline.Resolve(GeneratorHarness.Compile(source), files));
        Assert.Empty(result.Diagnostics);
        return result.Layout!;
    }
}
