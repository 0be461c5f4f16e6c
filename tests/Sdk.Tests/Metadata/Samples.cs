using System.Security.Cryptography;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Tests.Metadata;

/// <summary>Metadata that uses every field of the form.</summary>
internal static class Samples
{
    public static readonly byte[] Key = SHA256.HashData("a key for tests"u8);
    public static readonly byte[] OtherKey = SHA256.HashData("another key"u8);
    public static readonly DateTimeOffset Issued = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static AgentMetadata Full() => new()
    {
        Agent = "decode-0",
        Incarnation = 0x1122334455667788,
        IssuedAt = Issued,
        ExpiresAt = Issued.AddMinutes(10),
        Audience = "prefill-0",
        NativeBlob = RandomBytes(1, 300),
        Pools = [Pool("kv", 2, 3), Pool("draft", 1, 1)],
    };

    public static AgentMetadata Small() => new()
    {
        Agent = "a",
        Incarnation = 1,
        IssuedAt = Issued,
        NativeBlob = new byte[] { 1, 2, 3 },
    };

    public static PoolAdvertisement Pool(string name, int groups, int tensors) => new()
    {
        Name = name,
        Model = new ModelIdentity("tiny-llama", "sha256:abc", "yarn-8"),
        CanonicalText = "layout 1\ngroup kv\norder L P | B N H D\n",
        ContentHash = RandomBytes(2, 32),
        PlacementHash = RandomBytes(3, 32),
        Tp = 8,
        TpRank = 3,
        Pp = 2,
        PpRank = 1,
        Groups = [.. Enumerable.Range(0, groups).Select(g => new PoolGroupAdvertisement
        {
            Name = $"group{g}",
            Blocks = 4096 + g,
            PhysicalBlocksPerBlock = 1 + g,
            ComponentHashes = [LayoutHash.Of("Key"), LayoutHash.Of($"Value {g}")],
            Tensors = [.. Enumerable.Range(0, tensors).Select(t => new PoolTensorAdvertisement(
                0x7f00_0000_0000UL + (ulong)t * 0x1_0000_0000UL, 6_000_000_000, 4096, 0, MemoryKind.Dram))],
        })],
    };

    public static byte[] RandomBytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static void AssertEqual(AgentMetadata expected, AgentMetadata actual)
    {
        Assert.Equal(expected.Agent, actual.Agent);
        Assert.Equal(expected.Incarnation, actual.Incarnation);
        Assert.Equal(expected.IssuedAt, actual.IssuedAt);
        Assert.Equal(expected.ExpiresAt, actual.ExpiresAt);
        Assert.Equal(expected.Audience, actual.Audience);
        Assert.Equal(expected.NativeBlob.ToArray(), actual.NativeBlob.ToArray());
        Assert.Equal(expected.Pools.Count, actual.Pools.Count);
        foreach (var (want, got) in expected.Pools.Zip(actual.Pools))
        {
            Assert.Equal(want.Name, got.Name);
            Assert.Equal(want.Model, got.Model);
            Assert.Equal(want.CanonicalText, got.CanonicalText);
            Assert.Equal(want.ContentHash.ToArray(), got.ContentHash.ToArray());
            Assert.Equal(want.PlacementHash.ToArray(), got.PlacementHash.ToArray());
            Assert.Equal((want.Tp, want.TpRank, want.Pp, want.PpRank), (got.Tp, got.TpRank, got.Pp, got.PpRank));
            Assert.Equal(want.Groups.Select(g => (g.Name, g.Blocks, g.PhysicalBlocksPerBlock)), got.Groups.Select(g => (g.Name, g.Blocks, g.PhysicalBlocksPerBlock)));
            foreach (var (wantGroup, gotGroup) in want.Groups.Zip(got.Groups))
            {
                Assert.Equal(wantGroup.Tensors, gotGroup.Tensors);
                Assert.Equal(wantGroup.ComponentHashes, gotGroup.ComponentHashes);
            }
        }
    }

    /// <summary>Writes the length and the SHA-256 anew, so that a test reaches the code behind them.</summary>
    public static byte[] Reseal(ReadOnlySpan<byte> bytes)
    {
        var sealedBytes = bytes.ToArray();
        BitConverter.TryWriteBytes(sealedBytes.AsSpan(8), sealedBytes.Length);
        SHA256.HashData(sealedBytes.AsSpan(0, sealedBytes.Length - 32), sealedBytes.AsSpan(sealedBytes.Length - 32));
        return sealedBytes;
    }
}
