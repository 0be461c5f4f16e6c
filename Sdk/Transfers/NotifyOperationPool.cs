namespace Nixl.Sdk;

/// <summary>
/// Notify operations waiting for reuse: a bounded array under a lock, because ConcurrentStack and ConcurrentBag allocate per push.
/// Thread-safe.
/// </summary>
internal sealed class NotifyOperationPool(AgentRuntime runtime)
{
    private readonly Lock _sync = new();
    private readonly NotifyOperation?[] _items = new NotifyOperation?[64];
    private int _count;

    public NotifyOperation Rent()
    {
        lock (_sync)
        {
            if (_count > 0)
                return _items[--_count]!;
        }

        return new NotifyOperation(runtime, this);
    }

    public void Return(NotifyOperation operation)
    {
        lock (_sync)
        {
            if (_count < _items.Length)
                _items[_count++] = operation;
        }
    }
}
