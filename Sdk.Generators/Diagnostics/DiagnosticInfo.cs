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

    public bool IsError => Descriptor.DefaultSeverity == DiagnosticSeverity.Error;

    public Diagnostic ToDiagnostic() => Diagnostic.Create(Descriptor, Location?.ToLocation(), [.. Arguments]);
}
