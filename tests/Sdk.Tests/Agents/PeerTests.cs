using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Agents;

/// <summary>Invalidated, restarted, gone and unreadable peers.</summary>
public class PeerTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Connecting_tells_who_and_how(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        await pair.ConnectAsync();
        Assert.Equal(pair.B.Name, pair.ToB.Name);
        Assert.Equal(pair.B.Incarnation, pair.ToB.Incarnation);
        Assert.Equal(PeerState.Connected, pair.ToB.State);
        Assert.NotEmpty(pair.ToB.TransportVersion);
        Assert.NotEmpty(pair.ToB.Provider);
        Assert.NotEmpty(pair.ToB.Reason);
        Assert.Equal(pair.B.Name, pair.ToB.Metadata.Agent);
        Assert.True(pair.A.AvailableTransports.HasFlag(pair.ToB.Transport));
        Assert.Contains("transports", pair.A.Describe(), StringComparison.Ordinal);

        var again = await pair.A.ConnectAsync(pair.B.ExportMetadata()).SoonAsync();
        Assert.Same(pair.ToB, again);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task An_invalidated_peer_refuses_posts_and_can_be_connected_again(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var (a, b, peer) = (bench.Pair.A, bench.Pair.B, bench.Pair.ToB);
        using var transfer = bench.Write();
        await transfer.PostAsync([0], [0]).SoonAsync();

        a.Invalidate(peer);

        Assert.Equal(PeerState.Invalidated, peer.State);
        var error = Assert.Throws<StalePeerException>(() => _ = transfer.PostAsync([1], [1]));
        Assert.Equal(b.Name, error.Peer);
        Assert.Throws<NixlNotFoundException>(() => a.Invalidate(peer));
        Assert.ThrowsAny<NixlException>(() => _ = a.NotifyAsync(peer, []));
        Assert.Throws<StalePeerException>(() => a.PrepareRemote(peer, [new StridedRegion(bench.Other.Address, 4096, 4096, 4)]));

        var again = await a.ConnectAsync(b.ExportMetadata()).SoonAsync();
        Assert.NotSame(peer, again);
        using var list = a.PrepareRemote(again, [new StridedRegion(bench.Other.Address, 4096, 4096, 64)]);
        using var fresh = a.CreateTransfer(TransferOperation.Write, bench.Local, list);
        bench.Other.Fill(TestMemory.Poison);
        await fresh.PostAsync([9], [2]).SoonAsync();
        Assert.True(bench.Other.Span.Slice(2 * 4096, 4096).SequenceEqual(bench.Own.Span.Slice(9 * 4096, 4096)));
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task Invalidating_ends_what_is_in_flight(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        bench.Pair.SetHang(true);
        using var transfer = bench.Write();
        var post = transfer.PostAsync([1], [1]);
        bench.Pair.A.Invalidate(bench.Pair.ToB);
        var error = await Assert.ThrowsAsync<StalePeerException>(() => post.SoonAsync());
        Assert.Equal(bench.Pair.B.Name, error.Peer);
        await transfer.Quiesced.SoonAsync();
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Invalidating_at_any_moment_gives_either_the_data_or_the_exception(Backend backend)
    {
        const int Blocks = 1024, Size = 4096;
        await using var bench = await Bench.CreateAsync(backend, Blocks, Size);
        var a = bench.Pair.A;
        var ids = Enumerable.Range(0, Blocks).ToArray();
        new Random(12).NextBytes(bench.Other.Span);
        for (var round = 0; round < 12; round++)
        {
            var peer = await a.ConnectAsync(bench.Pair.B.ExportMetadata()).SoonAsync();
            using var remote = a.PrepareRemote(peer, [new StridedRegion(bench.Other.Address, Size, Size, Blocks)]);
            using var read = a.CreateTransfer(TransferOperation.Read, bench.Local, remote);
            bench.Own.Fill(TestMemory.Poison);
            var post = read.PostAsync(ids, ids);
            Thread.SpinWait(round * 10_000);
            a.Invalidate(peer);
            try
            {
                await post.SoonAsync();
                Assert.True(bench.Own.Span.SequenceEqual(bench.Other.Span));
            }
            catch (StalePeerException error)
            {
                Assert.Equal(bench.Pair.B.Name, error.Peer);
            }

            await read.Quiesced.SoonAsync();
            var after = bench.Own.Copy();
            await Task.Delay(20);
            Assert.True(bench.Own.Span.SequenceEqual(after), "written after it was quiesced");
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_restarted_peer_is_another_one(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var a = bench.Pair.A;
        var oldMetadata = bench.Pair.B.ExportMetadata();
        var changes = new List<PeerStateChangedEventArgs>();
        a.PeerStateChanged += (_, change) =>
        {
            lock (changes)
                changes.Add(change);
        };
        using var transfer = bench.Write();
        await transfer.PostAsync([0], [0]).SoonAsync();
        await bench.Pair.B.DisposeAsync().SoonAsync();

        await using var restarted = await NixlAgent.CreateAsync(
            Pair.Options(backend, bench.Pair.B.Name, bench.Pair.Fake)).SoonAsync();
        Assert.NotEqual(bench.Pair.B.Incarnation, restarted.Incarnation);
        using var memory = new TestMemory(restarted, 64 * 4096, arena: true);

        // Until its end is noticed, the old peer is a known one, and its metadata would be taken for an update.
        await Deadlines.UntilAsync(() => bench.Pair.ToB.State == PeerState.Disconnected, "the end of the old one is noticed");

        // The old metadata leads nowhere, within a deadline.
        var stale = await Assert.ThrowsAnyAsync<NixlException>(
            () => bench.Pair.A.ConnectAsync(oldMetadata, new ConnectOptions { Timeout = TimeSpan.FromSeconds(5) }).SoonAsync());
        Assert.Equal(bench.Pair.B.Name, stale.Peer);

        var fresh = await a.ConnectAsync(restarted.ExportMetadata()).SoonAsync();
        Assert.NotSame(bench.Pair.ToB, fresh);
        Assert.Equal(restarted.Incarnation, fresh.Incarnation);
        var error = await Assert.ThrowsAnyAsync<NixlException>(async () => await transfer.PostAsync([1], [1]).SoonAsync());
        Assert.True(error is StalePeerException or PeerDisconnectedException, error.ToString());
        Assert.Equal(bench.Pair.B.Name, error.Peer);
        Assert.All(memory.Copy(), x => Assert.Equal(TestMemory.Poison, x));
        await Deadlines.UntilAsync(
            () =>
            {
                lock (changes)
                    return changes.Exists(c => c.Peer == bench.Pair.ToB && c.State is PeerState.Disconnected or PeerState.Invalidated);
            },
            "the change is reported");
        await bench.Pair.A.DisposeAsync().SoonAsync();
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Metadata_that_cannot_be_used_is_a_typed_error(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        pair.MemoryOfB(8192);
        var good = pair.B.ExportMetadata();
        await Assert.ThrowsAsync<MetadataException>(() => pair.A.ConnectAsync(Array.Empty<byte>()).SoonAsync());
        await Assert.ThrowsAsync<MetadataException>(() => pair.A.ConnectAsync(good.AsMemory(0, good.Length - 1)).SoonAsync());
        await Assert.ThrowsAsync<MetadataException>(() => pair.A.ConnectAsync(new byte[5_000_000]).SoonAsync());
        var corrupted = (byte[])good.Clone();
        corrupted[corrupted.Length / 2] ^= 1;
        await Assert.ThrowsAsync<MetadataException>(() => pair.A.ConnectAsync(corrupted).SoonAsync());
        await Assert.ThrowsAsync<NixlInvalidArgumentException>(() => pair.A.ConnectAsync(pair.A.ExportMetadata()).SoonAsync());
        Assert.Equal(0, pair.A.Runtime.InFlight);
        await pair.ConnectAsync();
    }

    [Theory]
    [MemberData(nameof(Backends.Native), MemberType = typeof(Backends))]
    public async Task The_cores_part_of_the_metadata_is_checked_too(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        var blob = Nixl.Sdk.Metadata.MetadataCodec.Decode(pair.B.ExportMetadata()).NativeBlob.ToArray();
        var random = new Random(3);
        for (var i = 0; i < 300; i++)
        {
            var bytes = i % 2 == 0 ? blob[..random.Next(blob.Length)] : (byte[])blob.Clone();
            for (var k = random.Next(4); k >= 0 && bytes.Length > 0; k--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (bytes.AsSpan().SequenceEqual(blob))
                continue;
            var status = pair.A.Runtime.Core.ConnectPeer(bytes, NixlTransports.None, 1_000_000, 0, out var peer);
            Assert.True(status <= 0, $"{status}");
            if (status == 0)
                pair.A.Runtime.Core.InvalidatePeer(peer);
        }

        await pair.ConnectAsync();
    }

    [Fact]
    public async Task Agents_without_a_common_transport_say_so()
    {
        await using var a = await NixlAgent.CreateAsync(Pair.Options(Backend.Loopback, Pair.UniqueName("a"))).SoonAsync();
        await using var b = await NixlAgent.CreateAsync(Pair.Options(Backend.Local, Pair.UniqueName("b"))).SoonAsync();
        var error = await Assert.ThrowsAsync<NixlBackendException>(() => a.ConnectAsync(b.ExportMetadata()).SoonAsync());
        Assert.Equal(b.Name, error.Peer);
        Assert.Contains("loopback", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cheapest_transport_is_taken_and_its_reason_is_told()
    {
        await using var a = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = Pair.UniqueName("a") }).SoonAsync();
        await using var b = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = Pair.UniqueName("b") }).SoonAsync();
        var peer = await a.ConnectAsync(b.ExportMetadata()).SoonAsync();
        Assert.Equal(NixlTransports.Loopback, peer.Transport);
        Assert.NotEmpty(peer.Reason);
        var narrowed = await b.ConnectAsync(a.ExportMetadata(), new ConnectOptions { Transports = NixlTransports.Local }).SoonAsync();
        Assert.Equal(NixlTransports.Local, narrowed.Transport);
    }
}
