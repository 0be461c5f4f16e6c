using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Prompts that are sent to a prefill engine before the decode engine asks for them: computed once, handed over whole, and given back if nobody asks.</summary>
public sealed class ServingAheadTests
{
    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, true)]
    [InlineData(1, 2, false)]
    [InlineData(2, 4, true)]
    public async Task It_is_computed_once_whoever_is_the_first(int prefillRanks, int decodeRanks, bool aheadIsFirst)
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, prefillRanks);
        var decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();
        foreach (var length in (int[])[1, 16, 17, 70, 131])
        {
            var before = prefill.GetStatus().PromptTokensComputed;
            var request = bench.Request(ServingBench.Prompt(length, length), 9, "p");
            request.Ahead = request.Id;
            using var step = new ManualResetEventSlim();
            prefill.Loop.Post(() => step.Wait(ServingBench.Soon)); // neither is computed before both are there
            Task<List<EngineEvent>> answer, ahead;
            if (aheadIsFirst)
            {
                ahead = AheadAsync(prefill, request);
                answer = ServingBench.AskAsync(decode, request);
                await Asked(prefill, 1);
            }
            else
            {
                answer = ServingBench.AskAsync(decode, request);
                await Asked(prefill, 1);
                ahead = AheadAsync(prefill, request);
            }
            step.Set();
            var first = Assert.IsType<FirstTokenEvent>(Assert.Single(await ahead.WaitAsync(ServingBench.Soon)));
            var events = await answer;
            bench.AssertAnswer(request, events);
            ServingBench.Arrived(events);
            Assert.Equal(ServingBench.TokensOf(events)[0], first.Token);
            Assert.Equal(length, prefill.GetStatus().PromptTokensComputed - before);
        }
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task It_is_computed_and_told_while_the_decode_engine_has_no_blocks_and_handed_over_when_it_has()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode, 1, options => options with { Blocks = 16 });
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(90, 1), 9, "p");
        request.Ahead = request.Id;
        Task<List<EngineEvent>> answer;
        using (decode.Ranks[0].Blocks.TryReserve(12))
        {
            answer = ServingBench.AskAsync(decode, request);
            Assert.IsType<FirstTokenEvent>(await FirstAsync(prefill, request));
            Assert.False(answer.IsCompleted);
        }
        bench.AssertAnswer(request, await answer);
        Assert.Equal(90, prefill.GetStatus().PromptTokensComputed);
        await bench.AssertQuietAsync();

        // The stream that told the token stays until the decode engine asks.
        async Task<EngineEvent> FirstAsync(ServingEngine engine, GenerateRequest of)
        {
            var first = new TaskCompletionSource<EngineEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
            _ = Task.Run(async () =>
            {
                await foreach (var happened in engine.PrefillAsync(new PrefillRequest(of.Ahead, of.Prompt), CancellationToken.None)) first.TrySetResult(happened);
            });
            return await first.Task.WaitAsync(ServingBench.Soon);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Given_up_its_blocks_come_back_and_who_asks_later_has_it_computed_as_usual(bool computed)
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with { Core = options.Core with { PrefixCache = false } });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(90, 1), 9, "p");
        request.Ahead = request.Id;
        using var step = new ManualResetEventSlim(computed);
        prefill.Loop.Post(() => step.Wait(ServingBench.Soon));
        using var router = new CancellationTokenSource();
        List<EngineEvent> events = [];
        var ahead = Task.Run(async () =>
        {
            await foreach (var happened in prefill.PrefillAsync(new PrefillRequest(request.Ahead, request.Prompt), router.Token)) events.Add(happened);
        });
        await ServingBench.UntilAsync(() => computed ? events.Count > 0 : prefill.GetStatus().Queue.Reserved == 1, () => "it was not begun");
        if (computed) Assert.True(prefill.Ranks[0].Blocks.Snapshot().Free < 256, "its blocks are somebody else's before it was given up");
        await router.CancelAsync();
        step.Set();
        await Task.WhenAny(ahead).WaitAsync(ServingBench.Soon);
        Assert.Equal(computed ? 1 : 0, events.Count);
        await bench.AssertQuietAsync();
        Assert.Equal(1, prefill.GetStatus().RequestsAborted);

        bench.AssertAnswer(request, await ServingBench.AskAsync(decode, request));
        Assert.InRange(prefill.GetStatus().PromptTokensComputed, computed ? 180 : 90, 180); // in the middle of it a step of it may be over
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task One_for_which_nobody_asks_ends_with_its_time()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        List<EngineEvent> events = [];
        await foreach (var happened in prefill.PrefillAsync(new PrefillRequest("a", ServingBench.Prompt(40, 1)) { TimeoutSeconds = 0.2 }, CancellationToken.None)) events.Add(happened);
        Assert.True(events is [FirstTokenEvent] or [FailedEvent], string.Join('\n', events));
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task An_engine_that_ends_says_so_to_who_waits_for_a_token()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        using var step = new ManualResetEventSlim();
        prefill.Loop.Post(() => step.Wait(ServingBench.Soon));
        var ahead = AheadAsync(prefill, new GenerateRequest("r", ServingBench.Prompt(40, 1), 1) { Ahead = "a" });
        await ServingBench.UntilAsync(() => prefill.GetStatus().Queue.Reserved == 1, () => "it was not begun");
        var ending = bench.StopAsync("p");
        Assert.Equal("The engine ends.", Assert.IsType<FailedEvent>(Assert.Single(await ahead.WaitAsync(ServingBench.Soon))).Error);
        step.Set();
        await ending;
    }

    /// <summary>Without a way out each would wait for the other: decode engines' requests for blocks here, and what was sent ahead for decode engines.</summary>
    [Fact]
    public async Task Those_that_nobody_asks_for_give_way_to_those_that_somebody_asks_for()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with { Blocks = 16 });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var ahead = Enumerable.Range(0, 2).Select(i => AheadAsync(prefill, new GenerateRequest($"r{i}", ServingBench.Prompt(120, i), 1) { Ahead = $"a{i}" })).ToArray();
        await ServingBench.UntilAsync(() => prefill.GetStatus().PromptTokensComputed == 240, () => prefill.GetStatus().ToString());
        var request = bench.Request(ServingBench.Prompt(200, 9), 9, "p");
        bench.AssertAnswer(request, await ServingBench.AskAsync(decode, request));
        foreach (var one in ahead) await one.WaitAsync(ServingBench.Soon);
        Assert.Equal(2, prefill.GetStatus().RequestsAborted);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Another_prompt_of_the_same_name_is_refused_or_computed_by_itself()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        using var router = new CancellationTokenSource();
        await using var ahead = prefill.PrefillAsync(new PrefillRequest("a", ServingBench.Prompt(40, 1)), router.Token).GetAsyncEnumerator();
        Assert.True(await ahead.MoveNextAsync());
        Assert.Contains("'a'", (await Assert.ThrowsAsync<ArgumentException>(() => AheadAsync(prefill, new GenerateRequest("r", ServingBench.Prompt(40, 2), 1) { Ahead = "a" }))).Message, StringComparison.Ordinal);

        // Nor is there a second one who is told its token, and could give it up.
        await Assert.ThrowsAsync<ArgumentException>(() => AheadAsync(prefill, new GenerateRequest("r", ServingBench.Prompt(40, 1), 1) { Ahead = "a" }));

        var request = bench.Request(ServingBench.Prompt(70, 3), 9, "p");
        request.Ahead = "a";
        bench.AssertAnswer(request, await ServingBench.AskAsync(decode, request));
        await router.CancelAsync();
        await ahead.DisposeAsync();
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Who_cannot_compute_it_says_so_before_the_first_event()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with { MaxQueue = 1 });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        var both = await bench.StartAsync("b", EngineRole.Both);
        var request = new GenerateRequest("r", ServingBench.Prompt(40, 1), 1) { Ahead = "a" };
        foreach (var other in (ServingEngine[])[decode, both]) await Assert.ThrowsAsync<ArgumentException>(() => AheadAsync(other, request));
        await Assert.ThrowsAsync<ArgumentException>(() => AheadAsync(prefill, request with { Prompt = [1, -1] }));
        await Assert.ThrowsAsync<ArgumentException>(() => AheadAsync(prefill, request with { Prompt = new int[100_000] }));
        var first = prefill.PrefillAsync(new PrefillRequest("x", request.Prompt), CancellationToken.None).GetAsyncEnumerator();
        await first.MoveNextAsync();
        Assert.True((await Assert.ThrowsAsync<EngineBusyException>(() => AheadAsync(prefill, request))).IsFull);
        await first.DisposeAsync();
        await bench.AssertQuietAsync();
        prefill.Drain();
        Assert.False((await Assert.ThrowsAsync<EngineBusyException>(() => AheadAsync(prefill, request))).IsFull);
        Assert.Equal(1, prefill.GetStatus().RequestsAborted);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Those_that_nobody_asks_for_leave_half_of_the_queue_to_those_that_somebody_asks_for()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with { MaxQueue = 4 });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        using var router = new CancellationTokenSource();
        List<IAsyncEnumerator<EngineEvent>> ahead = [];
        for (var i = 0; i < 2; i++)
        {
            ahead.Add(prefill.PrefillAsync(new PrefillRequest($"a{i}", ServingBench.Prompt(40, i)), router.Token).GetAsyncEnumerator());
            Assert.True(await ahead[i].MoveNextAsync());
        }
        Assert.True((await Assert.ThrowsAsync<EngineBusyException>(() => AheadAsync(prefill, new GenerateRequest("r", ServingBench.Prompt(40, 2), 1) { Ahead = "a2" }))).IsFull);
        for (var i = 0; i < 4; i++)
        {
            var request = bench.Request(ServingBench.Prompt(70, 10 + i), 9, "p");
            request.Ahead = request.Id;
            var events = await ServingBench.AskAsync(decode, request);
            bench.AssertAnswer(request, events);
            ServingBench.Arrived(events);
        }
        await router.CancelAsync();
        foreach (var one in ahead) await one.DisposeAsync();
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task One_that_fails_before_somebody_asks_is_computed_anew_for_who_asks()
    {
        await using var bench = new ServingBench();
        EngineAgent? rank = null;
        var breaks = true;
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with
        {
            Timeout = 2 * ServingBench.Soon, // nothing of what follows waits for it
            Stored = (_, layer, positions) =>
            {
                if (!breaks || layer > 0 || positions <= options.Core.ChunkTokens) return;
                for (var block = 0; block < 256; block++) rank!.Cache.Poison(block); // what the second chunk reads was not written
                breaks = false;
            },
        });
        rank = prefill.Ranks[0];
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(150, 1), 9, "p");
        request.Ahead = request.Id;
        Assert.Contains("not numbers", Assert.IsType<FailedEvent>(Assert.Single(await AheadAsync(prefill, request).WaitAsync(ServingBench.Soon / 2))).Error, StringComparison.Ordinal);
        Assert.False(breaks);
        var events = await ServingBench.AskAsync(decode, request);
        bench.AssertAnswer(request, events);
        ServingBench.Arrived(events);
        await bench.AssertQuietAsync();
    }

    /// <summary>Random prompts, some sent ahead, some of those given up at a random moment, on engines that lack blocks now and then.</summary>
    [Fact]
    public async Task Under_load_every_answer_is_right_and_nothing_stays()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 2, options => options with { Blocks = 40 });
        ServingEngine[] decodes = [await bench.StartAsync("d0", EngineRole.Decode, 1, options => options with { Blocks = 40 }), await bench.StartAsync("d1", EngineRole.Decode, 2, options => options with { Blocks = 40 })];
        await bench.ConnectAsync();
        var random = new Random(7);
        var rounds = Enumerable.Range(0, 48).Select(i => (
            Request: bench.Request(ServingBench.Prompt(random.Next(3) * 32, 1, random.Next(1, 150), i), random.Next(1, 12), "p"),
            Ahead: random.Next(4) > 0, GiveUp: random.Next(3) == 0 ? random.Next(30) : -1, First: random.Next(2) == 0, Decode: decodes[i % 2])).ToArray();
        await Parallel.ForEachAsync(rounds, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (round, _) =>
        {
            var (request, told) = (round.Request, (FirstTokenEvent?)null);
            if (round.Ahead) request.Ahead = request.Id;
            using var router = new CancellationTokenSource();
            if (round.GiveUp >= 0) router.CancelAfter(round.GiveUp);
            var ahead = !round.Ahead ? Task.CompletedTask : Task.Run(async () =>
            {
                if (!round.First) await Task.Delay(3, CancellationToken.None);
                await foreach (var happened in prefill.PrefillAsync(new PrefillRequest(request.Ahead, request.Prompt), router.Token)) told = happened as FirstTokenEvent ?? told;
            }, CancellationToken.None);
            var events = await ServingBench.AskAsync(round.Decode, request, CancellationToken.None);
            bench.AssertAnswer(request, events);
            await router.CancelAsync();
            await ahead.WaitAsync(ServingBench.Soon, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (told is not null) Assert.Equal(ServingBench.TokensOf(events)[0], told.Token);
        });
        await bench.AssertQuietAsync();
    }

    private static Task Asked(ServingEngine prefill, int requests) =>
        ServingBench.UntilAsync(() => prefill.Ranks.All(rank => rank.Connector.Snapshot().Held > 0) && prefill.GetStatus().Queue.Reserved == requests, () => $"nobody has asked: {prefill.GetStatus()}");

    private static async Task<List<EngineEvent>> AheadAsync(ServingEngine engine, GenerateRequest request)
    {
        List<EngineEvent> events = [];
        await foreach (var happened in engine.PrefillAsync(new PrefillRequest(request.Ahead, request.Prompt), CancellationToken.None)) events.Add(happened);
        return events;
    }
}
