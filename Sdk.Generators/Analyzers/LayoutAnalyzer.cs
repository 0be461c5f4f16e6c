using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Parsing;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>Reports what is wrong with layout types. An analyzer, not the generator, because code fixes attach to analyzers only.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class LayoutAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] LayoutAttributes = [KnownNames.KvLayout, KnownNames.KvPreset];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [.. LayoutDiagnostics.All];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            if (start.Compilation.GetTypeByMetadataName(KnownNames.KvLayout) is null)
                return;
            start.RegisterSymbolAction(AnalyzeType, SymbolKind.NamedType);
            start.RegisterSymbolAction(AnalyzeProperty, SymbolKind.Property);
        });
    }

    private static void AnalyzeType(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        if (AttributeReader.Find(type, KnownNames.KvGroup) is not null)
            Report(context, OrphanParser.ParseGroup(type));
        foreach (var name in LayoutAttributes)
        {
            if (AttributeReader.Find(type, name) is not { } attribute)
                continue;
            foreach (var diagnostic in LayoutChecks.Run(type, attribute, context.Options, context.CancellationToken))
                context.ReportDiagnostic(diagnostic);
        }
    }

    private static void AnalyzeProperty(SymbolAnalysisContext context)
    {
        if (context.Symbol is IPropertySymbol { PartialDefinitionPart: null } property && AttributeReader.Find(property, KnownNames.KvComponent) is not null)
            Report(context, OrphanParser.ParseComponent(property));
    }

    private static void Report(SymbolAnalysisContext context, DiagnosticInfo? diagnostic)
    {
        if (diagnostic is not null)
            context.ReportDiagnostic(diagnostic.ToDiagnostic(context.Symbol.DeclaringSyntaxReferences.Select(reference => reference.SyntaxTree)));
    }
}
