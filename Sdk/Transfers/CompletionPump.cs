using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// One thread per agent that sleeps in the core, drains events in batches and hands each to its slot. It runs no code of users:
/// continuations and handlers go to the thread pool.
/// </summary>
internal sealed class CompletionPump
{
    private const int Batch = 64;

    // Wake() ends a wait at once; the bound only limits the damage if a wake-up were ever lost.
    private static readonly ulong LongestWaitNs = Durations.ToNanoseconds(TimeSpan.FromSeconds(1));

    private readonly AgentRuntime _runtime;
    private readonly Thread _thread;
    private volatile bool _stop;

    public CompletionPump(AgentRuntime runtime)
    {
        _runtime = runtime;
        _thread = new Thread(Run) { IsBackground = true, Name = $"nixl pump {runtime.Name}" };
    }

    /// <summary>Starts without flowing the creator's execution context: its AsyncLocals are none of the pump's business.</summary>
    public void Start() => _thread.UnsafeStart();

    /// <summary>Whether the caller runs on this pump.</summary>
    public bool IsCurrentThread => Thread.CurrentThread == _thread;

    /// <summary>Stops and joins. The core is still alive.</summary>
    public void Stop()
    {
        _stop = true;
        _runtime.Core.Wake();
        _thread.Join();
    }

    private void Run()
    {
        var events = new NativeEvent[Batch];
        while (!_stop)
        {
            var status = _runtime.Core.Wait(LongestWaitNs, out var arrivals);
            int count;
            do
            {
                count = _runtime.Core.ReadEvents(events);
                for (var i = 0; i < count; i++)
                    _runtime.Dispatch(events[i]);
            }
            while (count == Batch);
            if (arrivals)
                _runtime.Arrivals.Set();
            if (status < 0 && status != NixlStatus.Timeout)
                _runtime.Log.PumpWaitFailed(status);
        }
    }
}
