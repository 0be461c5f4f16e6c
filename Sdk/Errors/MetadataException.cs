namespace Nixl.Sdk;

/// <summary>
/// Metadata that cannot be used: truncated, corrupted, oversized, forged, expired, of another version or for somebody else.
/// </summary>
public sealed class MetadataException : NixlException
{
    /// <summary>Makes it from a failure of the native core.</summary>
    /// <param name="status">Its code.</param>
    /// <param name="message">What is wrong and what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public MetadataException(NixlStatus status, string message, Exception? innerException = null)
        : base(status, message, innerException)
    {
    }

    /// <summary>Makes it for one field of the envelope; the status is Mismatch.</summary>
    /// <param name="field">The field that is wrong.</param>
    /// <param name="offset">Offset in bytes where that field begins, from the start of the metadata.</param>
    /// <param name="message">What is wrong with it and what to do.</param>
    /// <param name="peer">The agent that the metadata names, if that is known.</param>
    public MetadataException(string field, int offset, string message, string? peer = null)
        : base(NixlStatus.Mismatch, $"Metadata{(peer is null ? "" : $" of '{peer}'")}: field '{field}' at offset {offset}: {message}.")
    {
        Field = field;
        Offset = offset;
        Peer = peer;
    }

    /// <summary>The field that is wrong; null if the native core found the fault.</summary>
    public string? Field { get; }

    /// <summary>Offset in bytes where that field begins, from the start of the metadata; null if the native core found the fault.</summary>
    public int? Offset { get; }
}
