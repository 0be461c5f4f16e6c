namespace Nixl.Sdk.Planning;

/// <summary>Makes <see cref="KvList{T}"/>s; also the target of collection expressions.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class KvList
{
#if NIXL_GENERATOR
    public static KvList<T> Create<T>(params T[] items) => items.Length == 0 ? KvList<T>.Empty : new KvList<T>((T[])items.Clone());
#else
    /// <summary>A list of copies of <paramref name="items"/>.</summary>
    public static KvList<T> Create<T>(System.ReadOnlySpan<T> items) => items.IsEmpty ? KvList<T>.Empty : new KvList<T>(items.ToArray());
#endif
}
