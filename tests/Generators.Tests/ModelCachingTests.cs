extern alias Generator;

using Generator::Nixl.Sdk.Generators;
using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>An edit of a model file runs again only the layouts that name it, and only if it says something else.</summary>
public sealed class ModelCachingTests
{
    private static readonly string[] Sources =
    [
        "[KvPreset(KvEngine.VllmPackedHnd, Model = \"models/a/config.json\", BlockTokens = 16, CacheType = BFloat16)] public readonly partial struct First;",
        "[KvPreset(KvEngine.VllmPackedHnd, Model = \"models/b/config.json\", BlockTokens = 16, CacheType = BFloat16)] public readonly partial struct Second;",
        "[KvPreset(KvEngine.VllmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 16, CacheType = BFloat16)] public readonly partial struct Third;",
    ];

    private static readonly string Text = TextFile.ReadReal("llama-3.1-70b");
    private static readonly TextFile A = TextFile.Model("a", Text), B = TextFile.Model("b", Text);

    [Fact]
    public void A_changed_number_emits_only_the_layouts_that_name_the_file()
    {
        var result = Edit(driver => driver.ReplaceAdditionalText(
            A, TextFile.Model("a", Text.Replace("\"num_hidden_layers\": 80", "\"num_hidden_layers\": 32", StringComparison.Ordinal))));
        Assert.Equal(1, GeneratorHarness.OutputReasons(result).Count(reason => reason == IncrementalStepRunReason.Modified));
        Assert.Equal(2, GeneratorHarness.OutputReasons(result).Count(reason => reason == IncrementalStepRunReason.Cached));
        Assert.Equal(1, Reasons(result, LayoutGenerator.ModelStep).Count(reason => reason == IncrementalStepRunReason.Modified));
        Assert.Contains("Layers = 32", result.GeneratedTrees[0].ToString(), StringComparison.Ordinal);
        Assert.Contains("Layers = 80", result.GeneratedTrees[1].ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n", "\n\n")]
    [InlineData("\"vocab_size\": 128256", "\"vocab_size\": 1")]
    public void An_edit_that_says_nothing_of_the_cache_emits_nothing(string from, string to)
    {
        var result = Edit(driver => driver.ReplaceAdditionalText(A, TextFile.Model("a", Text.Replace(from, to, StringComparison.Ordinal))));
        Assert.Equal([IncrementalStepRunReason.Unchanged], Reasons(result, LayoutGenerator.ModelFileStep).Except([IncrementalStepRunReason.Cached]));
        GeneratorHarness.AssertAllCached(result);
    }

    [Fact]
    public void A_new_file_that_no_layout_names_emits_nothing()
    {
        var result = Edit(driver => driver.AddAdditionalTexts([TextFile.Model("c", Text), new TextFile("/project/notes.txt", "x"), new TextFile("/project/bad.json", "{")]));
        Assert.All(GeneratorHarness.OutputReasons(result), reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));
        Assert.All(Reasons(result, LayoutGenerator.ModelStep), reason => Assert.NotEqual(IncrementalStepRunReason.Modified, reason));
    }

    [Fact]
    public void A_file_that_is_taken_away_is_missed_only_by_the_layouts_that_name_it()
    {
        var result = Edit(driver => driver.RemoveAdditionalTexts([A]));
        Assert.Single(GeneratorHarness.OutputReasons(result), reason => reason == IncrementalStepRunReason.Modified);
        Assert.Equal(2, GeneratorHarness.OutputReasons(result).Count(reason => reason == IncrementalStepRunReason.Cached));
    }

    private static GeneratorDriverRunResult Edit(Func<GeneratorDriver, GeneratorDriver> edit)
    {
        var compilation = GeneratorHarness.Compile(Sources);
        var driver = GeneratorHarness.CreateDriver(A, B).RunGenerators(compilation);
        Assert.Empty(driver.GetRunResult().Diagnostics);
        return edit(driver).RunGenerators(compilation).GetRunResult();
    }

    private static IEnumerable<IncrementalStepRunReason> Reasons(GeneratorDriverRunResult result, string step) =>
        result.Results[0].TrackedSteps[step].SelectMany(run => run.Outputs).Select(output => output.Reason);
}
