namespace Nixl.Sdk.Metadata;

public static partial class MetadataCodec
{
    /// <summary>Reads and checks metadata.</summary>
    /// <param name="bytes">Untrusted bytes.</param>
    /// <param name="options">The key that is demanded, the clock and the limits; null for no key.</param>
    /// <param name="recipient">Name of the agent that will use it; null leaves its audience unchecked (a tool that only looks).</param>
    /// <exception cref="MetadataException">
    /// It is truncated, corrupted, not authenticated by the key, expired, of another major version, or for another agent.
    /// The exception names the field and its offset.
    /// </exception>
    public static AgentMetadata Decode(ReadOnlySpan<byte> bytes, MetadataOptions? options = null, string? recipient = null)
    {
        options ??= MetadataOptions.Default;
        options.Validate();
        var sections = Open(bytes, options);

        var state = new DecodeState();
        while (sections.Remaining > 0) ReadSection(ref sections, ref state);

        if (state.Agent is null) throw MetadataReader.Fail("identity section", sections.Offset, "it is missing");
        if (state.Native is null) throw MetadataReader.Fail("native section", sections.Offset, "it is missing");
        CheckUse(state, options, recipient);
        return new AgentMetadata
        {
            Agent = state.Agent,
            Incarnation = state.Incarnation,
            IssuedAt = DateTimeOffset.FromUnixTimeMilliseconds(state.Issued),
            ExpiresAt = state.Expires == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(state.Expires),
            Audience = state.Audience,
            NativeBlob = state.Native,
            Pools = state.Pools is null ? [] : state.Pools,
            IsAuthenticated = !options.Key.IsEmpty,
        };
    }

    /// <summary>Header and seal; leaves a reader over the sections. Nothing behind the header is looked at before the seal holds.</summary>
    private static MetadataReader Open(ReadOnlySpan<byte> bytes, MetadataOptions options)
    {
        if (bytes.Length > options.MaxBytes)
            throw MetadataReader.Fail("total length", 8, $"{bytes.Length} bytes are more than the {options.MaxBytes} that MetadataOptions.MaxBytes allows");
        var header = new MetadataReader(bytes, 0);
        if (header.U32("magic") != MetadataFormat.Magic)
            throw MetadataReader.Fail("magic", 0, "these bytes are not an agent's metadata");
        var major = header.U16("version");
        var minor = header.U16("version");
        if (major != MetadataFormat.Major)
            throw MetadataReader.Fail("version", 4, $"version {major}.{minor} cannot be read here (this release reads {MetadataFormat.Major}.x); bring both sides to compatible releases");
        var total = header.U32("total length");
        if (total != (uint)bytes.Length)
            throw MetadataReader.Fail("total length", 8, $"it says {total} bytes and {bytes.Length} are here; the metadata is truncated or something was appended");
        var sealKind = header.U8("seal kind");
        header.U8("reserved");
        var headerBytes = header.U16("header length");
        if (headerBytes < MetadataFormat.HeaderBytes || headerBytes > bytes.Length - MetadataFormat.SealBytes)
            throw MetadataReader.Fail("header length", 14, $"{headerBytes} does not fit into {bytes.Length} bytes with a seal of {MetadataFormat.SealBytes}");

        var covered = bytes[..^MetadataFormat.SealBytes];
        MetadataSeal.Verify(sealKind, 12, options.Key, covered, bytes[^MetadataFormat.SealBytes..]);
        return new MetadataReader(covered[headerBytes..], headerBytes);
    }

    private static void ReadSection(ref MetadataReader sections, ref DecodeState state)
    {
        var start = sections.Offset;
        var id = sections.U16("section id");
        var flags = sections.U16("section flags");
        var body = sections.Sub(sections.U32("section length"), "section length");
        switch (id)
        {
            case MetadataFormat.SectionIdentity:
                if (state.Agent is not null) throw MetadataReader.Fail("identity section", start, "it is there twice");
                ReadIdentity(ref body, ref state);
                break;
            case MetadataFormat.SectionNative:
                if (state.Native is not null) throw MetadataReader.Fail("native section", start, "it is there twice");
                state.Native = body.Take(body.Remaining, "native section").ToArray();
                break;
            case MetadataFormat.SectionPool:
                state.Pools ??= [];
                if (state.Pools.Count == MetadataFormat.MaxPools)
                    throw MetadataReader.Fail("pool section", start, $"there are more than {MetadataFormat.MaxPools} pools");
                var pool = PoolCodec.Read(ref body);
                foreach (var other in state.Pools)
                    if (other.Name == pool.Name) throw MetadataReader.Fail("pool name", start, $"two pools are named '{pool.Name}'");
                state.Pools.Add(pool);
                break;
            default:
                if ((flags & MetadataFormat.SectionCritical) != 0)
                    throw MetadataReader.Fail("section id", start, $"section {id} must be understood and is not known to this release; upgrade this side");
                break; // added by a later release and safe to skip
        }
    }

    private static void ReadIdentity(ref MetadataReader body, ref DecodeState state)
    {
        state.Agent = body.Name("agent");
        var start = body.Offset;
        state.Incarnation = body.U64("incarnation");
        if (state.Incarnation == 0) throw MetadataReader.Fail("incarnation", start, "it is zero");
        state.Issued = ReadTime(ref body, "issued");
        state.ExpiresOffset = body.Offset;
        state.Expires = ReadTime(ref body, "expires");
        if (state.Issued == 0) throw MetadataReader.Fail("issued", state.ExpiresOffset - 8, "it is missing");
        if (state.Expires != 0 && state.Expires <= state.Issued)
            throw MetadataReader.Fail("expires", state.ExpiresOffset, "it is not after the time of issue");
        state.AudienceOffset = body.Offset;
        var audience = body.Text("audience", MetadataFormat.MaxName);
        if (audience.Length == 0) return;
        if (!MetadataFormat.IsName(audience)) throw MetadataReader.Fail("audience", state.AudienceOffset, "it is not an agent name");
        state.Audience = audience;
    }

    private static long ReadTime(ref MetadataReader body, string field)
    {
        var start = body.Offset;
        var milliseconds = body.I64(field);
        return milliseconds >= 0 && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? milliseconds
            : throw MetadataReader.Fail(field, start, $"{milliseconds} ms is not a time");
    }

    private static void CheckUse(in DecodeState state, MetadataOptions options, string? recipient)
    {
        if (recipient is not null && state.Audience is not null && state.Audience != recipient)
            throw new MetadataException("audience", state.AudienceOffset,
                $"it was issued for agent '{state.Audience}' and this is '{recipient}'", state.Agent);
        if (state.Expires == 0) return;
        var expires = DateTimeOffset.FromUnixTimeMilliseconds(state.Expires);
        var now = options.TimeProvider.GetUtcNow();
        if (now - expires > options.ClockSkew)
            throw new MetadataException("expires", state.ExpiresOffset,
                $"it expired at {expires:O} and it is {now:O} here (allowed clock skew {options.ClockSkew}); fetch the peer's metadata anew", state.Agent);
    }

    private struct DecodeState
    {
        public string? Agent;
        public ulong Incarnation;
        public long Issued;
        public long Expires;
        public int ExpiresOffset;
        public string? Audience;
        public int AudienceOffset;
        public byte[]? Native;
        public List<PoolAdvertisement>? Pools;
    }
}
