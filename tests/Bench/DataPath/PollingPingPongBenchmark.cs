using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>Notifications there and back between two processes that poll, against one line of shared memory.</summary>
internal sealed class PollingPingPongBenchmark : IBenchmark
{
    public string Name => "notify.poll_rtt";

    public string Summary => "notification ping-pong between two polling processes, against a line of shared memory between two pinned C processes.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, 4096);
        await processes.ConnectBackAsync();
        var trips = PingPong.TripsFor(quick, await RoundAsync(processes, 200));
        using var line = await ReferenceTool.StartAsync("line", "100000");
        var result = await Comparison.AlternateAsync(new Sizes(quick).Rounds, () => RoundAsync(processes, trips), line.RoundAsync);
        return
        [
            new("notify.poll_rtt.vs_shm", result.Cost, "ratio")
            {
                AtMost = 10,
                Ours = Comparison.Time(result.Ours.Median),
                Reference = Comparison.Time(result.Reference.Median),
                Note = "round trip of a 56-byte notification, both sides poll; a 64-byte line between two pinned C processes",
            },
        ];
    }

    private static async Task<double> RoundAsync(TwoProcesses processes, int trips)
    {
        await processes.Peer.AskAsync($"poll {trips}", "echoing");
        var seconds = new PingPong(processes.Agent, processes.Remote).AskPolling(trips);
        await processes.Peer.HearAsync("echoed");
        return seconds;
    }
}
