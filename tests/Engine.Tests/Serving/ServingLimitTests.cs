using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>What an engine refuses, and what it says then.</summary>
public sealed class ServingLimitTests
{
    [Fact]
    public async Task A_full_queue_and_a_leaving_engine_refuse_with_the_reason()
    {
        await using var bench = new ServingBench();
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { MaxQueue = 2 });
        using var stop = new CancellationTokenSource();
        List<IAsyncEnumerator<EngineEvent>> open = [];
        for (var i = 0; i < 2; i++)
        {
            open.Add(decode.GenerateAsync(bench.Request(ServingBench.Prompt(30, i), 400), stop.Token).GetAsyncEnumerator());
            Assert.True(await open[i].MoveNextAsync());
        }
        var full = await RefusedAsync<EngineBusyException>(decode, bench.Request([1], 1));
        Assert.True(full.IsFull);
        Assert.Contains("takes 2", full.Message, StringComparison.Ordinal);
        foreach (var one in open) await one.DisposeAsync(); // whoever stops reading gives up
        await bench.AssertQuietAsync();
        Assert.Equal(2, decode.GetStatus().RequestsAborted);

        decode.Drain();
        Assert.False((await RefusedAsync<EngineBusyException>(decode, bench.Request([1], 1))).IsFull);
        Assert.Equal((false, true), (decode.GetStatus().Ready, decode.GetStatus().Draining));
    }

    [Fact]
    public async Task What_can_never_be_answered_is_refused_with_the_numbers()
    {
        await using var bench = new ServingBench();
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Blocks = 8 });
        var good = bench.Request([1, 2], 3);
        foreach (var (bad, why) in ((GenerateRequest, string)[])[
            (good with { Prompt = [] }, "no prompt tokens"),
            (good with { Prompt = [258] }, "token 258"),
            (good with { MaxTokens = 0 }, "0 new tokens"),
            (good with { MaxTokens = 1000 }, "512 positions"),
            (good with { MaxTokens = 200 }, "the pool has 8"),
            (good with { Id = "" }, "1 to 128"),
            (good with { TimeoutSeconds = 0 }, "more than 0"),
            (good with { Emitted = [1, 2, 3, 4] }, "4 tokens of its answer"),
            (good with { Emitted = [-1] }, "token -1")])
            Assert.Contains(why, (await RefusedAsync<ArgumentException>(decode, bad)).Message, StringComparison.Ordinal);
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        Assert.Contains("prefill", (await RefusedAsync<ArgumentException>(prefill, good)).Message, StringComparison.Ordinal);
        bench.AssertAnswer(good, await ServingBench.AskAsync(decode, good));
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task A_prefill_engine_that_is_full_is_passed_over()
    {
        await using var bench = new ServingBench();
        using var gate = new ManualResetEventSlim();
        await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with { MaxQueue = 1, Stored = (_, layer, _) => { if (layer == 0) gate.Wait(ServingBench.Soon); } });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        GenerateRequest first = bench.Request(ServingBench.Prompt(40, 1), 5, "p"), second = bench.Request(ServingBench.Prompt(40, 2), 5, "p");
        var answering = ServingBench.AskAsync(decode, first);
        await ServingBench.UntilAsync(() => decode.GetStatus().Queue.Reserved == 1 && decode.Ranks[0].Connector.Snapshot().Given == 1, () => "nothing was asked");
        await ServingBench.UntilAsync(() => bench["p"].GetStatus().Queue is { } queue && queue.Waiting + queue.Running + queue.Reserved == 1, () => "nothing has come");
        var events = await ServingBench.AskAsync(decode, second);
        bench.AssertAnswer(second, events);
        Assert.Contains("takes 1", Assert.Single(events.OfType<FailoverEvent>()).Reason, StringComparison.Ordinal);
        gate.Set();
        bench.AssertAnswer(first, await answering);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Who_came_first_gets_blocks_first_wherever_its_prompt_is_computed()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Blocks = 20 });
        await bench.ConnectAsync();
        Task<List<EngineEvent>> here, there;
        using (decode.Ranks[0].Blocks.TryReserve(12))
        {
            here = ServingBench.AskAsync(decode, bench.Request(ServingBench.Prompt(150, 1), 5)); // 10 blocks; there are 8
            await ServingBench.UntilAsync(() => decode.GetStatus().Queue.Waiting == 1, () => "it does not wait");
            there = ServingBench.AskAsync(decode, bench.Request(ServingBench.Prompt(60, 2), 5, "p")); // 4 blocks
            await ServingBench.UntilAsync(() => decode.GetStatus().Queue.Reserved == 1, () => "it was not taken");
            await Task.Delay(50); // time enough to overtake, if it could
        }
        Assert.True((await here).OfType<ReservedEvent>().Single().At <= (await there).OfType<ReservedEvent>().Single().At, "the later one has overtaken");
        await bench.AssertQuietAsync();
    }

    private static async Task<T> RefusedAsync<T>(ServingEngine engine, GenerateRequest request)
        where T : Exception => await Assert.ThrowsAsync<T>(() => ServingBench.AskAsync(engine, request));
}
