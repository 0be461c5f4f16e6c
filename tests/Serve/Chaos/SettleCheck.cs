using System.Diagnostics;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve;

/// <summary>Whether engines come to rest: nothing waits or runs, and every block is free.</summary>
internal static class SettleCheck
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>What an engine still holds, in words; null if nothing.</summary>
    internal static string? WhatIsHeld(EngineStatus status)
    {
        var queue = status.Queue;
        List<string> held = [];
        if (queue is not { Waiting: 0, Running: 0, Reserved: 0 }) held.Add($"its queue is {queue}");
        foreach (var (rank, blocks) in status.BlocksOfOtherRanks.Prepend(status.Blocks).Index())
            if (blocks.Free != blocks.Total || blocks is not { Reserved: 0, InFlight: 0, Quiesced: 0, Ready: 0, Quarantined: 0 }) held.Add($"rank {rank}'s blocks are {blocks}");
        held.AddRange(status.Quarantine.Select(entry => $"{entry.Blocks} blocks are in quarantine because of {entry.Peer} for {entry.AgeMs / 1000:0} s"));
        return held.Count == 0 ? null : $"{status.Name}: {string.Join(", ", held)}";
    }

    /// <summary>Waits until all engines hold nothing.</summary>
    /// <returns>How long it took, and what they still held at the end.</returns>
    internal static async Task<(TimeSpan Took, IReadOnlyList<string> Held)> WaitAsync(ServeCluster cluster, TimeSpan limit, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            List<string> held = [];
            foreach (var engine in cluster.Engines)
            {
                var status = await engine.StatusAsync(cancellation);
                if ((status is null ? $"{engine.Spec.Name} does not answer" : WhatIsHeld(status)) is { } what) held.Add(what);
            }
            var took = Stopwatch.GetElapsedTime(start);
            if (held.Count == 0 || took > limit) return (took, held);
            await Task.Delay(Pause, cancellation);
        }
    }

    /// <summary>The router's figures once it has no request any more, or after a time: a client has its answer a little before the router is done with it.</summary>
    internal static async Task<RouterFigures> FiguresAsync(ServeCluster cluster, TimeSpan limit, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var figures = await cluster.FiguresAsync(cancellation);
            if (figures.Sum(CounterCheck.InFlight) == 0 || Stopwatch.GetElapsedTime(start) > limit) return figures;
            await Task.Delay(Pause, cancellation);
        }
    }
}
