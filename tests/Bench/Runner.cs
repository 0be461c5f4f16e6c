using System.Globalization;
using Nixl.Sdk.Bench.Measuring;

namespace Nixl.Sdk.Bench;

/// <summary>Runs benchmarks one after the other, again while others disturb them, and reports.</summary>
internal sealed class Runner(TextWriter output, bool quick, int retries)
{
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
        for (var attempt = 0; attempt <= retries; attempt++)
        {
            var watch = new ForeignLoad();
            var figures = await benchmark.RunAsync(quick);
            if (watch.Share() is not { } load)
                return figures;
            if (best is null || load < best.Value.Load)
                best = (load, [.. figures.Select(figure => figure with { ForeignLoad = load })]);
            if (load <= ForeignLoad.Limit)
                break;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"foreign load {load:P0} while {benchmark.Name} was measured{(attempt < retries ? "; measuring again" : "; the quietest is reported")}"));
        }

        return best!.Value.Figures;
    }
}
