using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>
/// NIXL103: a loop that goes round until a transfer is done or a notification is there, and nothing else ends it. Looks at what decides
/// whether the loop goes on: its condition, or in an endless loop the tests that leave it.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class PollingAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [UsageDiagnostics.PollingWithoutDeadline];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            if (SdkTypes.Of(start.Compilation) is { } sdk)
                start.RegisterOperationAction(found => Analyze(found, new PollFinder(sdk)), OperationKind.Loop);
        });
    }

    private static void Analyze(OperationAnalysisContext context, PollFinder polls)
    {
        var loop = (ILoopOperation)context.Operation;
        if (Tests(loop).Select(test => polls.Find(test.Condition, test.EndsWhen)).FirstOrDefault(found => found is not null) is { } poll &&
            !PollFinder.Waits(loop) && !LoopLimits.HasLimit(loop))
        {
            context.ReportDiagnostic(Diagnostic.Create(
                UsageDiagnostics.PollingWithoutDeadline, poll.Operation.Syntax.GetLocation(), poll.Name, poll.Instead));
        }
    }

    /// <summary>The conditions that decide whether the loop goes on, and the value with which each ends it.</summary>
    private static IEnumerable<(IOperation Condition, bool EndsWhen)> Tests(ILoopOperation loop)
    {
        var condition = loop switch
        {
            IWhileLoopOperation whileLoop => whileLoop.Condition,
            IForLoopOperation forLoop => forLoop.Condition,
            _ => null,
        };
        if (loop is not (IWhileLoopOperation or IForLoopOperation))
            yield break;
        if (condition is not null && condition.ConstantValue is not { HasValue: true, Value: true })
        {
            yield return (condition, loop is IWhileLoopOperation { ConditionIsUntil: true });
            yield break;
        }
        foreach (var inner in loop.Body.Descendants().OfType<IConditionalOperation>())
        {
            if (Leaves(inner.WhenTrue, loop))
                yield return (inner.Condition, true);
            else if (Leaves(inner.WhenFalse, loop))
                yield return (inner.Condition, false);
        }
    }

    private static bool Leaves(IOperation? branch, ILoopOperation loop) =>
        branch is not null && branch.DescendantsAndSelf().Any(operation => operation is IReturnOperation or IThrowOperation ||
            (operation is IBranchOperation jump && SymbolEqualityComparer.Default.Equals(jump.Target, loop.ExitLabel)));
}
