using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nixl.Sdk.CodeFixes;

/// <summary>NIXL103: a loop that does nothing but wait for the end of a transfer becomes <c>await transfer.Quiesced</c>.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class PollingFix() : SdkCodeFixProvider("NIXL103")
{
    private static readonly string[] Waits = ["Sleep", "Yield", "SpinOnce", "SpinWait", "Delay"];

    private protected override Task<NodeEdit?> FindAsync(Document document, SyntaxNode node, Diagnostic diagnostic, CancellationToken cancellation)
    {
        if (node.FirstAncestorOrSelf<MemberAccessExpressionSyntax>() is not { Name.Identifier.ValueText: "State" } state || !IsPlain(state.Expression))
            return Task.FromResult<NodeEdit?>(null);
        var loop = state.Ancestors().FirstOrDefault(found => found is WhileStatementSyntax or DoStatementSyntax) as StatementSyntax;
        var (condition, body) = loop switch
        {
            WhileStatementSyntax found => (found.Condition, found.Statement),
            DoStatementSyntax found => (found.Condition, found.Statement),
            _ => (null, null),
        };
        if (loop is null || !IsWaitForEnd(condition!, state) || !OnlyWaits(body!) || !AsyncContext.Allows(loop))
            return Task.FromResult<NodeEdit?>(null);
        var await = SyntaxFactory.ParseStatement("await " + state.Expression + ".Quiesced;").WithTriviaFrom(loop);
        return Task.FromResult<NodeEdit?>(new NodeEdit("Await " + state.Expression + ".Quiesced", loop, await));
    }

    private static bool IsPlain(ExpressionSyntax expression) => expression switch
    {
        IdentifierNameSyntax or ThisExpressionSyntax => true,
        MemberAccessExpressionSyntax access => IsPlain(access.Expression),
        _ => false,
    };

    // A loop until the transfer is posted waits for something else than its end.
    private static bool IsWaitForEnd(ExpressionSyntax condition, ExpressionSyntax state)
    {
        var compared = condition switch
        {
            BinaryExpressionSyntax binary => binary.Left,
            IsPatternExpressionSyntax pattern => pattern.Expression,
            _ => null,
        };
        return compared == state && !condition.DescendantTokens().Any(token => token.ValueText == "NotPosted");
    }

    private static bool OnlyWaits(StatementSyntax body) => body switch
    {
        EmptyStatementSyntax => true,
        BlockSyntax block => block.Statements.All(OnlyWaits),
        ExpressionStatementSyntax statement => IsWait(statement.Expression),
        _ => false,
    };

    private static bool IsWait(ExpressionSyntax expression) => expression switch
    {
        AwaitExpressionSyntax await => IsWait(await.Expression),
        InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax access } => Waits.Contains(access.Name.Identifier.ValueText),
        _ => false,
    };
}
