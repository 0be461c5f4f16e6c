using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>An edit runs again only what it concerns. (That unrelated edits run nothing is part of every other test, in the harness.)</summary>
public sealed class CachingTests
{
    private const string First = """
        [KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 16)]
        public readonly partial struct First
        {
            [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
        }
        """;

    private const string Second = """
        [KvLayout(KvOrder.Mla, Layers = 27, BlockTokens = 64)]
        public readonly partial struct Second
        {
            [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
        }
        """;

    [Fact]
    public void A_moved_line_emits_nothing_again() =>
        Assert.All(OutputsAfterEdit([First, Second], 0, "// a comment\n\n" + First), reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));

    [Fact]
    public void A_changed_number_emits_only_its_own_file()
    {
        var reasons = OutputsAfterEdit([First, Second], 0, First.Replace("61", "60", StringComparison.Ordinal)).ToList();
        Assert.Single(reasons, reason => reason == IncrementalStepRunReason.Modified);
        Assert.Single(reasons, reason => reason == IncrementalStepRunReason.Cached);
    }

    [Fact]
    public void A_name_that_comes_to_differ_only_in_case_leaves_the_other_files_alone()
    {
        var reasons = OutputsAfterEdit(
            [First, Second, First.Replace("First", "Third", StringComparison.Ordinal)], 1, Second.Replace("Second", "first", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, reasons.Count(reason => reason == IncrementalStepRunReason.Cached));
    }

    [Fact]
    public void An_edit_of_another_declaration_of_the_type_emits_its_file_again()
    {
        const string Attribute = "[KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 16)] public readonly partial struct Apart;";
        const string Components = "public readonly partial struct Apart { [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; } }";
        var reasons = OutputsAfterEdit([First, Attribute, Components], 2, Components.Replace("576", "512", StringComparison.Ordinal)).ToList();
        Assert.Equal([IncrementalStepRunReason.Modified, IncrementalStepRunReason.Cached], reasons.Order());
    }

    [Fact]
    public void A_moved_mistake_emits_no_stub_again()
    {
        var wrong = First.Replace("BFloat16, 576", "BFloat16, 0", StringComparison.Ordinal);
        Assert.All(OutputsAfterEdit([wrong], 0, "\n" + wrong), reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));
    }

    [Fact]
    public void Two_runs_from_nothing_write_the_same_bytes()
    {
        var once = GeneratorHarness.Generate(First, Second).GeneratedTrees.Select(tree => tree.ToString());
        var again = GeneratorHarness.Generate(First, Second).GeneratedTrees.Select(tree => tree.ToString());
        Assert.Equal(once, again);
    }

    private static IEnumerable<IncrementalStepRunReason> OutputsAfterEdit(string[] sources, int index, string edited)
    {
        var compilation = GeneratorHarness.Compile(sources);
        var driver = GeneratorHarness.CreateDriver().RunGenerators(compilation);
        return GeneratorHarness.OutputReasons(driver.RunGenerators(Edit(compilation, index, edited)).GetRunResult());
    }

    private static CSharpCompilation Edit(CSharpCompilation compilation, int index, string source)
    {
        var tree = compilation.SyntaxTrees[index];
        return compilation.ReplaceSyntaxTree(tree, GeneratorHarness.Compile(source).SyntaxTrees[0].WithFilePath(tree.FilePath));
    }
}
