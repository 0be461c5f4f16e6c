using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL001, NIXL002: adds <c>partial</c>.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class PartialFix() : SdkCodeFixProvider("NIXL001", "NIXL002")
{
    private protected override Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation) =>
        Task.FromResult(node is TypeDeclarationSyntax type ? new NodeEdit("Make " + type.Identifier.ValueText + " partial", type, Partial(type)) : null);

    // The last modifier, as the language demands; what stood before the keyword now stands before it.
    private static TypeDeclarationSyntax Partial(TypeDeclarationSyntax type)
    {
        var partial = SyntaxFactory.Token(SyntaxKind.PartialKeyword).WithTrailingTrivia(SyntaxFactory.Space);
        return type
            .WithKeyword(type.Keyword.WithLeadingTrivia())
            .WithModifiers(type.Modifiers.Add(partial.WithLeadingTrivia(type.Keyword.LeadingTrivia)));
    }
}
