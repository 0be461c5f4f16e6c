namespace Nixl.Sdk.Serve;

/// <summary>What a connection of an engine is for.</summary>
internal enum CutKind
{
    /// <summary>HTTP: requests and statuses, and the engine's announcements at its router.</summary>
    Http,

    /// <summary>An agent's control connection: over a Unix socket (local transport) or TCP (fabric).</summary>
    Control,

    /// <summary>Any other TCP connection: over them libfabric moves the KV cache, and metadata is fetched.</summary>
    Data,
}
