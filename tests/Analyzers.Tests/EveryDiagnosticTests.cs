using Microsoft.CodeAnalysis;
using Nixl.Sdk.Analyzers.Tests.Support;
using Nixl.Sdk.Generators.Diagnostics;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests;

/// <summary>Every diagnostic has a case that fires and one that does not, a page, a line in the index and a line in the release notes.</summary>
public sealed class EveryDiagnosticTests
{
    private static readonly DiagnosticDescriptor[] Descriptors = [.. LayoutDiagnostics.All, .. UsageDiagnostics.All];

    private static readonly Case[] Cases = [.. LayoutCases.All, .. PresetCases.All, .. UsageCases.All];

    public static TheoryData<string> Ids() => [.. Descriptors.Select(descriptor => descriptor.Id)];

    [Fact]
    public void Every_id_is_there_once_and_every_analyzer_reports_only_these()
    {
        Assert.Equal(Descriptors.Length, Descriptors.Select(descriptor => descriptor.Id).Distinct().Count());
        Assert.Equal(
            Descriptors.Select(descriptor => descriptor.Id).Order(StringComparer.Ordinal),
            Harness.Analyzers.SelectMany(analyzer => analyzer.SupportedDiagnostics).Select(descriptor => descriptor.Id).Order(StringComparer.Ordinal));
        Assert.Equal(Ids().Count, Cases.Length);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task It_fires_where_it_should(string id)
    {
        var example = Cases.Single(found => found.Id == id);
        var (reported, _) = await Harness.DiagnoseAsync(withSdk: true, example.ModelThatFires, [example.Fires]);
        var diagnostic = reported.First(found => found.Id == id);
        Assert.All(reported, found => Assert.Equal(id, found.Id));
        Assert.Equal(example.At, diagnostic.Location.SourceTree!.GetText().ToString(diagnostic.Location.SourceSpan));
        Assert.DoesNotContain("{0}", diagnostic.GetMessage(null), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task It_is_silent_where_it_should_be(string id)
    {
        var example = Cases.Single(found => found.Id == id);
        var (reported, errors) = await Harness.DiagnoseAsync(withSdk: true, example.ModelThatIsSilent, [example.Silent]);
        Assert.Empty(errors);
        Assert.Empty(reported.Where(found => found.Severity > DiagnosticSeverity.Info || found.Id == id));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void It_has_a_page_that_it_links_to(string id)
    {
        var descriptor = Descriptors.Single(found => found.Id == id);
        Assert.EndsWith($"/docs/diagnostics/{id}.md", descriptor.HelpLinkUri, StringComparison.Ordinal);
        var page = File.ReadAllText(Path.Combine(Pages, id + ".md"));
        Assert.StartsWith($"# {id}: {descriptor.Title}\n", page, StringComparison.Ordinal);
        Assert.All(["Severity: " + descriptor.DefaultSeverity, "## Cause", "## Example", "## How to mend it", "## How to silence it", "```csharp"],
            part => Assert.Contains(part, page, StringComparison.Ordinal));
        Assert.Contains($"[{id}](diagnostics/{id}.md)", File.ReadAllText(Pages + ".md"), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_page_has_a_diagnostic() => Assert.Equal(
        Descriptors.Select(descriptor => descriptor.Id).Order(StringComparer.Ordinal),
        Directory.GetFiles(Pages, "*.md").Select(page => Path.GetFileNameWithoutExtension(page)).Order(StringComparer.Ordinal));

    [Fact]
    public void The_release_notes_agree() => Assert.Equal(
        Descriptors.Select(descriptor => $"{descriptor.Id} | {descriptor.Category} | {descriptor.DefaultSeverity} | {descriptor.Title}").Order(StringComparer.Ordinal),
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "releases"))
            .SelectMany(File.ReadAllLines).Where(line => line.StartsWith("NIXL", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    private static string Pages => Path.Combine(AppContext.BaseDirectory, "docs", "diagnostics");
}
