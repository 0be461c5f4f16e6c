using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Emitting;
using Nixl.Sdk.Generators.Parsing;

namespace Nixl.Sdk.Generators;

/// <summary>Generates the code of layout types: parser → equatable model → planner → emitter.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class LayoutGenerator : IIncrementalGenerator
{
    /// <summary>The step that tests track.</summary>
    internal const string LayoutStep = "NixlLayout";

    /// <inheritdoc/>
    /// <remarks>Reports nothing: <see cref="Analyzers.LayoutAnalyzer"/> does, because code fixes attach only to what analyzers report.</remarks>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var layouts = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                KnownNames.KvLayout,
                static (node, _) => node is TypeDeclarationSyntax,
                static (found, cancellation) => LayoutParser.Parse((INamedTypeSymbol)found.TargetSymbol, found.Attributes[0], cancellation).Layout)
            .Where(static layout => layout is not null)
            .WithTrackingName(LayoutStep);
        context.RegisterSourceOutput(
            layouts, static (output, layout) => output.AddSource(layout!.Type.HintName, LayoutEmitter.Emit(layout, output.CancellationToken)));
    }
}
