namespace Nixl.Sdk.Engine.Tests;

/// <summary>What the README shows is what is compiled and run.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void The_readme_shows_the_quickstart_as_it_is()
    {
        var readme = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "readme", "README.md"));
        var program = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "readme", "Program.cs.txt"));
        Assert.Contains("```csharp\n" + program.TrimEnd() + "\n```", readme, StringComparison.Ordinal);
    }
}
