using Nixl.Sdk.Generators.Diagnostics;

namespace Nixl.Sdk.Generators.Model;

/// <summary>A component property as it is declared: what the emitter needs of it, and where its mistakes are shown.</summary>
/// <param name="Property">The property.</param>
/// <param name="Location">Its name in the source.</param>
internal sealed record ComponentDraft(PropertySpec Property, LocationInfo? Location);
