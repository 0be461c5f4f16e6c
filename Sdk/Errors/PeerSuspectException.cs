namespace Nixl.Sdk;

/// <summary>The peer has been silent for too long; new work is refused until it is heard again.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class PeerSuspectException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
