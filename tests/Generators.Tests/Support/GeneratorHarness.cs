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

/// <summary>
/// Runs the generator over sources. Every run is followed by one after an unrelated edit, which must find everything cached, and by a
/// look at what an analyzer finds in the result.
/// </summary>
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

    public static GeneratorDriver CreateDriver(params AdditionalText[] files) => CreateDriver(new TestOptions(), files);

    public static GeneratorDriver CreateDriver(TestOptions options, params AdditionalText[] files) => CSharpGeneratorDriver.Create(
        [new LayoutGenerator().AsSourceGenerator()],
        files,
        Options,
        options,
        new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    /// <summary>Generates, demands that what came out compiles without any warning, and that an unrelated edit leaves all of it cached.</summary>
    public static GeneratorDriverRunResult Generate(params string[] sources) => Generate([], sources);

    /// <summary>The same with additional files.</summary>
    public static GeneratorDriverRunResult Generate(AdditionalText[] files, params string[] sources)
    {
        var result = Run(CreateDriver(files), files, sources, out var compiled);
        Assert.Empty(result.Diagnostics);
        Assert.Empty(compiled.GetDiagnostics().Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning));
        return result;
    }

    /// <summary>What the layout analyzer says of the generator's output, without hints, and the compiler's errors (as texts).</summary>
    public static (ImmutableArray<Diagnostic> Reported, string[] CompilerErrors) Diagnose(params string[] sources) => Diagnose([], sources);

    /// <summary>The same with additional files.</summary>
    public static (ImmutableArray<Diagnostic> Reported, string[] CompilerErrors) Diagnose(AdditionalText[] files, params string[] sources)
    {
        var result = Run(CreateDriver(files), files, sources, out var compiled);
        Assert.Empty(result.Diagnostics);
        var reported = Analyze(compiled, new TestOptions(), files);
        var errors = compiled.GetDiagnostics().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Select(error => error.ToString());
        return (reported, errors.ToArray());
    }

    /// <summary>What the layout analyzer says of a compilation, without hints.</summary>
    public static ImmutableArray<Diagnostic> Analyze(Compilation compiled, TestOptions options, params AdditionalText[] files)
    {
        var analysis = compiled.WithAnalyzers([new LayoutAnalyzer()], new AnalyzerOptions([.. files], options));
        return [.. analysis.GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult().Where(found => found.Severity >= DiagnosticSeverity.Warning)];
    }

    private static GeneratorDriverRunResult Run(GeneratorDriver driver, AdditionalText[] files, string[] sources, out Compilation compiled)
    {
        var compilation = Compile(sources);
        driver = driver.RunGeneratorsAndUpdateCompilation(compilation, out compiled, out _);
        var result = driver.GetRunResult();
        Assert.Null(result.Results[0].Exception);
        SharedPipeline.AssertSameBeforeAndAfterGeneration(compilation, compiled, files);

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
