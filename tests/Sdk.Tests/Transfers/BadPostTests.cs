using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>What a post or a list refuses, and what the error names.</summary>
public class BadPostTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Wrong_ids_are_refused_and_nothing_is_moved(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        Check([0, 1, 2], [0, 1], null, "3 local ids", "2 remote ids");
        Check([], [], null, "at least one");
        Check([0, 64, 1], [0, 1, 2], 1, "64");
        Check([0, 1, 2], [0, 1, 1_000_000], 2, "1000000");
        Check([0, -1], [0, 1], 1, "negative", "-1");
        Check([0, 1, 2], [5, 6, 5], 2, "5");
        Assert.All(bench.Other.Copy(), b => Assert.Equal(TestMemory.Poison, b));
        Assert.Equal(0, bench.Pair.A.Runtime.InFlight);
        Assert.Equal(TransferState.NotPosted, transfer.State);
        await transfer.PostAsync([63], [63]).SoonAsync();

        void Check(int[] local, int[] remote, long? entry, params string[] texts)
        {
            var error = Assert.Throws<NixlInvalidArgumentException>(() => _ = transfer.PostAsync(local, remote));
            Assert.Equal(NixlStatus.InvalidParameter, error.Status);
            Assert.Equal(bench.Pair.B.Name, error.Peer);
            Assert.All(texts, t => Assert.Contains(t, error.Message, StringComparison.Ordinal));
            if (entry is not null)
                Assert.Equal(entry, error.Entry);
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_read_into_the_same_block_twice_is_refused_and_a_write_from_it_is_not(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var read = bench.Read();
        Assert.Throws<NixlInvalidArgumentException>(() => _ = read.PostAsync([4, 4], [1, 2]));
        using var write = bench.Write();
        await write.PostAsync([4, 4], [1, 2]).SoonAsync();
        Assert.True(bench.Other.Span.Slice(4096, 4096).SequenceEqual(bench.Own.Span.Slice(4 * 4096, 4096)));
        Assert.True(bench.Other.Span.Slice(2 * 4096, 4096).SequenceEqual(bench.Own.Span.Slice(4 * 4096, 4096)));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Unregistered_memory_is_refused_by_entry_and_range(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var end = bench.Own.Address + (ulong)bench.Own.Length;
        var good = new StridedRegion(bench.Own.Address, 4096, 4096, 4);
        var local = Assert.Throws<NixlNotFoundException>(
            () => bench.Pair.A.PrepareLocal([good, new StridedRegion(end - 4096, 4096, 4096, 4)]));
        Assert.Equal(1, local.Entry);
        Assert.Equal(end - 4096, local.Address);
        Assert.Equal(4ul * 4096, local.Length);
        Assert.Contains($"0x{end - 4096:x}", local.Message, StringComparison.Ordinal);

        var remote = Assert.Throws<NixlNotFoundException>(
            () => bench.Pair.A.PrepareRemote(bench.Pair.ToB, [new StridedRegion(0x1000, 4096, 4096, 4)]));
        Assert.Equal(0, remote.Entry);
        Assert.Equal(0x1000ul, remote.Address);
        Assert.Equal(bench.Pair.B.Name, remote.Peer);
        Assert.Throws<NixlNotFoundException>(() => bench.Pair.A.Query((nint)end, 1));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Malformed_regions_are_refused(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var at = bench.Own.Address;
        Refused(ListMode.Block);
        Refused(ListMode.Block, new StridedRegion(at, 4096, 0, 4));
        Refused(ListMode.Block, new StridedRegion(at, 4096, 4096, 0));
        Refused(ListMode.Flat, new StridedRegion(at, 100, 4096, 4));
        Refused(ListMode.Block, new StridedRegion(at, ulong.MaxValue / 2, 4096, 4));
        Refused(ListMode.Block, new StridedRegion(at, 4096, 4096, 4), new StridedRegion(at + 65536, 4096, 4096, 5));

        void Refused(ListMode mode, params StridedRegion[] regions) =>
            Assert.Throws<NixlInvalidArgumentException>(() => bench.Pair.A.PrepareLocal(regions, mode));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Lists_that_do_not_fit_together_are_refused(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var (a, b) = (bench.Pair.A, bench.Pair.B);
        Assert.Throws<NixlInvalidArgumentException>(() => a.CreateTransfer(TransferOperation.Write, bench.Remote, bench.Local));
        Assert.Throws<NixlInvalidArgumentException>(() => b.CreateTransfer(TransferOperation.Write, bench.Local, bench.Remote));
        Assert.Throws<ArgumentException>(() => a.PrepareRemote(bench.Pair.ToA, [new StridedRegion(1, 1, 1, 1)]));

        using var halves = a.PrepareRemote(bench.Pair.ToB, [new StridedRegion(bench.Other.Address, 4096, 2048, 64)]);
        using var unequal = a.CreateTransfer(TransferOperation.Write, bench.Local, halves);
        Assert.Throws<NixlInvalidArgumentException>(() => _ = unequal.PostAsync([0], [0]));
        using var flat = a.PrepareRemote(bench.Pair.ToB, [new StridedRegion(bench.Other.Address, 4096, 4096, 64)], ListMode.Flat);
        using var mixed = a.CreateTransfer(TransferOperation.Write, bench.Local, flat);
        Assert.Throws<NixlInvalidArgumentException>(() => _ = mixed.PostAsync([0], [0]));
        Assert.All(bench.Other.Copy(), x => Assert.Equal(TestMemory.Poison, x));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Memory_that_the_peer_has_deregistered_is_not_written(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        await transfer.PostAsync([0], [0]).SoonAsync();
        bench.Other.Region.Deregister();
        bench.Other.Fill(TestMemory.Poison);
        var error = await Assert.ThrowsAnyAsync<NixlException>(async () => await transfer.PostAsync([1], [1]).SoonAsync());
        Assert.Equal(bench.Pair.B.Name, error.Peer);
        await transfer.Quiesced.SoonAsync();
        Assert.All(bench.Other.Copy(), b => Assert.Equal(TestMemory.Poison, b));

        // With the peer's newer metadata the list cannot even be prepared.
        if (bench.Pair.ToB.State == PeerState.Connected)
        {
            await bench.Pair.ConnectAsync();
            Assert.Throws<NixlNotFoundException>(
                () => bench.Pair.A.PrepareRemote(bench.Pair.ToB, [new StridedRegion(bench.Other.Address, 4096, 4096, 64)]));
        }
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task More_transfers_than_the_limit_are_refused_and_later_possible(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend, change: o => o.MaxTransfers = 3);
        bench.Pair.SetHang(true);
        var transfers = Enumerable.Range(0, 4).Select(_ => bench.Write()).ToArray();
        for (var i = 0; i < 3; i++)
            _ = transfers[i].PostAsync([i], [i]);
        Assert.Throws<NixlBusyException>(() => _ = transfers[3].PostAsync([3], [3]));
        bench.Pair.SetHang(false);
        foreach (var transfer in transfers[..3])
        {
            transfer.Cancel();
            await transfer.Quiesced.SoonAsync();
        }

        await Deadlines.UntilAsync(() => bench.Pair.A.Runtime.InFlight == 0, "all ended");
    }
}
