using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL101: awaits the outcome, in an async method or one that becomes async without a change for its callers.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class AwaitFix() : SdkCodeFixProvider("NIXL101")
{
    private const string Title = "Await the outcome";

    private static readonly SyntaxToken AwaitKeyword = SyntaxFactory.Token(SyntaxKind.AwaitKeyword).WithTrailingTrivia(SyntaxFactory.Space);

    private protected override async Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        // Of "_ = call" the call remains; in "a?.call" there may be nothing to await.
        var call = node.FirstAncestorOrSelf<InvocationExpressionSyntax>(found => found.Span == diagnostic.Location.SourceSpan);
        var statement = call?.FirstAncestorOrSelf<ExpressionStatementSyntax>();
        if (statement is null || (statement.Expression != call && (statement.Expression as AssignmentExpressionSyntax)?.Right != call))
            return null;
        var awaited = statement.WithExpression(
            SyntaxFactory.AwaitExpression(AwaitKeyword, call!.WithoutLeadingTrivia()).WithLeadingTrivia(statement.Expression.GetLeadingTrivia()));
        if (AsyncContext.Allows(statement))
            return new NodeEdit(Title, statement, awaited);
        return await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is { } model ? MadeAsync(statement, awaited, model, cancellation) : null;
    }

    // A method that returns Task or ValueTask and only ever a completed one can become async: its callers see no difference.
    private static NodeEdit? MadeAsync(StatementSyntax statement, StatementSyntax awaited, SemanticModel model, CancellationToken cancellation)
    {
        if (statement.Ancestors().FirstOrDefault(IsFunction) is not MethodDeclarationSyntax { Body: { } body } method ||
            method.ReturnType is not IdentifierNameSyntax { Identifier.ValueText: "Task" or "ValueTask" } ||
            statement.Ancestors().TakeWhile(node => node != method).Any(node => node is LockStatementSyntax or UnsafeStatementSyntax) ||
            model.GetDeclaredSymbol(method, cancellation)?.Parameters.All(CanBeOfAsync) != true)
        {
            return null;
        }
        var returns = body.DescendantNodes(node => node == body || !IsFunction(node)).OfType<ReturnStatementSyntax>().ToList();
        if (statement.Parent != body || returns.Exists(found => !IsCompleted(found) || found != body.Statements.Last()))
            return null;
        var statements = body.Statements.Replace(statement, awaited);
        var mended = method
            .WithBody(body.WithStatements(returns.Count == 0 ? statements : statements.RemoveAt(statements.Count - 1)))
            .AddModifiers(SyntaxFactory.Token(SyntaxKind.AsyncKeyword).WithTrailingTrivia(SyntaxFactory.Space));
        return new NodeEdit(Title, method, mended);
    }

    private static bool CanBeOfAsync(IParameterSymbol parameter) => parameter is { RefKind: RefKind.None, Type.IsRefLikeType: false };

    private static bool IsFunction(SyntaxNode node) =>
        node is AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax or MemberDeclarationSyntax;

    private static bool IsCompleted(ReturnStatementSyntax statement) => statement.Expression switch
    {
        MemberAccessExpressionSyntax { Name.Identifier.ValueText: "CompletedTask" } => true,
        LiteralExpressionSyntax literal => literal.IsKind(SyntaxKind.DefaultLiteralExpression),
        _ => false,
    };
}
