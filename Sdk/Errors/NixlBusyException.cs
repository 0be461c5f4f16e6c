namespace Nixl.Sdk;

/// <summary>A bounded table is full, or the object is still in use. Trying again later can succeed.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class NixlBusyException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
