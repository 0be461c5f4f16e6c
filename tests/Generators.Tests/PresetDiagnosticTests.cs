using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>A preset whose numbers do not fit is reported with them, and code that uses it compiles all the same.</summary>
public sealed class PresetDiagnosticTests
{
    private const string Llama = "Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16";

    [Theory]
    [InlineData("NIXL019", "KvEngine.VllmPackedHnd", "lacks Layers (layers of the whole model) and KvHeads")]
    [InlineData("NIXL019", "KvEngine.VllmPackedHnd, " + Llama + ", LatentDim = 512, RopeDim = 64", "has no use for LatentDim = 512 and RopeDim = 64")]
    [InlineData("NIXL019", "KvEngine.VllmPerTokenHead, " + Llama, "CacheType is BFloat16 of 2 bytes; use Int8")]
    [InlineData("NIXL019", "KvEngine.VllmPackedHnd, SlidingLayers = [1], " + Llama, "Window is missing")]
    [InlineData("NIXL019", "KvEngine.VllmPackedHnd, SlidingLayers = [1], Window = 128, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16, Layers = 5000", "Layers is 5000")]
    [InlineData("NIXL019", "KvEngine.None, " + Llama, "names no engine")]
    [InlineData("NIXL019", "(KvEngine)999, " + Llama, "names no engine")]
    [InlineData("NIXL013", "KvEngine.VllmPackedHnd, TpSizes = [3], " + Llama, "tensor parallelism 3")]
    [InlineData("NIXL014", "KvEngine.VllmPackedHnd, Layers = 16777216, KvHeads = 16777216, HeadDim = 16777216, BlockTokens = 16, CacheType = BFloat16", "too large")]
    [InlineData("NIXL021", "KvEngine.VllmPackedHnd, Model = \"models/none.json\", BlockTokens = 16, CacheType = BFloat16", "it has none that end in .json")]
    public void Wrong_numbers_are_reported_at_the_attribute(string id, string arguments, string message)
    {
        var reported = AssertOnly(id, message, $"[KvPreset({arguments})] public readonly partial struct Layout;");
        Assert.StartsWith("KvPreset(", reported.Location.SourceTree!.GetText().ToString(reported.Location.SourceSpan), StringComparison.Ordinal);
    }

    [Fact]
    public void Components_of_a_preset_with_an_error_are_there()
    {
        var (_, errors) = GeneratorHarness.Diagnose(
            "[KvPreset(KvEngine.VllmFp8DsMlaSparse)] public readonly partial struct Layout;",
            "public static class User { public static KvComponent Use => Layout.Indexer.Scale; public const long Bytes = Layout.Mla.BytesPerBlock; }");
        Assert.Empty(errors);
    }

    [Theory]
    [InlineData("VllmPackedHnd", "public static int Key => 0;", "Key is the name of a generated member")]
    [InlineData("VllmFp8DsMlaSparse", "public static int Mla => 0;", "Mla is the name of a generated member")]
    public void A_member_with_the_name_of_a_generated_one_is_reported(string engine, string member, string message)
    {
        var numbers = engine == "VllmPackedHnd" ? Llama : "Layers = 61, LatentDim = 512, RopeDim = 64, IndexerDim = 128, BlockTokens = 64";
        AssertOnly("NIXL017", message, $"[KvPreset(KvEngine.{engine}, {numbers})] public readonly partial struct Layout {{ {member} }}");
    }

    [Theory]
    [InlineData("Latent", "VllmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16")]
    [InlineData("Full", "VllmPackedHnd, SlidingLayers = [1], Window = 128, " + Llama)]
    public void A_type_with_the_name_of_a_generated_member_is_reported(string name, string arguments)
    {
        var (reported, errors) = GeneratorHarness.Diagnose($"[KvPreset(KvEngine.{arguments})] public readonly partial struct {name};");
        Assert.Empty(errors);
        Assert.Equal("NIXL017", Assert.Single(reported).Id);
        Assert.StartsWith(name + " is the name of a generated member", reported[0].GetMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_preset_that_is_a_layout_too_is_reported()
    {
        var (reported, errors) = GeneratorHarness.Diagnose(
            $"[KvPreset(KvEngine.VllmMla, {Llama})] [KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 16)] public readonly partial struct Layout " +
            "{ [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; } }");
        Assert.Empty(errors);
        Assert.Equal("NIXL020", Assert.Single(reported).Id);
    }

    [Fact]
    public void A_component_in_a_preset_is_reported() => Assert.Contains(
        GeneratorHarness.Diagnose($"[KvPreset(KvEngine.VllmMla, {Llama})] public readonly partial struct Layout " +
            "{ [KvComponent(BFloat16, 576)] public static partial KvComponent More { get; } }").Reported,
        diagnostic => diagnostic.Id == "NIXL018" && diagnostic.GetMessage(null).Contains("components of a preset are generated", StringComparison.Ordinal));

    [Theory]
    [InlineData("public readonly struct Layout;", "NIXL001")]
    [InlineData("public static partial class Layout;", "NIXL003")]
    public void A_form_of_type_that_cannot_be_a_preset_is_reported(string type, string id) =>
        Assert.Equal(id, Assert.Single(GeneratorHarness.Diagnose($"[KvPreset(KvEngine.VllmPackedHnd, {Llama})] {type}").Reported).Id);

    private static Diagnostic AssertOnly(string id, string message, string source)
    {
        var (reported, errors) = GeneratorHarness.Diagnose(source, """
            public static class User
            {
                public static string Text = Layout.CanonicalText + Layout.Fingerprint + Layout.Schema.Name;
                public static KvSchema Of<T>() where T : IKvLayout<T> => T.Schema;
                public static KvSchema Use() => Of<Layout>();
            }
            """);
        Assert.Empty(errors);
        var diagnostic = Assert.Single(reported);
        Assert.Equal((id, DiagnosticSeverity.Error), (diagnostic.Id, diagnostic.Severity));
        Assert.Contains(message, diagnostic.GetMessage(null), StringComparison.Ordinal);
        return diagnostic;
    }
}
