using System.Diagnostics;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>Many posters at once, both directions at once; every byte.</summary>
public class ConcurrencyTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Concurrent_posts_of_many_tasks_do_not_mix(Backend backend)
    {
        const int Tasks = 8, PerTask = 32, Rounds = 20, Size = 1537;
        await using var pair = await Pair.CreateAsync(backend);
        var own = pair.MemoryOfA(Tasks * PerTask * Size);
        var other = pair.MemoryOfB(Tasks * PerTask * Size);
        await pair.ConnectAsync();
        new Random(2).NextBytes(own.Span);
        StridedRegion[] Regions(TestMemory m) => [new StridedRegion(m.Address, Size, Size, Tasks * PerTask)];
        using var local = pair.A.PrepareLocal(Regions(own));
        using var remote = pair.A.PrepareRemote(pair.ToB, Regions(other));
        var expected = new byte[own.Length];
        var reader = Task.Run(async () =>
        {
            var counts = new int[Tasks];
            await foreach (var n in pair.B.ReadNotificationsAsync())
            {
                counts[n.Payload.Span[0]]++;
                if (counts.All(c => c == Rounds))
                    return;
            }
        });

        await Task.WhenAll(Enumerable.Range(0, Tasks).Select(t => Task.Run(async () =>
        {
            var random = new Random(t);
            using var transfer = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
            var from = Enumerable.Range(t * PerTask, PerTask).ToArray();
            var to = (int[])from.Clone();
            for (var round = 0; round < Rounds; round++)
            {
                random.Shuffle(from);
                random.Shuffle(to);
                await transfer.PostAsync(from, to, [(byte)t]).SoonAsync();
            }

            for (var i = 0; i < PerTask; i++)
                own.Span.Slice(from[i] * Size, Size).CopyTo(expected.AsSpan(to[i] * Size));
        }))).SoonAsync();

        await reader.SoonAsync();
        Assert.True(other.Span.SequenceEqual(expected));
        Assert.Equal(0, pair.A.Runtime.InFlight);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Both_sides_read_and_write_at_once(Backend backend)
    {
        const int Blocks = 40, Size = 3001;
        await using var pair = await Pair.CreateAsync(backend);
        var a = pair.MemoryOfA(3 * Blocks * Size);
        var b = pair.MemoryOfB(3 * Blocks * Size, arena: false);
        await pair.ConnectAsync();
        new Random(4).NextBytes(a.Span);
        new Random(5).NextBytes(b.Span);
        // Thirds: 0 is what each side gives, 1 what the other writes into it, 2 where it reads to.
        StridedRegion[] Third(TestMemory m, int third) => [new StridedRegion(m.Address + (ulong)(third * Blocks * Size), Size, Size, Blocks)];
        var ids = Enumerable.Range(0, Blocks).ToArray();
        await Task.WhenAll(
            Move(pair.A, pair.ToB, a, b, TransferOperation.Write, 0, 1),
            Move(pair.A, pair.ToB, a, b, TransferOperation.Read, 2, 0),
            Move(pair.B, pair.ToA, b, a, TransferOperation.Write, 0, 1),
            Move(pair.B, pair.ToA, b, a, TransferOperation.Read, 2, 0)).SoonAsync();

        var (fromA, fromB) = (a.Copy()[..(Blocks * Size)], b.Copy()[..(Blocks * Size)]);
        foreach (var third in (int[])[1, 2])
        {
            Assert.True(a.Span.Slice(third * Blocks * Size, Blocks * Size).SequenceEqual(fromB), $"A, third {third}");
            Assert.True(b.Span.Slice(third * Blocks * Size, Blocks * Size).SequenceEqual(fromA), $"B, third {third}");
        }

        async Task Move(NixlAgent agent, RemoteAgent peer, TestMemory own, TestMemory other, TransferOperation op, int localThird, int remoteThird)
        {
            using var local = agent.PrepareLocal(Third(own, localThird));
            using var remote = agent.PrepareRemote(peer, Third(other, remoteThird));
            using var transfer = agent.CreateTransfer(op, local, remote);
            for (var i = 0; i < 10; i++)
                await transfer.PostAsync(ids, ids).SoonAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task An_unread_notification_does_not_keep_the_pump_busy(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        await pair.ConnectAsync();
        await pair.A.NotifyAsync(pair.ToB, "unread"u8).SoonAsync();
        await Task.Delay(300); // Spinning of the transports' own threads ends by then.
        var before = PumpTime(pair.B);
        await Task.Delay(500);
        var used = PumpTime(pair.B) - before;
        Assert.True(used < TimeSpan.FromMilliseconds(200), $"the pump used {used} of 500 ms");
        Assert.True(pair.B.TryReadNotification(new byte[16], out _));
    }

    /// <summary>Processor time of the agent's pump thread, found by its name.</summary>
    private static TimeSpan PumpTime(NixlAgent agent)
    {
        var name = $"nixl pump {agent.Name}"[..15];
        using var process = Process.GetCurrentProcess();
        var sum = TimeSpan.Zero;
        var found = false;
        foreach (ProcessThread thread in process.Threads)
        {
            try
            {
                if (File.ReadAllText($"/proc/self/task/{thread.Id}/comm").TrimEnd() == name)
                {
                    found = true;
                    sum += thread.TotalProcessorTime;
                }
            }
            catch (Exception e) when (e is IOException or InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // The thread ended meanwhile.
            }
        }

        Assert.True(found, $"no thread is named '{name}'");
        return sum;
    }
}
