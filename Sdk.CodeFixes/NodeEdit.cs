using Microsoft.CodeAnalysis;

namespace Nixl.Sdk.CodeFixes;

/// <summary>A change of one node, in whichever document it is.</summary>
/// <param name="Title">What the user sees.</param>
/// <param name="Old">The node.</param>
/// <param name="New">What takes its place: one node or, in a list, several.</param>
internal sealed record NodeEdit(string Title, SyntaxNode Old, params SyntaxNode[] New)
{
    public Solution Apply(Solution solution)
    {
        var tree = Old.SyntaxTree;
        return solution.GetDocument(tree) is { } document
            ? solution.WithDocumentSyntaxRoot(document.Id, New.Length == 1 ? tree.GetRoot().ReplaceNode(Old, New[0]) : tree.GetRoot().ReplaceNode(Old, New))
            : solution;
    }
}
