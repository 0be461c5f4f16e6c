using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>
/// NIXL101: a transfer (or another asynchronous call of the SDK) whose task is dropped. An awaited, stored, returned or passed-on task
/// is somebody's business; a dropped one is an error that is lost.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class IgnoredOutcomeAnalyzer : DiagnosticAnalyzer
{
    // They only change the form of the task: the call that made it is the one to name. What ContinueWith is given has the outcome.
    private static readonly string[] Forms = ["AsTask", "ConfigureAwait", "Preserve", "WaitAsync"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [UsageDiagnostics.IgnoredOutcome];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            if (SdkTypes.Of(start.Compilation) is { } sdk)
                start.RegisterOperationAction(found => Analyze(found, sdk), OperationKind.ExpressionStatement);
        });
    }

    private static void Analyze(OperationAnalysisContext context, SdkTypes sdk)
    {
        var dropped = Unwrap(((IExpressionStatementOperation)context.Operation).Operation);
        if (dropped is ISimpleAssignmentOperation { Target: IDiscardOperation } assignment)
            dropped = Unwrap(assignment.Value);
        if (dropped is not IInvocationOperation call)
            return;
        var source = Source(call);
        if (sdk.IsTransferOutcome(call.Type) || (sdk.Declares(source.TargetMethod) && SdkTypes.IsAwaitable(call.Type)))
            context.ReportDiagnostic(Diagnostic.Create(UsageDiagnostics.IgnoredOutcome, call.Syntax.GetLocation(), source.TargetMethod.Name));
    }

    private static IOperation Unwrap(IOperation operation) => operation switch
    {
        IConversionOperation conversion => Unwrap(conversion.Operand),
        IConditionalAccessOperation access => Unwrap(access.WhenNotNull),
        _ => operation,
    };

    private static IInvocationOperation Source(IInvocationOperation call)
    {
        while (SdkTypes.IsAwaitable(call.TargetMethod.ContainingType) && Array.IndexOf(Forms, call.TargetMethod.Name) >= 0 &&
               call.Instance is IInvocationOperation inner)
            call = inner;
        return call;
    }
}
