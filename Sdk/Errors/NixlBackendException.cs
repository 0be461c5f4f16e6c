namespace Nixl.Sdk;

/// <summary>A transport failed, or none of the allowed transports can do what is asked.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class NixlBackendException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
