using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>Names that C# allows are names that layouts may have: what is generated for them compiles without a warning.</summary>
public sealed class NameTests
{
    private const string Mla = "[KvPreset(KvEngine.VllmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64, CacheType = BFloat16)]";

    [Theory]
    [InlineData("record")]
    [InlineData("required")]
    [InlineData("file")]
    [InlineData("scoped")]
    [InlineData("field")]
    [InlineData("int")]
    [InlineData("kv")]
    public void A_type_may_be_named_like_a_keyword(string name)
    {
        var result = GeneratorHarness.Generate($"namespace @event; public partial class @{name} {{ {Mla} public readonly partial struct Inner; }} " +
            $"public static partial class Other {{ {Mla} public readonly partial struct @{name}; }}");
        Assert.Equal([$"event.Other.{name}.KvLayout.g.cs", $"event.{name}.Inner.KvLayout.g.cs"], Files(result).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_component_may_be_named_like_a_keyword() => GeneratorHarness.Generate("""
        [KvLayout("L | B H N P D", Layers = 8, KvHeads = 8, BlockTokens = 64)]
        public readonly partial struct Layout
        {
            [KvComponent(BFloat16, 128)] public static partial KvComponent @await { get; }
            [KvComponent(BFloat16, 128)] public static partial KvComponent field { get; }
        }
        """);

    [Fact]
    public void A_layout_may_derive_from_a_layout() => GeneratorHarness.Generate(
        $"{Mla} public partial class Base; {Mla} public partial class Derived : Base; {Mla} public partial record Root; {Mla} public partial record Leaf : Root;");

    [Fact]
    public void Types_whose_names_differ_only_in_case_have_files_of_their_own()
    {
        var result = GeneratorHarness.Generate(
            $"namespace Models; {Mla} public readonly partial struct MyKv; {Mla} public readonly partial struct MyKV; {Mla} public readonly partial struct Other;",
            "namespace models; [KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 64)] public readonly partial struct @mykv " +
            "{ [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; } }");
        Assert.Equal(
            ["Models.MyKV.KvLayout.g.cs", "Models.MyKv.2.KvLayout.g.cs", "Models.Other.KvLayout.g.cs", "models.mykv.3.KvLayout.g.cs"],
            Files(result).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Files(GeneratorDriverRunResult result) =>
        result.Results[0].GeneratedSources.Select(source => source.HintName);
}
