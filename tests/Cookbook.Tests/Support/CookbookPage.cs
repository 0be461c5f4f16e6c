namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>docs/cookbook.md taken apart, and the regions of the sources in Sections/.</summary>
internal static class CookbookPage
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "cookbook");

    /// <summary>The page itself.</summary>
    public static string Text { get; } = File.ReadAllText(Path.Combine(Folder, "cookbook.md")).ReplaceLineEndings("\n");

    /// <summary>The page's sections in order; the introduction has no heading.</summary>
    public static IReadOnlyList<CookbookSection> Sections { get; } = [.. Split(Text.Split('\n'))];

    /// <summary>The project file that compiles the sections.</summary>
    public static string Project { get; } = File.ReadAllText(Path.Combine(Folder, "Cookbook.Tests.csproj")).ReplaceLineEndings("\n");

    /// <summary>Source file, name and text of every region, in the order of the files.</summary>
    public static IReadOnlyList<(string File, string Name, string Text)> Regions { get; } =
        [.. Directory.GetFiles(Folder, "*.cs.txt").Order(StringComparer.Ordinal).SelectMany(RegionsOf)];

    /// <summary>The source files, with or without regions.</summary>
    public static IEnumerable<string> Files => Directory.GetFiles(Folder, "*.cs.txt").Select(static path => Path.GetFileName(path));

    public static CookbookSection Section(string heading) =>
        Sections.SingleOrDefault(section => section.Heading == heading)
        ?? throw new InvalidOperationException($"docs/cookbook.md has no section \"## {heading}\".");

    private static IEnumerable<CookbookSection> Split(string[] lines)
    {
        var heading = "";
        var body = new List<string>();
        foreach (var line in lines)
        {
            if (!line.StartsWith("## ", StringComparison.Ordinal))
            {
                body.Add(line);
                continue;
            }
            yield return new CookbookSection(heading, body);
            heading = line[3..].Trim();
            body = [];
        }
        yield return new CookbookSection(heading, body);
    }

    private static IEnumerable<(string File, string Name, string Text)> RegionsOf(string path)
    {
        string? name = null;
        var body = new List<string>();
        foreach (var line in File.ReadAllLines(path))
        {
            var text = line.TrimStart();
            if (text.StartsWith("#region ", StringComparison.Ordinal))
            {
                name = text[8..].Trim();
                body = [];
            }
            else if (text.StartsWith("#endregion", StringComparison.Ordinal) && name is not null)
            {
                yield return (Path.GetFileName(path), name, Dedent(body));
                name = null;
            }
            else if (name is not null)
            {
                body.Add(line);
            }
        }
    }

    private static string Dedent(List<string> lines)
    {
        var indent = lines.Where(static line => line.Length > 0).Min(static line => line.Length - line.TrimStart().Length);
        return string.Join("\n", lines.Select(line => line.Length == 0 ? line : line[indent..])).Trim('\n');
    }
}
