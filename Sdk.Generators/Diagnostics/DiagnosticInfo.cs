using System.Collections.Immutable;
using System.Globalization;
using Microsoft.CodeAnalysis;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Diagnostics;

/// <summary>
/// A diagnostic as a value, compared by id, place and texts. The descriptor is one of the static ones, which hold no compilation.
/// </summary>
internal sealed record DiagnosticInfo(DiagnosticDescriptor Descriptor, LocationInfo? Location, KvList<string> Arguments)
{
    public static DiagnosticInfo Create(DiagnosticDescriptor descriptor, Location? location, params string[] arguments) =>
        new(descriptor, LocationInfo.From(location), KvList.Create(arguments));

    /// <summary>What the planner found, as a sentence.</summary>
    public static DiagnosticInfo Of(LayoutProblem problem, LocationInfo? location) =>
        new(LayoutDiagnostics.Of(problem.Kind), location, KvList.Create(char.ToUpperInvariant(problem.Message[0]) + problem.Message.Substring(1)))
        {
            Suggestion = problem.Suggestion,
        };

    /// <summary>The property of a <see cref="Diagnostic"/> with <see cref="Suggestion"/>, for code fixes.</summary>
    public const string SuggestionProperty = "Suggestion";

    /// <summary>The number that mends it (<see cref="LayoutProblem.Suggestion"/>), or 0.</summary>
    public long Suggestion { get; init; }

    public bool IsError => Descriptor.DefaultSeverity == DiagnosticSeverity.Error;

    /// <param name="trees">The files in which the place may lie: a code fix needs a place in a tree, not only in a file.</param>
    public Diagnostic ToDiagnostic(IEnumerable<SyntaxTree> trees)
    {
        var properties = Suggestion == 0
            ? ImmutableDictionary<string, string?>.Empty
            : ImmutableDictionary<string, string?>.Empty.Add(SuggestionProperty, Suggestion.ToString(CultureInfo.InvariantCulture));
        return Diagnostic.Create(Descriptor, Location?.ToLocation(trees), properties, [.. Arguments]);
    }
}
