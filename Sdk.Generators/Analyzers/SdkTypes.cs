using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Parsing;

namespace Nixl.Sdk.Generators.Analyzers;

/// <summary>The SDK's types in one compilation; null if it does not reference the SDK.</summary>
internal sealed class SdkTypes
{
    private SdkTypes(INamedTypeSymbol agent, INamedTypeSymbol transfer, INamedTypeSymbol result, INamedTypeSymbol mustDispose)
    {
        Agent = agent;
        Transfer = transfer;
        TransferResult = result;
        MustDispose = mustDispose;
    }

    public INamedTypeSymbol Agent { get; }

    public INamedTypeSymbol Transfer { get; }

    public INamedTypeSymbol TransferResult { get; }

    public INamedTypeSymbol MustDispose { get; }

    public static SdkTypes? Of(Compilation compilation) =>
        compilation.GetTypeByMetadataName(KnownNames.Agent) is { } agent &&
        compilation.GetTypeByMetadataName(KnownNames.Transfer) is { } transfer &&
        compilation.GetTypeByMetadataName(KnownNames.TransferResult) is { } result &&
        compilation.GetTypeByMetadataName(KnownNames.MustDispose) is { } mustDispose
            ? new SdkTypes(agent, transfer, result, mustDispose)
            : null;

    /// <summary>True for Task, ValueTask and what ConfigureAwait makes of them.</summary>
    public static bool IsAwaitable(ITypeSymbol? type) =>
        type is { Name: "Task" or "ValueTask", ContainingNamespace: { Name: "Tasks", ContainingNamespace.Name: "Threading" } } or
            { Name: "ConfiguredValueTaskAwaitable" or "ConfiguredTaskAwaitable", ContainingNamespace.Name: "CompilerServices" };

    /// <summary>True for an awaitable whose result is a <c>TransferResult</c>.</summary>
    public bool IsTransferOutcome(ITypeSymbol? type) =>
        IsAwaitable(type) && type is INamedTypeSymbol { TypeArguments.Length: 1 } named &&
        SymbolEqualityComparer.Default.Equals(named.TypeArguments[0], TransferResult);

    /// <summary>True for members that the SDK declares.</summary>
    public bool Declares(ISymbol symbol) => SymbolEqualityComparer.Default.Equals(symbol.ContainingAssembly, Agent.ContainingAssembly);

    /// <summary>What objects of a type hold until they are disposed, or null if they need not be.</summary>
    public string? HeldBy(ITypeSymbol? type)
    {
        for (var at = type; at is not null; at = at.BaseType)
        {
            foreach (var attribute in at.GetAttributes())
            {
                if (SymbolEqualityComparer.Default.Equals(attribute.AttributeClass, MustDispose))
                    return attribute.ConstructorArguments.Length == 1 ? attribute.ConstructorArguments[0].Value as string ?? "" : "";
            }
        }
        return null;
    }
}
