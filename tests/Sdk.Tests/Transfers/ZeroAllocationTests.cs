using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>Measures the whole process, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
#pragma warning disable CA1711 // xunit's word.
public sealed class AloneCollection;
#pragma warning restore CA1711

/// <summary>
/// Zero allocation as the design defines it: GC.GetTotalAllocatedBytes(true) over many posts, no SynchronizationContext, token none or
/// reused, no telemetry listener, every await really suspending.
/// </summary>
[Collection(nameof(AloneCollection))]
public class ZeroAllocationTests
{
    public static TheoryData<Backend, int, int, bool> Cases()
    {
        var data = new TheoryData<Backend, int, int, bool>();
        foreach (var backend in (Backend[])[Backend.Loopback, Backend.Local, Backend.Fabric])
        {
            data.Add(backend, 1, 10_000, false);
            data.Add(backend, 1, 10_000, true);
            data.Add(backend, 40_960, 25, false);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Posting_and_awaiting_allocates_nothing(Backend backend, int blocks, int posts, bool reusedToken)
    {
        Assert.Null(SynchronizationContext.Current as IDisposable);
        const int Piece = 64;
        await using var bench = await Bench.CreateAsync(backend, Math.Max(blocks, 64), Piece);
        var ids = Enumerable.Range(0, blocks).ToArray();
        var targets = (int[])ids.Clone();
        new Random(1).Shuffle(targets);
        using var source = new CancellationTokenSource();
        var token = reusedToken ? source.Token : CancellationToken.None;
        var notification = new byte[32];
        var drain = new byte[64];

        // On the thread pool, where there is no SynchronizationContext. Everything that is made once is made in the first rounds.
        var bytes = await Task.Run(async () =>
        {
            using var transfer = bench.Write();
            await Posts(transfer, Math.Max(posts / 4, 20));
            long best = long.MaxValue;
            for (var attempt = 0; attempt < 3 && best > 0; attempt++)
            {
                // The runtime itself allocates now and then (tiering, pool growth): the least of three is what a post costs.
                var before = GC.GetTotalAllocatedBytes(true);
                await Posts(transfer, posts);
                best = Math.Min(best, GC.GetTotalAllocatedBytes(true) - before);
            }

            return best;
        });

        // The measuring itself, its two state machine boxes, and nothing per post.
        Assert.True(bytes < posts, $"{bytes} bytes for {posts} posts of {blocks} blocks");
        Assert.True(bytes < 2048, $"{bytes} bytes for {posts} posts of {blocks} blocks");
        for (var i = 0; i < blocks; i++)
            Assert.True(bench.Other.Span.Slice(targets[i] * Piece, Piece).SequenceEqual(bench.Own.Span.Slice(ids[i] * Piece, Piece)));

        async Task Posts(Transfer transfer, int count)
        {
            for (var i = 0; i < count; i++)
            {
                var options = new PostOptions { Notification = notification };
                var post = transfer.PostAsync(ids, targets, options, token);
                _ = await post.ConfigureAwait(false);
                while (bench.Pair.B.TryReadNotification(drain, out _))
                {
                }
            }
        }
    }

    [Theory]
    [InlineData(Backend.Loopback)]
    [InlineData(Backend.Local)]
    public async Task Free_standing_notifications_and_waiting_for_them_allocate_nothing(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var payload = new byte[64];
        var buffer = new byte[64];
        const int Count = 5_000;
        var bytes = await Task.Run(async () =>
        {
            await PingPong(1000);
            long best = long.MaxValue;
            for (var attempt = 0; attempt < 3 && best > 0; attempt++)
            {
                var before = GC.GetTotalAllocatedBytes(true);
                await PingPong(Count);
                best = Math.Min(best, GC.GetTotalAllocatedBytes(true) - before);
            }

            return best;
        });
        Assert.True(bytes < 2048, $"{bytes} bytes for {Count} notifications");

        async Task PingPong(int count)
        {
            for (var i = 0; i < count; i++)
            {
                await bench.Pair.A.NotifyAsync(bench.Pair.ToB, payload).ConfigureAwait(false);
                while (!bench.Pair.B.TryReadNotification(buffer, out _))
                    await bench.Pair.B.WaitForNotificationAsync().ConfigureAwait(false);
            }
        }
    }
}
