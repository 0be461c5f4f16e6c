using Nixl.Sdk.Bench.Generator;

namespace Nixl.Sdk.Bench;

/// <summary>All benchmarks, in the order in which they run.</summary>
internal static class Benchmarks
{
    public static IReadOnlyList<IBenchmark> All { get; } = [new GeneratorBenchmark()];

    public static IBenchmark? Find(string name) => All.FirstOrDefault(benchmark => benchmark.Name == name);
}
