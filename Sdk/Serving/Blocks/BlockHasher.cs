using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Hashes token blocks, each chained to the one before: equal hashes mean equal tokens at equal positions behind equal tokens, for the
/// same model and salt. The same on every machine, so that a router can ask for a prefix by hash.
/// </summary>
/// <remarks>Immutable, thread-safe. Hashing allocates nothing.</remarks>
public sealed class BlockHasher
{
    private const int HashBytes = 16;
    private const int OnStack = 2048;

    // Text that is none would all become the same replacement character, and two salts one.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly BlockHash _root;

    /// <summary>A hasher for one model.</summary>
    /// <param name="model">The model: two fine-tunes never share a block.</param>
    /// <param name="blockTokens">Tokens of a block, at least 1.</param>
    /// <param name="salt">Separates what must not be shared although the tokens are equal: tenants, adapters (LoRA), images behind
    /// placeholder tokens.</param>
    /// <exception cref="ArgumentException">A text is no valid UTF-16 (half of a surrogate pair).</exception>
    public BlockHasher(ModelIdentity model, int blockTokens, string salt = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(salt);
        ArgumentOutOfRangeException.ThrowIfLessThan(blockTokens, 1);
        BlockTokens = blockTokens;
        // Each text with its length before it: no two lists of texts give the same bytes.
        var seed = new ArrayBufferWriter<byte>();
        BinaryPrimitives.WriteInt32LittleEndian(seed.GetSpan(4), blockTokens);
        seed.Advance(4);
        foreach (var text in (ReadOnlySpan<string>)[model.Name, model.Revision, model.RopeScaling, salt])
        {
            BinaryPrimitives.WriteInt32LittleEndian(seed.GetSpan(4), Utf8.GetByteCount(text));
            seed.Advance(4);
            Utf8.GetBytes(text, seed);
        }
        _root = Hash(seed.WrittenSpan);
    }

    /// <summary>Tokens of a block.</summary>
    public int BlockTokens { get; }

    /// <summary>Hashes every full block of a prompt; tokens of a last block that is not full have no hash.</summary>
    /// <param name="tokens">The prompt from its first token.</param>
    /// <param name="hashes">Where they go; at least <c>tokens.Length / BlockTokens</c>.</param>
    /// <returns>The number of hashes.</returns>
    /// <exception cref="ArgumentException"><paramref name="hashes"/> is too short.</exception>
    public int Chain(ReadOnlySpan<int> tokens, Span<BlockHash> hashes)
    {
        var full = tokens.Length / BlockTokens;
        if (hashes.Length < full)
            throw new ArgumentException($"{tokens.Length} tokens are {full} full blocks of {BlockTokens}; there is room for {hashes.Length} hashes.", nameof(hashes));
        for (var i = 0; i < full; i++)
            hashes[i] = Next(i == 0 ? null : hashes[i - 1], tokens.Slice(i * BlockTokens, BlockTokens));
        return full;
    }

    /// <summary>Hashes one full block behind another one: for blocks that fill up while tokens are generated.</summary>
    /// <param name="previous">The hash of the block before; null for a prompt's first block.</param>
    /// <param name="tokens">Exactly <see cref="BlockTokens"/> tokens.</param>
    /// <exception cref="ArgumentException">The block is not full.</exception>
    public BlockHash Next(BlockHash? previous, ReadOnlySpan<int> tokens)
    {
        if (tokens.Length != BlockTokens)
            throw new ArgumentException($"A block of {tokens.Length} tokens has no hash; full ones have {BlockTokens}.", nameof(tokens));
        var length = HashBytes + tokens.Length * sizeof(int);
        var rented = length > OnStack ? ArrayPool<byte>.Shared.Rent(length) : null;
        var bytes = (rented ?? stackalloc byte[OnStack])[..length];
        var parent = previous ?? _root;
        BinaryPrimitives.WriteUInt64BigEndian(bytes, parent.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], parent.Low);
        for (var i = 0; i < tokens.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes[(HashBytes + i * sizeof(int))..], tokens[i]);
        var hash = Hash(bytes);
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        return hash;
    }

    private static BlockHash Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, digest);
        return new BlockHash(BinaryPrimitives.ReadUInt64BigEndian(digest), BinaryPrimitives.ReadUInt64BigEndian(digest[8..]));
    }
}
