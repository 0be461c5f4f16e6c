using System.Collections;

namespace Nixl.Sdk.Planning;

/// <summary>An immutable list compared by its elements, so that schemas and plans are values. Thread-safe.</summary>
/// <typeparam name="T">The element type; its own equality is used.</typeparam>
#if !NIXL_GENERATOR
[System.Runtime.CompilerServices.CollectionBuilder(typeof(KvList), nameof(KvList.Create))]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1710", Justification = "A list that is a value, not a collection to fill.")]
#endif
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed class KvList<T> : IReadOnlyList<T>, System.IEquatable<KvList<T>>
{
    private readonly T[] _items;

    /// <summary>Takes ownership of <paramref name="items"/>: the caller must not change it afterwards.</summary>
    internal KvList(T[] items) => _items = items;

#pragma warning disable CA1000 // KvList<T>.Empty reads like ImmutableArray<T>.Empty.
    /// <summary>The empty list.</summary>
    public static KvList<T> Empty { get; } = new([]);
#pragma warning restore CA1000

    /// <inheritdoc/>
    public int Count => _items.Length;

    /// <inheritdoc/>
    public T this[int index] => _items[index];

#if !NIXL_GENERATOR
    /// <summary>The elements without a copy.</summary>
    public System.ReadOnlySpan<T> AsSpan() => _items;
#endif

    /// <summary>Enumerates without an allocation.</summary>
    public Enumerator GetEnumerator() => new(_items);

    IEnumerator<T> IEnumerable<T>.GetEnumerator() => ((IEnumerable<T>)_items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _items.GetEnumerator();

    /// <inheritdoc/>
    public bool Equals(KvList<T>? other)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is null || other._items.Length != _items.Length)
            return false;
        for (var i = 0; i < _items.Length; i++)
        {
            if (!EqualityComparer<T>.Default.Equals(_items[i], other._items[i]))
                return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as KvList<T>);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = 17;
        foreach (var item in _items)
            hash = unchecked(hash * 31 + (item is null ? 0 : EqualityComparer<T>.Default.GetHashCode(item)));
        return hash;
    }

    /// <summary>The elements in brackets.</summary>
    public override string ToString() => "[" + string.Join(", ", _items) + "]";

    /// <summary>Enumerates a <see cref="KvList{T}"/>.</summary>
    public struct Enumerator
    {
        private readonly T[] _items;
        private int _index;

        internal Enumerator(T[] items)
        {
            _items = items;
            _index = -1;
        }

        /// <summary>The current element.</summary>
        public readonly T Current => _items[_index];

        /// <summary>Goes to the next element.</summary>
        public bool MoveNext() => ++_index < _items.Length;
    }
}
