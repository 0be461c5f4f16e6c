using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>What happens for every block, every notification and every heartbeat allocates nothing.</summary>
public sealed class ServingAllocationTests
{
    private const int Rounds = 2000;
    private static readonly PeerIdentity Peer = new("prefill", 1);

    [Fact]
    public void Notifications_heartbeats_lookups_hashes_and_counts_allocate_nothing()
    {
        using var pool = new BlockPool(256);
        using var lease = pool.TryReserve(128)!;
        lease.Expect(ServingPlans.OneRank, 128);
        var grant = lease.GrantWrite(Peer);
        var part = ServingPlans.OneRank.Parts[0];
        ArrivalRun[] runs = [part.Whole(0, 100)];
        var notice = ServingPlans.Notice(grant, runs);
        var hasher = new BlockHasher(new ModelIdentity("m", "r"), 16);
        var tokens = new int[256];
        var hashes = new BlockHash[16];
        Assert.Equal(0, Allocated(() =>
        {
            Assert.True(pool.Arrived(notice, runs, out _) == LeaseAnswer.Accepted);
            Assert.True(pool.Heartbeat(grant.Token, Peer) == LeaseAnswer.Accepted);
            Assert.True(pool.Heartbeat(grant.Token with { Value = 1 }, Peer) == LeaseAnswer.Unknown);
            Assert.True(hasher.Chain(tokens, hashes) == 16);
            Assert.True(pool.CountCached(hashes) == 0);
            Assert.True(pool.Snapshot().InFlight == 128);
            Assert.True(pool.ExpireGrants() == 0);
            Assert.False(lease.HasLayer(0));
        }));
        pool.Confirm(grant.Token, Peer);
    }

    [Fact]
    public void A_lease_costs_its_own_few_objects_and_nothing_per_block()
    {
        using var pool = new BlockPool(512);
        BlockHash[] hashes = [.. Enumerable.Range(0, 200).Select(i => new BlockHash(1, (ulong)i))];
        long Cost(int blocks) => Allocated(() =>
        {
            var lease = pool.TryReserve(blocks, hashes.AsSpan(0, blocks))!;
            if (lease.State != BlockState.Ready) lease.MarkComputed();
            lease.Publish(hashes.AsSpan(0, blocks));
            lease.Dispose();
        }) / Rounds;

        var ids = sizeof(int) * 100;
        Assert.InRange(Cost(200) - Cost(100), ids, ids + 8); // the ids themselves
        Assert.InRange(Cost(1), 1, 300);
    }

    private static long Allocated(Action act)
    {
        for (var i = 0; i < 200; i++) act();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++) act();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
