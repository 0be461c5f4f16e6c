using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Reads one group: its attribute and the component properties of its type. Symbols do not leave this class.</summary>
internal sealed class GroupParser
{
    private readonly INamedTypeSymbol _type;
    private readonly List<DiagnosticInfo> _diagnostics;
    private readonly List<IPropertySymbol> _properties = [];
    private readonly Location? _location;

    public GroupParser(INamedTypeSymbol type, AttributeData attribute, string name, bool nested, List<DiagnosticInfo> diagnostics)
    {
        _type = type;
        _diagnostics = diagnostics;
        _location = AttributeReader.LocationOf(attribute) ?? type.Locations.FirstOrDefault();
        CollectProperties();
        Schema = AttributeReader.Group(attribute, name) with
        {
            Components = KvList.Create(_properties
                .Select(property => AttributeReader.Component(AttributeReader.Find(property, KnownNames.KvComponent)!, property.Name)).ToArray()),
        };
        Spec = new GroupSpec(
            nested ? TypeForm.Part(type) : null,
            KvList.Create(_properties.Select(property => new PropertySpec(Modifiers(property), Escaped(property.Name))).Distinct().ToArray()));
    }

    public KvGroupSchema Schema { get; }

    public GroupSpec Spec { get; }

    /// <summary>Where a problem of the group or of one of its components is shown.</summary>
    public Location? LocationOf(int component) => component < 0 ? _location : _properties[component].Locations.FirstOrDefault();

    private void CollectProperties()
    {
        SyntaxNode? declaration = null;
        var spread = false;
        foreach (var member in _type.GetMembers())
        {
            if (member is not IPropertySymbol { PartialDefinitionPart: null } property || AttributeReader.Find(property, KnownNames.KvComponent) is null)
                continue;
            if (!HasComponentForm(property))
            {
                _diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.PropertyForm, property.Locations.FirstOrDefault(), property.Name));
                continue;
            }
            var parent = property.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax().Parent;
            spread |= declaration is not null && parent != declaration;
            declaration ??= parent;
            if (LayoutMembers.IsReserved(property.Name))
                _diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.ReservedName, property.Locations.FirstOrDefault(), property.Name));
            _properties.Add(property);
        }
        if (spread)
        {
            _diagnostics.Add(DiagnosticInfo.Create(
                LayoutDiagnostics.Spread, _type.Locations.FirstOrDefault(), _type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat)));
        }
        else
        {
            _properties.Sort((a, b) => Position(a).CompareTo(Position(b)));
        }
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

    private static string Escaped(string name) => SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None ? name : "@" + name;
}
