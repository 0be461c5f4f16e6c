using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>One component of a page: keys, values, scales, a latent, a state part. Immutable, compared by value.</summary>
/// <param name="Name">Unique within the group; matched by name with the other side.</param>
/// <param name="Type">The type of one element.</param>
/// <param name="Shape">Elements per (layer, head, token) that the order contains, outermost first; the D dimension is their product.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvComponentSchema(string Name, ElementType Type, KvList<int> Shape)
{
    /// <summary>Replaces what follows the innermost of B and P in the group's order; null keeps the group's.</summary>
    public string? Order { get; init; }

    /// <summary>How tensor parallelism splits the component.</summary>
    public KvShard Shard { get; init; }

    /// <summary>The number of equal parts of the first shape dimension, for <see cref="KvShard.Units"/>; else 0.</summary>
    public int Units { get; init; }

    /// <summary>The component whose values this one scales, or null.</summary>
    public string? ScaleOf { get; init; }

    /// <summary>False: the component has its place in the page but is not moved.</summary>
    public bool Transfer { get; init; } = true;

    /// <summary>
    /// Where the engine says that the component begins, in bytes within what P stands in (a token's entry, a block's page) of the
    /// whole model; -1 if not given. A check only: no part of the canonical text.
    /// </summary>
    public long At { get; init; } = -1;
}
