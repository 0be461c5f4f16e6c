using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>Finds what is polled in a condition: a transfer's state, its task, or the notifications.</summary>
internal sealed class PollFinder(SdkTypes sdk)
{
    /// <summary>Something that only the other side can change.</summary>
    /// <param name="Operation">The expression that reads it.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Instead">What to await instead.</param>
    internal sealed record Poll(IOperation Operation, string Name, string Instead);

    /// <param name="condition">A condition that decides whether a loop ends.</param>
    /// <param name="endsWhen">The value with which it ends.</param>
    public Poll? Find(IOperation condition, bool endsWhen)
    {
        foreach (var operation in condition.DescendantsAndSelf())
        {
            if (Classify(operation, condition, endsWhen) is { } poll)
                return poll;
        }
        return null;
    }

    /// <summary>True if the loop sleeps until a notification comes: that is not polling.</summary>
    public static bool Waits(ILoopOperation loop) =>
        loop.Descendants().Any(operation => operation is IInvocationOperation { TargetMethod.Name: "WaitForNotificationAsync" });

    private Poll? Classify(IOperation operation, IOperation condition, bool endsWhen) => operation switch
    {
        IPropertyReferenceOperation { Property.Name: "State" } property when Is(property.Property.ContainingType, sdk.Transfer) =>
            new Poll(operation, "Transfer.State", "Transfer.Quiesced"),
        IPropertyReferenceOperation { Property.Name: "IsCompleted" or "IsCompletedSuccessfully" } property when IsOutcome(property.Instance) =>
            new Poll(operation, property.Property.Name, "the task"),

        // Reading until there is none left is not polling: only a loop that ends with the first one is.
        IInvocationOperation { TargetMethod.Name: "TryReadNotification" } call
            when Is(call.TargetMethod.ContainingType, sdk.Agent) && IsNegated(call, condition) != endsWhen =>
            new Poll(operation, call.TargetMethod.Name, "WaitForNotificationAsync"),
        _ => null,
    };

    private bool IsOutcome(IOperation? instance) =>
        sdk.IsTransferOutcome(instance?.Type) ||
        instance is IPropertyReferenceOperation { Property.Name: "Quiesced" } quiesced && Is(quiesced.Property.ContainingType, sdk.Transfer);

    private static bool IsNegated(IOperation operation, IOperation condition)
    {
        var negated = false;
        for (var at = operation; at != condition && at.Parent is { } parent; at = parent)
            negated ^= IsNegation(parent);
        return negated;
    }

    // !x, x == false, x is false
    private static bool IsNegation(IOperation operation) => operation switch
    {
        IUnaryOperation { OperatorKind: UnaryOperatorKind.Not } => true,
        IBinaryOperation { OperatorKind: BinaryOperatorKind.Equals } equals => IsFalse(equals.LeftOperand) || IsFalse(equals.RightOperand),
        IIsPatternOperation { Pattern: IConstantPatternOperation constant } => IsFalse(constant.Value),
        _ => false,
    };

    private static bool IsFalse(IOperation operation) => operation.ConstantValue is { HasValue: true, Value: false };

    private static bool Is(ISymbol symbol, INamedTypeSymbol type) => SymbolEqualityComparer.Default.Equals(symbol, type);
}
