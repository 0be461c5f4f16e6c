using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL032: puts heads outside tokens.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class HeadsOutsideFix() : SdkCodeFixProvider("NIXL032")
{
    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        // A preset has no order to change; another engine is the user's choice.
        if (await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model ||
            LayoutAttributes.Nearest(node, model, cancellation) is not { } attribute ||
            LayoutAttributes.Order(attribute)?.Expression is not { } expression ||
            model.GetConstantValue(expression, cancellation).Value is not string order ||
            TensorParallelAdvice.HeadsOutside(order) is not { } better)
        {
            return null;
        }
        return new NodeEdit(
            "Put heads outside tokens: \"" + better + "\"", expression,
            SyntaxFactory.LiteralExpression(SyntaxKind.StringLiteralExpression, SyntaxFactory.Literal(better)).WithTriviaFrom(expression));
    }
}
