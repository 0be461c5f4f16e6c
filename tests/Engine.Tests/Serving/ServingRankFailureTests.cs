using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>A rank of an engine fails alone.</summary>
public sealed class ServingRankFailureTests
{
    [Theory]
    [InlineData(12, false)]
    [InlineData(8, true)]
    public async Task The_answer_comes_from_elsewhere_and_the_memory_stays_until_the_last_rank_has_left_it(int timeout, bool hangsForEver)
    {
        await using var bench = new ServingBench();
        using var gate = new ManualResetEventSlim();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 2, options => options with
        {
            Core = new EngineCoreOptions { RankTimeout = TimeSpan.FromSeconds(timeout) },
            Stored = (rank, layer, _) =>
            {
                if (layer != 2) return;
                if (rank == 0) throw new InvalidOperationException("The rank is broken.");
                gate.Wait(ServingBench.Soon); // the other one hangs
            },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, "p");
        var events = await ServingBench.AskAsync(decode, request);
        bench.AssertAnswer(request, events);
        Assert.Single(events.OfType<FailoverEvent>());
        await ServingBench.UntilAsync(() => !prefill.GetStatus().Ready, () => "an engine whose rank has failed is ready");
        // It is still connected: who asks it before its links have noticed is refused at once, and waits for no deadline.
        request = bench.Request(ServingBench.Prompt(120, 2), 10, "p");
        events = await ServingBench.AskAsync(decode, request);
        bench.AssertAnswer(request, events);
        Assert.All(events.OfType<FailoverEvent>(), failover => Assert.Contains("no producer", failover.Reason, StringComparison.Ordinal));
        await ServingBench.UntilAsync(() => decode.GetStatus().Peers[0].State == "lost", () => $"its links are {decode.GetStatus().Peers[0]}");

        var stopping = Task.Run(() => bench.StopAsync("p"));
        if (hangsForEver)
        {
            Assert.Contains("A rank of engine p", (await Assert.ThrowsAsync<TimeoutException>(() => stopping)).Message, StringComparison.Ordinal);
        }
        else
        {
            await Task.Delay(TimeSpan.FromSeconds(1)); // for what must not happen
            Assert.False(stopping.IsCompleted);
        }
        Assert.All(prefill.Ranks, rank => Assert.False(rank.Agent.IsDisposed, "the memory on which a rank computes is gone"));
        gate.Set();
        if (!hangsForEver) await stopping;
        await bench.AssertQuietAsync();
    }
}
