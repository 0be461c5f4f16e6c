using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>What the parser makes of one layout type. The two parts feed separate outputs: a moved line never emits source again.</summary>
/// <param name="Layout">The layout, or null if no partial declaration of the type can be emitted.</param>
/// <param name="Diagnostics">What is wrong with it.</param>
internal sealed record ParseResult(LayoutSpec? Layout, KvList<DiagnosticInfo> Diagnostics);
