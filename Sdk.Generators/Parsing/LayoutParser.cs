using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Reads a type with [KvLayout]. The only code that sees symbols; what it returns holds none.</summary>
internal static class LayoutParser
{
    public static ParseResult Parse(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellation)
    {
        var diagnostics = new List<DiagnosticInfo>();
        if (!TypeForm.Check(type, diagnostics))
            return new ParseResult(null, KvList.Create(diagnostics.ToArray()));

        var groups = ParseGroups(type, attribute, diagnostics);
        cancellation.ThrowIfCancellationRequested();
        var schema = new KvSchema(type.Name, KvList.Create(groups.Select(group => group.Schema).ToArray()))
        {
            TpSizes = AttributeReader.NamedInts(attribute, nameof(KvSchema.TpSizes)),
        };
        var problems = groups.Count == 0 ? KvList<LayoutProblem>.Empty : LayoutValidator.Check(schema);
        foreach (var problem in problems)
        {
            var location = problem.Group < 0
                ? AttributeReader.LocationOf(attribute) ?? type.Locations.FirstOrDefault()
                : groups[problem.Group].LocationOf(problem.Component);
            diagnostics.Add(DiagnosticInfo.Of(problem, LocationInfo.From(location)));
        }
        var spec = new LayoutSpec(
            TypeForm.Describe(type), schema, KvList.Create(groups.Select(group => group.Spec).ToArray()),
            IsStub: diagnostics.Exists(diagnostic => diagnostic.IsError));
        return new ParseResult(spec, KvList.Create(diagnostics.ToArray()));
    }

    private static List<GroupParser> ParseGroups(INamedTypeSymbol type, AttributeData attribute, List<DiagnosticInfo> diagnostics)
    {
        var groups = new List<GroupParser>();
        var nested = type.GetTypeMembers()
            .Where(member => AttributeReader.Find(member, KnownNames.KvGroup) is not null)
            .OrderBy(member => member.Locations[0].SourceTree?.FilePath, StringComparer.Ordinal)
            .ThenBy(member => member.Locations[0].SourceSpan.Start)
            .ToList();
        var hasOrder = attribute.ConstructorArguments.Length == 1 && attribute.ConstructorArguments[0].Value is string { Length: > 0 };
        if (hasOrder && nested.Count > 0)
        {
            diagnostics.Add(DiagnosticInfo.Create(
                LayoutDiagnostics.MixedGroups, AttributeReader.LocationOf(attribute), type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat)));
        }
        if (nested.Count == 0)
        {
            groups.Add(new GroupParser(type, attribute, KvGroupSchema.DefaultName, nested: false, diagnostics));
            return groups;
        }
        if (nested.Select(member => member.DeclaringSyntaxReferences[0].GetSyntax().Parent).Distinct().Count() > 1)
        {
            diagnostics.Add(DiagnosticInfo.Create(
                LayoutDiagnostics.Spread, type.Locations.FirstOrDefault(), type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat)));
        }
        foreach (var member in nested)
        {
            if (!TypeForm.Check(member, diagnostics))
                continue;
            if (LayoutMembers.IsReserved(member.Name))
                diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.ReservedName, member.Locations.FirstOrDefault(), member.Name));
            groups.Add(new GroupParser(member, AttributeReader.Find(member, KnownNames.KvGroup)!, member.Name, nested: true, diagnostics));
        }
        return groups;
    }
}
