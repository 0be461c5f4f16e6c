using System.Security;
using Nixl.Sdk.Package.Tests.Support;

namespace Nixl.Sdk.Package.Tests;

/// <summary>What a user does first: a new console project in an empty folder, the package, the README's example.</summary>
[Collection(PackedSdkGroup.Name)]
public sealed class ConsumerTests(PackedSdk sdk)
{
    [Fact]
    public async Task A_new_project_builds_and_runs_the_example_of_the_readme()
    {
        var (folder, environment) = await NewProjectAsync("console");
        await DotnetAsync("build", "-c", "Release", "-warnaserror", "-o", "out");
        AssertMoved(await Command.RunAsync(folder, "dotnet", ["out/console.dll"], environment));

        Task DotnetAsync(params string[] arguments) => Command.RunAsync(folder, "dotnet", arguments, environment);
    }

    [Fact]
    public async Task Published_with_NativeAOT_the_native_core_stands_beside_the_program()
    {
        var (folder, environment) = await NewProjectAsync("native");
        await Command.RunAsync(
            folder, "dotnet", ["publish", "-c", "Release", "-r", "linux-x64", "-p:PublishAot=true", "-warnaserror", "-o", "out"], environment);
        Assert.True(File.Exists(Path.Combine(folder, "out", "libnixlsdk.so")));
        AssertMoved(await Command.RunAsync(folder, Path.Combine(folder, "out", "native"), [], environment));
    }

    private static void AssertMoved(string output) =>
        Assert.Matches(@"(?m)^request-1 from prefill-0: [1-9]\d* bytes over Loopback$", output);

    private async Task<(string Folder, Dictionary<string, string> Environment)> NewProjectAsync(string name)
    {
        var folder = Path.Combine(sdk.Outside, name);
        Directory.CreateDirectory(folder);
        // What the package depends on was restored with this checkout: it is taken from there, so that no network is needed.
        var cached = (await Command.RunAsync(Repository.Root, "dotnet", ["nuget", "locals", "global-packages", "--list"]))
            .Split("global-packages:", 2)[1].Trim();
        var environment = new Dictionary<string, string> { ["NUGET_PACKAGES"] = Path.Combine(sdk.Outside, "packages") };
        await File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="local" value="{SecurityElement.Escape(sdk.Feed)}" />
              </packageSources>
              <fallbackPackageFolders>
                <clear />
                <add key="cached" value="{SecurityElement.Escape(cached)}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        await Command.RunAsync(folder, "dotnet", ["new", "console", "--no-restore", "-n", name, "-o", "."], environment);
        await Command.RunAsync(folder, "dotnet", ["add", "package", "Nixl.Sdk", "--version", sdk.Version], environment);
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), Repository.ReadmeExample());
        return (folder, environment);
    }
}
