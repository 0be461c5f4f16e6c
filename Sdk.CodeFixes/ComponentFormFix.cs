using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Simplification;
using Nixl.Sdk.Generators.Parsing;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL011: gives a component property the one form that it can have.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class ComponentFormFix() : SdkCodeFixProvider("NIXL011")
{
    private static readonly SyntaxKind[] Accessibilities =
        [SyntaxKind.PublicKeyword, SyntaxKind.InternalKeyword, SyntaxKind.ProtectedKeyword, SyntaxKind.PrivateKeyword];

    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        var model = await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false);
        if (node.FirstAncestorOrSelf<PropertyDeclarationSyntax>() is not { } property ||
            model?.GetDeclaredSymbol(property, cancellation) is not { PartialImplementationPart: null, PartialDefinitionPart: null } symbol)
        {
            return null;
        }
        var type = symbol.Type.ToDisplayString() == KnownNames.ComponentType
            ? property.Type
            : SyntaxFactory.ParseTypeName("global::" + KnownNames.ComponentType).WithTriviaFrom(property.Type).WithAdditionalAnnotations(Simplifier.Annotation);
        var text = string.Concat(property.Modifiers.Where(token => Accessibilities.Contains(token.Kind())).Select(token => token.ValueText + " "));
        var form = (PropertyDeclarationSyntax)SyntaxFactory.ParseMemberDeclaration(text + "static partial KvComponent X { get; }")!;
        var mended = form
            .WithType(type)
            .WithIdentifier(property.Identifier)
            .WithAttributeLists(property.AttributeLists)
            .WithTriviaFrom(property);
        if (property.AttributeLists.Count > 0)
        {
            var first = property.Modifiers.Count > 0 ? property.Modifiers[0] : property.Type.GetFirstToken();
            mended = mended.WithModifiers(mended.Modifiers.Replace(mended.Modifiers[0], mended.Modifiers[0].WithLeadingTrivia(first.LeadingTrivia)));
        }
        return new NodeEdit("Declare " + property.Identifier.ValueText + " as a component", property, mended);
    }
}
