using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>Options of a <see cref="KvPool{TLayout}"/>.</summary>
/// <remarks>Not thread-safe while being filled; read once when the pool is made.</remarks>
public sealed class KvPoolOptions
{
    /// <summary>Name under which the agent advertises the pool, [A-Za-z0-9._-]{1,128}; null for the layout type's name.</summary>
    public string? Name { get; set; }

    /// <summary>The rank that holds the pool. Default: one process holds everything.</summary>
    public KvParallel Parallel { get; set; } = KvParallel.Single;

    /// <summary>Blocks of each group where they differ; null for the same number in all groups.</summary>
    public KvList<long>? BlocksPerGroup { get; set; }

    /// <summary>Whether allocated memory asks for huge pages. Ignored when binding.</summary>
    public HugePages HugePages { get; set; } = HugePages.Try;
}
