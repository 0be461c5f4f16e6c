namespace Nixl.Sdk.Serving;

/// <summary>A writer's heartbeats stayed away, so the lease is not served any more. Dispose it and reserve anew.</summary>
/// <param name="message">What is wrong and what to do.</param>
public sealed class LeaseExpiredException(string message) : NixlException(NixlStatus.Timeout, message);
