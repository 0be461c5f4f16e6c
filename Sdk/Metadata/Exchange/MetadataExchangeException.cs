namespace Nixl.Sdk.Metadata;

/// <summary>A peer's metadata could not be had.</summary>
public sealed class MetadataExchangeException : NixlException
{
    /// <summary>Creates it.</summary>
    /// <param name="status">Timeout, NotFound (the peer does not offer it), Permission (authentication failed), Mismatch
    /// (the other end does not speak this protocol), RemoteDisconnect, Busy or Backend.</param>
    /// <param name="message">What happened, where, and what to do.</param>
    /// <param name="peer">The agent whose metadata was asked for.</param>
    /// <param name="inner">The cause.</param>
    public MetadataExchangeException(NixlStatus status, string message, string? peer = null, Exception? inner = null)
        : base(status, message, inner) => Peer = peer;
}
