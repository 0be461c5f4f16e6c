namespace Nixl.Sdk.PeerProcess;

/// <summary>
/// What posts allocate, by the design's definition: GC.GetTotalAllocatedBytes(true), no SynchronizationContext, no telemetry listener. Prints
/// "BYTES SUSPENDED": the bytes of the first round that allocated nothing, else the least of all rounds (the runtime itself allocates now and
/// then, for example when its thread pool grows; what a post allocates would be in every round), and how many awaits really suspended.
/// </summary>
internal static class Allocations
{
    private const int Piece = 64;
    private const int Rounds = 12;

    public static async Task<int> RunAsync(NixlTransports transport, int blocks, int posts, bool useToken)
    {
        await using var a = await CreateAsync("a", transport);
        await using var b = await CreateAsync("b", transport);
        using var own = a.CreateArena((long)blocks * Piece);
        using var other = b.CreateArena((long)blocks * Piece);
        new Random(1).NextBytes(own.Slice(0, blocks * Piece));
        var peer = await a.ConnectAsync(b.ExportMetadata());
        using var local = a.PrepareLocal([new StridedRegion((ulong)own.Address, Piece, Piece, (ulong)blocks)]);
        using var remote = a.PrepareRemote(peer, [new StridedRegion((ulong)other.Address, Piece, Piece, (ulong)blocks)]);
        using var transfer = a.CreateTransfer(TransferOperation.Write, local, remote);
        var ids = Enumerable.Range(0, blocks).ToArray();
        var targets = (int[])ids.Clone();
        new Random(2).Shuffle(targets);
        using var source = new CancellationTokenSource();

        var (bytes, suspended) = await MeasurePostsAsync(transfer, b, ids, targets, posts, useToken ? source.Token : default);

        for (var i = 0; i < blocks; i++)
        {
            if (!other.Slice((long)targets[i] * Piece, Piece).SequenceEqual(own.Slice((long)i * Piece, Piece)))
                return 66;
        }

        Console.WriteLine($"{bytes} {suspended}");
        return 0;
    }

    public static async Task<int> RunNotificationsAsync(NixlTransports transport, int count)
    {
        await using var a = await CreateAsync("a", transport);
        await using var b = await CreateAsync("b", transport);
        var peer = await a.ConnectAsync(b.ExportMetadata());
        var (bytes, suspended) = await MeasureNotificationsAsync(a, peer, b, count);
        Console.WriteLine($"{bytes} {suspended}");
        return 0;
    }

    /// <summary>The measuring is inside the one method whose state machine exists already, so that it adds nothing.</summary>
    private static async Task<(long Bytes, int Suspended)> MeasurePostsAsync(
        Transfer transfer, NixlAgent receiver, int[] ids, int[] targets, int posts, CancellationToken token)
    {
        var (notification, buffer) = (new byte[32], new byte[64]);
        var (least, suspended) = (long.MaxValue, 0);
        for (var round = 0; round <= Rounds && least > 0; round++)
        {
            var before = GC.GetTotalAllocatedBytes(true);
            for (var i = 0; i < posts; i++)
            {
                var post = transfer.PostAsync(ids, targets, new PostOptions { Notification = notification }, token);
                suspended += post.IsCompleted ? 0 : 1;
                _ = await post.ConfigureAwait(false);
                while (receiver.TryReadNotification(buffer, out _))
                {
                }
            }

            if (round > 0) // The first makes everything that is made once.
                least = Math.Min(least, GC.GetTotalAllocatedBytes(true) - before);
        }

        return (least, suspended);
    }

    private static async Task<(long Bytes, int Suspended)> MeasureNotificationsAsync(NixlAgent a, RemoteAgent peer, NixlAgent b, int count)
    {
        var (payload, buffer) = (new byte[64], new byte[64]);
        var (least, suspended) = (long.MaxValue, 0);
        for (var round = 0; round <= Rounds && least > 0; round++)
        {
            var before = GC.GetTotalAllocatedBytes(true);
            for (var i = 0; i < count; i++)
            {
                var sent = a.NotifyAsync(peer, payload);
                suspended += sent.IsCompleted ? 0 : 1;
                await sent.ConfigureAwait(false);
                while (!b.TryReadNotification(buffer, out _))
                    await b.WaitForNotificationAsync().ConfigureAwait(false);
            }

            if (round > 0)
                least = Math.Min(least, GC.GetTotalAllocatedBytes(true) - before);
        }

        return (least, suspended);
    }

    private static async Task<NixlAgent> CreateAsync(string role, NixlTransports transport) =>
        await NixlAgent.CreateAsync(new NixlAgentOptions { Name = $"{role}-{Environment.ProcessId}", Transports = transport });
}
