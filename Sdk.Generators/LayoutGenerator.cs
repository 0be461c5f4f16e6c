using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Emitting;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Generators.Parsing;
using Nixl.Sdk.Generators.Resolving;

namespace Nixl.Sdk.Generators;

/// <summary>Generates the code of layout types: parser → equatable model → planner → emitter.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class LayoutGenerator : IIncrementalGenerator
{
    /// <summary>The steps that tests track.</summary>
    internal const string ParseStep = "NixlParse", ResolveStep = "NixlResolve", LayoutStep = "NixlLayout", DiagnosticStep = "NixlDiagnostics", OrphanStep = "NixlOrphans";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var parsed = context.SyntaxProvider
            .ForAttributeWithMetadataName(KnownNames.KvLayout, static (node, _) => node is TypeDeclarationSyntax, Parse)
            .WithTrackingName(ParseStep)
            .Select(static (draft, cancellation) => LayoutResolver.Resolve(draft, cancellation))
            .WithTrackingName(ResolveStep);
        context.RegisterSourceOutput(
            parsed.Select(static (result, _) => result.Layout).Where(static layout => layout is not null).WithTrackingName(LayoutStep),
            static (output, layout) => output.AddSource(layout!.Type.HintName, LayoutEmitter.Emit(layout, output.CancellationToken)));
        context.RegisterSourceOutput(
            parsed.SelectMany(static (result, _) => result.Diagnostics).WithTrackingName(DiagnosticStep),
            static (output, diagnostic) => output.ReportDiagnostic(diagnostic.ToDiagnostic()));

        var groups = context.SyntaxProvider
            .ForAttributeWithMetadataName(KnownNames.KvGroup, static (node, _) => node is TypeDeclarationSyntax, OrphanParser.ParseGroup);
        var components = context.SyntaxProvider
            .ForAttributeWithMetadataName(KnownNames.KvComponent, static (node, _) => node is PropertyDeclarationSyntax, OrphanParser.ParseComponent);
        foreach (var orphans in new[] { groups, components })
        {
            context.RegisterSourceOutput(
                orphans.Where(static diagnostic => diagnostic is not null).WithTrackingName(OrphanStep),
                static (output, diagnostic) => output.ReportDiagnostic(diagnostic!.ToDiagnostic()));
        }
    }

    private static LayoutDraft Parse(GeneratorAttributeSyntaxContext context, CancellationToken cancellation) =>
        LayoutParser.Parse((INamedTypeSymbol)context.TargetSymbol, context.Attributes[0], cancellation);
}
