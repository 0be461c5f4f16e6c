namespace Nixl.Sdk.Metadata;

/// <summary>A proof did not hold. Internal: it leaves as <see cref="MetadataExchangeException"/> with Permission.</summary>
internal sealed class ExchangeAuthenticationException(string message) : Exception(message);
