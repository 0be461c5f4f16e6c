namespace Nixl.Sdk;

/// <summary>No such peer, registration, list or operation: for example a piece that no registration covers.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class NixlNotFoundException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
