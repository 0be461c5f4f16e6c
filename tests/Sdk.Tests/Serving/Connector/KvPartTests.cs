using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>Requests and offers that are longer than a notification.</summary>
public sealed class KvPartTests
{
    private static readonly PeerIdentity Peer = new("peer", 1);

    [Theory, InlineData(30_000, 0), InlineData(10, 1_000_000), InlineData(1_000_000, 500_000)]
    public void A_long_message_is_cut_and_comes_back_in_any_order(int blocks, int payload)
    {
        var random = new Random(blocks);
        var ids = Enumerable.Range(0, blocks).ToArray();
        random.Shuffle(ids);
        var bytes = new byte[payload];
        random.NextBytes(bytes);
        var message = Message(7, ids, bytes);
        var parts = KvMessageCodec.EncodeInParts(message);
        Assert.All(parts, static part => Assert.InRange(part.Length, 1, NixlAgent.MaxNotificationBytes));
        random.Shuffle(parts);
        var book = new KvPartBook();
        byte[]? whole = null;
        for (var i = 0; i < parts.Length; i++)
            Assert.Equal(i + 1 < parts.Length ? KvPartOutcome.Waits : KvPartOutcome.Complete, book.Add(Peer, Decode(parts[i]), 0, 1, out whole));
        var decoded = Assert.IsType<KvAccessMessage>(KvMessageCodec.TryDecode(whole));
        Assert.Equal(ids, decoded.Groups[0].Blocks);
        Assert.Equal(bytes, decoded.Payload.ToArray());
        Assert.True(book.IsEmpty);
    }

    [Fact]
    public void What_fits_a_notification_is_not_cut() => Assert.Single(KvMessageCodec.EncodeInParts(Message(1, [1, 2, 3], default)));

    // Against a reference that keeps every part by peer, id and index.
    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Random_histories_do_what_a_naive_book_does(int seed)
    {
        var random = new Random(seed);
        var book = new KvPartBook();
        var known = new Dictionary<(PeerIdentity, ulong), (int Count, long Until, SortedDictionary<int, byte[]> Parts)>();
        PeerIdentity[] peers = [new("a", 1), new("a", 2), new("b", 1)];
        var (now, completed, refused) = (0L, 0, 0);
        for (var step = 0; step < 20_000; step++)
        {
            var (peer, id) = (peers[random.Next(3)], (ulong)random.Next(5));
            if (random.Next(50) == 0)
            {
                now += random.Next(100);
                var late = known.Where(open => now >= open.Value.Until).Select(static open => open.Key).ToArray();
                foreach (var key in late) known.Remove(key);
                Assert.Equal(late.Length, book.Expire(now));
                continue;
            }
            if (random.Next(40) == 0)
            {
                known.Remove((peer, id));
                book.Remove(peer, id);
                continue;
            }
            var count = known.TryGetValue((peer, id), out var there) && random.Next(10) > 0 ? there.Count : random.Next(2, 5);
            var part = new KvPartMessage(id, random.Next(count), count, new byte[random.Next(1, 20)]);
            random.NextBytes(part.Bytes);
            if (!known.TryGetValue((peer, id), out var open)) open = (count, now + 200, []);
            var outcome = book.Add(peer, part, 0, now + 200, out var whole);
            if (open.Count != count || open.Parts.ContainsKey(part.Index))
            {
                refused++;
                Assert.Equal(KvPartOutcome.Malformed, outcome);
                continue;
            }
            open.Parts.Add(part.Index, part.Bytes);
            known[(peer, id)] = open;
            Assert.Equal(open.Parts.Count == count ? KvPartOutcome.Complete : KvPartOutcome.Waits, outcome);
            if (outcome != KvPartOutcome.Complete) continue;
            completed++;
            Assert.Equal(open.Parts.Values.SelectMany(static bytes => bytes), whole);
            known.Remove((peer, id));
        }
        Assert.True(completed > 500 && refused > 500, $"{completed} completed, {refused} refused");
        Assert.Equal(known.Count == 0, book.IsEmpty);
    }

    [Fact]
    public void No_peer_can_have_more_here_than_its_room_nor_take_anothers()
    {
        var book = new KvPartBook();
        var part = new byte[KvMessageFormat.PartBytes];
        for (ulong id = 0; id < KvPartBook.MaxOpen; id++) Assert.Equal(KvPartOutcome.Waits, book.Add(Peer, new KvPartMessage(id, 0, 2, [1]), 0, 1, out _));
        Assert.Equal(KvPartOutcome.TooMuch, book.Add(Peer, new KvPartMessage(999, 0, 2, [1]), 0, 1, out _)); // number
        Assert.Equal(KvPartOutcome.Complete, book.Add(Peer, new KvPartMessage(0, 1, 2, [1]), 0, 1, out _));
        Assert.Equal(KvPartOutcome.TooMuch, book.Add(Peer, new KvPartMessage(1, 1, 2, [1]), KvPartBook.MaxBytesOfPeer, 1, out _)); // what is held elsewhere
        Assert.Equal(KvPartOutcome.Waits, book.Add(new PeerIdentity("other", 1), new KvPartMessage(0, 0, 2, [1]), 0, 1, out _));
        Assert.Equal(KvPartBook.MaxOpen - 1, book.Expire(1));
        var taken = 0;
        for (ulong id = 0; id < 5; id++)
        {
            for (var index = 0; index < KvPartBook.MaxParts - 1; index++)
                if (book.Add(Peer, new KvPartMessage(id, index, KvPartBook.MaxParts, part), 0, 1, out _) == KvPartOutcome.Waits) taken += part.Length;
        }
        Assert.InRange(taken, KvPartBook.MaxBytesOfPeer / 2, KvPartBook.MaxBytesOfPeer); // bytes
        Assert.Equal(KvPartOutcome.TooMuch, Fill(new KvPartBook())); // one message

        KvPartOutcome Fill(KvPartBook one)
        {
            for (var index = 0; ; index++)
                if (one.Add(Peer, new KvPartMessage(1, index, KvPartBook.MaxParts, part), 0, 1, out _) is not KvPartOutcome.Waits and var last) return last;
        }
    }

    [Fact]
    public async Task Hostile_parts_are_counted_and_refused_and_incomplete_ones_forgotten()
    {
        var time = new FakeTimeProvider();
        await using var fleet = await Fleet.CreateAsync(Backend.Local, time: time);
        var (agent, peer) = (fleet.Pools.Targets[0].Agent, fleet.Pools.Reads.Single().Remote.Remote);
        var connector = fleet.SourceConnectors[0];
        await SendAsync(new KvPartMessage(1, 0, 2, [1]));
        await SendAsync(new KvPartMessage(1, 0, 2, [1])); // twice
        await SendAsync(new KvPartMessage(1, 1, 3, [1])); // another number of parts
        await SendAsync(new KvPartMessage(2, 0, 2, [1]));
        await SendAsync(new KvPartMessage(2, 1, 2, [1])); // no message
        await SendAsync(new KvPartMessage(3, 0, 2, KvMessageCodec.Encode(Message(4, [1], default))[..20]));
        await SendAsync(new KvPartMessage(3, 1, 2, KvMessageCodec.Encode(Message(4, [1], default))[20..])); // of another access
        await Deadlines.UntilAsync(() => connector.Snapshot().Malformed == 4, $"malformed: {connector.Snapshot()}");
        await Deadlines.UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return connector.Snapshot().Malformed == 5;
            },
            "the first is forgotten");
        for (ulong id = 100; id < 100 + KvPartBook.MaxOpen; id++) await SendAsync(new KvPartMessage(id, 0, 2, [1]));
        await SendAsync(new KvPartMessage(7, 0, 2, [1]));
        await SendAsync(new KvPartMessage(7, 1, 2, [1])); // was refused already
        await Deadlines.UntilAsync(() => connector.Snapshot() is { Refused: 1, Late: 1 }, $"refused: {connector.Snapshot()}");
        await SendAsync(new KvCancelMessage(100));
        await SendAsync(new KvPartMessage(8, 0, 2, [1])); // there is room again
        await Deadlines.UntilAsync(() => connector.Snapshot() is { Refused: 1, Late: 2, Messages: 75 }, $"cancelled: {connector.Snapshot()}");
        Assert.Equal(0, connector.Snapshot().Held);

        Task SendAsync(KvMessage message) => agent.NotifyAsync(peer, KvMessageCodec.Encode(message)).SoonAsync();
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Thirty_thousand_blocks_move_although_their_ids_fit_no_notification(bool push)
    {
        const int blocks = 30_000;
        await using var pair = await PoolPair<TinyKv>.CreateAsync(Backend.Local, blocks + 1, blocks + 1);
        var (toB, toA) = (pair.Remote, pair.B.Connect(pair.Agents.ToA));
        PoolBytes.FillRandom(pair.A, 1);
        PoolBytes.Fill(pair.B, TestMemory.Poison);
        await using var there = KvConnector.Start(pair.A.Agent);
        await using var here = KvConnector.Start(pair.B.Agent);
        using var producer = new KvProducer<TinyKv>(there, pair.A);
        producer.AddConsumer(toB);
        using var own = Shuffled(pair.A.Agent, 1);
        using var free = Shuffled(pair.B.Agent, 2);
        using var consumer = new KvConsumer<TinyKv>(here, pair.B, free);
        var source = consumer.AddSource(toA);
        using var lease = own.TryReserve(blocks)!;
        lease.MarkComputed();
        var request = new KvRequest("long", new KvRequestBlocks(blocks)) { Payload = push ? new byte[300_000] : default };
        KvReceive receive;
        if (push)
        {
            receive = await consumer.RequestAsync(source, request).SoonAsync();
            await using var served = await NextAsync(producer);
            Assert.Equal(300_000, served.Payload.Length);
            served.Accept(lease);
            await served.WriteAsync().SoonAsync();
            await served.CompleteAsync().SoonAsync();
        }
        else
        {
            _ = await producer.OfferAsync(toB, new KvOfferOptions("long"), [lease]).SoonAsync();
            receive = await consumer.PullAsync(source, request).SoonAsync();
        }
        using (receive)
        {
            await receive.WaitAsync().SoonAsync();
            var poison = PoolBytes.Copy(pair.B).ConvertAll(static tensor => Enumerable.Repeat(TestMemory.Poison, tensor.Length).ToArray());
            PoolBytes.AssertEqual(PoolBytes.Expect(pair.A, poison, pair.B, 0, lease.Blocks, receive.Leases[0].Blocks), PoolBytes.Copy(pair.B));
        }
        await Deadlines.UntilAsync(() => free.Snapshot().Free == blocks + 1, "all free");

        BlockPool Shuffled(NixlAgent agent, int seed)
        {
            var pool = new BlockPool(blocks + 1, new BlockPoolOptions { Owner = new PeerIdentity(agent.Name, agent.Incarnation) });
            var single = Enumerable.Range(0, blocks + 1).Select(_ => pool.TryReserve(1)!).ToArray();
            new Random(seed).Shuffle(single);
            foreach (var one in single) one.Dispose();
            return pool;
        }
    }

    private static async Task<KvPush> NextAsync(KvProducer<TinyKv> producer)
    {
        using var deadline = new CancellationTokenSource(Deadlines.Soon);
        await foreach (var push in producer.ReadRequestsAsync(deadline.Token)) return push;
        throw new InvalidOperationException("no request");
    }

    private static KvAccessMessage Message(ulong id, int[] blocks, byte[]? payload) => new(
        KvMessageKind.Request, id, "kv", "kv", "long", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5), [new KvAccessGroup("kv", 1, 0, blocks, [], 1)], payload);

    private static KvPartMessage Decode(byte[] bytes) => Assert.IsType<KvPartMessage>(KvMessageCodec.TryDecode(bytes));
}
