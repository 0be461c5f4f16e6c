using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>Whether a loop ends without the other side: by a token, by a clock, or by counting. In doubt it does.</summary>
internal static class LoopLimits
{
    private static readonly string[] ClockTypes =
    [
        "System.Threading.CancellationToken", "System.Threading.CancellationTokenSource", "System.Diagnostics.Stopwatch", "System.TimeProvider",
        "System.DateTime", "System.DateTimeOffset",
    ];

    private static readonly string[] TimeWords = ["deadline", "timeout"];

    private static readonly string[] EndWords = ["cancel", "stop", "shutdown", "abort"];

    public static bool HasLimit(ILoopOperation loop)
    {
        var counted = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        var compared = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        foreach (var operation in loop.Descendants())
        {
            if ((IsClock(operation) && !IsNothing(operation)) || IsNamedAfterLimit(operation))
                return true;
            Note(operation, counted, compared);
        }
        return counted.Overlaps(compared);
    }

    private static bool IsClock(IOperation operation) =>
        IsClockType(operation.Type) ||
        (operation is IMemberReferenceOperation member && (IsClockType(member.Member.ContainingType) || IsTickCount(member.Member))) ||
        (operation is IInvocationOperation call && IsClockType(call.TargetMethod.ContainingType));

    // A token that is left out, default or None cancels nothing.
    private static bool IsNothing(IOperation operation) =>
        operation.IsImplicit || operation is IDefaultValueOperation or IMemberReferenceOperation { Member.Name: "None" };

    private static bool IsClockType(ITypeSymbol? type) => type is not null && Array.IndexOf(ClockTypes, type.ToDisplayString()) >= 0;

    private static bool IsTickCount(ISymbol member) =>
        member.Name is "TickCount" or "TickCount64" && member.ContainingType.ToDisplayString() == "System.Environment";

    // A program's own helpers: deadline.Passed, CheckTimeout(), _stopping.
    private static bool IsNamedAfterLimit(IOperation operation) => operation switch
    {
        ILocalReferenceOperation local => IsLimit(local.Local.Name),
        IParameterReferenceOperation parameter => IsLimit(parameter.Parameter.Name),
        IMemberReferenceOperation member => IsLimit(member.Member.Name) || IsTimed(member.Member.ContainingType.Name),
        IInvocationOperation call => IsLimit(call.TargetMethod.Name) || IsTimed(call.TargetMethod.ContainingType.Name),
        _ => false,
    };

    private static bool IsLimit(string name) => IsTimed(name) || Contains(name, EndWords);

    private static bool IsTimed(string name) => Contains(name, TimeWords);

    private static bool Contains(string name, string[] words) =>
        Array.Exists(words, word => name.IndexOf(word, StringComparison.OrdinalIgnoreCase) >= 0);

    // A variable that is both counted and compared is a bound.
    private static void Note(IOperation operation, HashSet<ISymbol> counted, HashSet<ISymbol> compared)
    {
        switch (operation)
        {
            case IIncrementOrDecrementOperation step:
                Add(step.Target, counted);
                if (step.Parent is IBinaryOperation)
                    Add(step.Target, compared);
                break;
            case ICompoundAssignmentOperation step:
                Add(step.Target, counted);
                break;
            case IBinaryOperation comparison:
                Add(comparison.LeftOperand, compared);
                Add(comparison.RightOperand, compared);
                break;
        }
    }

    private static void Add(IOperation operation, HashSet<ISymbol> symbols)
    {
        var symbol = operation switch
        {
            ILocalReferenceOperation local => local.Local,
            IParameterReferenceOperation parameter => parameter.Parameter,
            IFieldReferenceOperation field => (ISymbol)field.Field,
            _ => null,
        };
        if (symbol is not null)
            symbols.Add(symbol);
    }
}
