using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>A prefill engine fails, ends, dies or comes back: the answer is the same, from another one or from here.</summary>
public sealed class ServingFailoverTests
{
    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, true)]
    [InlineData(1, 2, true)]
    public async Task A_prefill_engine_that_ends_midway_is_replaced(int prefillRanks, int decodeRanks, bool another)
    {
        await using var bench = new ServingBench();
        using var reached = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        await bench.StartAsync("p1", EngineRole.Prefill, prefillRanks, options => options with
        {
            Stored = (_, layer, _) =>
            {
                if (layer != 2) return;
                reached.Set();
                gate.Wait(ServingBench.Soon);
            },
        });
        if (another) await bench.StartAsync("p2", EngineRole.Prefill, 2);
        var decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, another ? ["p1", "p2"] : ["p1"]);
        var answering = ServingBench.AskAsync(decode, request);
        await ServingBench.UntilAsync(() => reached.IsSet, () => "nothing is computed");
        var stopping = bench.StopAsync("p1");
        gate.Set();
        var events = await answering;
        await stopping;

        bench.AssertAnswer(request, events);
        var failover = Assert.Single(events.OfType<FailoverEvent>());
        Assert.Equal(("p1", another ? "p2" : "d"), (failover.From, failover.To));
        Assert.Equal(another ? 1 : 0, events.OfType<ArrivedEvent>().Count());
        Assert.Equal((1, another ? 0 : 120), (decode.GetStatus().Failovers, decode.GetStatus().PromptTokensComputed));
        await bench.AssertQuietAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Blocks_of_a_lost_engine_come_back_when_its_exit_is_known_and_not_before(int ranks)
    {
        await using var bench = new ServingBench();
        using var reached = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, ranks, options => options with
        {
            Stored = (_, layer, _) =>
            {
                if (layer != 2) return;
                reached.Set();
                gate.Wait(ServingBench.Soon);
            },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode, ranks);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, "p");
        var answering = ServingBench.AskAsync(decode, request);
        await ServingBench.UntilAsync(() => reached.IsSet, () => "nothing is computed");
        foreach (var rank in prefill.Announcement.Ranks) bench.Network.Disconnect(rank.Agent);
        bench.AssertAnswer(request, await answering); // computed here
        Assert.NotEmpty(decode.GetStatus().Quarantine);
        var another = prefill.Announcement.Ranks.Select(rank => new EngineRank(rank.Agent, rank.Host, rank.Port) { Incarnation = "1" });
        decode.PeerExited(prefill.Announcement with { Ranks = [.. another] });
        Assert.NotEmpty(decode.GetStatus().Quarantine);
        decode.PeerExited(prefill.Announcement);
        Assert.Empty(decode.GetStatus().Quarantine);
        Assert.Equal(0, decode.GetStatus().Blocks.Quarantined);
        gate.Set();
        await bench.StopAsync("p");
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task A_write_that_fails_fails_over_and_the_engine_is_asked_again_the_next_time()
    {
        await using var bench = new ServingBench();
        // In the middle of the computing: of the layers behind it some WRITE fails for certain.
        var failures = 1;
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with
        {
            Stored = (_, layer, _) => { if (layer == 1 && Interlocked.Exchange(ref failures, 0) == 1) bench.Network.FailNext(2); },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, "p");
        var events = await ServingBench.AskAsync(decode, request);
        bench.AssertAnswer(request, events);
        Assert.Single(events.OfType<FailoverEvent>());
        await bench.AssertQuietAsync();
        var next = bench.Request(ServingBench.Prompt(120, 2), 10, "p");
        events = await ServingBench.AskAsync(decode, next);
        bench.AssertAnswer(next, events);
        ServingBench.Arrived(events);
        await bench.AssertQuietAsync();
        Assert.Equal((1, 1), (decode.GetStatus().Peers[0].Requests, decode.GetStatus().Peers[0].Failures));
        Assert.NotEqual(0, prefill.GetStatus().PromptTokensComputed);
    }

    [Fact]
    public async Task A_write_that_fails_is_not_noticed_only_when_all_is_computed()
    {
        await using var bench = new ServingBench();
        using var gate = new ManualResetEventSlim();
        await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with
        {
            Stored = (_, layer, positions) =>
            {
                if (layer == 1 && positions < 120) bench.Network.FailNext();
                if (layer == 3) gate.Wait(ServingBench.Soon); // of the first chunk: the second is never begun
            },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, "p");
        List<EngineEvent> events = [];
        using var deadline = new CancellationTokenSource(ServingBench.Soon);
        await foreach (var happened in decode.GenerateAsync(request, deadline.Token))
        {
            events.Add(happened);
            if (happened is FailoverEvent) gate.Set();
        }
        bench.AssertAnswer(request, events);
        Assert.DoesNotContain("in time", Assert.Single(events.OfType<FailoverEvent>()).Reason, StringComparison.Ordinal);
        await bench.AssertQuietAsync();
    }

    [Fact]
    public async Task Of_one_that_dies_the_blocks_stay_in_quarantine_until_its_end_is_certain()
    {
        await using var bench = new ServingBench();
        using var reached = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill, 1, options => options with
        {
            Stored = (_, layer, _) =>
            {
                if (layer != 2) return;
                reached.Set();
                gate.Wait(ServingBench.Soon);
            },
        });
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(120, 1), 10, "p");
        var answering = ServingBench.AskAsync(decode, request);
        await ServingBench.UntilAsync(() => reached.IsSet, () => "nothing is computed");
        bench.Network.Disconnect("p");
        var events = await answering;
        bench.AssertAnswer(request, events);
        Assert.Single(events.OfType<FailoverEvent>());
        Assert.Equal(9, Assert.Single(decode.GetStatus().Quarantine).Blocks);
        await ServingBench.UntilAsync(() => decode.GetStatus().Peers[0].State == "lost", () => $"{decode.GetStatus().Peers[0]}");
        gate.Set();
        await bench.StopAsync("p");
        decode.Ranks[0].Connector.PeerExited(new PeerIdentity("p", prefill.Ranks[0].Agent.Incarnation));
        await bench.AssertQuietAsync();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 4)]
    public async Task One_that_comes_back_under_its_name_is_another_and_serves_again(int prefillRanks, int decodeRanks)
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill, prefillRanks);
        var decode = await bench.StartAsync("d", EngineRole.Decode, decodeRanks);
        await bench.ConnectAsync();
        await AskAsync(1, arrives: true);
        var before = decode.GetStatus().Peers[0].Incarnation;

        await bench.StopAsync("p");
        await ServingBench.UntilAsync(() => decode.GetStatus().Peers[0].State == "lost", () => $"{decode.GetStatus().Peers[0]}");
        await AskAsync(2, arrives: false);
        await bench.StartAsync("p", EngineRole.Prefill, decodeRanks); // with other ranks, too
        await bench.ConnectAsync();
        Assert.NotEqual(before, decode.GetStatus().Peers[0].Incarnation);
        await AskAsync(3, arrives: true);

        decode.SetPeers([]);
        Assert.Empty(decode.GetStatus().Peers);
        await AskAsync(4, arrives: false);
        await bench.AssertQuietAsync();

        async Task AskAsync(int seed, bool arrives)
        {
            var request = bench.Request(ServingBench.Prompt(70, seed), 8, "p");
            var events = await ServingBench.AskAsync(decode, request);
            bench.AssertAnswer(request, events);
            Assert.Equal(arrives ? 1 : 0, events.OfType<ArrivedEvent>().Count());
            await bench.AssertQuietAsync();
        }
    }

    [Fact]
    public async Task An_engine_of_another_model_is_refused()
    {
        await using var bench = new ServingBench();
        var prefill = await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        decode.SetPeers([prefill.Announcement with { Model = "another" }, decode.Announcement]);
        var peer = Assert.Single(decode.GetStatus().Peers);
        Assert.Equal("refused", peer.State);
        Assert.Contains("another", peer.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_decode_engine_that_ends_fails_its_requests_so_that_another_can_go_on()
    {
        await using var bench = new ServingBench();
        await bench.StartAsync("p", EngineRole.Prefill);
        var decode = await bench.StartAsync("d", EngineRole.Decode);
        await bench.ConnectAsync();
        var request = bench.Request(ServingBench.Prompt(70, 1), 300, "p");
        List<EngineEvent> events = [];
        Task? stopping = null;
        await foreach (var happened in decode.GenerateAsync(request, CancellationToken.None))
        {
            events.Add(happened);
            if (events.OfType<TokenEvent>().Count() == 5) stopping ??= Task.Run(() => bench.StopAsync("d"));
        }
        await stopping!;
        var failed = Assert.IsType<FailedEvent>(events[^1]);
        Assert.Equal(("stopping", true), (failed.Code, failed.CanRetry));
        await bench.AssertQuietAsync();

        var other = await bench.StartAsync("e", EngineRole.Decode, 2);
        await bench.ConnectAsync();
        var rest = request with { MaxTokens = 60, Emitted = [.. ServingBench.TokensOf(events).Take(30)] };
        bench.AssertAnswer(rest, await ServingBench.AskAsync(other, rest));
    }
}
