using Microsoft.CodeAnalysis;

namespace Nixl.Sdk.Generators.Diagnostics;

/// <summary>Every diagnostic about code that uses the SDK.</summary>
internal static class UsageDiagnostics
{
    private const string Category = "Nixl.Usage";

    // Filled by the fields below, so it stands before them: initializers run in the order of the text.
    private static readonly List<DiagnosticDescriptor> Descriptors = [];

    public static readonly DiagnosticDescriptor IgnoredOutcome = Warning("NIXL101", "Outcome is ignored",
        "The outcome of {0} is ignored: if it fails, nobody learns of it and blocks are used with wrong bytes; await it");

    public static readonly DiagnosticDescriptor NotDisposed = Warning("NIXL102", "Object is not disposed",
        "{0} is never disposed, returned, stored or passed on; a {1} holds {2}, so declare it with using");

    public static readonly DiagnosticDescriptor PollingWithoutDeadline = Warning("NIXL103", "Polling without a deadline",
        "The loop polls {0} and ends only when the peer answers: if the peer dies, it spins forever; await {1} instead, " +
        "or check a deadline or CancellationToken");

    /// <summary>All of them, in declaration order.</summary>
    public static IReadOnlyList<DiagnosticDescriptor> All => Descriptors;

    private static DiagnosticDescriptor Warning(string id, string title, string format)
    {
        var descriptor = new DiagnosticDescriptor(
            id, title, format, Category, DiagnosticSeverity.Warning, isEnabledByDefault: true, helpLinkUri: HelpPage.Of(id));
        Descriptors.Add(descriptor);
        return descriptor;
    }
}
