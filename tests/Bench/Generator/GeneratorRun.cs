using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Nixl.Sdk.Bench.Generator;

/// <summary>What the generator did in one compilation.</summary>
/// <param name="OwnTime">Spent in the generator's steps, as the driver measures it.</param>
/// <param name="Sources">One per layout type.</param>
internal sealed record GeneratorRun(TimeSpan OwnTime, ImmutableArray<GeneratedSourceResult> Sources);
