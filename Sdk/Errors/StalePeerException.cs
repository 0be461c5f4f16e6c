namespace Nixl.Sdk;

/// <summary>The peer was invalidated, or it restarted: its incarnation is another one. Exchange metadata and connect again.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class StalePeerException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
