namespace Nixl.Sdk.Metadata;

/// <summary>How metadata is written and what is demanded of metadata that is read.</summary>
/// <remarks>Thread-safe once it is no longer changed. The key's bytes are not copied; do not clear them while in use.</remarks>
public sealed class MetadataOptions
{
    /// <summary>
    /// The fleet's pre-shared key, at least 16 bytes; empty for none. With a key, metadata is written with an HMAC-SHA256
    /// and only metadata with a matching one is accepted. Without, a SHA-256 detects corruption but not forgery, and
    /// metadata that carries an HMAC is refused because it cannot be checked.
    /// </summary>
    public ReadOnlyMemory<byte> Key { get; set; }

    /// <summary>How long exported metadata is valid; null for no expiry.</summary>
    public TimeSpan? Lifetime { get; set; }

    /// <summary>By how much the clocks of two machines may differ before an expiry counts. Default 30 s.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The only agent that may use the exported metadata; null for any.</summary>
    public string? Audience { get; set; }

    /// <summary>Largest metadata that is read or written, in bytes. Default 4 MiB.</summary>
    public int MaxBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>The clock that issue and expiry are measured with.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>No key, no expiry, the system's clock.</summary>
    internal static MetadataOptions Default { get; } = new();

    internal void Validate()
    {
        if (!Key.IsEmpty && Key.Length < MetadataFormat.MinKeyBytes)
            throw new ArgumentException($"The metadata key has {Key.Length} bytes; it needs at least {MetadataFormat.MinKeyBytes}.");
        if (MaxBytes < 1024) throw new ArgumentException($"MetadataOptions.MaxBytes is {MaxBytes}; it must be at least 1024.");
        if (ClockSkew < TimeSpan.Zero) throw new ArgumentException("MetadataOptions.ClockSkew must not be negative.");
        if (Lifetime is { } lifetime && lifetime <= TimeSpan.Zero)
            throw new ArgumentException("MetadataOptions.Lifetime must be positive, or null for no expiry.");
        if (Audience is not null && !MetadataFormat.IsName(Audience))
            throw new ArgumentException($"MetadataOptions.Audience '{Audience}' is not an agent name ([A-Za-z0-9._-], 1 to 128).");
    }
}
