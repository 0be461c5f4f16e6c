using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>What ends a quarantine, and what does not.</summary>
public sealed class QuarantineTests : IDisposable
{
    private static readonly PeerIdentity Prefill = new("prefill", 1);
    private readonly FakeTimeProvider _time = new();
    private readonly BlockPool _pool;

    public QuarantineTests() => _pool = new BlockPool(4, new BlockPoolOptions { TimeProvider = _time });

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Giving_up_what_is_in_flight_frees_nothing_and_no_time_ends_that()
    {
        var grant = Quarantined();
        Assert.True(grant.IsOpen);
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromDays(1));
            _pool.ExpireGrants();
            Assert.Equal((2, 2), (_pool.Snapshot().Quarantined, _pool.Snapshot().Free));
            Assert.Null(_pool.TryReserve(3));
        }
    }

    [Fact]
    public void A_heartbeat_ends_it_neither()
    {
        var grant = Quarantined();
        Assert.Equal(LeaseAnswer.GivenUp, _pool.Heartbeat(grant.Token, Prefill));
        Assert.Equal(2, _pool.Snapshot().Quarantined);
    }

    [Fact]
    public void The_writers_confirmation_ends_it()
    {
        var grant = Quarantined();
        Assert.Equal(LeaseAnswer.NotGranted, _pool.Confirm(grant.Token, Prefill with { Incarnation = 2 }));
        Assert.Equal(LeaseAnswer.NotGranted, _pool.Confirm(grant.Token, Prefill with { Name = "other" }));
        Assert.Equal(LeaseAnswer.Stale, _pool.Confirm(grant.Token with { Incarnation = 5 }, Prefill));
        Assert.Equal(2, _pool.Snapshot().Quarantined);
        Assert.Equal(LeaseAnswer.Accepted, _pool.Confirm(grant.Token, Prefill));
        Assert.Equal(4, _pool.Snapshot().Free);
        Assert.Equal(LeaseAnswer.Unknown, _pool.Confirm(grant.Token, Prefill));
    }

    [Fact]
    public void Everything_arriving_after_all_ends_it_and_serves_nobody()
    {
        var grant = Quarantined();
        Assert.Equal(LeaseAnswer.GivenUp, _pool.Deliver(grant, ServingPlans.OneRank, 0, 1));
        Assert.Equal(2, _pool.Snapshot().Quarantined);
        Assert.Equal(LeaseAnswer.GivenUp, _pool.Deliver(grant, ServingPlans.OneRank, 1, 1));
        Assert.Equal(4, _pool.Snapshot().Free);
    }

    [Fact]
    public void The_writers_exit_ends_it_but_not_a_restart_of_its_name()
    {
        Quarantined();
        Assert.Equal(0, _pool.PeerExited(Prefill with { Incarnation = 2 }));
        Assert.Equal(2, _pool.Snapshot().Quarantined);
        Assert.Equal(1, _pool.PeerExited(Prefill));
        Assert.Equal(4, _pool.Snapshot().Free);
    }

    [Fact]
    public async Task Our_fence_ends_it_when_the_memory_is_closed_and_not_before()
    {
        await using var agent = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, Pair.UniqueName("d"), new Testing.FakeTransport())).SoonAsync();
        var memory = KvPool<SplitKv>.Allocate(agent, 4, PoolPair<SplitKv>.Model);
        Quarantined();
        var fence = _pool.BeginFence(memory);
        var later = _pool.TryReserve(1)!;
        later.Expect(ServingPlans.OneRank, 1);
        var survivor = later.GrantWrite(Prefill);
        Assert.Contains("peers can still reach pool 'SplitKv'", Assert.Throws<NixlBusyException>(() => fence.Complete()).Message, StringComparison.Ordinal);
        Assert.Equal(2, _pool.Snapshot().Quarantined);
        memory.Dispose();
        Assert.Equal(1, fence.Complete());
        Assert.Equal(0, fence.Complete());
        Assert.True(survivor.IsOpen); // given after the fence began, over what was registered anew
        Assert.Throws<InvalidOperationException>(() => _pool.BeginFence(memory)); // too late to tell who could reach it
        Assert.Equal((0, 1, 3), (_pool.Snapshot().Quarantined, _pool.Snapshot().InFlight, _pool.Snapshot().Free));
    }

    [Fact]
    public void A_reader_is_waited_for_like_a_writer()
    {
        var lease = _pool.TryReserve(2)!;
        lease.MarkComputed();
        var (a, b) = (lease.GrantRead(Prefill), lease.GrantRead(new PeerIdentity("decode", 9)));
        lease.Dispose();
        _pool.Confirm(a.Token, Prefill);
        Assert.Equal(2, _pool.Snapshot().Quarantined);
        _pool.Confirm(b.Token, b.Peer);
        Assert.Equal(4, _pool.Snapshot().Free);
    }

    [Fact]
    public void Cached_blocks_of_a_lease_that_is_only_written_are_not_held_by_the_writer()
    {
        var hash = new BlockHash(1, 1);
        var first = _pool.TryReserve(1)!;
        first.MarkComputed();
        first.Publish(hash);
        first.Dispose();
        var lease = _pool.TryReserve(2, hash)!;
        lease.Expect(ServingPlans.OneRank, 2);
        lease.GrantWrite(Prefill);
        lease.Dispose();
        Assert.Equal((1, 1, 2), (_pool.Snapshot().Cached, _pool.Snapshot().Quarantined, _pool.Snapshot().Free));
        _pool.PeerExited(Prefill);
        Assert.Equal((1, 3), (_pool.Snapshot().Cached, _pool.Snapshot().Free));
    }

    [Fact]
    public void It_is_visible_by_peer_count_and_age()
    {
        Assert.Empty(_pool.GetQuarantine());
        Quarantined();
        _time.Advance(TimeSpan.FromSeconds(7));
        var other = new PeerIdentity("decode", 9);
        var lease = _pool.TryReserve(1)!;
        lease.MarkComputed();
        lease.GrantRead(other);
        lease.GrantRead(other);
        lease.Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([new QuarantinedPeer(Prefill, 1, 2, TimeSpan.FromSeconds(8)), new QuarantinedPeer(other, 1, 1, TimeSpan.FromSeconds(1))], _pool.GetQuarantine());
    }

    private LeaseGrant Quarantined()
    {
        var lease = _pool.TryReserve(2)!;
        lease.Expect(ServingPlans.OneRank, 2);
        var grant = lease.GrantWrite(Prefill);
        lease.Dispose();
        Assert.Equal(BlockState.Quarantined, lease.State);
        return grant;
    }
}
