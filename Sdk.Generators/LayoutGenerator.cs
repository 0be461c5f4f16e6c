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
        foreach (var attribute in new[] { KnownNames.KvLayout, KnownNames.KvPreset })
        {
            var results = context.SyntaxProvider
                .ForAttributeWithMetadataName(attribute, static (node, _) => node is TypeDeclarationSyntax, Parse)
                .Where(static draft => draft is not null)
                .Select(static (draft, _) => draft!)
                .WithTrackingName(ParseStep)
                .Combine(files)
                .Select(static (pair, _) => (Draft: pair.Left, Model: ModelFinder.Find(pair.Left.Model, pair.Right.Left, pair.Right.Right)))
                .WithTrackingName(ModelStep)
                .Select(static (pair, cancellation) => LayoutResolver.Resolve(pair.Draft, pair.Model, cancellation))
                .WithTrackingName(ResolveStep);
            context.RegisterSourceOutput(
                results.Select(static (result, _) => result.Layout).Where(static layout => layout is not null).WithTrackingName(LayoutStep),
                static (output, layout) => output.AddSource(layout!.Type.HintName, LayoutEmitter.Emit(layout, output.CancellationToken)));
        }
    }

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
