using System.Threading.Tasks.Sources;

namespace Nixl.Sdk;

/// <summary>
/// "A notification may have arrived": an auto-reset event for one asynchronous waiter, without allocation. May be set for nothing; the
/// waiter looks again.
/// </summary>
/// <remarks>
/// <code>
///          Set()              WaitAsync() (completes at once)
/// Clear ─────────→ Set ─────────────────────→ Clear
///   │ WaitAsync()                               ↑
///   └───────────→ Waiting ── Set/Close/cancel ──┘
/// </code>
/// Thread-safe; one waiter at a time.
/// </remarks>
internal sealed class ArrivalSignal : IValueTaskSource<bool>
{
    private readonly Lock _sync = new();
    private ManualResetValueTaskSourceCore<bool> _source;
    private CancellationTokenRegistration _registration;
    private CancellationToken _token;
    private bool _waiting;
    private bool _set;
    private bool _closed;

    public ArrivalSignal() => _source.RunContinuationsAsynchronously = true;

    /// <summary>True: look for notifications. False: the agent is closed.</summary>
    /// <exception cref="InvalidOperationException">Somebody waits already.</exception>
    public ValueTask<bool> WaitAsync(CancellationToken token)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<bool>(token);
        short version;
        lock (_sync)
        {
            if (_waiting)
            {
                throw new InvalidOperationException(
                    "Another consumer already waits for this agent's notifications. Use one consumer, or TryReadNotification.");
            }

            if (_closed)
                return ValueTask.FromResult(false);
            if (_set)
            {
                _set = false;
                return ValueTask.FromResult(true);
            }

            _source.Reset();
            _waiting = true;
            _token = token;
            version = _source.Version;
        }

        if (token.CanBeCanceled)
        {
            var registration = token.UnsafeRegister(static (state, cancelled) => ((ArrivalSignal)state!).Cancel(cancelled), this);
            lock (_sync)
            {
                if (_waiting && _source.Version == version)
                    _registration = registration;
                else
                    registration.Unregister();
            }
        }

        return new ValueTask<bool>(this, version);
    }

    /// <summary>Pump thread.</summary>
    public void Set()
    {
        lock (_sync)
        {
            if (_waiting)
                Complete(true);
            else
                _set = true;
        }
    }

    /// <summary>The agent closes: the waiter gets false, now and later.</summary>
    public void Close()
    {
        lock (_sync)
        {
            _closed = true;
            if (_waiting)
                Complete(false);
        }
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Complete(bool value)
    {
        _waiting = false;
        _registration.Unregister();
        _registration = default;
        _source.SetResult(value);
    }

    private void Cancel(CancellationToken token)
    {
        lock (_sync)
        {
            if (!_waiting || token != _token)
                return;
            _waiting = false;
            _registration = default;
            _source.SetException(new OperationCanceledException(token));
        }
    }
}
