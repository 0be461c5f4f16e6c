using System.Composition;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL009: takes P out of the order.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class SingleComponentFix() : SdkCodeFixProvider("NIXL009")
{
    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        if (await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model ||
            LayoutAttributes.Nearest(node, model, cancellation) is not { } attribute ||
            LayoutAttributes.Order(attribute)?.Expression is not { } expression ||
            model.GetConstantValue(expression, cancellation).Value is not string order)
        {
            return null;
        }
        var without = Regex.Replace(order.Replace("P", " "), @"\s+", " ").Trim();
        return new NodeEdit(
            "Take P out of the order", expression,
            SyntaxFactory.LiteralExpression(SyntaxKind.StringLiteralExpression, SyntaxFactory.Literal(without)).WithTriviaFrom(expression));
    }
}
