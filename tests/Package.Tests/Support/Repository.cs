namespace Nixl.Sdk.Package.Tests.Support;

/// <summary>The checkout that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The program that the README shows first.</summary>
    public static string ReadmeExample()
    {
        const string Fence = "```csharp\n";
        var readme = File.ReadAllText(Path.Combine(Root, "README.md"));
        var start = readme.IndexOf(Fence, StringComparison.Ordinal) + Fence.Length;
        return readme[start..(readme.IndexOf("\n```", start, StringComparison.Ordinal) + 1)];
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Sdk.sln")))
                return directory.FullName;
        }

        throw new DirectoryNotFoundException($"no Sdk.sln above {AppContext.BaseDirectory}");
    }
}
