namespace Nixl.Sdk;

/// <summary>
/// Base of every failure that this SDK reports by itself. Says which peer, which entry of the caller's arrays and which address
/// range, as far as they are known, and in <see cref="Exception.Message"/> what to do.
/// </summary>
/// <remarks>Cancellation is an <see cref="OperationCanceledException"/> and a disposed object an
/// <see cref="ObjectDisposedException"/>, as everywhere in .NET. Immutable once thrown; thread-safe.</remarks>
public class NixlException : Exception
{
    /// <summary>Makes a failure.</summary>
    /// <param name="status">Its code.</param>
    /// <param name="message">What is wrong and what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public NixlException(NixlStatus status, string message, Exception? innerException = null)
        : base(message, innerException) => Status = status;

    /// <summary>The code, NIXL's numbers where NIXL has one.</summary>
    public NixlStatus Status { get; }

    /// <summary>Name of the peer's agent, or null if no peer is involved.</summary>
    public string? Peer { get; init; }

    /// <summary>Index into the array that the caller passed (block ids, regions), or null if unknown.</summary>
    public long? Entry { get; init; }

    /// <summary>Start of the range that failed, in its owner's address space, or null if unknown.</summary>
    public ulong? Address { get; init; }

    /// <summary>Bytes of the range that failed, or null if unknown.</summary>
    public ulong? Length { get; init; }

    /// <summary>errno or the provider's own code, or 0.</summary>
    public int SystemError { get; init; }
}
