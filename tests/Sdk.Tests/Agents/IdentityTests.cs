using Nixl.Sdk.Metadata;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Agents;

/// <summary>Metadata put together from two agents' parts: pools of one, memory of the other.</summary>
public class IdentityTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task An_envelope_around_another_agents_blob_is_refused_and_spoils_nothing(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var (a, peer) = (bench.Pair.A, bench.Pair.ToB);
        var honest = MetadataCodec.Decode(bench.Pair.B.ExportMetadata());
        await RefusedAsync(Forge(honest, "somebody-else", honest.Incarnation));
        await RefusedAsync(Forge(honest, honest.Agent, honest.Incarnation ^ 1));

        // The honest connection is as it was.
        Assert.Equal(PeerState.Connected, peer.State);
        Assert.Equal(honest.Agent, peer.Metadata.Agent);
        using var transfer = bench.Write();
        await transfer.PostAsync([3], [4]).SoonAsync();
        Assert.True(bench.Other.Span.Slice(4 * 4096, 4096).SequenceEqual(bench.Own.Span.Slice(3 * 4096, 4096)));

        async Task RefusedAsync(byte[] forged)
        {
            var error = await Assert.ThrowsAsync<MetadataException>(() => a.ConnectAsync(forged).SoonAsync());
            Assert.Equal(NixlStatus.Mismatch, error.Status);
            Assert.Contains($"'{peer.Name}'", error.Message, StringComparison.Ordinal);
            Assert.Contains("native part", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_forged_first_contact_leaves_the_way_open_for_the_honest_one(Backend backend)
    {
        await using var pair = await Pair.CreateAsync(backend);
        _ = pair.MemoryOfB(4096);
        var honest = MetadataCodec.Decode(pair.B.ExportMetadata());
        await Assert.ThrowsAsync<MetadataException>(
            () => pair.A.ConnectAsync(Forge(honest, "somebody-else", honest.Incarnation)).SoonAsync());
        var peer = await pair.A.ConnectAsync(pair.B.ExportMetadata()).SoonAsync();
        Assert.Equal(PeerState.Connected, peer.State);
        Assert.Equal(pair.B.Name, peer.Name);
    }

    private static byte[] Forge(AgentMetadata honest, string name, ulong incarnation) => MetadataCodec.Encode(new AgentMetadata
    {
        Agent = name,
        Incarnation = incarnation,
        IssuedAt = honest.IssuedAt,
        NativeBlob = honest.NativeBlob,
        Pools = honest.Pools,
    });
}
