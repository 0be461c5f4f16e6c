using System.Security.Cryptography;

namespace Nixl.Sdk.Metadata;

/// <summary>The 32 bytes at the end of the metadata that cover everything before them.</summary>
internal static class MetadataSeal
{
    public static byte KindFor(ReadOnlyMemory<byte> key) => key.IsEmpty ? MetadataFormat.SealSha256 : MetadataFormat.SealHmacSha256;

    public static void Compute(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> covered, Span<byte> seal)
    {
        if (key.IsEmpty) SHA256.HashData(covered, seal);
        else HMACSHA256.HashData(key.Span, covered, seal);
    }

    public static void Verify(byte kind, int kindOffset, ReadOnlyMemory<byte> key, ReadOnlySpan<byte> covered, ReadOnlySpan<byte> seal)
    {
        if (kind is not (MetadataFormat.SealSha256 or MetadataFormat.SealHmacSha256))
            throw new MetadataException("seal kind", kindOffset, $"kind {kind} is not known here");
        if (key.IsEmpty && kind == MetadataFormat.SealHmacSha256)
            throw new MetadataException("seal kind", kindOffset,
                "it is authenticated with a pre-shared key and this agent has none, so it cannot be checked; configure the same key on both sides");
        if (!key.IsEmpty && kind == MetadataFormat.SealSha256)
            throw new MetadataException("seal kind", kindOffset,
                "it is not authenticated and this agent demands the pre-shared key; configure the same key on both sides");

        Span<byte> expected = stackalloc byte[MetadataFormat.SealBytes];
        Compute(key, covered, expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, seal))
            throw new MetadataException("seal", covered.Length, key.IsEmpty
                ? "the SHA-256 does not match; the metadata was corrupted on its way"
                : "the HMAC does not match; the two sides' keys differ or the metadata was changed on its way");
    }
}
