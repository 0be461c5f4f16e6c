using System.Runtime.CompilerServices;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>The transfers behind a remote pool: used again, never lost, never handed out while their buffers are in use.</summary>
public sealed class PoolTransferTests
{
    private static readonly int[] One = [1];
    private static readonly int[] Two = [2];

    [Fact]
    public async Task One_after_the_other_uses_one_transfer()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        for (var i = 0; i < 20; i++) await pair.Remote.WriteBlocksAsync(One, Two).SoonAsync();
        Assert.Equal(1, pair.Remote.TransferCount);
    }

    [Fact]
    public async Task Many_at_once_all_arrive()
    {
        const int count = 64;
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, count, count);
        PoolBytes.FillRandom(pair.A, 1);
        PoolBytes.Fill(pair.B, TestMemory.Poison);
        var ids = PoolBytes.RandomIds(new Random(2), count, count);
        var all = Enumerable.Range(0, count).ToArray();
        var expected = PoolBytes.Expect(pair.A, PoolBytes.Copy(pair.B), pair.B, 0, all, ids);
        await Task.WhenAll(all.Select(i => Task.Run(async () => await pair.Remote.WriteBlocksAsync([i], [ids[i]]).SoonAsync())));
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.B));
        Assert.InRange(pair.Remote.TransferCount, 1, count);
    }

    [Fact]
    public async Task A_notification_comes_after_the_bytes()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        PoolBytes.FillRandom(pair.A, 1);
        PoolBytes.Fill(pair.B, TestMemory.Poison);
        var expected = PoolBytes.Expect(pair.A, PoolBytes.Copy(pair.B), pair.B, 0, [3, 7], [0, 1]);
        var post = pair.Remote.WriteBlocksAsync([3, 7], [0, 1], "request-17"u8).SoonAsync();
        await foreach (var notification in pair.Agents.B.ReadNotificationsAsync())
        {
            Assert.Equal("request-17"u8, notification.Payload.Span);
            PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.B));
            break;
        }
        await post;
    }

    [Fact]
    public async Task A_refused_post_gives_its_transfer_back()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        for (var i = 0; i < 5; i++)
        {
            Assert.Throws<NixlInvalidArgumentException>(() => Ignore(pair.Remote.WriteBlocksAsync([8], [0])));
            Assert.Throws<NixlInvalidArgumentException>(() => Ignore(pair.Remote.WriteBlocksAsync([0], [8])));
            Assert.Throws<NixlInvalidArgumentException>(() => Ignore(pair.Remote.WriteBlocksAsync([-1], [0])));
            Assert.Throws<NixlInvalidArgumentException>(() => Ignore(pair.Remote.WriteBlocksAsync([0, 1], [0])));
            Assert.Throws<NixlInvalidArgumentException>(() => Ignore(pair.Remote.WriteBlocksAsync([], [])));
            Assert.Throws<NixlInvalidArgumentException>(() => Ignore(pair.Remote.WriteBlocksAsync([0, 1], [3, 3])));
        }
        Assert.Equal(1, pair.Remote.TransferCount);
        await pair.Remote.WriteBlocksAsync(One, Two).SoonAsync();
    }

    [Fact]
    public async Task A_failed_post_gives_its_transfer_back()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        for (var i = 0; i < 5; i++)
        {
            pair.Agents.FailNext();
            var error = await Assert.ThrowsAsync<NixlBackendException>(() => pair.Remote.WriteBlocksAsync(One, Two).SoonAsync());
            Assert.Equal(pair.Agents.B.Name, error.Peer);
        }
        Assert.Equal(1, pair.Remote.TransferCount);
    }

    [Fact]
    public async Task A_transfer_whose_buffers_are_still_in_use_is_not_handed_out()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8, change: options => options.QuiesceGrace = TimeSpan.FromSeconds(20));
        pair.Agents.SetHang(true);
        await Assert.ThrowsAsync<TransferTimeoutException>(() =>
            pair.Remote.WriteBlocksAsync(One, Two, "x"u8, TimeSpan.FromMilliseconds(50)).SoonAsync());
        var next = pair.Remote.WriteBlocksAsync(One, Two); // would be REPOST_ACTIVE on the same transfer
        Assert.Equal(2, pair.Remote.TransferCount);
        pair.Agents.SetHang(false);
        await next.SoonAsync();
        await Deadlines.UntilAsync(() => pair.Remote.IdleCount == 2, "the first transfer quiesces and can be used again");
    }

    [Fact]
    public async Task A_transfer_that_nobody_awaits_comes_back_when_it_is_collected()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        PostAndForget(pair);
        Assert.Equal(3, pair.Remote.TransferCount);
        await Deadlines.UntilAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return pair.Remote.IdleCount == 3;
            },
            "the forgotten transfers come back");
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => pair.Remote.WriteBlocksAsync([i], [i]).SoonAsync()));
        Assert.Equal(3, pair.Remote.TransferCount);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void PostAndForget(PoolPair<SplitKv> pair)
        {
            for (var i = 0; i < 3; i++) Ignore(pair.Remote.WriteBlocksAsync([i], [i]));
        }
    }

    [Fact]
    public async Task Awaiting_twice_throws_and_does_not_give_the_transfer_back_twice()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        var post = pair.Remote.WriteBlocksAsync(One, Two);
        await Deadlines.UntilAsync(() => post.IsCompleted, "the write ends");
        Assert.True(Take(post).Bytes > 0);
        Assert.Throws<InvalidOperationException>(() => Take(post));
        Assert.Equal(1, pair.Remote.IdleCount);
        pair.Agents.SetHang(true);
        var running = pair.Remote.WriteBlocksAsync(One, Two);
        Assert.Throws<InvalidOperationException>(() => Take(running)); // too early
        Assert.Equal(0, pair.Remote.IdleCount);
        pair.Agents.SetHang(false);
        await running.SoonAsync();
        Assert.Equal(1, pair.Remote.IdleCount);
    }

    [Fact]
    public async Task Cancelling_ends_a_write()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        pair.Agents.SetHang(true);
        using var cancel = new CancellationTokenSource();
        var write = pair.Remote.WriteBlocksAsync(One, Two, cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write.SoonAsync());
    }

    [Fact]
    public async Task Disposing_with_transfers_in_flight_ends_them_and_waits_for_quiescence()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        pair.Agents.SetHang(true);
        var writes = Enumerable.Range(0, 4).Select(i => pair.Remote.WriteBlocksAsync([i], [i]).AsTask()).ToArray();
        await pair.Remote.DisposeAsync().SoonAsync();
        foreach (var write in writes) await Assert.ThrowsAnyAsync<Exception>(() => write.SoonAsync());
        Assert.Throws<ObjectDisposedException>(() => Ignore(pair.Remote.WriteBlocksAsync(One, Two)));
        pair.Agents.SetHang(false);
    }

    [Fact]
    public async Task Disposing_pools_with_transfers_in_flight_is_safe()
    {
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, 8, 8);
        pair.Agents.SetHang(true);
        var write = pair.Remote.WriteBlocksAsync(One, Two, "x"u8, TimeSpan.FromMilliseconds(200)).AsTask();
        pair.A.Dispose();
        pair.B.Dispose();
        Assert.True(pair.A.IsReachable); // the write still reads from it
        await Assert.ThrowsAnyAsync<Exception>(() => write.SoonAsync());
        await pair.Remote.DisposeAsync().SoonAsync();
        await Deadlines.UntilAsync(() => !pair.A.IsReachable, "A's memory is given up");
        pair.Agents.SetHang(false);
    }

    [Fact]
    public async Task A_restarted_peer_is_stale()
    {
        var fake = new Testing.FakeTransport();
        await using var a = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, "a", fake));
        var b = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, "b", fake));
        using var local = KvPool<SplitKv>.Allocate(a, 4, PoolPair<SplitKv>.Model);
        using var remote = KvPool<SplitKv>.Allocate(b, 4, PoolPair<SplitKv>.Model);
        using var before = local.Connect(await a.ConnectAsync(b.ExportMetadata()));
        await b.DisposeAsync();
        await using var again = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, "b", fake));
        using var remoteAgain = KvPool<SplitKv>.Allocate(again, 4, PoolPair<SplitKv>.Model);
        using var after = local.Connect(await a.ConnectAsync(again.ExportMetadata()));
        await Assert.ThrowsAnyAsync<NixlException>(async () => await before.WriteBlocksAsync(One, Two));
        await after.WriteBlocksAsync(One, Two).SoonAsync();
    }

    [Fact]
    public async Task A_layout_of_several_groups_asks_for_the_group()
    {
        await using var pair = await PoolPair<TwoGroups>.CreateAsync(Backend.Fake, 8, 8);
        var error = Assert.Throws<InvalidOperationException>(() => Ignore(pair.Remote.WriteBlocksAsync(One, Two)));
        Assert.Contains("0 = mla, 1 = indexer", error.Message, StringComparison.Ordinal);
    }

    /// <summary>What an await does at its end.</summary>
    private static TransferResult Take(ValueTask<TransferResult> task) => task.GetAwaiter().GetResult();

    private static void Ignore(ValueTask<TransferResult> task) => _ = task;
}
