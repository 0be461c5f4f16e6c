namespace Nixl.Sdk.Metadata;

/// <summary>
/// The binary envelope of <see cref="AgentMetadata"/>: versioned, bounded and additive. Thread-safe.
/// </summary>
/// <remarks>
/// <para>All numbers are little-endian. Header, 16 bytes: magic "NXMD", u16 major, u16 minor, u32 total length, u8 seal
/// kind (1 SHA-256, 2 HMAC-SHA256), u8 zero, u16 header length. Then sections {u16 id, u16 flags, u32 length, body} up to
/// the seal, 32 bytes over everything before it.</para>
/// <para>How it may grow: fields are appended to a section, a group record or a tensor entry, all of which carry their
/// length; new sections get new ids. A reader skips what it does not know, unless the section's flag 1 says that it must
/// be understood. Another major version is refused.</para>
/// <para>Decoding allocates at most a small multiple of the bytes given, whatever they say.</para>
/// </remarks>
public static partial class MetadataCodec
{
    /// <summary>Writes metadata.</summary>
    /// <param name="metadata">What to write. <see cref="AgentMetadata.IsAuthenticated"/> is not written: it follows from the key.</param>
    /// <param name="options">Key and size limit; null for no key.</param>
    /// <exception cref="ArgumentException">A value breaks the form's limits; the message names it.</exception>
    public static byte[] Encode(AgentMetadata metadata, MetadataOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        options ??= MetadataOptions.Default;
        options.Validate();

        var writer = new MetadataWriter();
        writer.U32(MetadataFormat.Magic);
        writer.U16(MetadataFormat.Major);
        writer.U16(MetadataFormat.Minor);
        writer.U32(0); // total length, below
        writer.U8(MetadataSeal.KindFor(options.Key));
        writer.U8(0);
        writer.U16(MetadataFormat.HeaderBytes);

        WriteIdentity(writer, metadata);
        WriteNative(writer, metadata);
        if (metadata.Pools.Count > MetadataFormat.MaxPools)
            throw new ArgumentException($"An agent can advertise {MetadataFormat.MaxPools} pools; these are {metadata.Pools.Count}.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var pool in metadata.Pools)
        {
            if (!names.Add(pool.Name)) throw new ArgumentException($"Two pools are named '{pool.Name}'; give each its own name.");
            PoolCodec.Write(writer, pool);
        }

        var total = writer.Length + MetadataFormat.SealBytes;
        if (total > options.MaxBytes)
            throw new ArgumentException($"The metadata of '{metadata.Agent}' has {total} bytes; MetadataOptions.MaxBytes allows {options.MaxBytes}.");
        writer.PatchU32(8, (uint)total);
        var bytes = new byte[total];
        writer.Written.CopyTo(bytes);
        MetadataSeal.Compute(options.Key, writer.Written, bytes.AsSpan(writer.Length));
        return bytes;
    }

    private static void WriteIdentity(MetadataWriter writer, AgentMetadata metadata)
    {
        if (metadata.Incarnation == 0) throw new ArgumentException("The incarnation must not be zero.");
        var issued = metadata.IssuedAt.ToUnixTimeMilliseconds();
        var expires = metadata.ExpiresAt?.ToUnixTimeMilliseconds() ?? 0;
        if (issued <= 0) throw new ArgumentException("IssuedAt must be after 1970.");
        if (metadata.ExpiresAt is not null && expires <= issued) throw new ArgumentException("ExpiresAt must be after IssuedAt.");

        var body = OpenSection(writer, MetadataFormat.SectionIdentity, MetadataFormat.SectionCritical);
        writer.Name(metadata.Agent, "Agent");
        writer.U64(metadata.Incarnation);
        writer.I64(issued);
        writer.I64(expires);
        if (metadata.Audience is null) writer.U16(0);
        else writer.Name(metadata.Audience, "Audience");
        writer.CloseLength(body);
    }

    private static void WriteNative(MetadataWriter writer, AgentMetadata metadata)
    {
        var body = OpenSection(writer, MetadataFormat.SectionNative, MetadataFormat.SectionCritical);
        writer.Bytes(metadata.NativeBlob.Span);
        writer.CloseLength(body);
    }

    internal static int OpenSection(MetadataWriter writer, ushort id, ushort flags)
    {
        writer.U16(id);
        writer.U16(flags);
        return writer.OpenLength();
    }
}
