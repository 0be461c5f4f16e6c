using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;
using Engine = Nixl.Sdk.Tests.Serving.Peers.LinkedEngine<Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Peers;

/// <summary>Pauses, exchanges that do not answer, and disposal in every state.</summary>
public sealed class PeerLinkFaultTests
{
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task Pauses_grow_to_the_longest_and_begin_anew_after_a_long_life()
    {
        var (fake, time) = (new FakeTransport(), new FakeTimeProvider());
        await using var exchange = new ScriptedExchange { Failure = new MetadataExchangeException(NixlStatus.NotFound, "not there") };
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        var options = new KvPeerLinkOptions { FirstBackoff = 100 * Millisecond, MaxBackoff = 1000 * Millisecond, Jitter = 0, TimeProvider = time };
        var p = Pair.UniqueName("p");
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(p)], decode.Producer, decode.Consumer, options);
        foreach (var (attempt, pause) in ((int, int)[])[(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (6, 1000)])
            await PauseAsync(attempt, pause);
        await using (var prefill = await Engine.StartAsync(p, exchange, fake))
        {
            exchange.Failure = null;
            prefill.LinkTo(decode.Agent, new KvPeerLinkOptions());
            await Deadlines.UntilAsync(() => Advanced(100) && link.State == KvPeerLinkState.Connected, "connected");
            time.Advance(TimeSpan.FromMinutes(1)); // it lives for long
            exchange.Failure = new MetadataExchangeException(NixlStatus.NotFound, "gone");
        }
        await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Lost, "lost");
        var attempts = link.Status.Attempts;
        await Task.Delay(50); // for the pause to begin; if it has not, the assertion below waits longer
        await Deadlines.UntilAsync(() => Advanced(10) && link.Status.Attempts == attempts + 1 && link.Status.LastFailure!.Message == "gone", "the next attempt");

        async Task PauseAsync(int attempt, int pause)
        {
            await Deadlines.UntilAsync(() => link.Status.Attempts == attempt, $"attempt {attempt}");
            await Task.Delay(30); // for the timer to be there
            time.Advance((pause - 1) * Millisecond);
            await Task.Delay(30);
            Assert.Equal(attempt, exchange.Asked);
            time.Advance(Millisecond);
        }

        bool Advanced(int milliseconds)
        {
            time.Advance(milliseconds * Millisecond);
            return true;
        }
    }

    [Fact]
    public void Pauses_are_shortened_at_random_and_never_longer_than_the_longest()
    {
        var options = new KvPeerLinkOptions { FirstBackoff = 100 * Millisecond, BackoffFactor = 3, MaxBackoff = 500 * Millisecond, Jitter = 0.5 };
        var seen = new HashSet<TimeSpan>();
        for (var i = 0; i < 50; i++)
        {
            var backoff = new Backoff(options);
            foreach (var longest in (int[])[100, 300, 500, 500])
            {
                var pause = backoff.Next(longest: false);
                Assert.InRange(pause, longest / 2 * Millisecond, longest * Millisecond);
                seen.Add(pause);
            }
            Assert.InRange(backoff.Next(longest: true), 250 * Millisecond, 500 * Millisecond);
            backoff.Reset();
            Assert.InRange(backoff.Next(longest: false), 50 * Millisecond, 100 * Millisecond);
        }
        Assert.True(seen.Count > 100, $"only {seen.Count} of 200 pauses differ");
        foreach (var wrong in (Action<KvPeerLinkOptions>[])[o => o.FirstBackoff = TimeSpan.Zero, o => o.MaxBackoff = Millisecond, o => o.BackoffFactor = 0.5, o => o.BackoffFactor = double.NaN, o => o.Jitter = 2, o => o.AttemptTimeout = TimeSpan.FromDays(1)])
        {
            var bad = new KvPeerLinkOptions();
            wrong(bad);
            Assert.ThrowsAny<ArgumentException>(bad.Check);
        }
    }

    [Fact]
    public async Task An_exchange_that_never_answers_costs_an_attempt_and_no_more()
    {
        var (fake, time) = (new FakeTransport(), new FakeTimeProvider());
        await using var exchange = new ScriptedExchange { Hangs = true };
        var p = Pair.UniqueName("p");
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var prefill = await Engine.StartAsync(p, exchange, fake);
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(p)], decode.Producer, decode.Consumer, new KvPeerLinkOptions { TimeProvider = time });
        await Deadlines.UntilAsync(() => Advance() && link.Status.LastFailure is not null, "the attempt is given up");
        Assert.Contains("neither gave", link.Status.LastFailure!.Message, StringComparison.Ordinal);
        exchange.Hangs = false;
        prefill.LinkTo(decode.Agent, new KvPeerLinkOptions());
        await Deadlines.UntilAsync(() => Advance() && link.State == KvPeerLinkState.Connected, "the next attempt succeeds");

        bool Advance()
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return true;
        }
    }

    [Fact]
    public async Task A_silent_rank_is_suspect_and_one_that_is_there_with_another_incarnation_is_lost()
    {
        await using var exchange = new ScriptedExchange();
        var p = Pair.UniqueName("p");
        var fake = new FakeTransport();
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var prefill = await Engine.StartAsync(p, exchange, fake);
        var options = new KvPeerLinkOptions { FirstBackoff = 10 * Millisecond, MaxBackoff = 50 * Millisecond };
        prefill.LinkTo(decode.Agent, options);
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(p)], consumer: decode.Consumer, options: options);
        await link.WaitConnectedAsync(Deadlines.Soon);
        var remote = link.Source!.Ranks[0].Remote;
        remote.SetState(PeerState.Suspect);
        await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Suspect, "silent");
        Assert.Null(link.Source);
        await Assert.ThrowsAsync<TimeoutException>(async () => await link.WaitConnectedAsync(50 * Millisecond));
        remote.SetState(PeerState.Connected);
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.Equal(0, link.Status.Losses);

        // Its host was lost without a goodbye, and another life of it is published.
        remote.SetState(PeerState.Suspect);
        await using var elsewhere = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, p, new FakeTransport())).SoonAsync();
        await exchange.PublishAsync(p, elsewhere.ExportMetadata);
        await Deadlines.UntilAsync(() => link.Status is { Losses: 1 }, "the old life is dropped");
        Assert.Equal(PeerState.Invalidated, remote.State);
        Assert.Equal(KvPeerLinkState.Lost, link.State);
    }

    [Fact]
    public async Task A_peer_that_closes_its_producer_or_forgets_us_is_lost_although_its_agent_lives_and_comes_back()
    {
        await using var exchange = new ScriptedExchange();
        var (fake, time) = (new FakeTransport(), new FakeTimeProvider());
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var prefill = await Engine.StartAsync(Pair.UniqueName("p"), exchange, fake);
        var back = prefill.LinkTo(decode.Agent, new KvPeerLinkOptions { FirstBackoff = 10 * Millisecond, MaxBackoff = 50 * Millisecond }, consumes: false);
        await using var link = new KvPeerLink<SplitKv>(
            decode.Pool, exchange, [new KvPeerRank(prefill.Agent.Name)], consumer: decode.Consumer, options: new KvPeerLinkOptions { TimeProvider = time });
        await UntilAsync(() => link.State == KvPeerLinkState.Connected && back.State == KvPeerLinkState.Connected);
        Assert.Same(link.Source!.Ranks[0].Remote, Assert.Single(link.Remotes));
        Assert.Equal(decode.Agent.Name, Assert.Single(back.Remotes).Name);

        await back.DisposeAsync(); // it is no consumer there any more
        Assert.Empty(back.Remotes);
        await UntilAsync(() => IsLost("does not know pool"));
        Assert.Null(link.Source);
        Assert.Equal((1, 0), (link.Status.ConnectedRanks, link.Status.Losses));
        prefill.LinkTo(decode.Agent, new KvPeerLinkOptions(), consumes: false);
        await UntilAsync(() => link.State == KvPeerLinkState.Connected);
        Assert.NotNull(link.Source);

        prefill.Producer.Dispose();
        await UntilAsync(() => IsLost("no producer"));

        bool IsLost(string why) => link.Status is { State: KvPeerLinkState.Lost, LastFailure: { } failure } && failure.Message.Contains(why, StringComparison.Ordinal);

        Task UntilAsync(Func<bool> condition) => Deadlines.UntilAsync(() =>
        {
            time.Advance(100 * Millisecond);
            return condition();
        }, $"{link.Status}");
    }

    [Fact]
    public async Task A_peer_whose_connector_has_ended_is_lost_after_some_questions()
    {
        await using var exchange = new ScriptedExchange();
        var (fake, time) = (new FakeTransport(), new FakeTimeProvider());
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var prefill = await Engine.StartAsync(Pair.UniqueName("p"), exchange, fake);
        prefill.LinkTo(decode.Agent, new KvPeerLinkOptions(), consumes: false);
        await using var link = new KvPeerLink<SplitKv>(
            decode.Pool, exchange, [new KvPeerRank(prefill.Agent.Name)], consumer: decode.Consumer, options: new KvPeerLinkOptions { TimeProvider = time });
        await UntilAsync(() => link.State == KvPeerLinkState.Connected);
        await prefill.Connector.DisposeAsync().SoonAsync();
        await UntilAsync(() => link.Status is { State: KvPeerLinkState.Lost, LastFailure: { } failure } && failure.Message.Contains("does not answer", StringComparison.Ordinal));

        Task UntilAsync(Func<bool> condition) => Deadlines.UntilAsync(() =>
        {
            time.Advance(100 * Millisecond);
            return condition();
        }, $"{link.Status}");
    }

    public static TheoryData<string> Moments => new("connecting", "hanging", "connected", "lost", "refused", "handler");

    [Theory, MemberData(nameof(Moments))]
    public async Task Disposal_ends_at_once_in_every_state(string moment)
    {
        var fake = new FakeTransport();
        await using var exchange = new ScriptedExchange { Hangs = moment == "hanging", Failure = moment == "connecting" ? new MetadataExchangeException(NixlStatus.NotFound, "not there") : null };
        var p = Pair.UniqueName("p");
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var prefill = await Engine.StartAsync(p, exchange, fake, moment == "refused" ? new ModelIdentity("another", "sha256:other") : null);
        // Every pause would outlast the test.
        var options = new KvPeerLinkOptions { FirstBackoff = TimeSpan.FromHours(1), MaxBackoff = TimeSpan.FromHours(1), AttemptTimeout = TimeSpan.FromHours(1) };
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(p)], decode.Producer, decode.Consumer, options);
        using var never = new ManualResetEventSlim();
        if (moment == "handler") link.Changed += (_, _) => never.Wait();
        if (moment is "connected" or "lost" or "handler") prefill.LinkTo(decode.Agent, new KvPeerLinkOptions());
        await Deadlines.UntilAsync(() => Reached(), $"{moment}: {link.Status}");
        if (moment == "lost")
        {
            fake.Disconnect(p);
            await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Lost, "lost");
        }
        var waiting = link.WaitConnectedAsync(TimeSpan.FromHours(1)).AsTask();
        await link.DisposeAsync().SoonAsync();
        Assert.Equal(KvPeerLinkState.Disposed, link.State);
        Assert.Null(link.Source);
        if (moment is not ("connected" or "handler")) await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.SoonAsync());
        await link.DisposeAsync().SoonAsync();
        Assert.Equal(KvPeerLinkState.Disposed, link.State);
        never.Set();

        bool Reached() => moment switch
        {
            "connecting" => link.Status.LastFailure is not null,
            "hanging" => exchange.Asked == 1,
            "refused" => link.State == KvPeerLinkState.Refused,
            _ => link.State == KvPeerLinkState.Connected,
        };
    }

    [Fact]
    public async Task What_cannot_be_a_link_is_refused_at_once()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        await using var a = await Engine.StartAsync(Pair.UniqueName("a"), exchange, fake);
        await using var b = await Engine.StartAsync(Pair.UniqueName("b"), exchange, fake);
        Refused("at least one rank", () => new KvPeerLink<SplitKv>(a.Pool, exchange, []));
        Refused("named twice", () => new KvPeerLink<SplitKv>(a.Pool, exchange, [new KvPeerRank("p"), new KvPeerRank("p")]));
        Refused("not an agent name", () => new KvPeerLink<SplitKv>(a.Pool, exchange, [new KvPeerRank("p/0")]));
        Refused("DirectMetadataExchange", () => new KvPeerLink<SplitKv>(a.Pool, exchange, [new KvPeerRank("p", "127.0.0.1", 7400)]));
        Refused("The producer is of pool", () => new KvPeerLink<SplitKv>(a.Pool, exchange, [new KvPeerRank("p")], b.Producer));
        Refused("The consumer is of pool", () => new KvPeerLink<SplitKv>(a.Pool, exchange, [new KvPeerRank("p")], consumer: b.Consumer));

        static void Refused(string text, Func<object> make) => Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(make).Message, StringComparison.Ordinal);
    }
}
