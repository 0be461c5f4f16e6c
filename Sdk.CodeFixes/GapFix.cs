using System.Composition;
using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Parsing;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL034: declares the bytes of a gap as a component that is not transferred.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class GapFix() : SdkCodeFixProvider("NIXL034")
{
    // Each padding needs a name that is free after the others have theirs.
    /// <inheritdoc/>
    public override FixAllProvider? GetFixAllProvider() => null;

    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        if (!diagnostic.Properties.TryGetValue(DiagnosticInfo.SuggestionProperty, out var text) ||
            !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ||
            await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model ||
            node.FirstAncestorOrSelf<PropertyDeclarationSyntax>() is not { } property ||
            Component(property, model, cancellation) is not { } attribute ||
            LayoutAttributes.Around(property, model, cancellation).FirstOrDefault() is not { } group ||
            PaddingComponent.For(AttributeReader.Group(group, KvGroupSchema.DefaultName), bytes) is not { } pad)
        {
            return null;
        }
        var name = FreeName(model.GetDeclaredSymbol(property, cancellation)!.ContainingType);
        var padding = property
            .ReplaceNode(attribute, attribute.WithArgumentList(Arguments(attribute, pad)))
            .WithIdentifier(SyntaxFactory.Identifier(name).WithTriviaFrom(property.Identifier))
            .WithLeadingTrivia(Indentation(property));
        return new NodeEdit("Declare the " + text + " bytes before " + property.Identifier.ValueText, property, padding, property);
    }

    private static AttributeSyntax? Component(PropertyDeclarationSyntax property, SemanticModel model, CancellationToken cancellation) =>
        property.AttributeLists.SelectMany(list => list.Attributes).FirstOrDefault(attribute =>
            model.GetTypeInfo(attribute, cancellation).Type?.ToDisplayString() == KnownNames.KvComponent && attribute.ArgumentList?.Arguments.Count > 0);

    // The element type is spelt as its neighbour's: UInt8 or ElementType.UInt8.
    private static AttributeArgumentListSyntax Arguments(AttributeSyntax neighbour, KvComponentSchema pad)
    {
        var type = neighbour.ArgumentList!.Arguments[0].Expression is MemberAccessExpressionSyntax access ? access.Expression + "." : "";
        var order = pad.Order is null ? "" : "Order = \"" + pad.Order + "\", ";
        return SyntaxFactory.ParseAttributeArgumentList(
            "(" + type + "UInt8, " + pad.Shape[0].ToString(CultureInfo.InvariantCulture) + ", " + order + "Transfer = false)")!;
    }

    private static string FreeName(INamedTypeSymbol type)
    {
        var name = "Pad";
        for (var i = 2; type.GetMembers(name).Length > 0; i++)
            name = "Pad" + i.ToString(CultureInfo.InvariantCulture);
        return name;
    }

    // A neighbour's comment and documentation are not the padding's.
    private static SyntaxTriviaList Indentation(PropertyDeclarationSyntax property) =>
        [.. property.GetLeadingTrivia().Reverse().TakeWhile(trivia => trivia.IsKind(SyntaxKind.WhitespaceTrivia)).Reverse()];
}
