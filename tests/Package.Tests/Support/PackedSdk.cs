using System.IO.Compression;

namespace Nixl.Sdk.Package.Tests.Support;

/// <summary>The package, packed once for all tests: from this checkout, in folders of its own, with a version that no cache knows.</summary>
public sealed class PackedSdk : IAsyncLifetime
{
    /// <summary>Where a release would say that the sources are. Given, because a checkout need not have a remote.</summary>
    public const string RepositoryUrl = "https://github.com/example/nixl-sdk";

    private readonly string _name = $"package-tests-{Guid.NewGuid():N}";

    public string Version { get; } = $"0.1.0-test.{Guid.NewGuid():N}";

    /// <summary>Build output. Inside the checkout (ignored by git): paths below it are mapped, as those of a release are.</summary>
    public string Artifacts => Path.Combine(Repository.Root, "artifacts", _name);

    /// <summary>A folder outside the checkout: nothing there inherits its settings.</summary>
    public string Outside => Path.Combine(Path.GetTempPath(), _name);

    /// <summary>The local feed.</summary>
    public string Feed => Path.Combine(Outside, "feed");

    /// <summary>The package's files.</summary>
    public string Content => Path.Combine(Outside, "content");

    /// <summary>What every build of these tests is given, so that one finds the other's output up to date.</summary>
    public string[] BuildArguments => ["-c", "Release", "--artifacts-path", Artifacts, $"-p:Version={Version}", $"-p:RepositoryUrl={RepositoryUrl}"];

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(Feed);
        await Command.RunAsync(Repository.Root, "dotnet", ["pack", "Sdk/Sdk.csproj", "-o", Feed, .. BuildArguments]);
        await ZipFile.ExtractToDirectoryAsync(Path.Combine(Feed, $"Nixl.Sdk.{Version}.nupkg"), Content);
    }

    public Task DisposeAsync()
    {
        foreach (var folder in (string[])[Artifacts, Outside])
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }

        return Task.CompletedTask;
    }
}

/// <summary>One after the other: each uses all cores.</summary>
[CollectionDefinition(Name)]
public sealed class PackedSdkGroup : ICollectionFixture<PackedSdk>
{
    public const string Name = "packed";
}
