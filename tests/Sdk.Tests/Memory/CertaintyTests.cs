using System.Runtime.InteropServices;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Memory;

/// <summary>"You may free this memory now" is said only when nobody can touch it any more.</summary>
public class CertaintyTests
{
    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task While_the_agent_is_being_disposed_its_memory_still_counts_as_reachable(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend, arena: false);
        var gate = bench.Pair.A.Runtime.Gate;
        bench.Pair.SetHang(true);
        using var transfer = bench.Write();
        _ = transfer.PostAsync([1], [2]);

        // A call inside the core holds the disposal up for as long as this test wants.
        Assert.True(gate.TryEnter());
        var disposal = Task.Run(async () => await bench.Pair.A.DisposeAsync());
        await Deadlines.UntilAsync(() => bench.Pair.A.IsDisposed, "the disposal begins");
        Assert.True(bench.Own.Region.IsRegistered);
        var error = Assert.Throws<NixlBusyException>(() => bench.Own.Region.Deregister(TimeSpan.FromMilliseconds(1)));
        Assert.Equal((ulong)bench.Own.Region.Address, error.Address);

        gate.Exit();
        bench.Own.Region.Deregister(TimeSpan.FromSeconds(30)); // Waits for the end of the disposal.
        Assert.True(transfer.Quiesced.IsCompleted);
        Assert.False(bench.Own.Region.IsRegistered);
        await disposal.SoonAsync();
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_release_that_the_core_refuses_leaves_the_memory_reachable_and_can_be_repeated(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var memory = pair.MemoryOfA(65536, arena: false);
        var core = pair.A.Runtime.Core;
        Assert.Equal(
            NixlStatus.Success, core.PrepareList(0, ListMode.Block, [new StridedRegion(memory.Address, 4096, 4096, 4)], out var list));

        memory.Region.Dispose(); // The core is busy with a list that the handle knows nothing of.
        Assert.True(memory.Region.IsRegistered);
        Assert.Equal(memory.Length, pair.A.Query(memory.Region.Address, 1).Length);

        Assert.Equal(NixlStatus.Success, core.ReleaseList(list));
        memory.Region.Deregister();
        Assert.False(memory.Region.IsRegistered);
        Assert.Throws<NixlNotFoundException>(() => pair.A.Query(memory.Region.Address, 1));
    }

    [Fact]
    public async Task A_list_that_was_disposed_says_so_and_takes_no_new_transfer_even_while_another_holds_it()
    {
        await using var bench = await Bench.CreateAsync(Backend.Fake);
        using var transfer = bench.Write();
        bench.Local.Dispose();
        Assert.True(bench.Local.IsDisposed);
        Assert.Throws<ObjectDisposedException>(() => bench.Write());
        await transfer.PostAsync([1], [2]).SoonAsync();
        Assert.True(bench.Other.Span.Slice(2 * 4096, 4096).SequenceEqual(bench.Own.Span.Slice(4096, 4096)));
    }

    [Fact]
    public void Every_byte_of_a_region_is_written_where_the_core_reads_it()
    {
        Span<byte> bytes = stackalloc byte[Marshal.SizeOf<StridedRegion>()];
        bytes.Fill(0xFF);
        MemoryMarshal.Cast<byte, StridedRegion>(bytes)[0] = new StridedRegion(1, 2, 3, 4, MemoryKind.Vram, 5, 6, 7);
        Assert.Equal(56, bytes.Length);
        Assert.Equal([1ul, 2, 3, 4, 5, 7], MemoryMarshal.Cast<byte, ulong>(bytes[..48]).ToArray());
        Assert.Equal([6u, (uint)MemoryKind.Vram], MemoryMarshal.Cast<byte, uint>(bytes[48..]).ToArray());
    }
}
