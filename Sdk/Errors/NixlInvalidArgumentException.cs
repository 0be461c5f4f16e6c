namespace Nixl.Sdk;

/// <summary>An argument is wrong: index out of range, unequal counts, swapped sides, overlapping destinations and the like.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class NixlInvalidArgumentException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
