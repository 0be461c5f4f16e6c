using System.Composition;
using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL013: takes a size of tensor parallelism that does not divide a component out of <c>TpSizes</c>.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class TpSizesFix() : SdkCodeFixProvider("NIXL013")
{
    // Every component of the group reports the same size: all of them at once would change one list several times.
    /// <inheritdoc/>
    public override FixAllProvider? GetFixAllProvider() => null;

    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        if (!diagnostic.Properties.TryGetValue(DiagnosticInfo.SuggestionProperty, out var size) ||
            await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model)
        {
            return null;
        }
        foreach (var attribute in LayoutAttributes.Around(node, model, cancellation))
        {
            if (attribute.ApplicationSyntaxReference?.GetSyntax(cancellation) is not AttributeSyntax syntax ||
                LayoutAttributes.Named(syntax, "TpSizes") is not { } argument)
            {
                continue;
            }
            var sizes = Sizes(argument.Expression);
            var there = model.Compilation.GetSemanticModel(syntax.SyntaxTree);
            var wrong = sizes.Where(item => IsNumber(item, there, size!, cancellation)).ToList();
            if (wrong.Count == 0)
                return null;
            var mended = wrong.Count == sizes.Count
                ? LayoutAttributes.Without(syntax, argument)
                : syntax.RemoveNodes(wrong, SyntaxRemoveOptions.KeepNoTrivia)!;
            return new NodeEdit("Take " + size + " out of TpSizes", syntax, mended);
        }
        return null;
    }

    private static List<SyntaxNode> Sizes(ExpressionSyntax expression) => expression switch
    {
        CollectionExpressionSyntax collection => [.. collection.Elements],
        ImplicitArrayCreationExpressionSyntax array => [.. array.Initializer.Expressions],
        ArrayCreationExpressionSyntax { Initializer: { } initializer } => [.. initializer.Expressions],
        _ => [],
    };

    private static bool IsNumber(SyntaxNode item, SemanticModel model, string size, CancellationToken cancellation)
    {
        var expression = item is ExpressionElementSyntax element ? element.Expression : item;
        return model.GetConstantValue(expression, cancellation).Value is int value && value.ToString(CultureInfo.InvariantCulture) == size;
    }
}
