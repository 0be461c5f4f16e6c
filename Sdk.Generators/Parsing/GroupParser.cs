using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Reads one group: its attribute and the component properties of its type. Symbols do not leave this class.</summary>
internal static class GroupParser
{
    public static GroupDraft Parse(INamedTypeSymbol type, AttributeData attribute, string name, bool nested, List<DiagnosticInfo> diagnostics)
    {
        var properties = CollectProperties(type, diagnostics);
        var schema = AttributeReader.Group(attribute, name) with
        {
            Components = KvList.Create(properties
                .Select(property => AttributeReader.Component(AttributeReader.Find(property, KnownNames.KvComponent)!, property.Name)).ToArray()),
        };
        var components = properties.Select(property => new ComponentDraft(
            new PropertySpec(Modifiers(property), SourceName.Of(property.Name)), LocationInfo.From(property.Locations.FirstOrDefault())));
        return new GroupDraft(
            nested ? TypeForm.Part(type) : null, schema, KvList.Create(components.ToArray()),
            LocationInfo.From(AttributeReader.LocationOf(attribute) ?? type.Locations.FirstOrDefault()))
        {
            LayerType = AttributeReader.Named<string?>(attribute, nameof(GroupDraft.LayerType), null),
        };
    }

    private static List<IPropertySymbol> CollectProperties(INamedTypeSymbol type, List<DiagnosticInfo> diagnostics)
    {
        var properties = new List<IPropertySymbol>();
        SyntaxNode? declaration = null;
        var spread = false;
        foreach (var member in type.GetMembers())
        {
            if (member is not IPropertySymbol { PartialDefinitionPart: null } property || AttributeReader.Find(property, KnownNames.KvComponent) is null)
                continue;
            if (!HasComponentForm(property))
            {
                diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.PropertyForm, property.Locations.FirstOrDefault(), property.Name));
                continue;
            }
            var parent = property.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax().Parent;
            spread |= declaration is not null && parent != declaration;
            declaration ??= parent;
            if (LayoutMembers.IsReserved(property.Name))
                diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.ReservedName, property.Locations.FirstOrDefault(), property.Name));
            properties.Add(property);
        }
        if (spread)
        {
            diagnostics.Add(DiagnosticInfo.Create(
                LayoutDiagnostics.Spread, type.Locations.FirstOrDefault(), type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat)));
        }
        else
        {
            properties.Sort((a, b) => Position(a).CompareTo(Position(b)));
        }
        return properties;
    }

    // An analyzer sees the generated bodies too, so that only a body that is not generated is a mistake.
    private static bool HasComponentForm(IPropertySymbol property) =>
        property is { IsStatic: true, IsPartialDefinition: true, SetMethod: null, GetMethod: not null, ReturnsByRef: false } &&
        (property.PartialImplementationPart is not { } body || GeneratedCode.Contains(body)) &&
        property.Type.ToDisplayString() == KnownNames.ComponentType;

    private static int Position(IPropertySymbol property) => property.Locations[0].SourceSpan.Start;

    private static string Modifiers(IPropertySymbol property)
    {
        var syntax = property.DeclaringSyntaxReferences[0].GetSyntax() as PropertyDeclarationSyntax;
        var kept = syntax?.Modifiers.Where(token => !token.IsKind(SyntaxKind.StaticKeyword) && !token.IsKind(SyntaxKind.PartialKeyword));
        return kept is null ? "" : string.Join(" ", kept.Select(token => token.ValueText));
    }
}
