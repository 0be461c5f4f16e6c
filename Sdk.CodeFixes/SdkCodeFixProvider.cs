using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;

namespace Nixl.Sdk.CodeFixes;

/// <summary>A code fix that offers one action for a diagnostic, or none where no change is certainly right.</summary>
public abstract class SdkCodeFixProvider : CodeFixProvider
{
    private protected SdkCodeFixProvider(params string[] ids) => FixableDiagnosticIds = [.. ids];

    /// <inheritdoc/>
    public sealed override ImmutableArray<string> FixableDiagnosticIds { get; }

    /// <inheritdoc/>
    public override FixAllProvider? GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <inheritdoc/>
    public sealed override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        if (await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false) is not { } root)
            return;
        foreach (var diagnostic in context.Diagnostics)
        {
            var node = root.FindNode(diagnostic.Location.SourceSpan, getInnermostNodeForTie: true);
            if (await FindAsync(context.Document, node, diagnostic, context.CancellationToken).ConfigureAwait(false) is { } edit)
            {
                var solution = context.Document.Project.Solution;
                context.RegisterCodeFix(CodeAction.Create(edit.Title, _ => Task.FromResult(edit.Apply(solution)), GetType().Name + diagnostic.Id), diagnostic);
            }
        }
    }

    /// <summary>The change that mends a diagnostic, or null.</summary>
    private protected abstract Task<NodeEdit?> FindAsync(
        Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation);
}
