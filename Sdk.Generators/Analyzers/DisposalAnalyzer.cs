using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>
/// NIXL102: an object of a type with [MustDispose] is made and dropped at once, or made into a local variable and forgotten. Any use
/// that could hand it on (an argument, a return, a store) silences it: what happens there cannot be seen from here.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class DisposalAnalyzer : DiagnosticAnalyzer
{
    // Methods that make an object for their caller. Others (a pool's List, a provider's GetRequiredService) show one that has an owner.
    private static readonly string[] Makers = ["Allocate", "Bind", "Connect", "Create", "Lease", "Open", "Prepare", "Register", "Rent"];

    // "Deregister" is how a region is given up where the caller must know whether that worked.
    private static readonly string[] Enders = ["Dispose", "Deregister"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [UsageDiagnostics.NotDisposed];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            if (SdkTypes.Of(start.Compilation) is { } sdk)
                start.RegisterOperationBlockAction(found => Analyze(found, sdk));
        });
    }

    private static void Analyze(OperationBlockAnalysisContext context, SdkTypes sdk)
    {
        var made = new Dictionary<ILocalSymbol, IVariableDeclaratorOperation>(SymbolEqualityComparer.Default);
        var operations = context.OperationBlocks.SelectMany(block => block.DescendantsAndSelf());
        foreach (var operation in operations)
        {
            if (operation is IVariableDeclaratorOperation declarator && IsMade(declarator, sdk))
                made[declarator.Symbol] = declarator;
            else if (Dropped(operation, sdk) is { } dropped)
                Report(context, sdk, dropped.Syntax.GetLocation(), dropped.Syntax.ToString(), dropped.Type!);
        }
        if (made.Count == 0)
            return;
        foreach (var operation in operations)
        {
            if (operation is ILocalReferenceOperation reference && made.ContainsKey(reference.Local) && EndsOrLeaves(reference))
                made.Remove(reference.Local);
        }
        foreach (var declarator in made.Values)
        {
            Report(context, sdk, declarator.Symbol.Locations[0], declarator.Symbol.Name, declarator.Symbol.Type);
        }
    }

    private static void Report(OperationBlockAnalysisContext context, SdkTypes sdk, Location location, string what, ITypeSymbol type) =>
        context.ReportDiagnostic(Diagnostic.Create(
            UsageDiagnostics.NotDisposed, location, what,
            type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat.RemoveMiscellaneousOptions(
                SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier)),
            sdk.HeldBy(type)));

    /// <summary>An object that nobody has after this: a statement by itself, a discard, or made only to call a method of it.</summary>
    /// <remarks>Not the body of a lambda, which only looks like a statement: what it makes is mostly meant to fail (a test of an exception).</remarks>
    private static IOperation? Dropped(IOperation operation, SdkTypes sdk)
    {
        if (operation.IsImplicit)
            return null;
        var value = operation switch
        {
            IExpressionStatementOperation { Operation: ISimpleAssignmentOperation { Target: IDiscardOperation } discard } => discard.Value,
            IExpressionStatementOperation { Operation: not IAssignmentOperation } statement => statement.Operation,
            IInvocationOperation { Instance: { } instance } call when !IsEnd(call) => instance,
            _ => null,
        };
        return value?.Type is { } type && sdk.HeldBy(type) is not null && IsMade(value) ? value : null;
    }

    private static bool IsMade(IVariableDeclaratorOperation declarator, SdkTypes sdk)
    {
        return sdk.HeldBy(declarator.Symbol.Type) is not null && declarator.Initializer is { } initializer && !IsUsing(declarator) &&
               IsMade(initializer.Value);
    }

    private static bool IsMade(IOperation value)
    {
        while (true)
        {
            switch (value)
            {
                case IConversionOperation conversion:
                    value = conversion.Operand;
                    break;
                case IAwaitOperation await:
                    value = await.Operation;
                    break;
                case IInvocationOperation { Instance: IInvocationOperation inner } call when SdkTypes.IsAwaitable(call.TargetMethod.ContainingType):
                    value = inner;
                    break;
                case IInvocationOperation call:
                    return Array.Exists(Makers, maker => call.TargetMethod.Name.StartsWith(maker, StringComparison.Ordinal));
                default:
                    return value is IObjectCreationOperation;
            }
        }
    }

    private static bool IsUsing(IOperation operation)
    {
        var at = operation.Parent;
        while (at is IVariableDeclarationOperation or IVariableDeclarationGroupOperation)
            at = at.Parent;
        return at is IUsingDeclarationOperation or IUsingOperation;
    }

    private static bool EndsOrLeaves(ILocalReferenceOperation reference) => reference.Parent switch
    {
        IInvocationOperation call when call.Instance == reference => IsEnd(call),
        IConditionalAccessOperation access when access.Operation == reference => access.WhenNotNull is IInvocationOperation call && IsEnd(call),
        IMethodReferenceOperation => true,
        IMemberReferenceOperation member => member.Instance != reference,
        ISimpleAssignmentOperation assignment => assignment.Target != reference,
        IBinaryOperation or IIsPatternOperation or IIsTypeOperation or INameOfOperation or IExpressionStatementOperation => false,
        IEventAssignmentOperation => false,
        _ => true,
    };

    private static bool IsEnd(IInvocationOperation call) =>
        Array.Exists(Enders, ender => call.TargetMethod.Name.StartsWith(ender, StringComparison.Ordinal));
}
