namespace Nixl.Sdk;

/// <summary>libnixlsdk.so is missing, cannot be loaded, or is of another version than this SDK.</summary>
/// <param name="status">Its code.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class NativeLibraryException(NixlStatus status, string message, Exception? innerException = null)
    : NixlException(status, message, innerException);
