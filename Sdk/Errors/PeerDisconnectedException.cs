namespace Nixl.Sdk;

/// <summary>The peer's process is gone or its connection broke. What it had not confirmed may or may not have arrived.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class PeerDisconnectedException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
