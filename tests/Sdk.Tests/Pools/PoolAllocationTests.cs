using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>After warm-up a transfer of any number of blocks allocates nothing.</summary>
[Collection(nameof(PoolAllocationTests))]
public sealed class PoolAllocationTests
{
    [Theory]
    [InlineData(Backend.Loopback, 1, 10_000)]
    [InlineData(Backend.Loopback, 500, 2_000)]
    [InlineData(Backend.Local, 1, 10_000)]
    [InlineData(Backend.Local, 500, 2_000)]
    public async Task A_write_with_a_notification_allocates_nothing(Backend backend, int blocks, int posts)
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(backend, 512, 512);
        var ids = PoolBytes.RandomIds(new Random(1), 512, blocks);
        await MeasureAsync(pair.Remote, pair.Agents.B, ids, ids, posts);
    }

    [Theory]
    [InlineData(2, 10_000)]
    [InlineData(500, 2_000)] // more units than are kept on the stack
    public async Task A_write_to_blocks_of_another_size_allocates_nothing(int blocks, int posts)
    {
        await using var agents = await Pair.CreateAsync(Backend.Loopback);
        using var small = KvPool<SplitKv>.Allocate(agents.A, 1024, PoolPair<SplitKv>.Model, new KvPoolOptions { Name = "kv" });
        using var large = KvPool<LargerBlocksKv>.Allocate(agents.B, 512, PoolPair<SplitKv>.Model, new KvPoolOptions { Name = "kv" });
        await agents.ConnectAsync();
        using var remote = large.Connect(agents.ToA);
        await MeasureAsync(remote, agents.A, PoolBytes.RandomIds(new Random(1), 512, blocks), PoolBytes.RandomIds(new Random(2), 1024, 2 * blocks), posts);
    }

    private static async Task MeasureAsync(RemoteKvPool remote, NixlAgent receiver, int[] from, int[] to, int posts)
    {
        await PostAsync(remote, receiver, from, to, 2_000); // JIT, tiers, pools
        var least = long.MaxValue;
        for (var attempt = 0; attempt < 3 && least != 0; attempt++)
        {
            // Other things of the process (timers, tiered compilation) may allocate meanwhile; the least of three runs is ours.
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await PostAsync(remote, receiver, from, to, posts);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        // The test host allocates a few KiB by itself (ZeroAllocationTests measure in a process of their own). The smallest object has
        // 24 bytes: below a tenth of that per transfer, no transfer allocates, and not every tenth either.
        Assert.True(least < 24L * posts / 10, $"{least} bytes for {posts} transfers");
    }

    private static async Task PostAsync(RemoteKvPool remote, NixlAgent receiver, int[] from, int[] to, int count)
    {
        var payload = new byte[64];
        for (var i = 0; i < count; i++)
        {
            await remote.WriteBlocksAsync(from, to, "request"u8);
            while (receiver.TryReadNotification(payload, out _)) { }
        }
    }
}

/// <summary>Alone: the whole process's allocations are counted.</summary>
[CollectionDefinition(nameof(PoolAllocationTests), DisableParallelization = true)]
public sealed class PoolAllocationCollection;
