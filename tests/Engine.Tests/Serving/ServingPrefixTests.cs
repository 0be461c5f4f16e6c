using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>What is cached is neither computed nor moved again, on either side.</summary>
public sealed class ServingPrefixTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(1, 2)]
    public async Task After_a_prefix_hit_only_the_tail_moves_and_after_a_full_hit_nothing(int prefillRanks, int decodeRanks)
    {
        await using var bench = new ServingBench();
        ServingEngine prefill = await bench.StartAsync("p", EngineRole.Prefill, prefillRanks), decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();

        var first = bench.Request(ServingBench.Prompt(100, 1), 6, "p");
        bench.AssertAnswer(first, await ServingBench.AskAsync(decode, first));
        Assert.Equal((7 * KjvBytesKv.BytesPerBlock, 100), (ServingBench.Written(prefill), prefill.GetStatus().PromptTokensComputed));

        // 100 tokens of prompt and 5 of the answer are 6 full blocks; the last of them is this prompt's, too, up to token 96.
        var longer = bench.Request([.. first.Prompt[..96], .. ServingBench.Prompt(70, 2)], 6, "p");
        var events = await ServingBench.AskAsync(decode, longer);
        bench.AssertAnswer(longer, events);
        Assert.Equal((11 - 6) * KjvBytesKv.BytesPerBlock, ServingBench.Arrived(events).Bytes);
        Assert.Equal(96, Assert.Single(events.OfType<ReservedEvent>()).CachedTokens);
        Assert.Equal((12 * KjvBytesKv.BytesPerBlock, 170), (ServingBench.Written(prefill), prefill.GetStatus().PromptTokensComputed));

        var again = longer with { Id = "again" };
        events = await ServingBench.AskAsync(decode, again);
        bench.AssertAnswer(again, events);
        Assert.Equal("d", Assert.Single(events.OfType<PrefillEvent>()).Engine);
        Assert.Equal(12 * KjvBytesKv.BytesPerBlock, ServingBench.Written(prefill));
        Assert.Equal(166 - 160, decode.GetStatus().PromptTokensComputed);
        Assert.Equal(1, decode.GetStatus().Prefills["here: cached"]);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task What_the_prefill_engine_has_cached_it_sends_without_computing_it()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        ServingEngine a = await bench.StartAsync("a", EngineRole.Decode), b = await bench.StartAsync("b", EngineRole.Decode, 2);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(100, 1), 6, "p");
        foreach (var engine in (ServingEngine[])[a, b])
        {
            var events = await ServingBench.AskAsync(engine, request);
            bench.AssertAnswer(request, events);
            Assert.Equal(7 * KjvBytesKv.BytesPerBlock, ServingBench.Arrived(events).Bytes);
        }
        Assert.Equal(100 + 4, prefill.GetStatus().PromptTokensComputed);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task A_small_pool_evicts_and_every_answer_is_right_all_the_same()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill, 2, options => options with { Blocks = 24 });
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Blocks = 20 });
        await bench.ConnectAsync();
        var random = new Random(5);
        // Beginnings that come again, in an order that leaves some of them evicted; some are computed here for want of a name.
        GenerateRequest[] requests = [.. Enumerable.Range(0, 24).Select(i => bench.Request(
            ServingBench.Prompt(random.Next(1, 4) * 32, random.Next(3), random.Next(1, 60), i), random.Next(1, 30), random.Next(4) == 0 ? [] : ["p"]))];
        var answers = await Task.WhenAll(requests.Select(request => ServingBench.AskAsync(decode, request)));
        for (var i = 0; i < answers.Length; i++) bench.AssertAnswer(requests[i], answers[i]);
        await bench.AssertQuietAsync();
    }
}
