using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Finds groups and components that belong to no layout: nothing would be generated for them, and nobody would say why.</summary>
internal static class OrphanParser
{
    public static DiagnosticInfo? ParseGroup(INamedTypeSymbol group)
    {
        var outer = group.ContainingType;
        return outer is not null && AttributeReader.Find(outer, KnownNames.KvLayout) is not null
            ? null
            : Orphan(group, "KvGroup", "is not nested in a type with [KvLayout]");
    }

    public static DiagnosticInfo? ParseComponent(IPropertySymbol component)
    {
        var type = component.ContainingType;
        var layout = AttributeReader.Find(type, KnownNames.KvLayout);
        if (AttributeReader.Find(type, KnownNames.KvGroup) is not null)
            return null;
        if (layout is null && AttributeReader.Find(type, KnownNames.KvPreset) is not null)
            return Orphan(component, "KvComponent", "the components of a preset are generated; take it out, or write the layout out with [KvLayout]");
        if (layout is null)
            return Orphan(component, "KvComponent", "its type has neither [KvLayout] nor [KvGroup]");
        return type.GetTypeMembers().Any(member => AttributeReader.Find(member, KnownNames.KvGroup) is not null)
            ? Orphan(component, "KvComponent", "the layout's groups are nested types; move it into one of them")
            : null;
    }

    private static DiagnosticInfo Orphan(ISymbol symbol, string attribute, string reason) =>
        DiagnosticInfo.Create(LayoutDiagnostics.Orphan, symbol.Locations.FirstOrDefault(), symbol.Name, attribute, reason);
}
