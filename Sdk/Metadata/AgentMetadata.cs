namespace Nixl.Sdk.Metadata;

/// <summary>What an agent tells its peers: who it is, how to reach its memory, and which pools lie there.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class AgentMetadata
{
    /// <summary>The agent's name, [A-Za-z0-9._-]{1,128}.</summary>
    public required string Agent { get; init; }

    /// <summary>Random per start of the agent; a restarted agent has another one. Never zero.</summary>
    public required ulong Incarnation { get; init; }

    /// <summary>When it was written, by the writer's clock; milliseconds are kept.</summary>
    public required DateTimeOffset IssuedAt { get; init; }

    /// <summary>When it stops being valid; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The only agent that may use it; null for any.</summary>
    public string? Audience { get; init; }

    /// <summary>The pools that the agent offers. Names are distinct.</summary>
    public IReadOnlyList<PoolAdvertisement> Pools { get; init; } = [];

    /// <summary>The native core's part: transports, addresses, regions and keys. Opaque here.</summary>
    public required ReadOnlyMemory<byte> NativeBlob { get; init; }

    /// <summary>True if it was read with a key and its HMAC matched.</summary>
    public bool IsAuthenticated { get; init; }

    /// <summary>The pool of that name, or null.</summary>
    public PoolAdvertisement? FindPool(string name)
    {
        foreach (var pool in Pools)
            if (string.Equals(pool.Name, name, StringComparison.Ordinal)) return pool;
        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Agent} (incarnation {Incarnation:x16}, {Pools.Count} pools, {NativeBlob.Length} native bytes)";
}
