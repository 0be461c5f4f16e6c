using System.Buffers.Binary;
using Xunit;

namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>
/// Moves random blocks of a layout between two agents over the native core and compares every byte of every tensor with what the
/// naive reference says. Equal placements are moved as bytes, so that what an element *is* does not show in the copy: where the pool
/// says that it lies is compared, too.
/// </summary>
internal static class Moves
{
    private const int Seed = 20_261;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>WRITE with notification and READ, one block, several and as many as fit, in every group.</summary>
    public static async Task CheckAsync<T>(NixlTransports transports, Memory memory, NaiveGroup[] groups, KvParallel? parallel = null)
        where T : IKvLayout<T>
    {
        // Both sides have other numbers of blocks, and so has every group unless they share them.
        var blocksA = groups.Select(static (_, g) => Side<T>.IsShared ? 7 : 7 + g).ToArray();
        var blocksB = groups.Select(static (_, g) => Side<T>.IsShared ? 5 : 5 + 3 * g).ToArray();
        foreach (var (group, blocks) in groups.Zip(blocksA))
            AssertSound(group, blocks);
        await using var a = await Side<T>.CreateAsync("a", transports, memory, groups, blocksA, parallel);
        await using var b = await Side<T>.CreateAsync("b", transports, memory, groups, blocksB, parallel);
        var toB = await a.Agent.ConnectAsync(b.Agent.ExportMetadata());
        await b.Agent.ConnectAsync(a.Agent.ExportMetadata());
        await using var remote = a.Pool.Connect(toB);
        var random = new Random(Seed);
        for (var g = 0; g < groups.Length; g++)
        {
            a.AssertElements(groups[g], g);
            b.AssertElements(groups[g], g);
            foreach (var count in (int[])[1, 3, Math.Min(blocksA[g], blocksB[g])])
            {
                foreach (var operation in (TransferOperation[])[TransferOperation.Write, TransferOperation.Read])
                {
                    var (idsA, idsB) = (Ids(random, blocksA[g], count), Ids(random, blocksB[g], count));
                    await MoveAsync(operation, remote, a, b, groups[g], g, idsA, idsB, random);
                }
            }
        }
    }

    /// <summary>Moves given blocks once, A's <paramref name="idsA"/> to or from B's <paramref name="idsB"/>.</summary>
    public static async Task MoveAsync<T>(
        TransferOperation operation, RemoteKvPool<T> remote, Side<T> a, Side<T> b, NaiveGroup group, int g, int[] idsA, int[] idsB, Random random)
        where T : IKvLayout<T>
    {
        var write = operation == TransferOperation.Write;
        var (source, from, target, to) = write ? (a, idsA, b, idsB) : (b, idsB, a, idsA);
        source.FillRandom(random);
        target.Poison();
        var before = source.Copy();
        var expected = target.Copy();
        for (var i = 0; i < from.Length; i++)
            group.Copy(source.TensorsOf(before, g), source.BlocksOf(g), from[i], target.TensorsOf(expected, g), target.BlocksOf(g), to[i]);

        var payload = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(payload, random.Next());
        var options = new PostOptions { Notification = payload, Timeout = Deadline };
        var post = write ? remote.WriteBlocksAsync(g, idsA, idsB, options) : remote.ReadBlocksAsync(g, idsA, idsB, options);
        var result = await post;
        var context = $"{operation} of group {g}, blocks {string.Join(",", from)} to {string.Join(",", to)}, seed {Seed}";
        var bytes = from.Length * group.BytesPerBlock;
        Assert.True(result.Bytes == bytes, $"{result.Bytes} bytes moved instead of {bytes}; {context}");
        await AssertNotifiedAsync(b.Agent, payload, write ? bytes : 0);
        target.AssertIs(expected, context);
        source.AssertIs(before, context);
    }

    /// <summary>Distinct ids in random order.</summary>
    public static int[] Ids(Random random, int blocks, int count)
    {
        var ids = Enumerable.Range(0, blocks).ToArray();
        random.Shuffle(ids);
        return ids[..count];
    }

    private static async Task AssertNotifiedAsync(NixlAgent agent, byte[] payload, long bytes)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        var buffer = new byte[NixlAgent.MaxNotificationBytes];
        NotificationInfo info;
        while (!agent.TryReadNotification(buffer, out info))
            Assert.True(await agent.WaitForNotificationAsync(deadline.Token));
        Assert.Equal(payload, buffer[..info.PayloadLength]);
        Assert.True(info.WithTransfer);
        Assert.Equal(bytes, info.RequestBytes);
    }

    // The reference itself: every element lies within its tensor, and no two share a byte.
    private static void AssertSound(NaiveGroup group, int blocks)
    {
        var used = group.Tensors(blocks).Select(static bytes => new bool[bytes]).ToArray();
        for (var block = 0; block < blocks; block++)
        {
            foreach (var (tensor, offset, bytes, _) in group.Block(blocks, block))
            {
                var place = used[tensor].AsSpan((int)offset, bytes);
                Assert.False(place.Contains(true), $"Two elements of the reference share tensor {tensor}, byte {offset}");
                place.Fill(true);
            }
        }
    }
}
