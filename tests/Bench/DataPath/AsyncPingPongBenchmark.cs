using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>Notifications there and back between two processes that await, against eventfd.</summary>
internal sealed class AsyncPingPongBenchmark : IBenchmark
{
    public string Name => "notify.async_rtt";

    public string Summary => "notification ping-pong with await on both sides, against an eventfd ping-pong between two pinned C processes.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, 4096);
        await processes.ConnectBackAsync();
        var trips = PingPong.TripsFor(quick, await RoundAsync(processes, 200));
        using var eventfd = await ReferenceTool.StartAsync("eventfd", "2000");
        var result = await Comparison.AlternateAsync(new Sizes(quick).Rounds, () => RoundAsync(processes, trips), eventfd.RoundAsync);
        return
        [
            new("notify.async_rtt.vs_eventfd", result.Cost, "ratio")
            {
                AtMost = 0.8,
                Ours = Comparison.Time(result.Ours.Median),
                Reference = Comparison.Time(result.Reference.Median),
                Note = "round trip of a 56-byte notification, both sides await; eventfd between two C processes on two cores",
            },
        ];
    }

    private static async Task<double> RoundAsync(TwoProcesses processes, int trips)
    {
        await processes.Peer.AskAsync($"await {trips}", "echoing");
        var seconds = await new PingPong(processes.Agent, processes.Remote).AskAwaitingAsync(trips);
        await processes.Peer.HearAsync("echoed");
        return seconds;
    }
}
