using Nixl.Sdk.Bench.DataPath;
using Nixl.Sdk.Bench.Generator;
using Nixl.Sdk.Bench.Serving;

namespace Nixl.Sdk.Bench;

/// <summary>All benchmarks, in the order in which they run, and how the command line names them.</summary>
internal static class Benchmarks
{
    public static IReadOnlyList<IBenchmark> All { get; } =
    [
        new CopyBenchmark("local.random4k"),
        new CopyBenchmark("local.bulk"),
        new FirstTransferBenchmark(),
        new ForeignMemoryBenchmark(),
        new StreamBenchmark("tcp.random4k"),
        new StreamBenchmark("tcp.bulk"),
        new PostCostBenchmark(),
        new PostReturnsBenchmark(),
        new PrepareBenchmark(),
        new SmallWriteBenchmark(),
        new PollingPingPongBenchmark(),
        new AsyncPingPongBenchmark(),
        new SmallBehindBulkBenchmark(),
        new ConcurrentBenchmark(),
        new AllocationBenchmark(),
        new IdleBenchmark(),
        new GeneratorBenchmark(),
        new ChecksumBenchmark(),
        new ServeBenchmark("serve.1p1d", prefills: 1, decodes: 1),
        new ServeBenchmark("serve.2p2d", prefills: 2, decodes: 2),
    ];

    private static readonly Dictionary<string, string[]> Groups = new()
    {
        ["latency"] = ["write4k", "notify.poll_rtt", "notify.async_rtt", "small_behind_bulk"],
    };

    /// <summary>Every name that may be given: benchmarks, the parts before their dots, and the groups.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. All.Select(benchmark => benchmark.Name).Concat(All.Select(Group)).Concat(Groups.Keys).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>A benchmark's name, a group, or a figure's name (then the benchmark that gives it); empty if it is none of these.</summary>
    public static IReadOnlyList<IBenchmark> Find(string name) =>
        Groups.TryGetValue(name, out var members)
            ? [.. members.SelectMany(Find)]
            : [.. All.Where(benchmark => benchmark.Name == name || Group(benchmark) == name || name.StartsWith(benchmark.Name + ".", StringComparison.Ordinal))];

    private static string Group(IBenchmark benchmark) => benchmark.Name.Split('.')[0];
}
