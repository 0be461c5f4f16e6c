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
        await PostAsync(pair, ids, 2_000); // JIT, tiers, pools
        var least = long.MaxValue;
        for (var attempt = 0; attempt < 3 && least != 0; attempt++)
        {
            // Other things of the process (timers, tiered compilation) may allocate meanwhile; the least of three runs is ours.
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await PostAsync(pair, ids, posts);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        // The test host allocates a few KiB by itself (ZeroAllocationTests measure in a process of their own). The smallest object has
        // 24 bytes: below a tenth of that per transfer, no transfer allocates, and not every tenth either.
        Assert.True(least < 24L * posts / 10, $"{least} bytes for {posts} transfers");
    }

    private static async Task PostAsync(PoolPair<SplitKv> pair, int[] ids, int count)
    {
        var payload = new byte[64];
        for (var i = 0; i < count; i++)
        {
            await pair.Remote.WriteBlocksAsync(ids, ids, "request"u8);
            while (pair.Agents.B.TryReadNotification(payload, out _)) { }
        }
    }
}

/// <summary>Alone: the whole process's allocations are counted.</summary>
[CollectionDefinition(nameof(PoolAllocationTests), DisableParallelization = true)]
public sealed class PoolAllocationCollection;
