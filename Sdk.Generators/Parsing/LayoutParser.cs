using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>
/// Reads the symbols of a layout type into a draft that holds none. The generator and the analyzer both begin here and go on with
/// the resolver, so that they cannot disagree.
/// </summary>
internal static class LayoutParser
{
    /// <param name="type">The layout type.</param>
    /// <param name="attribute">Its [KvLayout] or [KvPreset].</param>
    /// <param name="cancellation">Stops the work.</param>
    public static LayoutDraft Parse(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellation)
    {
        var diagnostics = new List<DiagnosticInfo>();
        var location = LocationInfo.From(AttributeReader.LocationOf(attribute) ?? type.Locations.FirstOrDefault());
        var isFit = TypeForm.Check(type, diagnostics);
        if (LayoutMembers.IsReserved(type.Name))
        {
            // A member cannot be named like its type: nothing can be generated, not even a stub.
            diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.ReservedName, type.Locations.FirstOrDefault(), type.Name));
            isFit = false;
        }
        if (!isFit)
            return new LayoutDraft(null, type.Name, location, KvList.Create(diagnostics.ToArray()));

        return attribute.AttributeClass?.ToDisplayString() == KnownNames.KvPreset
            ? ParsePreset(type, attribute, location, diagnostics)
            : ParseDeclared(type, attribute, location, diagnostics, cancellation);
    }

    private static LayoutDraft ParsePreset(INamedTypeSymbol type, AttributeData attribute, LocationInfo? location, List<DiagnosticInfo> diagnostics)
    {
        var both = AttributeReader.Find(type, KnownNames.KvLayout) is not null;
        if (both)
        {
            diagnostics.Add(new DiagnosticInfo(
                LayoutDiagnostics.PresetAndLayout, location, KvList.Create(type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat))));
        }
        var members = type.GetMembers().Where(member => !member.IsImplicitlyDeclared && !GeneratedCode.Contains(member)).Select(member => member.Name)
            .Append(type.Name);
        return new LayoutDraft(both ? null : TypeForm.Describe(type), type.Name, location, KvList.Create(diagnostics.ToArray()))
        {
            Preset = AttributeReader.Preset(attribute),
            Members = KvList.Create(members.Distinct().OrderBy(name => name, StringComparer.Ordinal).ToArray()),
            Model = AttributeReader.Named<string?>(attribute, "Model", null),
        };
    }

    private static LayoutDraft ParseDeclared(
        INamedTypeSymbol type, AttributeData attribute, LocationInfo? location, List<DiagnosticInfo> diagnostics, CancellationToken cancellation)
    {
        var groups = ParseGroups(type, attribute, diagnostics);
        cancellation.ThrowIfCancellationRequested();
        return new LayoutDraft(TypeForm.Describe(type), type.Name, location, KvList.Create(diagnostics.ToArray()))
        {
            Groups = KvList.Create(groups.ToArray()),
            TpSizes = AttributeReader.NamedInts(attribute, nameof(KvSchema.TpSizes)),
            Model = AttributeReader.Named<string?>(attribute, "Model", null),
        };
    }

    private static List<GroupDraft> ParseGroups(INamedTypeSymbol type, AttributeData attribute, List<DiagnosticInfo> diagnostics)
    {
        var groups = new List<GroupDraft>();
        var nested = type.GetTypeMembers()
            .Select(member => (Type: member, Attribute: AttributeReader.Find(member, KnownNames.KvGroup)!))
            .Where(member => member.Attribute is not null)
            .OrderBy(member => member.Attribute.ApplicationSyntaxReference?.SyntaxTree.FilePath, StringComparer.Ordinal)
            .ThenBy(member => member.Attribute.ApplicationSyntaxReference?.Span.Start)
            .ToList();
        var hasOrder = attribute.ConstructorArguments.Length == 1 && attribute.ConstructorArguments[0].Value is string { Length: > 0 };
        if (hasOrder && nested.Count > 0)
        {
            diagnostics.Add(DiagnosticInfo.Create(
                LayoutDiagnostics.MixedGroups, AttributeReader.LocationOf(attribute), type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat)));
        }
        if (nested.Count == 0)
        {
            groups.Add(GroupParser.Parse(type, attribute, KvGroupSchema.DefaultName, nested: false, diagnostics));
            return groups;
        }
        if (nested.Select(member => AttributeReader.DeclarationOf(member.Attribute)?.Parent).Distinct().Count() > 1)
        {
            diagnostics.Add(DiagnosticInfo.Create(
                LayoutDiagnostics.Spread, type.Locations.FirstOrDefault(), type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat)));
        }
        foreach (var (member, group) in nested)
        {
            if (!TypeForm.Check(member, diagnostics))
                continue;
            if (LayoutMembers.IsReserved(member.Name))
                diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.ReservedName, member.Locations.FirstOrDefault(), member.Name));
            groups.Add(GroupParser.Parse(member, group, member.Name, nested: true, diagnostics));
        }
        return groups;
    }
}
