using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Parsing;
using Nixl.Sdk.Generators.Resolving;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>Everything that can be said about one layout type. The one place where the analyzer meets the generator's parser.</summary>
internal static class LayoutChecks
{
    /// <param name="type">A type with [KvLayout] or [KvPreset].</param>
    /// <param name="attribute">That attribute.</param>
    /// <param name="options">The project's additional files and settings.</param>
    /// <param name="cancellation">Ends the check.</param>
    public static IEnumerable<Diagnostic> Run(
        INamedTypeSymbol type, AttributeData attribute, AnalyzerOptions options, CancellationToken cancellation)
    {
        var result = LayoutResolver.Resolve(
            LayoutParser.Parse(type, attribute, cancellation), options.AdditionalFiles, options.AnalyzerConfigOptionsProvider.GlobalOptions, cancellation);
        var found = new List<DiagnosticInfo>(result.Diagnostics);
        if (result.Layout is { IsStub: false } layout)
            found.AddRange(Advice(type, attribute, layout.Schema));
        return found.Select(info => info.ToDiagnostic(Trees(type)));
    }

    private static IEnumerable<DiagnosticInfo> Advice(INamedTypeSymbol type, AttributeData attribute, KvSchema schema)
    {
        foreach (var advice in LayoutAdvice.Of(schema))
        {
            var group = schema.Groups[advice.Group];
            var nested = type.GetTypeMembers(group.Name)
                .Select(member => (Type: member, Attribute: AttributeReader.Find(member, KnownNames.KvGroup)))
                .FirstOrDefault(member => member.Attribute is not null);
            // A preset's components are generated: there the attribute is the only place of the user's.
            var property = advice.Component < 0
                ? null
                : (nested.Type ?? type).GetMembers(group.Components[advice.Component].Name)
                    .FirstOrDefault(member => AttributeReader.Find(member, KnownNames.KvComponent) is not null);
            var location = property?.Locations.FirstOrDefault() ?? AttributeReader.LocationOf(nested.Attribute ?? attribute);
            yield return DiagnosticInfo.Of(advice, LocationInfo.From(location));
        }
    }

    // A diagnostic lies at the type, at a type around it or at one of its members, each of which may be declared in several files.
    private static IEnumerable<SyntaxTree> Trees(INamedTypeSymbol type)
    {
        for (var outer = type; outer is not null; outer = outer.ContainingType)
        {
            foreach (var reference in outer.DeclaringSyntaxReferences)
                yield return reference.SyntaxTree;
        }
        foreach (var member in type.GetTypeMembers())
        {
            foreach (var reference in member.DeclaringSyntaxReferences)
                yield return reference.SyntaxTree;
        }
    }
}
