using System.Diagnostics;
using System.Text;
using System.Xml.Linq;
using Nixl.Sdk.Package.Tests.Support;

namespace Nixl.Sdk.Package.Tests;

/// <summary>What is in the package, and what is not.</summary>
[Collection(PackedSdkGroup.Name)]
public sealed class ContentTests(PackedSdk sdk)
{
    private static readonly string[] Assemblies =
        ["lib/net10.0/Nixl.Sdk.dll", "analyzers/dotnet/cs/Nixl.Sdk.Generators.dll", "analyzers/dotnet/cs/Nixl.Sdk.CodeFixes.dll"];

    [Fact]
    public void The_package_holds_these_files_and_no_others()
    {
        string[] expected =
        [
            "LICENSE",
            "Nixl.Sdk.nuspec",
            "README.md",
            "lib/net10.0/Nixl.Sdk.xml",
            "runtimes/linux-x64/native/libnixlsdk.so",
            .. Assemblies,
        ];
        var found = Directory.EnumerateFiles(sdk.Content, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(sdk.Content, path))
            .Where(path => !IsOfTheContainer(path));
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_manifest_names_licence_readme_repository_and_commit()
    {
        var metadata = Manifest();
        Assert.Equal("Nixl.Sdk", Value("id"));
        Assert.Equal(sdk.Version, Value("version"));
        Assert.Equal("README.md", Value("readme"));
        Assert.Equal("Apache-2.0", Value("license"));
        Assert.NotEmpty(Value("description"));
        Assert.Contains("kv-cache", Value("tags").Split(' '));
        var repository = Element("repository");
        Assert.Equal("git", repository.Attribute("type")?.Value);
        Assert.Equal(PackedSdk.RepositoryUrl, repository.Attribute("url")?.Value);
        Assert.Equal(await HeadAsync(), repository.Attribute("commit")?.Value);

        XElement Element(string name) => metadata.Elements().Single(element => element.Name.LocalName == name);
        string Value(string name) => Element(name).Value;
    }

    [Fact]
    public void A_user_gets_abstractions_and_a_hash_only()
    {
        var dependencies = Manifest().Descendants()
            .Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value);
        Assert.Equal(
            [
                "Microsoft.Extensions.DependencyInjection.Abstractions",
                "Microsoft.Extensions.Hosting.Abstractions",
                "Microsoft.Extensions.Logging.Abstractions",
                "Microsoft.Extensions.Options",
                "Microsoft.Extensions.Options.ConfigurationExtensions",
                "System.IO.Hashing", // without dependencies of its own
            ],
            dependencies.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_documentation_describes_the_public_types()
    {
        var members = XDocument.Load(Path.Combine(sdk.Content, "lib/net10.0/Nixl.Sdk.xml")).Descendants("member")
            .ToDictionary(member => member.Attribute("name")!.Value, member => member.Element("summary")?.Value.Trim());
        foreach (var name in (string[])["T:Nixl.Sdk.NixlAgent", "T:Nixl.Sdk.KvPool`1", "T:Nixl.Sdk.KvLayoutAttribute"])
            Assert.False(string.IsNullOrEmpty(members[name]), $"{name} has no summary");
    }

    [Fact]
    public async Task Every_assembly_links_its_symbols_to_the_sources_of_the_commit()
    {
        var commit = await HeadAsync();
        Assert.All(Assemblies, assembly =>
        {
            var path = Path.Combine(sdk.Content, assembly);
            Assert.EndsWith("+" + commit, FileVersionInfo.GetVersionInfo(path).ProductVersion, StringComparison.Ordinal);
            var symbols = Symbols.Read(path);
            Assert.All(symbols.Documents, document => Assert.StartsWith("/_", document, StringComparison.Ordinal));
            Assert.Contains(
                $"\"/_/*\":\"https://raw.githubusercontent.com/example/nixl-sdk/{commit}/*\"", symbols.SourceLink, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void No_path_of_this_machine_is_in_the_package()
    {
        string[] paths =
        [
            Repository.Root,
            sdk.Outside,
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + "/.nuget",
        ];
        foreach (var file in Directory.EnumerateFiles(sdk.Content, "*", SearchOption.AllDirectories))
        {
            var bytes = File.ReadAllBytes(file);
            foreach (var path in paths)
            {
                var found = Holds(bytes, Encoding.UTF8.GetBytes(path)) || Holds(bytes, Encoding.Unicode.GetBytes(path));
                Assert.False(found, $"{Path.GetRelativePath(sdk.Content, file)} holds {path}");
            }
        }

        static bool Holds(byte[] bytes, byte[] sought) => bytes.AsSpan().IndexOf(sought) >= 0;
    }

    // Parts that every package has, for the container format only.
    private static bool IsOfTheContainer(string path) =>
        path == "[Content_Types].xml" || path.StartsWith("_rels/", StringComparison.Ordinal) || path.StartsWith("package/", StringComparison.Ordinal);

    private static async Task<string> HeadAsync() => (await Command.RunAsync(Repository.Root, "git", ["rev-parse", "HEAD"])).Trim();

    private XElement Manifest() => XDocument.Load(Path.Combine(sdk.Content, "Nixl.Sdk.nuspec")).Root!.Elements().Single();
}
