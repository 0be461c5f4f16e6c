namespace Nixl.Sdk.Serving;

/// <summary>One rank of a remote engine: an agent, and where its metadata is.</summary>
/// <param name="Agent">The agent's name.</param>
/// <param name="Host">Where its <see cref="Metadata.DirectMetadataExchange"/> listens; null if the exchange knows that itself.</param>
/// <param name="Port">The port there, 1 to 65,535; 0 without a host.</param>
public sealed record KvPeerRank(string Agent, string? Host = null, int Port = 0);
