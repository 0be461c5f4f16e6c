using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Nixl.Sdk.Generators.Tests.Support;

/// <summary>What the build tells a generator: the project's directory, or nothing.</summary>
/// <param name="projectDirectory">The directory, or null.</param>
internal sealed class TestOptions(string? projectDirectory = TestOptions.ProjectDirectory) : AnalyzerConfigOptionsProvider
{
    public const string ProjectDirectory = "/project/";

    public override AnalyzerConfigOptions GlobalOptions { get; } = new Values(projectDirectory);

    public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => new Values(null);

    public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => new Values(null);

    private sealed class Values(string? projectDirectory) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, out string value)
        {
            value = key == "build_property.ProjectDir" ? projectDirectory ?? "" : "";
            return value.Length > 0;
        }
    }
}
