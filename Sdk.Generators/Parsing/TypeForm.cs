using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Checks that a type can have a generated part, and describes that part.</summary>
internal static class TypeForm
{
    /// <summary>Adds what forbids a generated part; true if there is nothing.</summary>
    public static bool Check(INamedTypeSymbol type, List<DiagnosticInfo> diagnostics)
    {
        var before = diagnostics.Count;
        var location = type.Locations.FirstOrDefault();
        var name = type.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat);
        if (!IsPartial(type))
            diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.NotPartial, location, name));
        if (Forbidden(type) is { } form)
            diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.TypeForm, location, name, form));
        for (var outer = type.ContainingType; outer is not null; outer = outer.ContainingType)
        {
            var outerName = outer.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat);
            if (!IsPartial(outer))
                diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.OuterNotPartial, outer.Locations.FirstOrDefault(), outerName));
            if (outer.Arity > 0 || outer.IsFileLocal)
            {
                diagnostics.Add(DiagnosticInfo.Create(LayoutDiagnostics.TypeForm, location, name,
                    "nested in " + outerName + ", which is " + (outer.IsFileLocal ? "file-local" : "generic")));
            }
        }
        return diagnostics.Count == before;
    }

    public static TypeSpec Describe(INamedTypeSymbol type)
    {
        var parts = new List<TypePart>();
        for (var part = type; part is not null; part = part.ContainingType)
            parts.Insert(0, Part(part));
        var space = type.ContainingNamespace is { IsGlobalNamespace: false } given
            ? given.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat.WithGlobalNamespaceStyle(SymbolDisplayGlobalNamespaceStyle.Omitted))
            : "";
        return new TypeSpec(space, KvList.Create(parts.ToArray()), type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat))
        {
            IsDerived = type is { TypeKind: TypeKind.Class, BaseType.SpecialType: not SpecialType.System_Object },
        };
    }

    public static TypePart Part(INamedTypeSymbol type)
    {
        var keyword = type switch
        {
            { TypeKind: TypeKind.Interface } => "interface",
            { IsRecord: true, TypeKind: TypeKind.Struct } => "record struct",
            { IsRecord: true } => "record",
            { TypeKind: TypeKind.Struct } => "struct",
            _ => "class",
        };
        return new TypePart(keyword, SourceName.Of(type.Name));
    }

    private static string? Forbidden(INamedTypeSymbol type) => type switch
    {
        { IsFileLocal: true } => "file-local",
        { IsStatic: true } => "static",
        { Arity: > 0 } => "generic",
        { IsRefLikeType: true } => "a ref struct",
        _ => null,
    };

    private static bool IsPartial(INamedTypeSymbol type)
    {
        foreach (var reference in type.DeclaringSyntaxReferences)
        {
            if (reference.GetSyntax() is TypeDeclarationSyntax declaration && declaration.Modifiers.Any(SyntaxKind.PartialKeyword))
                return true;
        }
        return false;
    }
}
