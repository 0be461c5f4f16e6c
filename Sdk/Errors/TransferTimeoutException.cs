namespace Nixl.Sdk;

/// <summary>The deadline passed. The buffers stay locked until the transfer is quiesced.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class TransferTimeoutException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
