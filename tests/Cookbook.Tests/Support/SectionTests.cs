using Xunit;

namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>What every section of the cookbook is tested for besides moving its bytes: its numbers and its snippets.</summary>
public abstract class SectionTests
{
    /// <summary>The section's heading in docs/cookbook.md; the regions of its snippets have this name.</summary>
    public abstract string Heading { get; }

    /// <summary>The rows of its table.</summary>
    public abstract IEnumerable<CheckValue> CheckValues { get; }

    [Fact]
    public void The_real_model_has_these_pieces()
    {
        Assert.NotEmpty(CheckValues);
        Assert.All(CheckValues, static value => value.Assert());
    }

    [Fact]
    public void The_page_shows_these_numbers() =>
        Assert.Equal(CheckValues.Select(static value => value.Row), CookbookPage.Section(Heading).Rows);

    [Fact]
    public void The_page_shows_the_source_that_is_compiled_here() =>
        Assert.Equal(
            CookbookPage.Regions.Where(region => region.Name == Heading).Select(static region => region.Text),
            CookbookPage.Section(Heading).Snippets);
}
