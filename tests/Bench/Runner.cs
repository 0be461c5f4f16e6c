using System.Diagnostics;
using System.Globalization;
using Nixl.Sdk.Bench.Measuring;

namespace Nixl.Sdk.Bench;

/// <summary>Runs benchmarks one after the other, again while others disturb them, and reports.</summary>
/// <param name="output">Lines and tables.</param>
/// <param name="quick">Smaller and fewer.</param>
/// <param name="retries">How often a benchmark is measured again at most.</param>
/// <param name="watch">Begins to watch the machine; what it returns tells the share that others have used since. [<see cref="ForeignLoad"/>]</param>
internal sealed class Runner(TextWriter output, bool quick, int retries, Func<Func<double?>>? watch = null)
{
    // A benchmark that takes long is not measured again and again.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(90);

    private readonly Func<Func<double?>> _watch = watch ?? (() => new ForeignLoad().Share);

    /// <summary>Prints each benchmark's figures as they come, and one table at the end.</summary>
    public async Task<IReadOnlyList<Figure>> RunAsync(IEnumerable<IBenchmark> benchmarks)
    {
        List<Figure> all = [];
        foreach (var benchmark in benchmarks)
        {
            var figures = await MeasureAsync(benchmark);
            Report.WriteLines(output, figures);
            all.AddRange(figures);
        }

        output.WriteLine();
        Report.WriteTable(output, all);
        return all;
    }

    /// <summary>The quietest of at most 1 + retries measurements; the first that is quiet enough ends it.</summary>
    private async Task<IReadOnlyList<Figure>> MeasureAsync(IBenchmark benchmark)
    {
        (double Load, IReadOnlyList<Figure> Figures)? best = null;
        var start = Stopwatch.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            var share = _watch();
            var figures = await benchmark.RunAsync(quick);
            if (share() is not { } load)
                return figures;
            if (best is null || load < best.Value.Load)
                best = (load, [.. figures.Select(figure => figure with { ForeignLoad = load })]);
            if (load <= ForeignLoad.Limit)
                return best.Value.Figures;
            var again = attempt < retries && Stopwatch.GetElapsedTime(start) < Longest;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"foreign load {load:P0} while {benchmark.Name} was measured; {(again ? "measuring again" : "the quietest is reported")}"));
            if (!again)
                return best.Value.Figures;
        }
    }
}
