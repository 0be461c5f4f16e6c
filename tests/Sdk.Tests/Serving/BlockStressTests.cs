using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>
/// Owners, writers, readers, a sweeper and a reaper at once. A checker beside the pool notes for each block who has it to itself; whoever
/// finds somebody else there has found a block in two hands.
/// </summary>
public sealed class BlockStressTests
{
    private const int Blocks = 24;
    private static readonly BlockHash[][] Prompts = [.. Enumerable.Range(0, 60).Select(p => Enumerable.Range(0, 6).Select(i => new BlockHash((ulong)(i < 2 ? 0 : p + 1), (ulong)i)).ToArray())];
    private static readonly ArrivalPlan Plan = ServingPlans.TwoRanks;

    private readonly int[] _exclusive = new int[Blocks]; // 0: nobody's; else the number of the lease that is being written
    private readonly List<(LeaseGrant Grant, int Number, int[] Mine)> _left = []; // writers whose owner is gone
    private int _numbers;
    private long _leases;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task No_block_is_ever_in_two_hands(int seed)
    {
        using var pool = new BlockPool(Blocks, new BlockPoolOptions
        {
            LeaseLifetime = TimeSpan.FromMilliseconds(30), LeaseExtension = TimeSpan.FromMilliseconds(20), HeartbeatInterval = TimeSpan.FromMilliseconds(5),
        });
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(4));
        var all = Enumerable.Range(0, 6).Select(i => Task.Run(() => OwnAsync(pool, new Random(seed * 100 + i), i, stop.Token)))
            .Append(Task.Run(() => SweepAsync(pool, stop.Token))).ToList();
        await Task.WhenAll(all).WaitAsync(Deadlines.Soon);
        foreach (var (grant, number, mine) in _left) EndWriter(pool, grant, number, mine);
        var end = pool.Snapshot();
        Assert.Equal(Blocks, end.Free + end.Cached);
        Assert.Equal((0, 0), (end.OpenGrants, end.Waiting));
        Assert.True(_leases > 1000 && end.PrefixBlocksHit > 100 && end.Evictions > 100 && end.RefusedExpired > 0, $"{_leases} leases, {end}");
    }

    /// <summary>Nothing but taking and giving back, so that threads meet inside the pool as often as they can.</summary>
    [Fact]
    public async Task Threads_that_do_nothing_else_meet_in_the_pool()
    {
        using var pool = new BlockPool(Blocks);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Factory.StartNew(() =>
        {
            for (var round = 0; !stop.IsCancellationRequested; round++)
            {
                if (pool.TryReserve(1 + (round + i) % 6) is not { } lease) continue;
                var mine = lease.Blocks.ToArray();
                Take(mine, i + 1);
                Leave(mine, i + 1);
                lease.Dispose();
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))).WaitAsync(Deadlines.Soon);
        Assert.Equal(Blocks, pool.Snapshot().Free);
    }

    private async Task OwnAsync(BlockPool pool, Random random, int thread, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var prompt = Prompts[random.Next(Prompts.Length)];
            var count = random.Next(1, prompt.Length + 1);
            BlockLease lease;
            try
            {
                lease = random.Next(3) == 0
                    ? pool.TryReserve(count, prompt.AsSpan(0, count)) ?? throw new OperationCanceledException()
                    : await pool.ReserveAsync(count, TimeSpan.FromMilliseconds(random.Next(1, 40)), stop, prompt.AsSpan(0, count));
            }
            catch (Exception e) when (e is OperationCanceledException or BlocksExhaustedException)
            {
                continue;
            }
            Interlocked.Increment(ref _leases);
            using (lease) Use(pool, lease, prompt.AsSpan(0, count), random, thread);
        }
    }

    private void Use(BlockPool pool, BlockLease lease, ReadOnlySpan<BlockHash> prompt, Random random, int thread)
    {
        var number = Interlocked.Increment(ref _numbers);
        var mine = lease.Blocks[lease.CachedBlocks..].ToArray();
        Take(mine, number);
        if (mine.Length > 0 && random.Next(3) > 0)
        {
            lease.Expect(Plan, lease.Blocks.Length);
            LeaseGrant[] grants = [lease.GrantWrite(new PeerIdentity("w" + thread, 1), 0), lease.GrantWrite(new PeerIdentity("w" + thread, 2), 1)];
            pool.Deliver(grants[0], Plan, lease.CachedBlocks, mine.Length);
            if (random.Next(4) == 0)
            {
                // Given up under a writer: its blocks stay its own until it has ended, which somebody else sees to.
                lease.Dispose();
                lock (_left) _left.Add((grants[1], number, mine));
                return;
            }
            if (random.Next(8) == 0) Thread.Sleep(35); // expires
            Leave(mine, number); // the last notification may be the end
            var answer = pool.Deliver(grants[1], Plan, lease.CachedBlocks, mine.Length);
            if (answer == LeaseAnswer.Accepted) Ready(lease, prompt);
            else Assert.Equal(LeaseAnswer.Expired, answer);
            return;
        }
        Leave(mine, number);
        lease.MarkComputed();
        lease.Publish(prompt);
        var reader = lease.GrantRead(new PeerIdentity("r" + thread, 1));
        var push = lease.BeginPush();
        if (random.Next(2) == 0) lease.Dispose();
        push.Quiesced();
        Assert.Equal(LeaseAnswer.Accepted, pool.Confirm(reader.Token, reader.Peer));
    }

    private static void Ready(BlockLease lease, ReadOnlySpan<BlockHash> prompt)
    {
        try
        {
            lease.MarkReady(lease.GetArrival());
            lease.Publish(prompt);
        }
        catch (LeaseExpiredException)
        {
            // The sweeper was between the two parts.
        }
    }

    private async Task SweepAsync(BlockPool pool, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            pool.ExpireGrants();
            var now = pool.Snapshot();
            Assert.Equal(Blocks, now.Free + now.Cached + now.Reserved + now.InFlight + now.Quiesced + now.Ready + now.Quarantined);
            pool.GetQuarantine();
            List<(LeaseGrant, int, int[])> ending;
            lock (_left)
            {
                ending = [.. _left];
                _left.Clear();
            }
            await Task.Delay(3, CancellationToken.None);
            foreach (var (grant, number, mine) in ending) EndWriter(pool, grant, number, mine);
        }
    }

    private void EndWriter(BlockPool pool, LeaseGrant grant, int number, int[] mine)
    {
        Leave(mine, number);
        Assert.Equal(LeaseAnswer.Accepted, pool.Confirm(grant.Token, grant.Peer));
    }

    private void Take(int[] blocks, int number)
    {
        foreach (var block in blocks) Assert.Equal(0, Interlocked.CompareExchange(ref _exclusive[block], number, 0));
    }

    private void Leave(int[] blocks, int number)
    {
        foreach (var block in blocks) Assert.Equal(number, Interlocked.CompareExchange(ref _exclusive[block], 0, number));
    }
}
