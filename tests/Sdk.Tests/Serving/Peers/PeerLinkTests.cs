using System.Collections.Concurrent;
using System.Net;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;
using Engine = Nixl.Sdk.Tests.Serving.Peers.LinkedEngine<Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Peers;

/// <summary>A remote engine is connected whenever it is there, and requests work before and after each of its lives.</summary>
public sealed class PeerLinkTests
{
    private static readonly KvPeerLinkOptions Quick = new() { FirstBackoff = TimeSpan.FromMilliseconds(10), MaxBackoff = TimeSpan.FromMilliseconds(50), AttemptTimeout = TimeSpan.FromSeconds(5) };

    public static TheoryData<Backend> Restartable => new(Backend.Fake, Backend.Local);

    [Theory, MemberData(nameof(Restartable))]
    public async Task A_producer_that_is_started_again_under_its_name_serves_again(Backend backend)
    {
        var fake = backend == Backend.Fake ? new FakeTransport() : null;
        await using var exchange = new InMemoryMetadataExchange();
        var p = Pair.UniqueName("p");
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(p)], consumer: decode.Consumer, options: Quick);
        Assert.Null(link.Source);
        KvSource? before = null;
        for (var life = 1; life <= 3; life++)
        {
            await using (var prefill = await Engine.StartAsync(p, exchange, fake))
            {
                prefill.LinkTo(decode.Agent, Quick, consumes: false);
                await link.WaitConnectedAsync(Deadlines.Soon);
                Assert.NotSame(before, link.Source);
                before = link.Source!;
                Assert.Null(link.Status.LastFailure);
                await MovesAsync(prefill, decode, before, life);
            }
            await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Lost, $"the loss is noticed: {link.Status}");
            Assert.Null(link.Source);
            Assert.NotNull(link.Status.LastFailure);
            Assert.Equal(life, link.Status.Losses);
        }
    }

    [Fact]
    public async Task A_consumer_that_is_started_again_is_served_again_and_its_earlier_life_is_not()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        var (p, d) = (Pair.UniqueName("p"), Pair.UniqueName("d"));
        await using var prefill = await Engine.StartAsync(p, exchange, fake);
        await using var link = new KvPeerLink<SplitKv>(prefill.Pool, exchange, [new KvPeerRank(d)], prefill.Producer, prefill.Consumer, Quick);
        PeerIdentity? earlier = null;
        for (var life = 1; life <= 2; life++)
        {
            await using var decode = await Engine.StartAsync(d, exchange, fake);
            var back = decode.LinkTo(prefill.Agent, Quick);
            await back.WaitConnectedAsync(Deadlines.Soon);
            await link.WaitConnectedAsync(Deadlines.Soon);
            await MovesAsync(prefill, decode, back.Source!, life);
            await MovesAsync(decode, prefill, link.Source!, life + 10);
            if (earlier is { } gone) Assert.False(((IKvRole)prefill.Producer).WouldTake(gone, "kv"));
            earlier = new PeerIdentity(d, decode.Agent.Incarnation);
            Assert.True(((IKvRole)prefill.Producer).WouldTake(earlier.Value, "kv"));
        }
    }

    [Fact]
    public async Task Only_ranks_that_give_something_are_the_source_and_one_that_is_lost_comes_back_alone()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        string[] names = [Pair.UniqueName("p"), Pair.UniqueName("p")];
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake, rank: new KvParallel(2, 1, 1, 0));
        await using var first = await Engine.StartAsync(names[0], exchange, fake, rank: new KvParallel(2, 0, 1, 0));
        var second = await Engine.StartAsync(names[1], exchange, fake, rank: new KvParallel(2, 1, 1, 0));
        second.LinkTo(decode.Agent, Quick);
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [.. names.Select(name => new KvPeerRank(name))], consumer: decode.Consumer, options: Quick);
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.Equal([names[1]], link.Source!.Ranks.Select(rank => rank.Remote.Name));
        await second.DisposeAsync();
        await Deadlines.UntilAsync(() => link.Status is { State: KvPeerLinkState.Lost, ConnectedRanks: 1 }, $"{link.Status}");
        await using var again = await Engine.StartAsync(names[1], exchange, fake, rank: new KvParallel(2, 1, 1, 0));
        again.LinkTo(decode.Agent, Quick);
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.Equal(again.Agent.Incarnation, link.Source!.Ranks[0].Remote.Incarnation);
        Assert.Equal(1, link.Status.Losses);
    }

    [Fact]
    public async Task Ranks_of_another_parallelism_are_the_source_together()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        string[] names = [Pair.UniqueName("p"), Pair.UniqueName("p")];
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var first = await Engine.StartAsync(names[0], exchange, fake, rank: new KvParallel(2, 0, 1, 0));
        await using var second = await Engine.StartAsync(names[1], exchange, fake, rank: new KvParallel(2, 1, 1, 0));
        first.LinkTo(decode.Agent, Quick);
        second.LinkTo(decode.Agent, Quick);
        await using (var half = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(names[0])], consumer: decode.Consumer, options: Quick))
        {
            await Deadlines.UntilAsync(() => half.State == KvPeerLinkState.Refused, "half of a block is no source");
            Assert.Contains("do not fill a block exactly", half.Status.LastFailure!.Message, StringComparison.Ordinal);
            Assert.Null(half.Source);
        }
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [.. names.Select(name => new KvPeerRank(name))], consumer: decode.Consumer, options: Quick);
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.Equal(names, link.Source!.Ranks.Select(rank => rank.Remote.Name));
    }

    [Fact]
    public async Task A_peer_that_appears_late_is_connected_over_tcp()
    {
        await using var server = new DirectMetadataExchange();
        await using var client = new DirectMetadataExchange(new DirectMetadataExchangeOptions { Listen = null });
        var p = Pair.UniqueName("p");
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), server, null);
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, client, [new KvPeerRank(p, IPAddress.Loopback.ToString(), server.Endpoint!.Port)], consumer: decode.Consumer, options: Quick);
        var changes = new ConcurrentQueue<KvPeerLinkState>();
        link.Changed += (_, status) => changes.Enqueue(status.State);
        await Deadlines.UntilAsync(() => link.Status.Attempts > 3, "it is tried again");
        Assert.Equal(KvPeerLinkState.Connecting, link.State);
        Assert.Contains(p, Assert.IsType<MetadataExchangeException>(link.Status.LastFailure).Message, StringComparison.Ordinal);
        var late = await Assert.ThrowsAsync<TimeoutException>(async () => await link.WaitConnectedAsync(TimeSpan.FromMilliseconds(20)));
        Assert.NotNull(late.InnerException);
        await using var prefill = await Engine.StartAsync(p, server, null);
        await Deadlines.UntilAsync(() => link.Status is { ConnectedRanks: 1, LastFailure: NixlBusyException }, $"connected on one side only: {link.Status}");
        Assert.Equal(KvPeerLinkState.Connecting, link.State);
        server.AddPeer(decode.Agent.Name, IPAddress.Loopback.ToString(), server.Endpoint.Port);
        prefill.LinkTo(decode.Agent, Quick, consumes: false);
        await link.WaitConnectedAsync(Deadlines.Soon);
        await Deadlines.UntilAsync(() => changes.Contains(KvPeerLinkState.Connected), "the change is told");
    }

    [Fact]
    public async Task Another_layout_is_refused_until_one_that_fits_is_started()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        var p = Pair.UniqueName("p");
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        await using var link = new KvPeerLink<SplitKv>(decode.Pool, exchange, [new KvPeerRank(p)], consumer: decode.Consumer, options: Quick);
        await using (await LinkedEngine<WiderKv>.StartAsync(p, exchange, fake))
        {
            await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Refused, $"{link.Status}");
            Assert.IsType<LayoutMismatchException>(link.Status.LastFailure);
        }
        await using (await Engine.StartAsync(p, exchange, fake, new ModelIdentity("tiny-llama", "sha256:other")))
            await Deadlines.UntilAsync(() => link.State == KvPeerLinkState.Refused && link.Status.LastFailure!.Message.Contains("sha256:other", StringComparison.Ordinal), $"{link.Status}");
        await using var fits = await Engine.StartAsync(p, exchange, fake);
        fits.LinkTo(decode.Agent, Quick);
        await link.WaitConnectedAsync(Deadlines.Soon);
        Assert.NotNull(link.Source);
    }

    [Fact]
    public async Task Two_engines_in_both_roles_and_one_that_only_consumes()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        await using var a = await Engine.StartAsync(Pair.UniqueName("a"), exchange, fake);
        await using var b = await Engine.StartAsync(Pair.UniqueName("b"), exchange, fake);
        var (ab, ba) = (a.LinkTo(b.Agent, Quick), b.LinkTo(a.Agent, Quick));
        await ab.WaitConnectedAsync(Deadlines.Soon);
        await ba.WaitConnectedAsync(Deadlines.Soon);
        await MovesAsync(a, b, ba.Source!, 1);
        await MovesAsync(b, a, ab.Source!, 2);

        await using var c = await Engine.StartAsync(Pair.UniqueName("c"), exchange, fake);
        c.Producer.Dispose();
        var (ac, ca) = (a.LinkTo(c.Agent, Quick), c.LinkTo(a.Agent, Quick, produces: false));
        await ac.WaitConnectedAsync(Deadlines.Soon);
        await ca.WaitConnectedAsync(Deadlines.Soon);
        Assert.Null(ac.Source);
        await MovesAsync(a, c, ca.Source!, 3);

        await using var wrong = new KvPeerLink<SplitKv>(a.Pool, exchange, [new KvPeerRank(c.Agent.Name)], consumer: a.Consumer, options: Quick);
        await Deadlines.UntilAsync(() => wrong.Status.LastFailure is not null, "c gives nothing");
        Assert.Contains("has no producer", wrong.Status.LastFailure!.Message, StringComparison.Ordinal);
        Assert.Equal(KvPeerLinkState.Connecting, wrong.State);
    }

    [Fact]
    public async Task A_connection_that_broke_and_is_made_anew_ends_the_quarantine_when_the_writer_has_stopped()
    {
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        await using var prefill = await Engine.StartAsync(Pair.UniqueName("p"), exchange, fake);
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, fake);
        prefill.LinkTo(decode.Agent, Quick, consumes: false);
        var link = decode.LinkTo(prefill.Agent, Quick, produces: false);
        await link.WaitConnectedAsync(Deadlines.Soon);
        using var receive = await decode.Consumer.RequestAsync(link.Source!, new KvRequest("r", new KvRequestBlocks(3)) { Timeout = TimeSpan.FromMinutes(10) }); // no deadline helps
        await using var requests = prefill.Producer.ReadRequestsAsync().GetAsyncEnumerator();
        Assert.True(await requests.MoveNextAsync().SoonAsync());
        decode.Agent.Invalidate(link.Source!.Ranks[0].Remote);
        Assert.Equal(KvOutcome.PeerLost, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        await Deadlines.UntilAsync(() => link.Status is { Losses: 1, State: KvPeerLinkState.Connected }, $"{link.Status}");
        await Deadlines.UntilAsync(() => requests.Current.Stopped.IsCancellationRequested, "the writer is asked to stop");
        Assert.Equal(3, decode.BlockPool.Snapshot().Quarantined);
        await requests.Current.DisposeAsync().SoonAsync();
        await Deadlines.UntilAsync(() => decode.BlockPool.Snapshot() is { Quarantined: 0, Free: Engine.Blocks }, $"{decode.BlockPool.Snapshot()}");
        await MovesAsync(prefill, decode, link.Source!, 5);
    }

    [Fact]
    public async Task The_next_life_of_a_name_cannot_end_what_the_earlier_one_may_still_write()
    {
        await using var exchange = new InMemoryMetadataExchange();
        await using var decode = await Engine.StartAsync(Pair.UniqueName("d"), exchange, null);
        await using var first = await Engine.StartAsync(Pair.UniqueName("p"), exchange, null);
        first.LinkTo(decode.Agent, Quick, consumes: false);
        var link = decode.LinkTo(first.Agent, Quick, produces: false);
        await link.WaitConnectedAsync(Deadlines.Soon);
        using var receive = await decode.Consumer.RequestAsync(link.Source!, new KvRequest("r", new KvRequestBlocks(3)) { Timeout = TimeSpan.FromMinutes(10) });
        await using var requests = first.Producer.ReadRequestsAsync().GetAsyncEnumerator();
        Assert.True(await requests.MoveNextAsync().SoonAsync());
        await using var push = requests.Current;

        await using var elsewhere = new InMemoryMetadataExchange();
        await using var second = await Engine.StartAsync(first.Agent.Name, elsewhere, null); // somebody has started it although the first one lives
        var peer = await second.Agent.ConnectAsync(decode.Agent.ExportMetadata()).SoonAsync();
        foreach (var outcome in (KvOutcome[])[KvOutcome.Completed, KvOutcome.Cancelled])
            await second.Agent.NotifyAsync(peer, KvMessageCodec.Encode(new KvEndMessage(push.AccessId, outcome, "", default))).SoonAsync();
        await Deadlines.UntilAsync(() => decode.Connector.Snapshot().NotGranted == 2, $"{decode.Connector.Snapshot()}");
        var blocks = decode.BlockPool.Snapshot();
        Assert.Equal(3, blocks.InFlight + blocks.Quarantined);
        Assert.False(receive.IsEnded && receive.WaitAsync().IsCompletedSuccessfully);
        Assert.Equal(0, decode.Connector.PeerExited(new PeerIdentity(second.Agent.Name, second.Agent.Incarnation)));
        Assert.Equal(1, decode.Connector.PeerExited(new PeerIdentity(first.Agent.Name, first.Agent.Incarnation)));
        Assert.Equal(Engine.Blocks, decode.BlockPool.Snapshot().Free);
    }

    private static async Task MovesAsync(Engine from, Engine to, KvSource source, int seed)
    {
        PoolBytes.Fill(to.Pool, TestMemory.Poison);
        var serving = from.ServeOneAsync(seed);
        using var receive = await to.Consumer.RequestAsync(source, new KvRequest($"r{seed}", new KvRequestBlocks(3)));
        await receive.WaitAsync().SoonAsync();
        var own = await serving.SoonAsync();
        var poisoned = PoolBytes.Copy(to.Pool).ConvertAll(static tensor => Enumerable.Repeat(TestMemory.Poison, tensor.Length).ToArray());
        PoolBytes.AssertEqual(PoolBytes.Expect(from.Pool, poisoned, to.Pool, 0, own, receive.Leases[0].Blocks), PoolBytes.Copy(to.Pool));
    }
}
