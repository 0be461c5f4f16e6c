namespace Nixl.Sdk.Diagnostics;

/// <summary>The living objects of a kind whose snapshots a meter reads. A forgotten one is no leak. Thread-safe.</summary>
internal sealed class Watched<T>
    where T : class
{
    private readonly Lock _sync = new();
    private readonly List<WeakReference<T>> _all = [];

    public void Add(T watched)
    {
        lock (_sync) _all.Add(new WeakReference<T>(watched));
    }

    public void Remove(T watched)
    {
        lock (_sync) _all.RemoveAll(other => !other.TryGetTarget(out var target) || target == watched);
    }

    public List<T> Living()
    {
        lock (_sync)
        {
            _all.RemoveAll(static other => !other.TryGetTarget(out _));
            return [.. _all.Select(static other => other.TryGetTarget(out var target) ? target : null).OfType<T>()];
        }
    }
}
