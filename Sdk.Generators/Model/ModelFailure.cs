using Microsoft.CodeAnalysis;

namespace Nixl.Sdk.Generators.Model;

/// <summary>Why a model file cannot be used. The descriptor is one of the static ones, which hold no compilation.</summary>
/// <param name="Descriptor">The diagnostic.</param>
/// <param name="Message">What is wrong and what to do.</param>
internal sealed record ModelFailure(DiagnosticDescriptor Descriptor, string Message);
