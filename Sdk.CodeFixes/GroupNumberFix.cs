using System.Composition;
using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL030 sets <c>PageAlign</c>, NIXL031 <c>BlockTokens</c>, to the number that the diagnostic names.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class GroupNumberFix() : SdkCodeFixProvider("NIXL030", "NIXL031")
{
    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        var name = diagnostic.Id == "NIXL030" ? "PageAlign" : "BlockTokens";
        if (!diagnostic.Properties.TryGetValue(DiagnosticInfo.SuggestionProperty, out var text) ||
            !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ||
            await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model)
        {
            return null;
        }
        return LayoutAttributes.Nearest(node, model, cancellation) is { } attribute && LayoutAttributes.Has(attribute, name, model, cancellation)
            ? new NodeEdit("Set " + name + " = " + text, attribute, LayoutAttributes.With(attribute, name, number))
            : null;
    }
}
