using System.Diagnostics;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>Many transfers at once, against one of as many bytes.</summary>
internal sealed class ConcurrentBenchmark : IBenchmark
{
    private const int Transfers = 64;
    private const int Tasks = 8;
    private static readonly byte[] Notification = new byte[32];

    public string Name => "concurrent";

    public string Summary => $"{Transfers} transfers of 2.5 MiB in flight from {Tasks} tasks, against one of 160 MiB.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        return Worst.Of(Name, [await RunAsync(sizes, NixlTransports.Local, "local"), await RunAsync(sizes, NixlTransports.Fabric, "tcp")]);
    }

    private static async Task<Figure> RunAsync(Sizes sizes, NixlTransports transport, string name)
    {
        await using var processes = await TwoProcesses.StartAsync(transport, sizes.Bytes);
        using var one = processes.Prepare(sizes.Bytes);
        using var parts = processes.Prepare(sizes.Bytes / Transfers);
        using var ids = new Permutation(Transfers);
        await processes.VerifyAsync(one, [0], [0]);
        await processes.VerifyAsync(parts, ids.From, ids.To);
        var transfers = Enumerable.Range(0, Transfers).Select(_ => parts.Another()).ToArray();
        int[][] ordinals = [.. Enumerable.Range(0, Transfers).Select(id => new[] { id })];
        var result = await Comparison.AlternateAsync(sizes.Rounds, () => AllAsync(transfers, ordinals), () => one.RunAsync([0], [0]));
        foreach (var transfer in transfers)
            transfer.Dispose();
        return new($"concurrent.{name}", result.Speed, "ratio")
        {
            AtLeast = 0.9,
            Ours = Comparison.Rate(sizes.Bytes, result.Ours.Median),
            Reference = Comparison.Rate(sizes.Bytes, result.Reference.Median),
            Note = $"{Transfers} x {sizes.Bytes / Transfers >> 10} KiB from {Tasks} tasks, each with notification; 1 x {sizes.Bytes >> 20} MiB",
        };
    }

    private static async Task<double> AllAsync(Transfer[] transfers, int[][] ids)
    {
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Tasks).Select(task => Task.Run(async () =>
        {
            var running = new List<Task>(Transfers / Tasks);
            for (var i = task; i < Transfers; i += Tasks)
                running.Add(transfers[i].PostAsync(ids[i], ids[i], Notification).AsTask());
            await Task.WhenAll(running);
        })));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
