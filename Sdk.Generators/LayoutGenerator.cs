using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Emitting;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Generators.ModelFiles;
using Nixl.Sdk.Generators.Parsing;
using Nixl.Sdk.Generators.Resolving;

namespace Nixl.Sdk.Generators;

/// <summary>Generates the code of layout types: parser → equatable model → planner → emitter.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class LayoutGenerator : IIncrementalGenerator
{
    /// <summary>The steps that tests track.</summary>
    internal const string ParseStep = "NixlParse", ModelFileStep = "NixlModelFile", ModelStep = "NixlModel", ResolveStep = "NixlResolve",
        LayoutStep = "NixlLayout";

    /// <inheritdoc/>
    /// <remarks>Reports nothing: <see cref="Analyzers.LayoutAnalyzer"/> does, because code fixes attach only to what analyzers report.</remarks>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var directory = context.AnalyzerConfigOptionsProvider
            .Select(static (options, _) => ModelFinder.ProjectDirectory(options.GlobalOptions));
        var files = context.AdditionalTextsProvider
            .Where(static file => ModelPath.IsCandidate(file.Path))
            .Select(ModelConfigReader.Read)
            .WithTrackingName(ModelFileStep)
            .Collect()
            .Combine(directory);
        var declared = Layouts(context, KnownNames.KvLayout, files);
        var presets = Layouts(context, KnownNames.KvPreset, files);
        var clashes = Names(declared).Combine(Names(presets)).Select(static (names, _) => FileNames.Clashes(names.Left.Concat(names.Right)));
        foreach (var layouts in new[] { declared, presets })
        {
            context.RegisterSourceOutput(
                layouts.Combine(clashes).Select(static (pair, _) => (Layout: pair.Left, File: FileNames.Of(pair.Left.Type.DottedName, pair.Right))),
                static (output, pair) => output.AddSource(pair.File, LayoutEmitter.Emit(pair.Layout, output.CancellationToken)));
        }
    }

    private static IncrementalValuesProvider<LayoutSpec> Layouts(
        IncrementalGeneratorInitializationContext context, string attribute,
        IncrementalValueProvider<(ImmutableArray<ModelFile> Files, string Directory)> files) => context.SyntaxProvider
        .ForAttributeWithMetadataName(attribute, static (node, _) => node is TypeDeclarationSyntax, Parse)
        .Where(static draft => draft is not null)
        .Select(static (draft, _) => draft!)
        .WithTrackingName(ParseStep)
        .Combine(files)
        .Select(static (pair, _) => (Draft: pair.Left, Model: ModelFinder.Find(pair.Left.Model, pair.Right.Files, pair.Right.Directory)))
        .WithTrackingName(ModelStep)
        .Select(static (pair, cancellation) => LayoutResolver.Resolve(pair.Draft, pair.Model, cancellation))
        .WithTrackingName(ResolveStep)
        .Select(static (result, _) => result.Layout)
        .Where(static layout => layout is not null)
        .Select(static (layout, _) => layout!)
        .WithTrackingName(LayoutStep);

    private static IncrementalValueProvider<ImmutableArray<string>> Names(IncrementalValuesProvider<LayoutSpec> layouts) =>
        layouts.Select(static (layout, _) => layout.Type.DottedName).Collect();

    // The attribute on a second declaration is the compiler's error; a second file of the same name would be the generator's.
    private static LayoutDraft? Parse(GeneratorAttributeSyntaxContext context, CancellationToken cancellation)
    {
        var attribute = context.Attributes[0];
        return attribute.ApplicationSyntaxReference is { } reference && reference.SyntaxTree == context.TargetNode.SyntaxTree &&
               context.TargetNode.Span.Contains(reference.Span)
            ? LayoutParser.Parse((INamedTypeSymbol)context.TargetSymbol, attribute, cancellation)
            : null;
    }
}
