namespace Nixl.Sdk.Metadata;

/// <summary>The envelope's constants. docs of the form: see <see cref="MetadataCodec"/>.</summary>
internal static class MetadataFormat
{
    /// <summary>"NXMD", read as a little-endian number.</summary>
    public const uint Magic = 0x444D584E;
    public const ushort Major = 1;
    public const ushort Minor = 0;
    public const int HeaderBytes = 16;
    public const int SealBytes = 32;
    public const int SectionHeaderBytes = 8;
    public const int TensorEntryBytes = 40;
    public const int HashBytes = 32;

    public const byte SealSha256 = 1;
    public const byte SealHmacSha256 = 2;

    public const ushort SectionIdentity = 1;
    public const ushort SectionNative = 2;
    public const ushort SectionPool = 3;

    /// <summary>Set on a section that a reader must understand: one it does not know is then an error, not skipped.</summary>
    public const ushort SectionCritical = 1;

    public const int MaxName = 128;
    public const int MaxText = 512;
    public const int MaxCanonicalText = 256 * 1024;
    public const int MaxPools = 256;
    public const int MaxGroups = 256;
    public const int MaxComponents = 256;
    public const int MinKeyBytes = 16;

    /// <summary>Agent and pool names become keys and file names elsewhere, so they match [A-Za-z0-9._-]{1,128}.</summary>
    public static bool IsName(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > MaxName) return false;
        foreach (var c in name)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) return false;
        return true;
    }

    /// <summary>Free text that ends up in messages and logs: bounded and without control characters.</summary>
    public static bool IsText(ReadOnlySpan<char> text, bool allowLines)
    {
        foreach (var c in text)
            if (char.IsControl(c) && !(allowLines && c == '\n')) return false;
        return true;
    }
}
