using System.Text;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>A notification is shown only when every byte of its transfer is.</summary>
public class NotificationTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_notification_comes_after_all_data(Backend backend)
    {
        var shape = Shape.All[2];
        await using var pair = await Pair.CreateAsync(backend);
        var own = pair.MemoryOfA(shape.Length);
        var other = pair.MemoryOfB(shape.Length);
        await pair.ConnectAsync();
        using var local = pair.A.PrepareLocal(shape.Regions(own.Address));
        using var remote = pair.A.PrepareRemote(pair.ToB, shape.Regions(other.Address));
        using var transfer = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
        await using var notifications = pair.B.ReadNotificationsAsync().GetAsyncEnumerator();
        var random = new Random(7);
        for (var round = 0; round < 50; round++)
        {
            random.NextBytes(own.Span);
            other.Fill(TestMemory.Poison);
            var expected = other.Copy();
            var (ids, targets) = (shape.RandomIds(random, shape.Blocks / 2), shape.RandomIds(random, shape.Blocks / 2));
            shape.Apply(own.Span, expected, ids, targets);
            var payload = Encoding.UTF8.GetBytes($"request {round}");

            var post = transfer.PostAsync(
                ids, targets, new PostOptions { Notification = payload, LeaseToken = 77 + (ulong)round, Attempt = 2 });

            Assert.True(await notifications.MoveNextAsync().SoonAsync());
            // Checked before the sender's outcome is: the target alone decides.
            Assert.True(other.Span.SequenceEqual(expected), $"data missing in round {round}");
            var n = notifications.Current;
            Assert.Equal(payload, n.Payload.ToArray());
            Assert.Equal(pair.A.Name, n.Sender);
            Assert.Equal(pair.A.Incarnation, n.Info.SenderIncarnation);
            Assert.Equal(ids.Length * shape.BytesPerBlock, n.Info.RequestBytes);
            Assert.Equal(77 + (ulong)round, n.Info.LeaseToken);
            Assert.Equal(2u, n.Info.Attempt);
            Assert.True(n.Info.WithTransfer);
            Assert.Equal(TransferOperation.Write, n.Info.Operation);
            await post.SoonAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_read_can_notify_too(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var own = pair.MemoryOfA(64 * 4096);
        var other = pair.MemoryOfB(64 * 4096);
        await pair.ConnectAsync();
        new Random(3).NextBytes(other.Span);
        using var local = pair.A.PrepareLocal(Shape.All[0].Regions(own.Address));
        using var remote = pair.A.PrepareRemote(pair.ToB, Shape.All[0].Regions(other.Address));
        using var transfer = pair.A.CreateTransfer(TransferOperation.Read, local, remote);

        await transfer.PostAsync([0, 1], [8, 9], "free them"u8).SoonAsync();

        Assert.True(own.Span[..8192].SequenceEqual(other.Span.Slice(8 * 4096, 8192)));
        var buffer = new byte[16];
        NotificationInfo info = default;
        await Deadlines.UntilAsync(() => pair.B.TryReadNotification(buffer, out info), "the notification");
        Assert.Equal("free them", Encoding.UTF8.GetString(buffer, 0, info.PayloadLength));
        Assert.True(info.WithTransfer);
        Assert.Equal(TransferOperation.Read, info.Operation);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Free_standing_notifications_of_every_size_arrive_both_ways(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        await pair.ConnectAsync();
        var random = new Random(5);
        foreach (var size in (int[])[0, 1, 63, 1000, NixlAgent.MaxNotificationBytes])
        {
            foreach (var (to, from, receiver) in ((RemoteAgent, NixlAgent, NixlAgent)[])[(pair.ToB, pair.A, pair.B), (pair.ToA, pair.B, pair.A)])
            {
                var payload = new byte[size];
                random.NextBytes(payload);
                await from.NotifyAsync(to, payload).SoonAsync();
                var buffer = new byte[NixlAgent.MaxNotificationBytes];
                Array.Fill(buffer, TestMemory.Poison);
                Assert.True(receiver.TryReadNotification(buffer, out var info), "confirmed by the peer's core, so it is there");
                Assert.Equal(size, info.PayloadLength);
                Assert.Equal(payload, buffer[..size]);
                Assert.All(buffer[size..], b => Assert.Equal(TestMemory.Poison, b));
                Assert.False(info.WithTransfer);
                Assert.Equal(0, info.RequestBytes);
                Assert.Equal(from.Name, info.Sender);
                Assert.False(receiver.TryReadNotification(buffer, out _));
            }
        }

        var error = Assert.Throws<NixlInvalidArgumentException>(
            () => _ = pair.A.NotifyAsync(pair.ToB, new byte[NixlAgent.MaxNotificationBytes + 1]));
        Assert.Contains("65537", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_buffer_too_small_consumes_nothing(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        await pair.ConnectAsync();
        await pair.A.NotifyAsync(pair.ToB, "twelve bytes"u8).SoonAsync();
        var error = Assert.Throws<NixlException>(() => pair.B.TryReadNotification(new byte[11], out _));
        Assert.Equal(NixlStatus.BufferTooSmall, error.Status);
        Assert.Contains("12 bytes", error.Message, StringComparison.Ordinal);
        var buffer = new byte[12];
        Assert.True(pair.B.TryReadNotification(buffer, out var info));
        Assert.Equal("twelve bytes", Encoding.UTF8.GetString(buffer));
        Assert.Equal(12, info.PayloadLength);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_peer_that_does_not_read_makes_the_sender_wait_and_nothing_is_lost(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend, o => o.MaxNotifications = 4);
        await pair.ConnectAsync();
        for (var i = 0; i < 4; i++)
            await pair.A.NotifyAsync(pair.ToB, [(byte)i]).SoonAsync();

        // The fifth has no credit: its deadline passes.
        await Assert.ThrowsAsync<TransferTimeoutException>(
            () => pair.A.NotifyAsync(pair.ToB, [99], TimeSpan.FromMilliseconds(200)).SoonAsync());

        // Now one that waits long enough, while the receiver starts to read.
        var waiting = pair.A.NotifyAsync(pair.ToB, [4]).SoonAsync();
        var seen = new List<byte>();
        var buffer = new byte[1];
        await Deadlines.UntilAsync(
            () =>
            {
                if (pair.B.TryReadNotification(buffer, out _))
                    seen.Add(buffer[0]);
                return seen.Contains(4);
            },
            "the fifth notification");
        await waiting;
        Assert.Equal([0, 1, 2, 3, 4], seen.Where(b => b != 99));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task The_stream_ends_when_the_agent_is_disposed_and_when_cancelled(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        await pair.ConnectAsync();
        using var source = new CancellationTokenSource();
        var cancelled = Collect(pair.B, source.Token);
        await pair.A.NotifyAsync(pair.ToB, "one"u8).SoonAsync();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.SoonAsync());

        var ended = Collect(pair.B, default);
        await pair.B.DisposeAsync().SoonAsync();
        await ended.SoonAsync();
        Assert.Throws<ObjectDisposedException>(() => pair.B.TryReadNotification([], out _));

        static async Task<int> Collect(NixlAgent agent, CancellationToken token)
        {
            var count = 0;
            await foreach (var _ in agent.ReadNotificationsAsync(token))
                count++;
            return count;
        }
    }
}
