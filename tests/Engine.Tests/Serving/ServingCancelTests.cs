using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>A client goes away at any moment: all blocks come back on both sides, and nobody else notices.</summary>
public sealed class ServingCancelTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public async Task While_the_prompt_is_computed(int prefillRanks, int decodeRanks)
    {
        await using var bench = new ServingBench();
        using var gate = new ManualResetEventSlim();
        await bench.StartAsync("p", EngineRole.Prefill, prefillRanks, options => options with { Stored = (_, layer, _) => { if (layer == 2) gate.Wait(ServingBench.Soon); } });
        var decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();
        await CancelAtAsync(decode, bench.Request(ServingBench.Prompt(120, 1), 10, "p"), happened => happened is LayerEvent { Layer: 0 } or ReservedEvent);
        gate.Set();
        await bench.AssertQuietAsync();
        await AnswersAsync(bench, decode);
    }

    [Fact]
    public async Task While_its_blocks_are_on_the_way()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        await CancelAtAsync(decode, bench.Request(ServingBench.Prompt(120, 1), 10, "p"), happened =>
        {
            if (happened is not ReservedEvent) return false;
            bench.Network.Hang = true;
            return true;
        });
        bench.Network.Hang = false;
        await bench.AssertQuietAsync();
        await AnswersAsync(bench, decode);
    }

    [Fact]
    public async Task While_it_waits_for_blocks()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Blocks = 16 });
        await bench.ConnectAsync();
        using (var taken = decode.Ranks[0].Blocks.TryReserve(12))
        {
            foreach (var prefill in (string[][])[[], ["p"]])
            {
                var request = bench.Request(ServingBench.Prompt(120, 1), 10, prefill);
                await CancelAtAsync(decode, request, happened => happened is PrefillEvent);
            }
            await ServingBench.UntilAsync(() => decode.GetStatus().Queue is { Waiting: 0, Running: 0, Reserved: 0 }, () => "it still waits");
        }
        await bench.AssertQuietAsync();
        await AnswersAsync(bench, decode);
    }

    [Fact]
    public async Task While_its_answer_is_made()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 2);
        await bench.ConnectAsync();
        foreach (var prefill in (string[][])[[], ["p"]])
        {
            var tokens = 0;
            await CancelAtAsync(decode, bench.Request(ServingBench.Prompt(120, prefill.Length), 300, prefill), happened => happened is TokenEvent && ++tokens == 5);
        }
        await bench.AssertQuietAsync();
        Assert.Equal(2, decode.GetStatus().RequestsAborted);
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 2)]
    [InlineData(1, 2, 3)]
    public async Task At_any_event_of_many(int prefillRanks, int decodeRanks, int seed)
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill, prefillRanks, options => options with { Blocks = 64 });
        var decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks, options => options with { Blocks = 48 });
        await bench.ConnectAsync();
        var random = new Random(seed);
        var asked = Enumerable.Range(0, 40).Select(i => (
            Request: bench.Request(ServingBench.Prompt(32, random.Next(2), random.Next(1, 120), i), random.Next(1, 20), random.Next(5) == 0 ? [] : ["p"]),
            Until: random.Next(3) == 0 ? int.MaxValue : random.Next(0, 16))).ToList();
        await Task.WhenAll(asked.Select(async ask =>
        {
            List<EngineEvent> events = [];
            await foreach (var happened in decode.GenerateAsync(ask.Request, CancellationToken.None))
            {
                events.Add(happened);
                if (events.Count > ask.Until) return;
            }
            bench.AssertAnswer(ask.Request, events);
        }));
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Its_deadline_passes()
    {
        await using var bench = new ServingBench();
        using var gate = new ManualResetEventSlim();
        await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with { Stored = (_, layer, _) => { if (layer == 2) gate.Wait(ServingBench.Soon); } });
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Core = options.Core with { StepTokens = 64 } });
        await bench.ConnectAsync();
        using var hold = decode.Ranks[0].Blocks.TryReserve(250); // nor can it be computed here
        var events = await ServingBench.AskAsync(decode, bench.Request(ServingBench.Prompt(120, 1), 10, "p") with { TimeoutSeconds = 1 });
        Assert.Equal("timeout", Assert.IsType<FailedEvent>(events[^1]).Code);
        gate.Set();
        hold!.Dispose();
        await bench.AssertQuietAsync();
        Assert.Equal((0, 1, 0), (decode.GetStatus().RequestsFinished, decode.GetStatus().RequestsFailed, decode.GetStatus().RequestsAborted));
    }

    private static async Task CancelAtAsync(ServingEngine engine, GenerateRequest request, Func<EngineEvent, bool> here)
    {
        var aborted = engine.GetStatus().RequestsAborted;
        using var client = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var happened in engine.GenerateAsync(request, client.Token))
                if (here(happened)) await client.CancelAsync();
        }).WaitAsync(ServingBench.Soon);
        Assert.Equal(aborted + 1, engine.GetStatus().RequestsAborted);
    }

    private static async Task AnswersAsync(ServingBench bench, ServingEngine engine)
    {
        var request = bench.Request(ServingBench.Prompt(90, 77), 8, "p");
        var events = await ServingBench.AskAsync(engine, request);
        bench.AssertAnswer(request, events);
        ServingBench.Arrived(events);
        await bench.AssertQuietAsync();
    }
}
