namespace Nixl.Sdk.Serving;

/// <summary>
/// The wire form: 4 bytes that no text begins with, a version, a kind, and the kind's fields. Numbers are LEB128 unless fixed; lists
/// and texts have their length first. A receiver refuses bytes that are left over, so a new field needs a new version.
/// </summary>
internal static class KvMessageFormat
{
    public const byte Version = 1;

    /// <summary>Of a request, an offer or a declaration with checksums; everything else has the first version.</summary>
    public const byte ChecksumVersion = 2;
    public const int HeaderBytes = 6;
    public const int MaxName = 256;
    public const int MaxReason = 1024;
    public const int MaxGroups = 64;

    /// <summary>Bytes of a message in each of its parts; what is beside them fits the rest of a notification.</summary>
    public const int PartBytes = NixlAgent.MaxNotificationBytes - 32;

    /// <summary>0xE7 begins a character of three bytes in UTF-8, and N does not continue it.</summary>
    public static ReadOnlySpan<byte> Magic => [0xE7, (byte)'N', (byte)'K', (byte)'V'];

    /// <summary>The longest time that a message can name.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromDays(1);

    /// <summary>Whether a notification is the connector's and not the engine's own.</summary>
    public static bool IsMessage(ReadOnlySpan<byte> payload) => payload.StartsWith(Magic);
}
