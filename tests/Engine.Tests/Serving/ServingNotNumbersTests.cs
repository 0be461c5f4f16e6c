using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>A block that is not what was written into it makes no token up: its request ends and says why, and others go on.</summary>
public sealed class ServingNotNumbersTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    public async Task A_decode_engine_of_which_one_ranks_block_is_not_numbers_ends_the_request_and_another_engine_goes_on(int ranks, int rank)
    {
        await using var bench = new ServingBench();
        var (bad, good) = (await bench.StartAsync("bad", EngineRole.Decode, ranks), await bench.StartAsync("good", EngineRole.Decode));
        var steps = 0;
        bad.Loop.Decoded += (_, _) =>
        {
            if (++steps == 3) PoisonAll(bad.Ranks[rank]); // between two steps, so no rank computes on it
        };
        var request = bench.Request(ServingBench.Prompt(50, 1), 12);
        var events = await ServingBench.AskAsync(bad, request);
        var failed = Assert.IsType<FailedEvent>(events[^1]);
        Assert.Equal(("notNumbers", true), (failed.Code, failed.CanRetry));
        var expected = bench.Expected(request.Prompt, request.MaxTokens);
        Assert.Equal(expected[..4], ServingBench.TokensOf(events)); // the prompt's, and three steps
        Assert.Equal((1, 0), (bad.GetStatus().RequestsFailed, bad.GetStatus().RequestsFinished));
        await bench.AssertQuietAsync();

        var rest = bench.Request(request.Prompt, request.MaxTokens);
        rest.Emitted = ServingBench.TokensOf(events);
        bench.AssertAnswer(rest, await ServingBench.AskAsync(good, rest));
        var other = bench.Request(ServingBench.Prompt(50, 2), 12);
        bench.AssertAnswer(other, await ServingBench.AskAsync(bad, other));
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task A_prefill_engine_of_which_one_ranks_block_is_not_numbers_gives_no_cache_and_the_prompt_is_computed_elsewhere()
    {
        await using var bench = new ServingBench();
        EngineAgent? rank = null;
        await bench.StartAsync("p", EngineRole.Prefill, 2, options => options with
        {
            Checksums = false,
            // On the rank's own thread, when the first chunk is computed and the second one is to be.
            Stored = (index, layer, positions) =>
            {
                if (index == 1 && layer == 0 && positions > options.Core.ChunkTokens) PoisonAll(rank!);
            },
        });
        rank = bench["p"].Ranks[1];
        // Without checksums: what is broken here may be on its way just then, and they may be the first to notice.
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Checksums = false });
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, "p");
        var events = await ServingBench.AskAsync(decode, request);
        bench.AssertAnswer(request, events);
        Assert.Contains("not numbers", Assert.Single(events.OfType<FailoverEvent>()).Reason, StringComparison.Ordinal);
        await bench.AssertQuietAsync();
    }

    private static void PoisonAll(EngineAgent rank)
    {
        for (var block = 0; block < rank.Blocks.Snapshot().Blocks; block++) rank.Cache.Poison(block);
    }
}
