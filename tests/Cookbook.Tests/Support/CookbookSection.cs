namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>One section of the page.</summary>
internal sealed class CookbookSection
{
    private const string CSharp = "```csharp", Xml = "```xml";
    private const string Header = "| one block of one rank | pieces × bytes |";

    public CookbookSection(string heading, IReadOnlyList<string> lines)
    {
        Heading = heading;
        var (fence, snippet) = ("", default(List<string>));
        var inTable = false;
        foreach (var line in lines)
        {
            if (snippet is not null && line == "```")
            {
                (fence == CSharp ? Snippets : ProjectLines).Add(string.Join("\n", snippet));
                snippet = null;
            }
            else if (snippet is not null)
            {
                snippet.Add(line);
            }
            else if (line is CSharp or Xml)
            {
                (fence, snippet) = (line, []);
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"Section \"{heading}\" has a block that cannot be tested: {line}");
            }
            else
            {
                inTable = line == Header || (inTable && line.StartsWith('|'));
                if (inTable && line != Header && !line.StartsWith("|-", StringComparison.Ordinal))
                    Rows.Add(line);
            }
        }
        if (snippet is not null)
            throw new InvalidOperationException($"A snippet of section \"{heading}\" does not end.");
    }

    public string Heading { get; }

    /// <summary>Its C# blocks.</summary>
    public List<string> Snippets { get; } = [];

    /// <summary>Its XML blocks: what a project file must say.</summary>
    public List<string> ProjectLines { get; } = [];

    /// <summary>The rows of its table of pieces.</summary>
    public List<string> Rows { get; } = [];
}
