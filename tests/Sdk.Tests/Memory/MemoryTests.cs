using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Memory;

/// <summary>Arenas, registrations, their order of disposal, and sizes beyond 32 bits.</summary>
public class MemoryTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task An_arena_is_zero_filled_registered_and_bounded(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        using var arena = pair.A.CreateArena(100_000);
        Assert.True(arena.Length >= 100_000);
        Assert.Equal(0, arena.Length % 4096);
        Assert.Equal(0, arena.Address % 4096);
        Assert.True(arena.PageSize >= 4096);
        Assert.True(arena.Slice(0, (int)arena.Length).IndexOfAnyExcept((byte)0) < 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = arena.Slice(arena.Length, 1); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = arena.Slice(-1, 1); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = arena.Slice(long.MaxValue, int.MaxValue); });
        var info = pair.A.Query(arena.Address + 5, 1000);
        Assert.Equal(arena.Address, info.Address);
        Assert.Equal(arena.Length, info.Length);
        Assert.True(info.IsArena);
        Assert.Equal(0, info.PreparedLists);
        Assert.True(info.Transports.HasFlag(backend == Backend.Fake ? NixlTransports.Loopback : backend.Transports()));
        arena.Dispose();
        Assert.Throws<NixlNotFoundException>(() => pair.A.Query(arena.Address, 1));
        Assert.Throws<ObjectDisposedException>(() => { _ = arena.Slice(0, 1); });
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_region_in_use_says_so_and_is_released_with_its_last_list(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var region = bench.Own.Region;
        Assert.Equal(1, bench.Pair.A.Query(region.Address, 1).PreparedLists);
        var error = Assert.Throws<NixlBusyException>(() => region.Deregister());
        Assert.Equal((ulong)region.Address, error.Address);
        region.Dispose();
        Assert.True(region.IsRegistered, "the list still holds it");
        using (var transfer = bench.Write())
        {
            await transfer.PostAsync([1], [2]).SoonAsync();
            bench.Local.Dispose();
            Assert.True(region.IsRegistered, "the transfer still holds the list");
            await transfer.PostAsync([1], [3]).SoonAsync();
        }

        Assert.False(region.IsRegistered);
        Assert.Throws<NixlNotFoundException>(() => bench.Pair.A.Query(region.Address, 1));
        region.Deregister(); // Again: nothing to do.
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Objects_may_be_disposed_in_any_order(Backend backend)
    {
        foreach (var order in (int[][])[[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1], [1, 0, 4, 2, 3], [3, 1, 4, 0, 2]])
        {
            var pair = await Pair.CreateAsync(backend);
            var target = pair.B.CreateArena(65536);
            var source = pair.A.CreateArena(65536);
            await pair.ConnectAsync();
            var local = pair.A.PrepareLocal([new StridedRegion((ulong)source.Address, 4096, 4096, 16)]);
            var remote = pair.A.PrepareRemote(pair.ToB, [new StridedRegion((ulong)target.Address, 4096, 4096, 16)]);
            var transfer = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
            await transfer.PostAsync([0], [0]).SoonAsync();
            IDisposable[] objects = [transfer, local, remote, source, pair.A];
            foreach (var index in order)
                objects[index].Dispose();
            foreach (var o in objects)
                o.Dispose();
            await pair.DisposeAsync();
            target.Dispose();
            Assert.True(pair.A.Runtime.Handle.IsClosed);
        }
    }

    [Theory]
    [InlineData(Backend.Fake)]
    [InlineData(Backend.Loopback)]
    public async Task Forgotten_objects_are_released_by_the_garbage_collector(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var memory = pair.MemoryOfA(65536);
        var other = pair.MemoryOfB(65536);
        await pair.ConnectAsync();
        Forget(pair, memory, other);
        await Deadlines.UntilAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return pair.A.Query(memory.Region.Address, 1).PreparedLists == 0;
            },
            "the forgotten lists are released");
        memory.Region.Deregister();

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Forget(Pair pair, TestMemory memory, TestMemory other)
        {
            for (var i = 0; i < 10; i++)
            {
                var local = pair.A.PrepareLocal([new StridedRegion(memory.Address, 4096, 4096, 16)]);
                var remote = pair.A.PrepareRemote(pair.ToB, [new StridedRegion(other.Address, 4096, 4096, 16)]);
#pragma warning disable NIXL102 // Forgetting it is what this is about.
                _ = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
#pragma warning restore NIXL102
            }

            Assert.Equal(10, pair.A.Query(memory.Region.Address, 1).PreparedLists);
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_region_above_4_GiB_moves_its_far_blocks(Backend backend)
    {
        long length = (6L << 30) + 4096;
        const int Piece = 1 << 20;
        var blocks = (int)(length / Piece);
        // Sparse: pages are only made where they are touched.
        var source = Map(length);
        var target = Map(length);
        try
        {
            await using var pair = await Pair.CreateAsync(backend);
            using var own = pair.A.Register(source, length);
            using var other = pair.B.Register(target, length);
            await pair.ConnectAsync();
            Assert.Equal(length, own.Length);
            using var local = pair.A.PrepareLocal([new StridedRegion((ulong)source, Piece, Piece, (ulong)blocks)]);
            using var remote = pair.A.PrepareRemote(pair.ToB, [new StridedRegion((ulong)target, Piece, Piece, (ulong)blocks)]);
            using var transfer = pair.A.CreateTransfer(TransferOperation.Write, local, remote);
            int[] from = [blocks - 1, 1, 4097];
            int[] to = [4098, blocks - 1, 5000];
            var random = new Random(9);
            for (var i = 0; i < 3; i++)
            {
                random.NextBytes(At(source, from[i], Piece));
                At(target, to[i], Piece).Fill(TestMemory.Poison);
                At(target, to[i] - 1, Piece)[^1] = TestMemory.Poison;
            }

            var result = await transfer.PostAsync(from, to).SoonAsync();

            Assert.Equal(3L * Piece, result.Bytes);
            for (var i = 0; i < 3; i++)
            {
                Assert.True(At(target, to[i], Piece).SequenceEqual(At(source, from[i], Piece)), $"block {to[i]}");
                Assert.Equal(TestMemory.Poison, At(target, to[i] - 1, Piece)[^1]);
            }
        }
        finally
        {
            Assert.Equal(0, Unmap(source, (nuint)length));
            Assert.Equal(0, Unmap(target, (nuint)length));
        }
    }

    private static unsafe Span<byte> At(nint memory, long block, int piece) => new((byte*)memory + (block * piece), piece);

    private static nint Map(long length)
    {
        const int PrivateAnonymousNoReserve = 0x02 | 0x20 | 0x4000;
        var address = Map(0, (nuint)length, 3, PrivateAnonymousNoReserve, -1, 0);
        Assert.NotEqual(-1, address);
        return address;
    }

#pragma warning disable CA5392, SYSLIB1054 // libc.
    [DllImport("libc", EntryPoint = "mmap")]
    private static extern nint Map(nint address, nuint length, int protection, int flags, int fd, long offset);

    [DllImport("libc", EntryPoint = "munmap")]
    private static extern int Unmap(nint address, nuint length);
#pragma warning restore CA5392, SYSLIB1054
}
