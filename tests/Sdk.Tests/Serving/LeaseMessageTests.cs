using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Tokens, heartbeats, expiry: what is accepted and what is refused and counted.</summary>
public sealed class LeaseMessageTests : IDisposable
{
    private static readonly PeerIdentity Prefill = new("prefill", 1);
    private readonly FakeTimeProvider _time = new();
    private readonly BlockPool _pool;

    public LeaseMessageTests() => _pool = new BlockPool(4, new BlockPoolOptions { TimeProvider = _time, Owner = new PeerIdentity("decode", 0xD) });

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Tokens_are_never_zero_never_twice_and_carry_our_incarnation()
    {
        using var lease = _pool.TryReserve(1)!;
        lease.MarkComputed();
        var tokens = Enumerable.Range(0, 1000).Select(_ => lease.GrantRead(Prefill).Token).ToList();
        Assert.Equal(1000, tokens.Distinct().Count());
        Assert.All(tokens, token => Assert.Equal(0xDUL, token.Incarnation));
        Assert.DoesNotContain(tokens, token => token.Value == 0);
        Assert.DoesNotContain($"{tokens[0].Value:x16}", tokens[0].ToString(), StringComparison.Ordinal); // a log gives no access
        _pool.PeerExited(Prefill);
    }

    [Fact]
    public void Without_a_heartbeat_a_grant_lives_for_30_seconds()
    {
        using var lease = Written(out var grant);
        _time.Advance(TimeSpan.FromSeconds(29.9));
        Assert.Equal(0, _pool.ExpireGrants());
        Assert.False(lease.IsExpired);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        var expired = new List<BlockLease>();
        Assert.Equal(1, _pool.ExpireGrants(expired));
        Assert.Equal(0, _pool.ExpireGrants(expired));
        Assert.Same(lease, Assert.Single(expired));
        Assert.True(lease.IsExpired && grant.IsExpired && grant.IsOpen);
        Assert.Equal((BlockState.Quarantined, 2), (lease.State, _pool.Snapshot().Quarantined));
    }

    [Fact]
    public void A_heartbeat_makes_it_live_for_20_seconds_more_and_never_shorter()
    {
        using var lease = Written(out var grant);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Heartbeat(grant.Token, Prefill)); // 25 s are left, more than 20
        _time.Advance(TimeSpan.FromSeconds(24));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Heartbeat(grant.Token, Prefill));
        _time.Advance(TimeSpan.FromSeconds(19.9));
        Assert.Equal(0, _pool.ExpireGrants());
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(LeaseAnswer.Expired, _pool.Heartbeat(grant.Token, Prefill)); // noticed without a sweep
        Assert.Equal(LeaseAnswer.Expired, _pool.Heartbeat(grant.Token, Prefill));
        Assert.Equal(2, _pool.Snapshot().RefusedExpired);
    }

    [Fact]
    public void The_sweep_names_leases_too_whose_end_a_late_message_noticed_first()
    {
        using var lease = Written(out var grant);
        var given = Written(out var other);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(LeaseAnswer.Expired, _pool.Heartbeat(grant.Token, Prefill)); // its owner waits for the arrival, and hears nothing of this
        Assert.Equal(LeaseAnswer.Accepted, _pool.Confirm(grant.Token, Prefill));
        given.Dispose(); // that owner knows already
        var expired = new List<BlockLease>();
        Assert.Equal(1, _pool.ExpireGrants()); // one was noticed just now; without a list nobody was told
        Assert.Equal(0, _pool.ExpireGrants(expired));
        Assert.Same(lease, Assert.Single(expired));
        Assert.Equal(0, _pool.ExpireGrants(expired));
        Assert.Single(expired);
        _pool.Confirm(other.Token, Prefill);
    }

    [Fact]
    public void What_has_expired_is_not_served_even_if_it_comes_whole()
    {
        var lease = Written(out var grant);
        _pool.Deliver(grant, ServingPlans.OneRank, 0, 1);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(LeaseAnswer.Expired, _pool.Deliver(grant, ServingPlans.OneRank, 1, 1));
        Assert.False(grant.IsOpen); // its word that it has written all still ends its access
        Assert.Equal(BlockState.Quiesced, lease.State);
        Assert.Throws<LeaseExpiredException>(lease.GetArrival);
        Assert.Throws<LeaseExpiredException>(() => lease.GrantWrite(Prefill));
        Assert.Throws<LeaseExpiredException>(lease.MarkComputed);
        lease.Dispose();
        Assert.Equal(4, _pool.Snapshot().Free);
    }

    [Fact]
    public void An_expired_lease_is_refused_whether_or_not_anybody_has_swept()
    {
        var lease = _pool.TryReserve(2)!;
        lease.Expect(ServingPlans.TwoRanks, 2);
        var late = lease.GrantWrite(Prefill, 0);
        _time.Advance(TimeSpan.FromSeconds(25));
        var other = lease.GrantWrite(new PeerIdentity("b", 2), 1);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(LeaseAnswer.Expired, _pool.Deliver(other, ServingPlans.TwoRanks, 0, 2));
        Assert.Throws<LeaseExpiredException>(() => lease.HasLayer(0));
        _pool.Confirm(late.Token, Prefill);
        var second = Written(out var confirmed);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Confirm(confirmed.Token, Prefill)); // the memory is let go; the lease is not served
        Assert.Throws<LeaseExpiredException>(() => second.GrantWrite(Prefill));
    }

    [Fact]
    public void An_expired_reader_is_refused_and_the_others_go_on()
    {
        using var lease = _pool.TryReserve(1)!;
        lease.MarkComputed();
        var (slow, quick) = (lease.GrantRead(Prefill), lease.GrantRead(new PeerIdentity("b", 2)));
        for (var i = 0; i < 8; i++)
        {
            _time.Advance(_pool.HeartbeatInterval);
            Assert.Equal(LeaseAnswer.Accepted, _pool.Heartbeat(quick.Token, quick.Peer));
        }
        Assert.Equal(LeaseAnswer.Expired, _pool.Heartbeat(slow.Token, slow.Peer));
        Assert.Equal((false, BlockState.InFlight), (lease.IsExpired, lease.State));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Confirm(slow.Token, slow.Peer));
    }

    [Fact]
    public void Our_own_transfers_do_not_expire()
    {
        using var lease = _pool.TryReserve(1)!;
        var push = lease.BeginPush();
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, _pool.ExpireGrants());
        push.Quiesced();
        lease.MarkComputed();
    }

    [Fact]
    public void Messages_that_are_late_foreign_or_wrong_change_nothing_and_are_counted()
    {
        using var lease = Written(out var grant);
        var part = ServingPlans.OneRank.Parts[0];
        var good = part.Whole(0, 2);
        LeaseAnswer Say(NotificationInfo info, params ArrivalRun[] runs) => _pool.Arrived(info, runs, out _);
        var notice = ServingPlans.Notice(grant, [good]);
        Assert.Equal(LeaseAnswer.Unknown, Say(notice with { LeaseToken = grant.Token.Value ^ 1 }, good));
        Assert.Equal(LeaseAnswer.NotGranted, Say(notice with { Sender = "else" }, good));
        Assert.Equal(LeaseAnswer.NotGranted, Say(notice with { SenderIncarnation = 7 }, good));
        Assert.Equal(LeaseAnswer.Malformed, Say(notice with { RequestBytes = notice.RequestBytes - 1 }, good));
        Assert.Equal(LeaseAnswer.Malformed, Say(notice with { RequestBytes = notice.RequestBytes + 1 }, good));
        Assert.Equal(LeaseAnswer.Malformed, Say(notice with { WithTransfer = false }, good));
        Assert.Equal(LeaseAnswer.Malformed, Say(notice with { Operation = TransferOperation.Read }, good));
        foreach (var bad in (ArrivalRun[])
            [good with { Layer = -1 }, good with { Layer = 1 }, good with { Layers = 0 }, good with { Layers = int.MaxValue }, good with { Block = 1 }, good with { Block = -1 },
             good with { Blocks = 0 }, good with { Blocks = int.MaxValue }, good with { Offset = 1 }, good with { Offset = -1 }, good with { Length = 0 }, good with { Length = -1 },
             good with { Length = long.MaxValue }, good with { Offset = long.MaxValue }])
        {
            Assert.Equal(LeaseAnswer.Malformed, Say(notice, bad));
            Assert.Equal(LeaseAnswer.Malformed, Say(notice, good, bad)); // nothing of it counts
        }
        Assert.Equal(LeaseAnswer.Stale, _pool.Heartbeat(grant.Token with { Incarnation = 0xC }, Prefill));
        Assert.True(grant.IsOpen);
        Assert.False(lease.HasLayer(0));
        Assert.Equal(LeaseAnswer.Accepted, Say(notice, good));
        Assert.Equal(LeaseAnswer.Unknown, Say(notice, good)); // late
        var s = _pool.Snapshot();
        Assert.Equal((2L, 1L, 2L, 32L), (s.RefusedUnknown, s.RefusedStale, s.RefusedNotGranted, s.RefusedMalformed));
    }

    [Fact]
    public void Who_may_read_does_not_speak_of_writing()
    {
        using var lease = _pool.TryReserve(2)!;
        lease.MarkComputed();
        var grant = lease.GrantRead(Prefill);
        var run = ServingPlans.OneRank.Parts[0].Whole(0, 2);
        Assert.Equal(LeaseAnswer.NotGranted, _pool.Arrived(ServingPlans.Notice(grant, [run]), [run], out _));
        _pool.Confirm(grant.Token, Prefill);
    }

    private BlockLease Written(out LeaseGrant grant)
    {
        var lease = _pool.TryReserve(2)!;
        lease.Expect(ServingPlans.OneRank, 2);
        grant = lease.GrantWrite(Prefill);
        return lease;
    }
}
