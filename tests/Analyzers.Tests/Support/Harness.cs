extern alias Runtime;

using System.Collections.Immutable;
using Basic.Reference.Assemblies;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CodeRefactorings;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using Nixl.Sdk.CodeFixes;
using Nixl.Sdk.Generators;
using Nixl.Sdk.Generators.Analyzers;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests.Support;

/// <summary>Runs the generator, then every analyzer over what came out of it, as a build does; and code fixes over documents.</summary>
internal static class Harness
{
    /// <summary>The usings of test sources.</summary>
    public const string Usings = """
        using System;
        using System.Threading;
        using System.Threading.Tasks;
        using Nixl.Sdk;
        using static Nixl.Sdk.ElementType;

        """;

    private static readonly CSharpParseOptions Options = new(LanguageVersion.CSharp13);

    private static readonly ImmutableArray<MetadataReference> Framework = [.. Net100.References.All];

    private static readonly MetadataReference Sdk = MetadataReference.CreateFromFile(typeof(Runtime::Nixl.Sdk.NixlAgent).Assembly.Location);

    public static ImmutableArray<DiagnosticAnalyzer> Analyzers { get; } =
        [new LayoutAnalyzer(), new IgnoredOutcomeAnalyzer(), new DisposalAnalyzer(), new PollingAnalyzer()];

    public static ImmutableArray<SdkCodeFixProvider> Fixes { get; } =
    [
        .. typeof(SdkCodeFixProvider).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(SdkCodeFixProvider)))
            .Select(type => (SdkCodeFixProvider)Activator.CreateInstance(type)!),
    ];

    /// <summary>The analyzers' diagnostics and the compiler's errors.</summary>
    public static Task<(ImmutableArray<Diagnostic> Reported, string[] Errors)> DiagnoseAsync(bool withSdk, params string[] sources) =>
        DiagnoseAsync(withSdk, model: null, sources);

    /// <summary>The same with the text of a model file, <c>models/m/config.json</c>.</summary>
    public static async Task<(ImmutableArray<Diagnostic> Reported, string[] Errors)> DiagnoseAsync(bool withSdk, string? model, string[] sources)
    {
        using var workspace = new AdhocWorkspace();
        return await DiagnoseAsync(Project(workspace, withSdk, sources), model);
    }

    /// <summary>The first file after the fix of the first diagnostic of an id; null if no fix is offered.</summary>
    public static async Task<string?> FixAsync(string id, params string[] sources)
    {
        using var workspace = new AdhocWorkspace();
        var project = Project(workspace, withSdk: true, sources);
        var (reported, _) = await DiagnoseAsync(project);
        var diagnostic = reported.First(found => found.Id == id);
        var actions = new List<CodeAction>();
        foreach (var fix in Fixes.Where(fix => fix.FixableDiagnosticIds.Contains(id)))
        {
            await fix.RegisterCodeFixesAsync(new CodeFixContext(
                project.GetDocument(diagnostic.Location.SourceTree)!, diagnostic, (action, _) => actions.Add(action), CancellationToken.None));
        }
        if (actions.Count == 0)
            return null;
        var changes = Assert.IsType<ApplyChangesOperation>(Assert.Single(await Assert.Single(actions).GetOperationsAsync(CancellationToken.None)));
        var mended = changes.ChangedSolution.GetProject(project.Id)!;
        var (left, errors) = await DiagnoseAsync(mended);
        Assert.Empty(errors);
        Assert.True(left.Count(found => found.Id == id) < reported.Count(found => found.Id == id), $"{id} is still reported.");
        return (await mended.Documents.First().GetTextAsync()).ToString()[Usings.Length..];
    }

    /// <summary>The file after "show expanded form" at a place in it, null if it is not offered; and the layout's fingerprint before and after.</summary>
    public static async Task<(string? Text, string Before, string After)> ExpandAsync(string source, string at)
    {
        using var workspace = new AdhocWorkspace();
        var document = Project(workspace, withSdk: true, [source]).Documents.Single();
        var actions = new List<CodeAction>();
        var start = Usings.Length + source.IndexOf(at, StringComparison.Ordinal);
        await new ExpandPresetRefactoring().ComputeRefactoringsAsync(new CodeRefactoringContext(
            document, new TextSpan(start, 0), actions.Add, CancellationToken.None));
        if (actions.Count == 0)
            return (null, "", "");
        var changes = Assert.IsType<ApplyChangesOperation>(Assert.Single(await Assert.Single(actions).GetOperationsAsync(CancellationToken.None)));
        var expanded = changes.ChangedSolution.GetDocument(document.Id)!;
        var (reported, errors) = await DiagnoseAsync(expanded.Project);
        Assert.Empty(errors);
        Assert.DoesNotContain(reported, found => found.Severity == DiagnosticSeverity.Error);
        return ((await expanded.GetTextAsync()).ToString()[Usings.Length..], await FingerprintAsync(document), await FingerprintAsync(expanded));
    }

    private static async Task<string> FingerprintAsync(Document document)
    {
        var compilation = (CSharpCompilation)(await document.Project.GetCompilationAsync())!;
        var result = CSharpGeneratorDriver.Create([new LayoutGenerator().AsSourceGenerator()], parseOptions: Options).RunGenerators(compilation).GetRunResult();
        return Assert.Single(result.GeneratedTrees).ToString().Split('\n').Single(line => line.Contains("Fingerprint =>", StringComparison.Ordinal));
    }

    private static Project Project(AdhocWorkspace workspace, bool withSdk, string[] sources)
    {
        var project = workspace.AddProject(ProjectInfo.Create(
            ProjectId.CreateNewId(), VersionStamp.Default, "Test", "Test", LanguageNames.CSharp,
            compilationOptions: new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable),
            parseOptions: Options,
            metadataReferences: withSdk ? Framework.Add(Sdk) : Framework));
        for (var i = 0; i < sources.Length; i++)
        {
            project = project.AddDocument(
                $"Source{i}.cs", SourceText.From((withSdk ? Usings : "") + sources[i]), filePath: $"Source{i}.cs").Project;
        }
        return project;
    }

    private static async Task<(ImmutableArray<Diagnostic> Reported, string[] Errors)> DiagnoseAsync(Project project, string? model = null)
    {
        ImmutableArray<AdditionalText> files = model is null ? [] : [new ModelFileText(model)];
        var compilation = (CSharpCompilation)(await project.GetCompilationAsync())!;
        CSharpGeneratorDriver.Create([new LayoutGenerator().AsSourceGenerator()], files, Options)
            .RunGeneratorsAndUpdateCompilation(compilation, out var generated, out var ofGenerator);
        Assert.Empty(ofGenerator);
        var failures = new List<string>();
        var options = new CompilationWithAnalyzersOptions(
            new AnalyzerOptions(files), (exception, analyzer, _) => failures.Add($"{analyzer}: {exception}"), concurrentAnalysis: false, logAnalyzerExecutionTime: false);
        var reported = await generated.WithAnalyzers(Analyzers, options).GetAnalyzerDiagnosticsAsync();
        Assert.Empty(failures);
        var errors = generated.GetDiagnostics().Where(found => found.Severity == DiagnosticSeverity.Error).Select(error => error.ToString());
        return ([.. reported.OrderBy(found => found.Location.SourceSpan.Start)], [.. errors]);
    }
}
