using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Nixl.Sdk.Generators.Tests.Support;

/// <summary>An additional file that exists only here.</summary>
internal sealed class TextFile(string path, string text) : AdditionalText
{
    public override string Path { get; } = path;

    public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text, Encoding.UTF8);

    /// <summary>A model's config.json in the project's folder models/.</summary>
    public static TextFile Model(string name, string text) => new(TestOptions.ProjectDirectory + "models/" + name + "/config.json", text);

    /// <summary>A real model's config.json, as the tests of layouts have it.</summary>
    public static TextFile Real(string name) => Model(name, ReadReal(name));

    /// <summary>The text of a real model's config.json.</summary>
    public static string ReadReal(string name) => File.ReadAllText(
        System.IO.Path.Combine(Here(), "../../Layouts.Tests/models", name, "config.json"));

    private static string Here([CallerFilePath] string file = "") => System.IO.Path.GetDirectoryName(file)!;
}
