namespace Nixl.Sdk;

/// <summary>The agent was closed while the operation was in flight.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class NixlClosedException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
