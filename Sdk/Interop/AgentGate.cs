using System.Diagnostics.CodeAnalysis;

namespace Nixl.Sdk.Interop;

/// <summary>
/// Keeps the core alive while calls are inside it: every call enters and leaves, closing refuses new ones and waits for the rest.
/// Two interlocked operations per call, cheaper than a SafeHandle's.
/// </summary>
/// <remarks>
/// <code>
/// open, n calls inside ──Close()──→ closing, n inside ──last leaves──→ closed (Drained is set)
/// </code>
/// Thread-safe.
/// </remarks>
internal sealed class AgentGate(string name) : IDisposable
{
    private const int Closing = 1 << 30;

    private readonly ManualResetEventSlim _drained = new(false);
    private int _state;

    public bool IsClosing => (Volatile.Read(ref _state) & Closing) != 0;

    /// <summary>False once closing.</summary>
    public bool TryEnter()
    {
        if ((Interlocked.Increment(ref _state) & Closing) == 0)
            return true;
        Exit();
        return false;
    }

    /// <exception cref="ObjectDisposedException">Once closing.</exception>
    public void Enter()
    {
        if (!TryEnter())
            Throw();
    }

    public void Exit()
    {
        if (Interlocked.Decrement(ref _state) == Closing)
            _drained.Set();
    }

    /// <summary>Refuses new calls. True for the one caller that closed it.</summary>
    public bool Close()
    {
        var before = Interlocked.Or(ref _state, Closing);
        if ((before & Closing) != 0)
            return false;
        if (before == 0)
            _drained.Set();
        return true;
    }

    /// <summary>Waits until no call is inside. Calls never block for long, so this ends.</summary>
    public void WaitDrained() => _drained.Wait();

    public void Dispose() => _drained.Dispose();

    [DoesNotReturn]
    private void Throw() => throw new ObjectDisposedException(nameof(NixlAgent), $"Agent '{name}' is disposed.");
}
