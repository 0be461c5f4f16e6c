using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>Each mistake is reported once, by its id, where it was made; and nothing but it: no wave of compiler errors follows.</summary>
public sealed class DiagnosticTests
{
    private const string Key = "[KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }";
    private const string Value = "[KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }";

    [Theory]
    [InlineData("NIXL004", "L P B N H D", "has no '|'")]
    [InlineData("NIXL004", "L P | B N X D", "'X' at position 11")]
    [InlineData("NIXL004", "L P | B N H D |", "more than one '|'")]
    [InlineData("NIXL004", "L P | B N H D D", "clashes with D")]
    [InlineData("NIXL004", "L P | B N H D/8", "without its other half D%8")]
    [InlineData("NIXL004", "L P | B N H D/", "needs a tile size")]
    [InlineData("NIXL004", "L P | B N H/2 H%2 D", "cannot be tiled")]
    [InlineData("NIXL004", "L P | B N H, D", "is not expected after H")]
    [InlineData("NIXL004", "L P | T N H D", "clashes with T")]
    [InlineData("NIXL004", "B L P | N H D", "cannot stand left of the bar")]
    [InlineData("NIXL004", "L P | N H D", "neither B (blocks) nor T")]
    [InlineData("NIXL004", "L | B N H D P", "D stands before B or P")]
    [InlineData("NIXL005", "L | B N H D", "its order has no P")]
    [InlineData("NIXL005", "P | B N H D", "has no L")]
    [InlineData("NIXL005", "L P | B N D", "KvHeads is 8 but the order has no H")]
    [InlineData("NIXL005", "L P | B H D", "BlockTokens is 16 but the order has no N or T")]
    [InlineData("NIXL005", "L P | B N H", "has no D")]
    [InlineData("NIXL006", "L P | B N H D/24 D%24", "does not divide 128")]
    public void A_wrong_order_is_reported_with_what_is_wrong_about_it(string id, string order, string message) => AssertOnly(
        id, message, $"[KvLayout(\"{order}\", Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly partial struct Layout {{ {Key} {Value} }}");

    [Theory]
    [InlineData("NIXL006", "BlockTokens = 16, KvHeads = 8", "Layers is 0")]
    [InlineData("NIXL006", "Layers = -1, BlockTokens = 16, KvHeads = 8", "Layers is -1")]
    [InlineData("NIXL006", "Layers = 4, BlockTokens = -16, KvHeads = 8", "BlockTokens is -16")]
    [InlineData("NIXL005", "Layers = 4, KvHeads = 8", "the order has N or T but BlockTokens is missing or 0")]
    [InlineData("NIXL005", "Layers = 4, BlockTokens = 16", "the order has H but KvHeads is missing or 0")]
    [InlineData("NIXL006", "Layers = 4, BlockTokens = 16, KvHeads = 8, PageAlign = 3", "PageAlign is 3")]
    [InlineData("NIXL006", "Layers = 4, BlockTokens = 16, KvHeads = 8, TokensPerEntry = 3", "not a multiple of TokensPerEntry 3")]
    [InlineData("NIXL006", "Layers = 4, BlockTokens = 16, KvHeads = 8, TokensPerEntry = 0", "TokensPerEntry is 0")]
    [InlineData("NIXL006", "Layers = 4, LayerIndices = [1, 2], BlockTokens = 16, KvHeads = 8", "LayerIndices names 2")]
    [InlineData("NIXL006", "LayerIndices = [1, 1], BlockTokens = 16, KvHeads = 8", "there twice")]
    [InlineData("NIXL006", "Layers = 4, BlockTokens = 16, KvHeads = 8, TpSizes = [0]", "TpSizes contains 0")]
    [InlineData("NIXL006", "Layers = 4, BlockTokens = 16, KvHeads = 8, Pool = \"a b\"", "names of a group and of its pool")]
    [InlineData("NIXL015", "Layers = 4, BlockTokens = 16, KvHeads = 8, Share = KvShare.Overlay", "name the pool")]
    [InlineData("NIXL014", "Layers = 16777216, BlockTokens = 16777216, KvHeads = 16777216", "too large")]
    public void A_wrong_number_is_reported_with_its_name(string id, string settings, string message) => AssertOnly(
        id, message, $"[KvLayout(KvOrder.SplitNhd, {settings})] public readonly partial struct Layout {{ {Key} {Value} }}");

    [Theory]
    [InlineData("NIXL006", "BFloat16, 0", "", "the shape contains 0")]
    [InlineData("NIXL006", "BFloat16, -128", "", "the shape contains -128")]
    [InlineData("NIXL006", "BFloat16", "", "the shape is empty")]
    [InlineData("NIXL006", "(ElementType)99, 128", "", "the element type is not set")]
    [InlineData("NIXL004", "BFloat16, 128", ", Order = \"H N | D\"", "a component's own order replaces only")]
    [InlineData("NIXL004", "BFloat16, 128", ", Order = \"B H N D\"", "contains B")]
    [InlineData("NIXL004", "BFloat16, 128", ", Order = \"\"", "the component's order is empty")]
    [InlineData("NIXL004", "BFloat16, 128", ", Order = \"H D/8 N\"", "without its other half D%8")]
    [InlineData("NIXL004", "BFloat16, 128", ", Order = \"L N H D\"", "repeats L")]
    [InlineData("NIXL005", "BFloat16, 128", ", Order = \"N H\"", "has no D")]
    [InlineData("NIXL012", "BFloat16, 128", ", ScaleOf = \"Nothing\"", "names no other component")]
    [InlineData("NIXL012", "BFloat16, 128", ", ScaleOf = \"Key\"", "names no other component")]
    [InlineData("NIXL013", "BFloat16, 128", ", Shard = KvShard.Units", "needs Units")]
    [InlineData("NIXL013", "BFloat16, 128", ", Shard = KvShard.Units, Units = 3", "do not divide")]
    [InlineData("NIXL013", "BFloat16, 128", ", Units = 4", "Shard is not Units")]
    [InlineData("NIXL013", "BFloat16, 128", ", Shard = KvShard.Head, Order = \"N D\"", "has no H")]
    public void A_wrong_component_is_reported_at_its_property(string id, string arguments, string settings, string message)
    {
        var reported = AssertOnly(id, message, $$"""
            [KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)]
            public readonly partial struct Layout
            {
                [KvComponent({{arguments}}{{settings}})] public static partial KvComponent Key { get; }
                {{Value}}
            }
            """);
        Assert.Equal("Key", TextAt(reported));
    }

    [Fact]
    public void A_type_that_is_not_partial_is_reported_and_left_alone()
    {
        var (reported, _) = GeneratorHarness.Diagnose(
            $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly struct Layout {{ {Key} {Value} }}");
        Assert.Equal("NIXL001", Assert.Single(reported).Id);
        Assert.Equal("Layout", TextAt(reported[0]));
    }

    [Theory]
    [InlineData("public class Outer { [A] public readonly partial struct Layout", "}", "NIXL002", "Outer")]
    [InlineData("public partial class Outer<T> { [A] public readonly partial struct Layout", "}", "NIXL003", "nested in Outer<T>, which is generic")]
    [InlineData("[A] public partial struct Layout<T>", "", "NIXL003", "generic")]
    [InlineData("[A] public static partial class Layout", "", "NIXL003", "static")]
    [InlineData("[A] file partial class Layout", "", "NIXL003", "file-local")]
    [InlineData("[A] public ref partial struct Layout", "", "NIXL003", "a ref struct")]
    public void A_form_of_type_that_cannot_be_a_layout_is_reported(string head, string tail, string id, string message)
    {
        var source = head.Replace("[A]", "[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)]", StringComparison.Ordinal);
        var (reported, _) = GeneratorHarness.Diagnose($"{source} {{ {Key} {Value} }} {tail}");
        var diagnostic = Assert.Single(reported);
        Assert.Equal(id, diagnostic.Id);
        Assert.Contains(message, diagnostic.GetMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public void Components_in_two_declarations_are_reported() => AssertOnly("NIXL010", "spread over several declarations",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly partial struct Layout {{ {Key} }}",
        $"public readonly partial struct Layout {{ {Value} }}");

    [Fact]
    public void Groups_in_two_declarations_are_reported() => AssertOnly("NIXL010", "spread over several declarations",
        $"[KvLayout] public readonly partial struct Layout {{ {Group("A")} }}", $"public readonly partial struct Layout {{ {Group("B")} }}");

    [Fact]
    public void A_layout_without_components_is_reported() => AssertOnly("NIXL007", "has no components",
        "[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly partial struct Layout { }");

    [Fact]
    public void A_layout_with_an_order_and_groups_is_reported() => AssertOnly("NIXL016", "order of its own and nested groups",
        $"[KvLayout(KvOrder.SplitNhd)] public readonly partial struct Layout {{ {Group("A")} }}");

    [Fact]
    public void A_size_of_tensor_parallelism_that_does_not_divide_the_heads_is_reported() => AssertOnly("NIXL013", "tensor parallelism 3",
        $"[KvLayout(KvOrder.Mla, Layers = 4, BlockTokens = 16, TpSizes = [3])] public readonly partial struct Fine {{ {Key} }}",
        "[KvLayout(\"L | B N H D\", Layers = 4, BlockTokens = 16, KvHeads = 8, TpSizes = [4, 16, 3])] public readonly partial struct Layout " +
        $"{{ {Key} }}");

    [Fact]
    public void Two_rules_under_one_head_dimension_are_reported() => AssertOnly("NIXL013", "not split like Key",
        $"[KvLayout(KvOrder.PackedHnd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly partial struct Layout {{ {Key} " +
        "[KvComponent(BFloat16, 128, Shard = KvShard.Replicated)] public static partial KvComponent Value { get; } }");

    [Fact]
    public void P_with_one_component_is_a_warning_and_the_code_is_generated()
    {
        var (reported, errors) = GeneratorHarness.Diagnose(
            $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly partial struct Layout {{ {Key} }}",
            "public static class User { public const int Pieces = Layout.PiecesPerBlock; }");
        Assert.Empty(errors);
        Assert.Equal(("NIXL009", DiagnosticSeverity.Warning), (Assert.Single(reported).Id, reported[0].Severity));
    }

    [Theory]
    [InlineData("public static KvComponent Key => default;")]
    [InlineData("public static partial int Key { get; }")]
    [InlineData("public partial KvComponent Key { get; }")]
    public void A_property_of_another_form_is_reported(string property)
    {
        var (reported, _) = GeneratorHarness.Diagnose(
            $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public partial struct Layout {{ [KvComponent(BFloat16, 128)] {property} {Value} }}");
        Assert.Contains(reported, diagnostic => diagnostic.Id == "NIXL011");
    }

    [Fact]
    public void A_component_with_the_name_of_a_generated_member_is_reported()
    {
        var (reported, _) = GeneratorHarness.Diagnose(
            $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public partial struct Layout {{ {Key.Replace("Key", "Layers", StringComparison.Ordinal)} {Value} }}");
        Assert.Equal("NIXL017", Assert.Single(reported).Id);
    }

    [Theory]
    [InlineData("Plan")]
    [InlineData("Layers")]
    public void A_type_with_the_name_of_a_generated_member_is_reported(string name)
    {
        var (reported, errors) = GeneratorHarness.Diagnose(
            $"[KvPreset(KvEngine.VllmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16)] public partial struct {name};");
        Assert.Empty(errors);
        Assert.Equal(("NIXL017", name), (Assert.Single(reported).Id, TextAt(reported[0])));
    }

    [Fact]
    public void An_attribute_on_two_declarations_is_the_compilers_error_alone()
    {
        const string Attribute = "[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public partial struct Layout";
        var (reported, errors) = GeneratorHarness.Diagnose($"{Attribute} {{ {Key} {Value} }} {Attribute} {{ }}");
        Assert.Empty(reported);
        Assert.Contains("CS0579", Assert.Single(errors), StringComparison.Ordinal);
    }

    [Fact]
    public void A_component_declared_twice_is_reported()
    {
        var (reported, _) = GeneratorHarness.Diagnose(
            $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public partial struct Layout {{ {Key} {Key} }}");
        Assert.Equal("NIXL008", Assert.Single(reported).Id);
    }

    [Theory]
    [InlineData("[KvGroup(KvOrder.Mla, Layers = 1)] public partial struct Lonely { }", "is not nested in a type with [KvLayout]")]
    [InlineData("public partial struct Plain { [KvComponent(BFloat16, 1)] public static KvComponent Lonely => default; }", "neither [KvLayout] nor [KvGroup]")]
    public void What_belongs_to_no_layout_is_reported(string source, string message)
    {
        var (reported, errors) = GeneratorHarness.Diagnose(source);
        Assert.Empty(errors);
        Assert.Equal("NIXL018", Assert.Single(reported).Id);
        Assert.Contains(message, reported[0].GetMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_component_beside_the_groups_is_reported() => Assert.Contains(
        GeneratorHarness.Diagnose($"[KvLayout] public readonly partial struct Layout {{ {Key} {Group("A")} }}").Reported,
        diagnostic => diagnostic.Id == "NIXL018");

    private static string Group(string name) =>
        $"[KvGroup(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 8)] public readonly partial struct {name} {{ {Key} {Value} }}";

    // Code that uses the layout compiles all the same, so that the mistake stands alone in the user's error list.
    private static Diagnostic AssertOnly(string id, string message, params string[] sources)
    {
        const string User = """
            public static class User
            {
                public static string Text = Layout.CanonicalText + Layout.Fingerprint + Layout.Schema.Name;
                public static KvSchema Of<T>() where T : IKvLayout<T> => T.Schema;
                public static KvSchema Use() => Of<Layout>();
            }
            """;
        var (reported, errors) = GeneratorHarness.Diagnose([.. sources, User]);
        Assert.Empty(errors);
        var diagnostic = Assert.Single(reported);
        Assert.Equal((id, DiagnosticSeverity.Error), (diagnostic.Id, diagnostic.Severity));
        Assert.Contains(message, diagnostic.GetMessage(null), StringComparison.OrdinalIgnoreCase);
        return diagnostic;
    }

    private static string TextAt(Diagnostic diagnostic) =>
        diagnostic.Location.SourceTree!.GetText().ToString(diagnostic.Location.SourceSpan);
}
