using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Resolving;

/// <summary>Collects the diagnostics of one layout.</summary>
internal sealed class Report
{
    private readonly LocationInfo? _location;
    private readonly List<DiagnosticInfo> _diagnostics;

    /// <param name="location">Where a mistake is shown that has no place of its own.</param>
    /// <param name="known">What the parser has found.</param>
    public Report(LocationInfo? location, KvList<DiagnosticInfo> known)
    {
        _location = location;
        _diagnostics = [.. known];
    }

    public bool HasErrors => _diagnostics.Exists(diagnostic => diagnostic.IsError);

    public void Add(DiagnosticDescriptor descriptor, string message) => Add(descriptor, message, _location);

    public void Add(DiagnosticDescriptor descriptor, string message, LocationInfo? location) =>
        _diagnostics.Add(new DiagnosticInfo(descriptor, location ?? _location, KvList.Create(message)));

    /// <summary>Adds what the planner found.</summary>
    public void Add(LayoutProblem problem, LocationInfo? location) => _diagnostics.Add(DiagnosticInfo.Of(problem, location ?? _location));

    /// <summary>The number that the model file gives. A number in the attribute may repeat it; another one is reported.</summary>
    /// <param name="name">The attribute's property.</param>
    /// <param name="given">Its value; 0 is not given.</param>
    /// <param name="inFile">The file's value; 0 is that it has none.</param>
    /// <param name="location">Where the attribute is.</param>
    public int Agree(string name, int given, int inFile, LocationInfo? location)
    {
        if (given != 0 && given != inFile)
        {
            Add(LayoutDiagnostics.ModelContradiction, FormattableString.Invariant($"{name} is {given} here, but the model file says ") +
                (inFile == 0 ? "that there is none" : Text(inFile)) + "; take it out here, or name the right file", location);
        }
        return inFile;
    }

    public KvList<DiagnosticInfo> ToList() => KvList.Create(_diagnostics.ToArray());

    private static string Text(int value) => FormattableString.Invariant($"{value}");
}
