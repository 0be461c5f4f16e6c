using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Leases on top of real transfers and notifications: what the producer and the consumer will do.</summary>
public sealed class ServingSeamTests
{
    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_push_with_the_leases_token_makes_the_lease_ready(Backend backend)
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(backend, 8, 8);
        using var blocks = new BlockPool(8, new BlockPoolOptions { Owner = new PeerIdentity(pair.Agents.B.Name, pair.Agents.B.Incarnation) });
        using var lease = blocks.TryReserve(2)!;
        var plan = ArrivalPlan.SamePlacement(pair.B);
        lease.Expect(plan, 2);
        var grant = lease.GrantWrite(PeerIdentity.Of(pair.Agents.ToA));
        var result = await pair.Remote.WriteBlocksAsync(0, [3, 4], lease.Blocks, new PostOptions { Notification = default, LeaseToken = grant.Token.Value }).SoonAsync();
        Assert.Equal(plan.BytesPerBlock * 2, result.Bytes);
        Assert.Equal(LeaseAnswer.Accepted, blocks.Arrived(await NextAsync(pair.Agents.B), [plan.Parts[0].Whole(0, 2)], out var arrived));
        Assert.Same(lease, arrived);
        lease.MarkReady(lease.GetArrival());
        Assert.Equal(BlockState.Ready, lease.State);
    }

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_pull_holds_both_sides_until_each_has_ended(Backend backend)
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(backend, 8, 8);
        using var here = new BlockPool(8, new BlockPoolOptions { Owner = new PeerIdentity(pair.Agents.A.Name, pair.Agents.A.Incarnation) });
        using var there = new BlockPool(8, new BlockPoolOptions { Owner = new PeerIdentity(pair.Agents.B.Name, pair.Agents.B.Incarnation) });
        var offered = there.TryReserve(2)!;
        offered.MarkComputed();
        var grant = offered.GrantRead(PeerIdentity.Of(pair.Agents.ToA));
        var ids = offered.Blocks.ToArray();
        offered.Dispose(); // the producer's request has ended; its blocks have not
        using var lease = here.TryReserve(2)!;
        var plan = ArrivalPlan.SamePlacement(pair.A);
        lease.Expect(plan, 2);
        var pull = lease.BeginPull();
        var result = await pair.Remote.ReadBlocksAsync(0, lease.Blocks, ids, new PostOptions { Notification = default, LeaseToken = grant.Token.Value }).SoonAsync();
        Assert.Equal(LeaseAnswer.Accepted, pull.Arrived(result, plan.Parts[0].Whole(0, 2)));
        pull.Quiesced();
        lease.MarkReady(lease.GetArrival());
        var notice = await NextAsync(pair.Agents.B);
        Assert.Equal(2, there.Snapshot().Quarantined);
        Assert.Equal(LeaseAnswer.Accepted, there.Confirm(new LeaseToken(notice.LeaseToken, there.Owner.Incarnation), PeerIdentity.Of(notice)));
        Assert.Equal(8, there.Snapshot().Free);
    }

    private static async Task<NotificationInfo> NextAsync(NixlAgent agent)
    {
        using var deadline = new CancellationTokenSource(Deadlines.Soon);
        await foreach (var notification in agent.ReadNotificationsAsync(deadline.Token)) return notification.Info;
        throw new InvalidOperationException("no notification");
    }
}
