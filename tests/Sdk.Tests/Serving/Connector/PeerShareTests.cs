using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;
using Engine = Nixl.Sdk.Tests.Serving.Peers.LinkedEngine<Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>Nobody takes all places.</summary>
public sealed class PeerShareTests
{
    [Fact]
    public void One_peer_gets_half_and_there_is_always_room_for_another()
    {
        var shares = new PeerShares(16);
        var first = Fill("a");
        Assert.Equal(8, first.Count);
        Assert.Equal([4, 2, 1, 1, 0], ((string[])["b", "c", "d", "e", "f"]).Select(name => Fill(name).Count));
        Assert.Null(shares.TryTake(new PeerIdentity("a", 1)));
        foreach (var place in first)
        {
            place.Free();
            place.Free(); // once only
        }
        Assert.Equal(4, Fill("f").Count);
        Assert.Equal(2, Fill("g").Count);

        List<PeerPlace> Fill(string name)
        {
            var places = new List<PeerPlace>();
            while (shares.TryTake(new PeerIdentity(name, 1)) is { } place) places.Add(place);
            return places;
        }
    }

    [Fact]
    public async Task A_peer_that_asks_without_pause_and_cancels_does_not_lock_out_another()
    {
        const int waiting = 4;
        var fake = new FakeTransport();
        await using var exchange = new InMemoryMetadataExchange();
        await using var prefill = await Engine.StartAsync(Pair.UniqueName("p"), exchange, fake, connector: new KvConnectorOptions { CheckInterval = TimeSpan.FromMilliseconds(5), MaxWaiting = waiting });
        await using var greedy = await Engine.StartAsync(Pair.UniqueName("g"), exchange, fake);
        await using var modest = await Engine.StartAsync(Pair.UniqueName("m"), exchange, fake);
        var options = new KvPeerLinkOptions { FirstBackoff = TimeSpan.FromMilliseconds(10), MaxBackoff = TimeSpan.FromMilliseconds(50) };
        var sources = new Dictionary<Engine, KvSource>();
        foreach (var engine in (Engine[])[greedy, modest])
        {
            prefill.LinkTo(engine.Agent, options, consumes: false);
            var link = engine.LinkTo(prefill.Agent, options, produces: false);
            await link.WaitConnectedAsync(Deadlines.Soon);
            sources[engine] = link.Source!;
        }

        // Nobody reads the requests; what was cancelled still stands in the queue.
        for (var i = 0; i < 3 * waiting; i++)
        {
            using var receive = await greedy.Consumer.RequestAsync(sources[greedy], new KvRequest($"g{i}", new KvRequestBlocks(1)));
            Assert.True(await receive.CancelAsync(Deadlines.Soon));
        }
        await Deadlines.UntilAsync(() => prefill.Connector.Snapshot().Refused == 2 * waiting, $"{prefill.Connector.Snapshot()}");

        PoolBytes.Fill(modest.Pool, TestMemory.Poison);
        var serving = prefill.ServeOneAsync(1);
        using var served = await modest.Consumer.RequestAsync(sources[modest], new KvRequest("m", new KvRequestBlocks(3)));
        await served.WaitAsync().SoonAsync();
        await serving.SoonAsync();

        // The queue was read meanwhile, so that the first has its share again.
        var again = prefill.ServeOneAsync(2);
        using var late = await greedy.Consumer.RequestAsync(sources[greedy], new KvRequest("late", new KvRequestBlocks(3)));
        await late.WaitAsync().SoonAsync();
        await again.SoonAsync();
    }
}
