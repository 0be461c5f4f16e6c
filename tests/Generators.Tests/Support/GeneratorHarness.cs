extern alias Generator;

using System.Collections.Immutable;
using Basic.Reference.Assemblies;
using Generator::Nixl.Sdk.Generators;
using Generator::Nixl.Sdk.Generators.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Xunit;

namespace Nixl.Sdk.Generators.Tests.Support;

/// <summary>Runs the generator over sources. Every run is followed by one after an unrelated edit, which must find everything cached.</summary>
internal static class GeneratorHarness
{
    private static readonly CSharpParseOptions Options = new(LanguageVersion.CSharp13);

    private static readonly ImmutableArray<MetadataReference> References =
        [.. Net100.References.All, MetadataReference.CreateFromFile(typeof(KvLayoutAttribute).Assembly.Location)];

    /// <summary>The usings of test sources.</summary>
    private const string Usings = """
        using Nixl.Sdk;
        using static Nixl.Sdk.ElementType;

        """;

    public static CSharpCompilation Compile(params string[] sources) => CSharpCompilation.Create(
        "Test",
        sources.Select((source, index) => CSharpSyntaxTree.ParseText(Usings + source, Options, $"Source{index}.cs")),
        References,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));

    public static GeneratorDriver CreateDriver() => CSharpGeneratorDriver.Create(
        [new LayoutGenerator().AsSourceGenerator()],
        parseOptions: Options,
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    /// <summary>Generates, demands that what came out compiles without any warning, and that an unrelated edit leaves all of it cached.</summary>
    public static GeneratorDriverRunResult Generate(params string[] sources)
    {
        var result = Run(sources, out var compiled);
        Assert.Empty(result.Diagnostics);
        Assert.Empty(compiled.GetDiagnostics().Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning));
        return result;
    }

    /// <summary>What the layout analyzer says of the generator's output, without hints, and the compiler's errors (as texts).</summary>
    public static (ImmutableArray<Diagnostic> Reported, string[] CompilerErrors) Diagnose(params string[] sources)
    {
        var result = Run(sources, out var compiled);
        Assert.Empty(result.Diagnostics);
        var reported = compiled.WithAnalyzers([new LayoutAnalyzer()]).GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult();
        var errors = compiled.GetDiagnostics().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Select(error => error.ToString());
        return ([.. reported.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning)], errors.ToArray());
    }

    private static GeneratorDriverRunResult Run(string[] sources, out Compilation compiled)
    {
        var compilation = Compile(sources);
        var driver = CreateDriver().RunGeneratorsAndUpdateCompilation(compilation, out compiled, out _);
        var result = driver.GetRunResult();
        Assert.Null(result.Results[0].Exception);

        var edited = compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("internal static class Unrelated { }", Options));
        AssertAllCached(driver.RunGenerators(edited).GetRunResult());
        return result;
    }

    public static void AssertAllCached(GeneratorDriverRunResult result)
    {
        foreach (var (name, steps) in result.Results[0].TrackedSteps.Where(step => step.Key.StartsWith("Nixl", StringComparison.Ordinal)))
        {
            Assert.All(steps.SelectMany(step => step.Outputs), output => Assert.True(
                output.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged, $"{name} was {output.Reason}"));
        }
        Assert.All(OutputReasons(result), reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));
    }

    /// <summary>Why each output of the generator ran, or that it did not.</summary>
    public static IEnumerable<IncrementalStepRunReason> OutputReasons(GeneratorDriverRunResult result) =>
        result.Results[0].TrackedOutputSteps.SelectMany(step => step.Value).SelectMany(step => step.Outputs).Select(output => output.Reason);
}
