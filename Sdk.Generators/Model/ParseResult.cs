using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>What the parser makes of one layout type: the generator takes the layout, the analyzer the diagnostics.</summary>
/// <param name="Layout">The layout, or null if no partial declaration of the type can be emitted.</param>
/// <param name="Diagnostics">What is wrong with it.</param>
internal sealed record ParseResult(LayoutSpec? Layout, KvList<DiagnosticInfo> Diagnostics);
