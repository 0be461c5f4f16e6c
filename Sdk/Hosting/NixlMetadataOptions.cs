using System.ComponentModel.DataAnnotations;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Hosting;

/// <summary>How an agent's metadata is protected and how long it is valid; see <see cref="MetadataOptions"/>.</summary>
/// <remarks>Not thread-safe while being filled; only read once the host has started.</remarks>
public sealed class NixlMetadataOptions
{
    /// <summary>The fleet's pre-shared key in base64, at least 16 bytes. [none]</summary>
    public string? Key { get; set; }

    /// <summary>A file with the key's bytes, instead of <see cref="Key"/>. [none]</summary>
    public string? KeyFile { get; set; }

    /// <summary>How long exported metadata is valid. [for ever]</summary>
    public TimeSpan? Lifetime { get; set; }

    /// <summary>By how much clocks may differ before an expiry counts. [30 s]</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The only agent that may use the metadata. [any]</summary>
    [RegularExpression(NixlAgentOptions.NamePattern, ErrorMessage = "Metadata.Audience must match " + NixlAgentOptions.NamePattern + ".")]
    public string? Audience { get; set; }

    /// <summary>Largest metadata that is written or read, in bytes. [4 MiB]</summary>
    [Range(1024, 1 << 30)]
    public int MaxBytes { get; set; } = 4 * 1024 * 1024;
}
