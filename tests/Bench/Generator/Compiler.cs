using System.Collections.Immutable;
using System.Text;
using Basic.Reference.Assemblies;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Nixl.Sdk.Generators;

namespace Nixl.Sdk.Bench.Generator;

/// <summary>The compiler in this process, as `dotnet build -c Release` would run it: from source text to assembly and symbols.</summary>
internal sealed class Compiler(IReadOnlyList<string> generatedForm, IReadOnlyList<string> handWrittenForm)
{
    private static readonly CSharpParseOptions Parse = new(LanguageVersion.Latest, DocumentationMode.None);

    private static readonly ImmutableArray<MetadataReference> References =
        [.. Net100.References.All, MetadataReference.CreateFromFile(typeof(KvLayoutAttribute).Assembly.Location)];

    /// <summary>Compiles with the generator and tells what the generator did.</summary>
    public GeneratorRun CompileWithGenerator()
    {
        var driver = CSharpGeneratorDriver.Create([new LayoutGenerator().AsSourceGenerator()], parseOptions: Parse)
            .RunGeneratorsAndUpdateCompilation(Create(generatedForm), out var compilation, out var diagnostics);
        Emit(compilation, diagnostics);
        return new GeneratorRun(
            driver.GetTimingInfo().GeneratorTimes.Single().ElapsedTime, driver.GetRunResult().Results.Single().GeneratedSources);
    }

    /// <summary>Compiles the same types with bodies written by hand.</summary>
    public void CompileHandWritten() => Emit(Create(handWrittenForm), []);

    private static CSharpCompilation Create(IReadOnlyList<string> sources) => CSharpCompilation.Create(
        "Models",
        sources.Select((source, index) => CSharpSyntaxTree.ParseText(source, Parse, $"Source{index}.cs", Encoding.UTF8)),
        References,
        new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release,
            nullableContextOptions: NullableContextOptions.Enable));

    private static void Emit(Compilation compilation, ImmutableArray<Diagnostic> diagnostics)
    {
        using var assembly = new MemoryStream();
        using var symbols = new MemoryStream();
        var result = compilation.Emit(assembly, symbols);
        var errors = diagnostics.Concat(result.Diagnostics).Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).ToArray();
        if (errors.Length > 0)
            throw new InvalidOperationException($"The benchmark's layout types do not compile: {errors.Length} errors, the first is {errors[0]}");
    }
}
