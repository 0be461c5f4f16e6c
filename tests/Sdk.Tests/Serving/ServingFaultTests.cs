using System.Collections.ObjectModel;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Clocks that throw, collections that call back, absurd counts, peers that are gone or hostile: nothing is lost, and nothing is half done.</summary>
public sealed class ServingFaultTests
{
    private static readonly PeerIdentity Prefill = new("prefill", 1);

    [Fact]
    public void A_peer_that_has_exited_is_granted_nothing_any_more()
    {
        using var pool = new BlockPool(2);
        using var lease = pool.TryReserve(1)!;
        lease.Expect(ServingPlans.OneRank, 1);
        Assert.Equal(0, pool.PeerExited(Prefill)); // its supervisor says so just before the router's choice arrives here
        Assert.Contains("has exited", Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => lease.GrantRead(Prefill));
        Assert.Equal((BlockState.Reserved, 0), (lease.State, pool.Snapshot().OpenGrants)); // else nobody would ever end that grant
        var successor = lease.GrantWrite(Prefill with { Incarnation = 2 });
        Assert.Equal(1, pool.PeerExited(successor.Peer));
    }

    [Fact]
    public void Exits_are_remembered_in_bounded_memory_the_newest_ones_for_certain()
    {
        using var pool = new BlockPool(2);
        using var lease = pool.TryReserve(1)!;
        lease.Expect(ServingPlans.OneRank, 1);
        pool.PeerExited(Prefill);
        for (ulong incarnation = 2; incarnation <= BlockPool.ExitsKept; incarnation++) pool.PeerExited(Prefill with { Incarnation = incarnation });
        Assert.Throws<InvalidOperationException>(() => lease.GrantRead(Prefill));
        pool.PeerExited(Prefill with { Incarnation = BlockPool.ExitsKept + 1 });
        lease.GrantWrite(Prefill); // nothing of the first one is kept any more
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill with { Incarnation = 2 }));
        Assert.Equal(1, pool.PeerExited(Prefill)); // told once more, it ends what was granted meanwhile
    }

    [Fact]
    public void Nobody_is_granted_nothing()
    {
        using var pool = new BlockPool(1);
        using var lease = pool.TryReserve(1)!;
        lease.Expect(ServingPlans.OneRank, 1);
        Assert.ThrowsAny<ArgumentException>(() => lease.GrantWrite(default));
        Assert.ThrowsAny<ArgumentException>(() => lease.GrantRead(new PeerIdentity("", 1)));
        Assert.Equal(BlockState.Reserved, lease.State);
    }

    [Fact]
    public void A_callers_collection_is_not_called_under_the_lock()
    {
        var time = new Clock();
        using var pool = new BlockPool(1, new BlockPoolOptions { TimeProvider = time });
        using var lease = pool.TryReserve(1)!;
        lease.Expect(ServingPlans.OneRank, 1);
        var grant = lease.GrantWrite(Prefill);
        time.Seconds = 60;
        var expired = new Calling(() => Task.Run(pool.Snapshot).Wait(TimeSpan.FromSeconds(3)));
        Assert.Equal(1, pool.ExpireGrants(expired));
        Assert.Same(lease, Assert.Single(expired));
        Assert.True(expired.WasAnswered);
        pool.Confirm(grant.Token, grant.Peer);
    }

    [Fact]
    public async Task A_reservation_that_cannot_set_its_timer_leaves_the_queue()
    {
        var time = new Clock { FailTimers = true };
        using var pool = new BlockPool(2, new BlockPoolOptions { TimeProvider = time });
        var held = pool.TryReserve(2)!;
        await Assert.ThrowsAsync<IOException>(async () => await pool.ReserveAsync(2, TimeSpan.FromSeconds(1), default));
        Assert.Equal(0, pool.Snapshot().Waiting);
        held.Dispose();
        Assert.Equal(2, pool.Snapshot().Free); // not given to somebody who is not there
    }

    [Fact]
    public async Task A_reservation_that_is_served_while_its_timer_fails_gives_the_blocks_back()
    {
        var time = new Clock { FailTimers = true };
        using var pool = new BlockPool(2, new BlockPoolOptions { TimeProvider = time });
        var held = pool.TryReserve(2)!;
        time.BeforeTimer = held.Dispose;
        await Assert.ThrowsAsync<IOException>(async () => await pool.ReserveAsync(2, TimeSpan.FromSeconds(1), default));
        Assert.Equal((0, 2), (pool.Snapshot().Waiting, pool.Snapshot().Free));
    }

    [Fact]
    public void A_grant_that_cannot_be_given_changes_nothing()
    {
        var time = new Clock();
        using var pool = new BlockPool(1, new BlockPoolOptions { TimeProvider = time });
        using var lease = pool.TryReserve(1)!;
        lease.Expect(ServingPlans.TwoRanks, 1);
        time.FailNow = true;
        Assert.Throws<IOException>(() => lease.GrantWrite(Prefill));
        Assert.Equal((BlockState.Reserved, BlockState.Reserved, 0), (lease.State, pool.StateOf(0), pool.Snapshot().OpenGrants));
        lease.MarkComputed(); // nobody was let in
    }

    [Fact]
    public void A_clock_that_begins_at_zero_tells_the_age_of_a_quarantine()
    {
        var time = new Clock();
        using var pool = new BlockPool(1, new BlockPoolOptions { TimeProvider = time });
        var lease = pool.TryReserve(1)!;
        var (first, second) = (lease.GrantRead(Prefill), lease.GrantRead(Prefill));
        lease.Dispose();
        time.Seconds = 7;
        pool.Confirm(first.Token, Prefill);
        Assert.Equal(TimeSpan.FromSeconds(7), Assert.Single(pool.GetQuarantine()).Age);
        pool.Confirm(second.Token, Prefill);
    }

    [Fact]
    public void An_extension_that_the_pool_does_not_have_costs_nothing()
    {
        using var pool = new BlockPool(4);
        using var lease = pool.TryReserve(1)!;
        Assert.False(lease.TryExtend(4));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(lease.TryExtend(100_000_000));
        Assert.False(lease.TryExtend(int.MaxValue));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    [Fact]
    public void A_reservation_that_is_cached_whole_can_be_treated_like_every_other()
    {
        using var pool = new BlockPool(3);
        using var first = pool.TryReserve(1)!;
        first.MarkComputed();
        first.Publish(new BlockHash(1, 1));
        using var lease = pool.TryReserve(1, new BlockHash(1, 1))!;
        lease.Expect(ServingPlans.OneRank, 1);
        Assert.True(lease.HasLayer(0));
        lease.MarkReady(lease.GetArrival());
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill)); // others read it
        using var longer = pool.TryReserve(1, new BlockHash(1, 1))!;
        Assert.True(longer.TryExtend(1));
        Assert.Throws<InvalidOperationException>(() => longer.Expect(ServingPlans.OneRank, 2));
    }

    /// <summary>Each declaration is a byte that touches no other: what is kept of them is bounded, and nothing that counts is lost.</summary>
    [Fact]
    public void Crumbs_are_refused_before_they_fill_the_memory()
    {
        const int blocks = 64;
        var plan = ServingPlans.OneRank;
        var part = plan.Parts[0];
        using var pool = new BlockPool(blocks);
        using var lease = pool.TryReserve(blocks)!;
        lease.Expect(plan, blocks);
        var grant = lease.GrantWrite(Prefill);
        var kept = 0;
        for (var at = 0L; at < part.BytesPerLayer; at += 2)
        {
            ArrivalRun run = new(0, part.LayerCount, 0, blocks, at, 1);
            if (pool.Arrived(ServingPlans.Notice(grant, [run]), [run], out _) == LeaseAnswer.Accepted) kept++;
        }
        Assert.InRange(kept, LeaseCoverage.LeastPieces, Math.Max(LeaseCoverage.LeastPieces, part.BytesPerLayer / LeaseCoverage.BytesPerPiece) + 1);
        Assert.True(kept < part.BytesPerLayer / 2, $"all {kept} were kept; the layout is too small for this test");
        Assert.True(grant.IsOpen);
        Assert.Equal(LeaseAnswer.Accepted, pool.Deliver(grant, plan, 0, blocks));
        lease.MarkReady(lease.GetArrival());
    }

    private sealed class Calling(Func<bool> call) : Collection<BlockLease>
    {
        public bool WasAnswered { get; private set; }

        protected override void InsertItem(int index, BlockLease item)
        {
            WasAnswered = call();
            base.InsertItem(index, item);
        }
    }

    private sealed class Clock : TimeProvider
    {
        public long Seconds { get; set; }

        public bool FailNow { get; set; }

        public bool FailTimers { get; init; }

        public Action? BeforeTimer { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => FailNow ? throw new IOException("no clock") : Seconds * 1000;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            BeforeTimer?.Invoke();
            return FailTimers ? throw new IOException("no timers") : base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
