namespace Nixl.Sdk.Serving;

/// <summary>The last so many different things that were added. Not thread-safe.</summary>
internal sealed class RecentSet<T>(int capacity)
    where T : notnull
{
    private readonly HashSet<T> _items = [];
    private readonly Queue<T> _order = new();

    public void Add(T item)
    {
        if (!_items.Add(item)) return;
        _order.Enqueue(item);
        if (_order.Count > capacity) _items.Remove(_order.Dequeue());
    }

    public bool Contains(T item) => _items.Contains(item);
}
