using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL016: takes the order out of a layout whose groups have orders of their own.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class MixedGroupsFix() : SdkCodeFixProvider("NIXL016")
{
    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation) =>
        await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is { } model &&
        LayoutAttributes.Nearest(node, model, cancellation) is { } attribute && LayoutAttributes.Order(attribute) is { } order
            ? new NodeEdit("Leave the order to the groups", attribute, LayoutAttributes.Without(attribute, order))
            : null;
}
