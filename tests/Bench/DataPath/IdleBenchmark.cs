using System.Globalization;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>What two connected agents with nothing to do cost.</summary>
internal sealed class IdleBenchmark : IBenchmark
{
    public string Name => "idle";

    public string Summary => "processor time of two connected agents with nothing to do, as a share of one core.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var time = TimeSpan.FromSeconds(quick ? 2 : 10);
        return Worst.Of("idle.cpu", [await RunAsync(time, NixlTransports.Local, "local"), await RunAsync(time, NixlTransports.Fabric, "tcp")]);
    }

    private static async Task<Figure> RunAsync(TimeSpan time, NixlTransports transport, string name)
    {
        await using var processes = await TwoProcesses.StartAsync(transport, 1 << 20);
        await processes.ConnectBackAsync();
        using var transfer = processes.Prepare(Sizes.SmallPiece);
        await transfer.RunAsync([0], [0]);
        await Task.Delay(TimeSpan.FromSeconds(1)); // the runtime's own late work: compilation in tiers, threads that end
        var before = await ProcessorAsync(processes);
        await Task.Delay(time);
        var used = await ProcessorAsync(processes) - before;
        return new($"idle.cpu.{name}", used / time.TotalSeconds, "cores")
        {
            AtMost = 0.005,
            Ours = Comparison.Time(used),
            Note = $"both processes together over {time.TotalSeconds:0} s, default settings, the .NET runtime's own work included",
        };
    }

    private static async Task<double> ProcessorAsync(TwoProcesses processes)
    {
        var other = double.Parse(await processes.Peer.AskAsync("cpu", "cpu"), CultureInfo.InvariantCulture);
        return Environment.CpuUsage.TotalTime.TotalSeconds + other;
    }
}
