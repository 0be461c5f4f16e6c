using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>
/// NIXL102: an object of a type with [MustDispose] is made into a local variable and forgotten. Any use that could hand it on (an
/// argument, a return, a store) silences it: what happens there cannot be seen from here.
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
            context.ReportDiagnostic(Diagnostic.Create(
                UsageDiagnostics.NotDisposed, declarator.Symbol.Locations[0], declarator.Symbol.Name,
                declarator.Symbol.Type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat.RemoveMiscellaneousOptions(
                    SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier)),
                sdk.HeldBy(declarator.Symbol.Type)));
        }
    }

    private static bool IsMade(IVariableDeclaratorOperation declarator, SdkTypes sdk)
    {
        if (sdk.HeldBy(declarator.Symbol.Type) is null || declarator.Initializer is null || IsUsing(declarator))
            return false;
        var value = declarator.Initializer.Value;
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
