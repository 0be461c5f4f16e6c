using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Reserving, waiting, sharing by prefix.</summary>
public sealed class BlockPoolTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);
    private static readonly BlockHash[] Prompt = [new(1, 1), new(1, 2), new(1, 3)];

    [Fact]
    public async Task A_hash_that_comes_twice_is_refused_whether_it_is_there_or_not()
    {
        using var pool = new BlockPool(4);
        BlockHash[] twice = [new(1, 1), new(1, 2), new(1, 1)];
        Assert.Contains("hash 2 comes twice", Assert.Throws<ArgumentException>(() => pool.TryReserve(4, twice)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(async () => await pool.ReserveAsync(4, TimeSpan.FromSeconds(1), default, twice));
        using var lease = pool.TryReserve(4, twice.AsSpan(0, 2))!;
    }

    [Fact]
    public void Blocks_are_handed_out_once_and_come_back()
    {
        using var pool = new BlockPool(4);
        var a = pool.TryReserve(3)!;
        Assert.Equal(3, a.Blocks.ToArray().Distinct().Count());
        Assert.Null(pool.TryReserve(2)); // all or nothing
        using var b = pool.TryReserve(1)!;
        Assert.DoesNotContain(b.Blocks[0], a.Blocks.ToArray());
        Assert.Equal((0, 4), (pool.Snapshot().Free, pool.Snapshot().Reserved));
        a.Dispose();
        a.Dispose();
        Assert.Equal((3, 1), (pool.Snapshot().Free, pool.Snapshot().Reserved));
        Assert.Throws<ObjectDisposedException>(() => a.Blocks.Length);
    }

    [Fact]
    public void What_can_never_be_served_is_refused_at_once()
    {
        using var pool = new BlockPool(2);
        Assert.Contains("2 blocks in all", Assert.Throws<ArgumentOutOfRangeException>(() => pool.TryReserve(3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.TryReserve(0));
        Assert.Throws<ArgumentException>(() => pool.TryReserve(1, Prompt));
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = pool.ReserveAsync(1, TimeSpan.Zero, default); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = pool.ReserveAsync(1, TimeSpan.MaxValue, default); });
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.StateOf(2));
    }

    [Fact]
    public async Task Those_who_wait_are_served_in_order_even_if_a_later_one_needs_less()
    {
        using var pool = new BlockPool(4);
        var held = pool.TryReserve(3)!;
        var large = pool.ReserveAsync(4, Long, default).AsTask();
        var small = pool.ReserveAsync(1, Long, default).AsTask();
        Assert.Null(pool.TryReserve(1)); // one is free, but two were here before
        Assert.False(large.IsCompleted || small.IsCompleted);
        held.Dispose();
        var first = await large.WaitAsync(Deadlines.Soon);
        Assert.False(small.IsCompleted);
        first.Dispose();
        (await small.WaitAsync(Deadlines.Soon)).Dispose();
        Assert.Equal(4, pool.Snapshot().Free);
    }

    [Fact]
    public async Task A_wait_that_is_cancelled_lets_the_next_one_through()
    {
        using var pool = new BlockPool(2);
        using var held = pool.TryReserve(1)!;
        using var cancel = new CancellationTokenSource();
        var large = pool.ReserveAsync(2, Long, cancel.Token).AsTask();
        var small = pool.ReserveAsync(1, Long, default).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large.WaitAsync(Deadlines.Soon));
        using var lease = await small.WaitAsync(Deadlines.Soon);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.ReserveAsync(1, Long, cancel.Token).AsTask());
        Assert.Equal(0, pool.Snapshot().Waiting);
    }

    [Fact]
    public async Task A_wait_that_takes_too_long_says_who_has_the_blocks()
    {
        var time = new FakeTimeProvider();
        using var pool = new BlockPool(2, new BlockPoolOptions { Name = "decode", TimeProvider = time });
        var lease = pool.TryReserve(2)!;
        lease.Expect(ServingPlans.OneRank, 2);
        var grant = lease.GrantWrite(new PeerIdentity("prefill-3", 0x77));
        lease.Dispose();
        var waiting = pool.ReserveAsync(1, TimeSpan.FromSeconds(5), default).AsTask();
        var next = pool.ReserveAsync(2, TimeSpan.FromSeconds(50), default).AsTask();
        time.Advance(TimeSpan.FromSeconds(5));
        var error = await Assert.ThrowsAsync<BlocksExhaustedException>(() => waiting.WaitAsync(Deadlines.Soon));
        Assert.Contains("Pool 'decode': 1 of 2 blocks did not come free in time", error.Message, StringComparison.Ordinal);
        Assert.Contains("2 quarantined", error.Message, StringComparison.Ordinal);
        Assert.Contains("quarantined by prefill-3#0000000000000077 (2 blocks of 1 leases, the oldest for 5.0 s)", error.Message, StringComparison.Ordinal);
        Assert.Equal((2, 2), (error.Snapshot.Quarantined, error.Snapshot.Waiting));
        pool.Confirm(grant.Token, grant.Peer);
        (await next.WaitAsync(Deadlines.Soon)).Dispose();
    }

    [Fact]
    public async Task Disposing_the_pool_ends_waiting_and_keeps_leases_working()
    {
        var pool = new BlockPool(1);
        var lease = pool.TryReserve(1)!;
        var waiting = pool.ReserveAsync(1, Long, default).AsTask();
        pool.Dispose();
        pool.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Deadlines.Soon));
        Assert.Throws<ObjectDisposedException>(() => pool.TryReserve(1));
        lease.Dispose();
        Assert.Equal(1, pool.Snapshot().Free);
    }

    [Fact]
    public void A_prefix_hit_shares_blocks_and_takes_a_reference()
    {
        using var pool = new BlockPool(6);
        var a = Published(pool, Prompt);
        var ids = a.Blocks.ToArray();
        using var b = pool.TryReserve(4, Prompt)!;
        Assert.Equal(3, b.CachedBlocks);
        Assert.Equal(ids, b.Blocks[..3].ToArray());
        Assert.Equal(BlockState.Reserved, b.State); // the fourth has to come
        a.Dispose();
        Assert.All(ids, id => Assert.Equal(BlockState.Ready, pool.StateOf(id))); // b still has them
        using var c = pool.TryReserve(3, Prompt)!;
        Assert.Equal((3, BlockState.Ready), (c.CachedBlocks, c.State)); // nothing has to move
        using var d = pool.TryReserve(2, Prompt[0], new BlockHash(9, 9))!;
        Assert.Equal((1, ids[0]), (d.CachedBlocks, d.Blocks[0]));
        Assert.Equal((11L, 7L), (pool.Snapshot().PrefixBlocksAsked, pool.Snapshot().PrefixBlocksHit));
    }

    [Fact]
    public void A_hit_ends_at_the_first_block_that_is_not_there()
    {
        using var pool = new BlockPool(4);
        Published(pool, Prompt).Dispose();
        Assert.Equal(0, pool.CountCached([new BlockHash(8, 8), Prompt[1]]));
        Assert.Equal(3, pool.CountCached(Prompt));
    }

    [Fact]
    public void The_end_of_the_prefix_that_was_used_longest_ago_is_evicted_first()
    {
        using var pool = new BlockPool(6);
        BlockHash[] other = [new(2, 1), new(2, 2), new(2, 3)];
        Published(pool, Prompt).Dispose();
        Published(pool, other).Dispose();
        Assert.Equal(6, pool.Snapshot().Cached);
        pool.TryReserve(3, Prompt)!.Dispose(); // used again: now the other one is older
        using var one = pool.TryReserve(1)!;
        Assert.Equal((3, 2), (pool.CountCached(Prompt), pool.CountCached(other)));
        using var three = pool.TryReserve(3)!;
        Assert.Equal((2, 0), (pool.CountCached(Prompt), pool.CountCached(other)));
        Assert.Equal(4, pool.Snapshot().Evictions);
    }

    [Fact]
    public void Blocks_that_are_hit_are_never_evicted_for_the_same_lease()
    {
        using var pool = new BlockPool(4);
        Published(pool, Prompt).Dispose();
        using var lease = pool.TryReserve(4, Prompt[0], new(7, 7), new(7, 8))!;
        Assert.Equal(1, lease.CachedBlocks);
        Assert.Equal(4, lease.Blocks.ToArray().Distinct().Count());
        Assert.Equal(1, pool.CountCached(Prompt));
    }

    [Fact]
    public void Free_blocks_go_before_cached_ones()
    {
        using var pool = new BlockPool(6);
        Published(pool, Prompt).Dispose();
        using var lease = pool.TryReserve(3)!;
        Assert.Equal(3, pool.CountCached(Prompt));
    }

    [Fact]
    public void Only_complete_blocks_can_be_published()
    {
        using var pool = new BlockPool(3);
        using var lease = pool.TryReserve(3)!;
        Assert.Contains("only complete blocks", Assert.Throws<InvalidOperationException>(() => lease.Publish(Prompt)).Message, StringComparison.Ordinal);
        lease.MarkComputed();
        Assert.Throws<ArgumentException>(() => lease.Publish([.. Prompt, .. Prompt]));
        lease.Publish(Prompt);
        lease.Publish(Prompt);
        Assert.Equal(3, pool.CountCached(Prompt));
    }

    [Fact]
    public void The_same_content_twice_is_cached_once()
    {
        using var pool = new BlockPool(6);
        var a = Published(pool, Prompt);
        var b = Published(pool, Prompt, fresh: true);
        a.Dispose();
        b.Dispose();
        Assert.Equal((3, 3), (pool.Snapshot().Cached, pool.Snapshot().Free));
    }

    [Fact]
    public void A_running_lease_can_grow()
    {
        using var pool = new BlockPool(3);
        using var lease = pool.TryReserve(1)!;
        lease.MarkComputed();
        var before = lease.Blocks[0];
        Assert.True(lease.TryExtend(1));
        Assert.False(lease.TryExtend(2));
        Assert.Equal((2, before), (lease.Blocks.Length, lease.Blocks[0]));
        Assert.Equal((2, 1), (pool.Snapshot().Ready, pool.Snapshot().Free));
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new BlockPool(1, new BlockPoolOptions { HeartbeatInterval = TimeSpan.FromSeconds(20) }));
        Assert.Throws<ArgumentException>(() => new BlockPool(1, new BlockPoolOptions { LeaseLifetime = TimeSpan.MaxValue }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockPool(0));
    }

    private static BlockLease Published(BlockPool pool, BlockHash[] prompt, bool fresh = false)
    {
        var lease = fresh ? pool.TryReserve(prompt.Length)! : pool.TryReserve(prompt.Length, prompt)!;
        lease.MarkComputed();
        lease.Publish(prompt);
        return lease;
    }
}
