using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Cookbook.Tests;

/// <summary>Nothing on the page without a tested section, and no section or source that the page does not show.</summary>
public sealed class PageTests
{
    private static readonly string[] Tested = [.. typeof(SectionTests).Assembly.GetTypes()
        .Where(static type => type.IsSubclassOf(typeof(SectionTests)))
        .Select(static type => ((SectionTests)Activator.CreateInstance(type)!).Heading).Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_section_with_a_snippet_or_numbers_is_tested() =>
        Assert.Equal(Tested, CookbookPage.Sections.Where(static section => section.Snippets.Count + section.Rows.Count > 0)
            .Select(static section => section.Heading).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_region_of_a_source_is_a_snippet_of_the_page() =>
        Assert.Equal(Tested, CookbookPage.Regions.Select(static region => region.Name).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Every_source_has_a_section() =>
        Assert.Equal(CookbookPage.Files.Order(StringComparer.Ordinal),
            CookbookPage.Regions.Select(static region => region.File).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void What_a_project_file_must_say_is_in_the_one_that_compiles_the_sections()
    {
        var lines = CookbookPage.Sections.SelectMany(static section => section.ProjectLines).ToArray();
        Assert.NotEmpty(lines);
        Assert.All(lines, static line => Assert.Contains(line, CookbookPage.Project, StringComparison.Ordinal));
    }
}
