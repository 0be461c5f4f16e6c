using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>The consumer reads what the producer offers; the producer's blocks are free when all have.</summary>
public sealed class PullTests
{
    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Whole_blocks(Backend backend) => PullsAsync<SplitKv, SplitKv>(backend, 1, 1);

    [Theory, MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public Task From_one_rank_to_two(Backend backend) => PullsAsync<SplitKv, PackedKv>(backend, 1, 2);

    [Theory, MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public Task From_two_ranks_to_one(Backend backend) => PullsAsync<PackedKv, SplitKv>(backend, 2, 1);

    [Fact]
    public async Task Only_the_uncached_tail_is_read_and_a_full_hit_reads_nothing_and_still_frees()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local);
        BlockHash[] hashes = [new(1, 1), new(1, 2), new(1, 3)];
        for (var cached = 2; cached <= 3; cached++)
        {
            using (var first = fleet.TargetBlockPools[0].TryReserve(cached, hashes.AsSpan(0, cached - 1))!)
            {
                if (first.State != BlockState.Ready) first.MarkComputed();
                first.Publish(hashes.AsSpan(0, cached));
            }
            fleet.Pools.Fill(0, cached);
            var read = fleet.Pools.Targets[0].Agent.GetCounters(NixlTransports.Local).ReadBytes;
            var own = fleet.Compute(3)[0];
            using var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions($"r{cached}"), [own]);
            var from = own.Blocks.ToArray();
            own.Dispose();
            var before = PoolBytes.Copy(fleet.Pools.Targets[0]);
            using var receive = await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest($"r{cached}", new KvRequestBlocks(4, 3) { Prefix = hashes })).SoonAsync();
            await receive.WaitAsync().SoonAsync();
            await offer.WaitAsync().SoonAsync();
            PoolBytes.AssertEqual(cached == 3 ? before : ExpectFrom(before, from, receive), PoolBytes.Copy(fleet.Pools.Targets[0]));
            Assert.Equal((3 - cached) * fleet.Pools.Sources[0].BytesPerBlock(), fleet.Pools.Targets[0].Agent.GetCounters(NixlTransports.Local).ReadBytes - read);
            await Deadlines.UntilAsync(() => fleet.SourceBlockPools[0].Snapshot().Free == ServingFleet<SplitKv, SplitKv>.SourceBlocks, "all blocks free");
        }

        List<byte[]> ExpectFrom(List<byte[]> before, int[] from, KvReceive receive) =>
            PoolBytes.Expect(fleet.Pools.Sources[0], before, fleet.Pools.Targets[0], 0, from.AsSpan(2), receive.Leases[0].Blocks[2..3]);
    }

    [Theory, InlineData(true, 3), InlineData(false, 1)]
    public async Task Layer_by_layer_each_layer_is_a_read_of_its_own_and_can_be_waited_for(bool byLayer, int reads)
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Local);
        var (target, seen) = (fleet.Pools.Targets[0].Agent.Name, 0L);
        using var listener = new MeterListener { InstrumentPublished = static (instrument, l) => { if (instrument is { Meter.Name: "Nixl.Sdk", Name: "nixl.transfers" }) l.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            if (tags.Contains(new("nixl.agent", target)) && tags.Contains(new("nixl.operation", "read"))) Interlocked.Add(ref seen, value);
        });
        listener.Start();
        using var own = fleet.Compute(2)[0];
        using var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("r"), [own]);
        using var receive = await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(2)) { LayerByLayer = byLayer }).SoonAsync();
        for (var layer = 0; layer < 3; layer++) await receive.WaitForLayerAsync(layer).SoonAsync();
        await receive.WaitAsync().SoonAsync();
        Assert.Equal(reads, Interlocked.Read(ref seen));
    }

    [Fact]
    public async Task Who_pulls_before_the_offer_waits_for_it()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake);
        var pulling = fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(2))).AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(2))));
        using var own = fleet.Compute(2)[0];
        using var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("r"), [own]);
        using var receive = await pulling.SoonAsync();
        await receive.WaitAsync().SoonAsync();
    }

    [Fact]
    public async Task Fewer_blocks_than_wanted_are_no_cache()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake);
        using var own = fleet.Compute(2)[0];
        using var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("r"), [own]);
        using var receive = await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(3)));
        var error = await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync());
        Assert.Contains("Do both sides mean the same prompt?", error.Message, StringComparison.Ordinal);
        Assert.Equal(KvOutcome.Failed, (await Assert.ThrowsAsync<KvHandoverException>(() => offer.WaitAsync().SoonAsync())).Outcome);
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task A_withdrawn_offer_is_confirmed_and_cannot_be_pulled()
    {
        await using var fleet = await ServingFleet<SplitKv, SplitKv>.CreateAsync(Backend.Fake);
        using var own = fleet.Compute(2)[0];
        using var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("r"), [own]);
        Assert.Equal(BlockState.InFlight, own.State);
        Assert.True(await offer.CancelAsync(Deadlines.Soon));
        Assert.Equal(BlockState.Ready, own.State);
        var error = await Assert.ThrowsAsync<KvHandoverException>(async () => await fleet.Consumers[0].PullAsync(
            fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(2)) { Timeout = TimeSpan.FromMilliseconds(50) }));
        Assert.Equal(KvOutcome.TimedOut, error.Outcome);
        await fleet.AssertAllEndedAsync();
    }

    private static async Task PullsAsync<TSource, TTarget>(Backend backend, int sourceTp, int targetTp)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        for (var round = 0; round < 2; round++)
        {
            await using var fleet = await ServingFleet<TSource, TTarget>.CreateAsync(backend, sourceTp, targetTp, checksums: round == 1);
            fleet.Pools.Fill(0, round);
            var own = fleet.Compute(5);
            var from = own[0].Blocks.ToArray();
            var offers = new List<KvOffer>();
            for (var rank = 0; rank < sourceTp; rank++)
            {
                foreach (var (source, _, remote) in fleet.Pools.Writes)
                    if (source == fleet.Pools.Sources[rank]) offers.Add(await fleet.Producers[rank].OfferAsync(remote, new KvOfferOptions("r") { Payload = new byte[] { (byte)rank } }, [own[rank]]));
                own[rank].Dispose(); // the engine is done with them; they are held all the same
            }
            for (var rank = 0; rank < targetTp; rank++)
            {
                foreach (var pool in fleet.SourceBlockPools) Assert.Equal(5, pool.Snapshot().Quarantined); // until the last consumer has read
                using var receive = await fleet.Consumers[rank].PullAsync(fleet.Sources[rank], new KvRequest("r", new KvRequestBlocks(6, 5))).SoonAsync();
                var to = receive.Leases[0].Blocks[..5].ToArray();
                var received = await receive.WaitAsync().SoonAsync();
                Assert.Equal(Enumerable.Range(0, sourceTp).Select(source => (byte)source), received.Payloads.Select(payload => payload.Span[0]));
                Assert.Equal(BlockState.Ready, receive.Leases[0].State);
                var after = PoolBytes.Copy(fleet.Pools.Targets[rank]);
                PoolBytes.Fill(fleet.Pools.Targets[rank], TestMemory.Poison);
                PoolBytes.AssertEqual(fleet.Expect(rank, from, to), after);
                fleet.AssertCompared(rank, round == 1, 5);
            }
            foreach (var offer in offers) await offer.WaitAsync().SoonAsync();
            await fleet.AssertAllEndedAsync();
            foreach (var pool in fleet.SourceBlockPools) Assert.Equal(pool.Blocks, pool.Snapshot().Free);
        }
    }
}
