using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Conditional disaggregation: the advisor learns from what was served, and every decision says why.</summary>
public sealed class ServingPlacementTests
{
    [Fact]
    public async Task The_advisor_learns_from_every_prompt_and_each_decision_is_counted_and_explained()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 2, options => options with { Placement = KvAdvisorMode.Auto });
        await bench.ConnectAsync();
        var first = bench.Request(ServingBench.Prompt(90, 1), 4, "p");
        var events = await ServingBench.AskAsync(decode, first);
        Assert.Contains("never measured", Assert.Single(events.OfType<PrefillEvent>()).Why, StringComparison.Ordinal);
        ServingBench.Arrived(events);
        Assert.Equal(1, decode.GetStatus().Prefills["remote: not measured yet"]);
        await ServingBench.AskAsync(decode, bench.Request(ServingBench.Prompt(90, 2), 4)); // computed here, for want of a name
        Assert.Equal(1, decode.GetStatus().Prefills["here: none named"]);

        for (var i = 0; i < 8; i++)
        {
            var request = bench.Request(ServingBench.Prompt(90, 10 + i), 4, "p");
            events = await ServingBench.AskAsync(decode, request);
            bench.AssertAnswer(request, events);
            var place = Assert.Single(events.OfType<PrefillEvent>());
            Assert.Equal(place.Engine == "p" ? 1 : 0, events.OfType<ArrivedEvent>().Count());
            Assert.Contains("TTFT", place.Why, StringComparison.Ordinal); // with its numbers
        }
        var costs = decode.Advisor.GetCosts("p", out _);
        Assert.True(costs is { LocalPrefill.IsKnown: true, RemotePrefill.IsKnown: true, Transfer.IsKnown: true, DecodeStep.IsKnown: true }, costs.ToString());
        Assert.Equal(10, decode.GetStatus().Prefills.Values.Sum());
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Prompts_that_wait_here_count_against_here()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Blocks = 16, Placement = KvAdvisorMode.Auto });
        await bench.ConnectAsync();
        // Alike, and the way is as good as free: only the queue speaks for there.
        decode.Advisor.ObserveLocalPrefill(100, TimeSpan.FromSeconds(1));
        decode.Advisor.ObserveRemotePrefill("p", 100, TimeSpan.FromSeconds(1.1));
        decode.Advisor.ObserveTransfer("p", 1 << 30, TimeSpan.FromMilliseconds(1));
        var waiting = bench.Request(ServingBench.Prompt(120, 1), 4);
        var request = bench.Request(ServingBench.Prompt(110, 2), 4, "p");
        Task<List<EngineEvent>> first, second;
        using (decode.Ranks[0].Blocks.TryReserve(12))
        {
            first = ServingBench.AskAsync(decode, waiting);
            await ServingBench.UntilAsync(() => decode.Loop.QueuedTokens == waiting.Prompt.Length, () => $"{decode.Loop.QueuedTokens} tokens wait");
            second = ServingBench.AskAsync(decode, request);
            await ServingBench.UntilAsync(() => decode.GetStatus().Prefills.Count == 2, () => "nothing was decided");
        }
        bench.AssertAnswer(waiting, await first);
        bench.AssertAnswer(request, await second);
        Assert.Equal("p", Assert.Single((await second).OfType<PrefillEvent>()).Engine);
        Assert.Equal(0, decode.Loop.QueuedTokens);
        await bench.AssertQuietAsync();
    }

    [Theory]
    [InlineData(KvAdvisorMode.AlwaysLocal, 5)]
    [InlineData(KvAdvisorMode.AlwaysRemote, 5)]
    [InlineData(KvAdvisorMode.AlwaysRemote, 16)]
    public async Task The_mode_decides_if_it_is_set(KvAdvisorMode mode, int tokens)
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Placement = mode });
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(tokens, 1), 6, "p");
        var events = await ServingBench.AskAsync(decode, request);
        bench.AssertAnswer(request, events);
        Assert.Equal(mode == KvAdvisorMode.AlwaysRemote ? 1 : 0, events.OfType<ArrivedEvent>().Count());
        await bench.AssertQuietAsync();
    }
}
