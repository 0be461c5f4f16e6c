using System.Diagnostics;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>What a small write waits for while a large one is in flight.</summary>
internal sealed class SmallBehindBulkBenchmark : IBenchmark
{
    public string Name => "small_behind_bulk";

    public string Summary => "P99 of a 4 KiB write with notification while a bulk write is in flight, against idle.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        return Worst.Of(Name, [await RunAsync(sizes, NixlTransports.Local, "local"), await RunAsync(sizes, NixlTransports.Fabric, "tcp")]);
    }

    private static async Task<Figure> RunAsync(Sizes sizes, NixlTransports transport, string name)
    {
        var count = sizes.Quick ? 200 : 1000;
        await using var processes = await TwoProcesses.StartAsync(transport, sizes.Bytes + (1 << 20));
        using var bulk = new PreparedTransfer(
            processes.Agent, processes.Remote, TransferOperation.Write, processes.Own.Address, processes.RemoteAddress, sizes.Bytes, 1);
        using var small = processes.Prepare(Sizes.SmallPiece);
        var last = new[] { (int)small.Pieces - 1 }; // behind the bulk's bytes
        await processes.VerifyAsync(small, last, last);
        await processes.VerifyAsync(bulk, [0], [0]);

        await WritesAsync(small, last, count / 4, TimeSpan.FromSeconds(2));
        var idle = await WritesAsync(small, last, count, TimeSpan.FromSeconds(5));
        using var stop = new CancellationTokenSource();
        var flood = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await bulk.RunAsync([0], [0]);
        });
        await Task.Delay(50);
        var behind = await WritesAsync(small, last, count, TimeSpan.FromSeconds(sizes.Quick ? 4 : 12));
        await stop.CancelAsync();
        await flood;
        return new($"small_behind_bulk.{name}", behind.Quantile(0.99) / idle.Quantile(0.99), "ratio")
        {
            AtMost = 20,
            Ours = Comparison.Time(behind.Quantile(0.99)),
            Reference = Comparison.Time(idle.Quantile(0.99)),
            Note = $"P99 of {behind.Count} writes of 4 KiB with notification while {sizes.Bytes >> 20} MiB is in flight; the same on an idle connection",
        };
    }

    /// <summary>One after the other, a little apart.</summary>
    private static async Task<Measurements> WritesAsync(PreparedTransfer small, int[] id, int count, TimeSpan longest)
    {
        var samples = new Measurements();
        var start = Stopwatch.GetTimestamp();
        while (samples.Count < count && Stopwatch.GetElapsedTime(start) < longest)
            samples.Add(await small.RunAsync(id, id));
        return samples;
    }
}
