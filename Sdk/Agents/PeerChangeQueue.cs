using System.Collections.Concurrent;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk;

/// <summary>Carries peer changes from the pump to the users' handlers: on the thread pool, in order, one at a time.</summary>
internal sealed class PeerChangeQueue(AgentLog log) : IThreadPoolWorkItem
{
    private readonly ConcurrentQueue<PeerStateChangedEventArgs> _queue = new();
    private int _pending;

    /// <summary>Runs the handlers; set once by the agent.</summary>
    public Action<PeerStateChangedEventArgs>? Handler { get; set; }

    public void Add(PeerStateChangedEventArgs change)
    {
        _queue.Enqueue(change);
        if (Interlocked.Increment(ref _pending) == 1)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        do
        {
            _queue.TryDequeue(out var change);
            try
            {
                Handler?.Invoke(change!);
            }
#pragma warning disable CA1031 // A handler's exception must not end the process or stop later changes.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                log.HandlerFailed(exception);
            }
        }
        while (Interlocked.Decrement(ref _pending) > 0);
    }
}
