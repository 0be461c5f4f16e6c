using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// A KV-cache layout as data: what a layout type declares, or what a program builds from numbers it knows only at run time.
/// Describes the whole model; a rank's share follows from <see cref="KvParallel"/>. Immutable, compared by value, thread-safe.
/// </summary>
/// <param name="Name">For messages only; never compared with the other side.</param>
/// <param name="Groups">The groups of layers, in declaration order.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvSchema(string Name, KvList<KvGroupSchema> Groups)
{
    /// <summary>The tensor-parallel sizes that a program is deployed with; empty is any. Used for checks only.</summary>
    public KvList<int> TpSizes { get; init; } = KvList<int>.Empty;

    /// <summary>The index of the group with this name, or -1.</summary>
    public int IndexOfGroup(string name)
    {
        for (var i = 0; i < Groups.Count; i++)
        {
            if (string.Equals(Groups[i].Name, name, System.StringComparison.Ordinal))
                return i;
        }
        return -1;
    }
}
