using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL102: declares the variable with <c>using</c>, or with <c>await using</c> where that may stand.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class UsingFix() : SdkCodeFixProvider("NIXL102")
{
    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        if (await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model ||
            node.FirstAncestorOrSelf<VariableDeclaratorSyntax>() is not { Parent: VariableDeclarationSyntax { Variables.Count: 1 } declaration } variable ||
            declaration.Parent is not LocalDeclarationStatementSyntax statement ||
            statement.Parent is not (BlockSyntax or GlobalStatementSyntax) ||
            model.GetDeclaredSymbol(variable, cancellation) is not ILocalSymbol local || IsAssigned(statement, local, model, cancellation))
        {
            return null;
        }
        var isAsync = AsyncContext.Allows(statement) && Implements(local.Type, "System.IAsyncDisposable");
        if (!isAsync && !Implements(local.Type, "System.IDisposable"))
            return null;
        return new NodeEdit(isAsync ? "Declare it with await using" : "Declare it with using", statement, Using(statement, isAsync));
    }

    private static LocalDeclarationStatementSyntax Using(LocalDeclarationStatementSyntax statement, bool isAsync)
    {
        var mended = statement.WithoutLeadingTrivia().WithUsingKeyword(SyntaxFactory.Token(SyntaxKind.UsingKeyword).WithTrailingTrivia(SyntaxFactory.Space));
        if (isAsync)
            mended = mended.WithAwaitKeyword(SyntaxFactory.Token(SyntaxKind.AwaitKeyword).WithTrailingTrivia(SyntaxFactory.Space));
        return mended.WithLeadingTrivia(statement.GetLeadingTrivia());
    }

    private static bool Implements(ITypeSymbol type, string name) => type.AllInterfaces.Any(found => found.ToDisplayString() == name);

    // A variable of a using declaration cannot be assigned again.
    private static bool IsAssigned(LocalDeclarationStatementSyntax statement, ILocalSymbol local, SemanticModel model, CancellationToken cancellation)
    {
        var scope = statement.Parent is GlobalStatementSyntax global ? global.Parent! : statement.Parent!;
        return scope.DescendantNodes().OfType<AssignmentExpressionSyntax>().Any(assignment =>
            assignment.Left is IdentifierNameSyntax name && name.Identifier.ValueText == local.Name &&
            SymbolEqualityComparer.Default.Equals(model.GetSymbolInfo(name, cancellation).Symbol, local));
    }
}
