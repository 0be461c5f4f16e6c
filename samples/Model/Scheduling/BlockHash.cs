using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// What a full block of tokens holds, by content: a hash over its tokens and the hash of the block before it, and so over the whole prefix. Two
/// blocks with one hash hold the same keys and values. SHA-256, cut to 128 bits: a collision would be a wrong answer that nobody notices.
/// </summary>
/// <param name="Value">The hash.</param>
public readonly record struct BlockHash(UInt128 Value)
{
    /// <summary>The hash of a block that follows <paramref name="parent"/>; the first block of a sequence follows <c>default</c>.</summary>
    public static BlockHash Chain(BlockHash parent, ReadOnlySpan<int> tokens)
    {
        Span<byte> start = stackalloc byte[16], digest = stackalloc byte[SHA256.HashSizeInBytes];
        BinaryPrimitives.WriteUInt128LittleEndian(start, parent.Value);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(start);
        hash.AppendData(MemoryMarshal.AsBytes(tokens));
        hash.GetHashAndReset(digest);
        return new BlockHash(BinaryPrimitives.ReadUInt128LittleEndian(digest));
    }
}
