using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// The state machine of one operation at a time, reusable without allocation. A transfer has two ends: the outcome, which settles the
/// awaiter, and quiescence, after which the transport cannot touch the buffers.
/// </summary>
/// <remarks>
/// <code>
///              Begin()            Posted()                      failure without Quiesced
///  Idle ───────────────→ Posting ───────────→ Running ─────────────────────────────────→ Quiescing
///   ↑ ↑                    │                    │  settles: failure                          │
///   │ └──── Abort() ───────┘                    │                                            │ Quiesced
///   │   (the core refused)                      │ Outcome and Quiesced                       │
///   └───────────────────────────────────────────┴────────────────────────────────────────────┘
/// </code>
/// Events may arrive while still Posting (the pump is faster than the poster's return): they are stored, and the poster, who has by
/// then registered its cancellation, does the transition. A success settles only together with Quiesced, so that whoever awaited it
/// can post again at once. Cancelling only asks; the core's outcome decides. Dispose while running asks for cancellation and lets go of
/// the slot when quiesced, awaited or not.
/// Threads: poster, pump, canceller and awaiter meet under one lock, never held over a call into the core. Continuations go to the
/// thread pool, never on the pump. While it runs the table roots the slot and through it the owner and its lists.
/// </remarks>
internal sealed partial class OperationSlot
{
    private enum Phase { Idle, Posting, Running, Quiescing }

    private readonly Lock _sync = new();
    private readonly AgentRuntime _runtime;
    private readonly IOperationOwner _owner;
    private ManualResetValueTaskSourceCore<TransferResult> _source;
    private Phase _phase;
    private uint _index;
    private ulong _userData;
    private ulong _operation;
    private NativeEvent _outcome;
    private Exception? _failure;
    private bool _hasOutcome;
    private bool _quiesced;
    private bool _sourceUsed;
    private bool _disposed;
    private bool _released;
    private bool _cancelWanted;
    private CancellationToken _token;
    private CancellationTokenRegistration _registration;
    private TaskCompletionSource? _whenQuiesced;

    public OperationSlot(AgentRuntime runtime, IOperationOwner owner)
    {
        _runtime = runtime;
        _owner = owner;
        _source.RunContinuationsAsynchronously = true;
    }

    /// <summary>For messages and for the owner's state.</summary>
    public TransferState State
    {
        get
        {
            lock (_sync)
            {
                return _phase switch
                {
                    Phase.Posting or Phase.Running => TransferState.Running,
                    Phase.Quiescing => TransferState.Quiescing,
                    _ when !_hasOutcome => TransferState.NotPosted,
                    _ => _outcome.Status == 0 ? TransferState.Succeeded : TransferState.Failed,
                };
            }
        }
    }

    /// <summary>Idle → Posting. Returns the post's user_data.</summary>
    /// <exception cref="InvalidOperationException">REPOST_ACTIVE: it is still running.</exception>
    public ulong Begin(CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        lock (_sync)
        {
            ObjectDisposedException.ThrowIf(_disposed, _owner);
            if (_phase != Phase.Idle)
                ThrowActive();
            _runtime.OperationStarting();
            if (_sourceUsed)
                _source.Reset(); // The last outcome was never awaited; its ValueTask becomes invalid.
            _sourceUsed = true;
            _hasOutcome = false;
            _quiesced = false;
            _failure = null;
            _operation = 0;
            _cancelWanted = false;
            _token = token;
            _phase = Phase.Posting;
            _index = _runtime.Operations.Add(this);
            return _userData = _runtime.Operations.NextUserData(_index);
        }
    }

    /// <summary>Posting → Idle: the core refused, no event will come.</summary>
    public void Abort()
    {
        bool release;
        lock (_sync)
        {
            _hasOutcome = false;
            ToIdle();
            release = _disposed;
        }

        if (release)
            Release();
    }

    /// <summary>Posting → Running (or further, if the events are there already). Returns the version for the ValueTask.</summary>
    public short Posted(ulong operation)
    {
        short version;
        CancellationToken token;
        lock (_sync)
        {
            _operation = operation;
            version = _source.Version;
            token = _token;
        }

        // May call back at once if the token is cancelled; the id is in place. Unregistering is the transition's business.
        var registration = token.CanBeCanceled
            ? token.UnsafeRegister(static (state, cancelled) => ((OperationSlot)state!).Cancel(cancelled), this)
            : default;
        bool release;
        bool cancel;
        lock (_sync)
        {
            _registration = registration;
            _phase = Phase.Running;
            Advance();
            release = _phase == Phase.Idle && _disposed;
            cancel = _phase == Phase.Running && _cancelWanted; // Asked for while there was no id yet.
        }

        if (release)
            Release();
        else if (cancel)
            Cancel();
        return version;
    }

    /// <summary>Pump thread, or whoever closes the agent once the pump has stopped.</summary>
    public void OnEvent(in NativeEvent e)
    {
        if (e.UserData != Volatile.Read(ref _userData))
            return; // Of an earlier post.
        var flags = (NativeEventFlags)e.Flags;
        var failure = (flags & NativeEventFlags.Outcome) != 0 ? DescribeOutcome(e) : null;
        bool release;
        lock (_sync)
        {
            if (_phase == Phase.Idle || e.UserData != _userData)
                return;
            if ((flags & NativeEventFlags.Outcome) != 0 && !_hasOutcome)
            {
                _outcome = e;
                _failure = failure;
                _hasOutcome = true;
            }

            _quiesced |= (flags & NativeEventFlags.Quiesced) != 0;
            Advance();
            release = _phase == Phase.Idle && _disposed;
        }

        if (release)
            Release();
    }

    /// <summary>The core was destroyed: both ends are reached, whatever events were still due.</summary>
    public void OnCoreClosed()
    {
        NativeEvent e;
        lock (_sync)
        {
            if (_phase == Phase.Idle)
                return;
            var due = _hasOutcome ? NativeEventFlags.Quiesced : NativeEventFlags.Outcome | NativeEventFlags.Quiesced;
            e = new NativeEvent
            {
                UserData = _userData, Flags = (uint)due, Status = (int)NixlStatus.Closed, Entry = ulong.MaxValue,
            };
        }

        OnEvent(e);
    }

    /// <summary>Asks the core to cancel what runs now, if anything. Any thread.</summary>
    public void Cancel() => Cancel(null);

    /// <summary>The same, from who closes the agent: the gate is closed and drained, the core still alive.</summary>
    public void CancelForClose()
    {
        ulong operation;
        lock (_sync)
            operation = _phase is Phase.Idle ? 0 : _operation;
        if (operation != 0)
            _ = _runtime.Core.Cancel(operation);
    }

    /// <summary>Like <see cref="Cancel()"/>, and no post can follow. The slot goes back when quiesced.</summary>
    public void Dispose()
    {
        bool release;
        lock (_sync)
        {
            if (_disposed)
                return;
            _disposed = true;
            release = _phase == Phase.Idle;
        }

        if (release)
            Release();
        else
            Cancel();
    }

    /// <summary>Completes when the transport is done with the buffers; at once if nothing runs.</summary>
    public Task WhenQuiesced()
    {
        lock (_sync)
        {
            if (_phase == Phase.Idle)
                return Task.CompletedTask;
            _whenQuiesced ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _whenQuiesced.Task;
        }
    }

    /// <summary>The awaiter takes the result, once: the reset makes the same ValueTask invalid.</summary>
    public TransferResult GetResult(short version)
    {
        lock (_sync)
        {
            try
            {
                if (_source.GetStatus(version) == ValueTaskSourceStatus.Pending)
                    throw new InvalidOperationException("The transfer has not ended: await the ValueTask, do not block on it.");
                return _source.GetResult(version);
            }
            finally
            {
                if (_source.Version == version && _sourceUsed && _source.GetStatus(version) != ValueTaskSourceStatus.Pending)
                {
                    _source.Reset();
                    _sourceUsed = false;
                }
            }
        }
    }

    public ValueTaskSourceStatus GetStatus(short version) => _source.GetStatus(version);

    public void OnCompleted(Action<object?> continuation, object? state, short version, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, version, flags);

    /// <summary>
    /// The one place of the transitions out of Running and Quiescing. Under the lock. Settling the source here only queues the
    /// awaiter to the thread pool; if it posts again at once it waits for this lock and then finds Idle.
    /// </summary>
    private void Advance()
    {
        if (_phase is not (Phase.Running or Phase.Quiescing) || !_hasOutcome)
            return;
        var settle = _phase == Phase.Running && (_quiesced || _outcome.Status < 0);
        if (settle)
            _registration.Unregister(); // Does not wait for a callback that runs: it compares its token under the lock.
        if (_quiesced)
            ToIdle();
        else if (settle)
            _phase = Phase.Quiescing;
        if (!settle)
            return;
        if (_failure is null)
            _source.SetResult(ToResult(_outcome));
        else
            _source.SetException(_failure);
    }

    /// <summary>Gives the index in the table back, so that a transfer which nobody awaits or disposes costs nothing. Under the lock.</summary>
    private void ToIdle()
    {
        _phase = Phase.Idle;
        _token = default;
        _registration = default;
        _runtime.Operations.Remove(_index);
        _runtime.OperationEnded();
        _whenQuiesced?.SetResult();
        _whenQuiesced = null;
    }

    private void Release()
    {
        lock (_sync)
        {
            if (_released)
                return;
            _released = true;
        }

        _owner.OnReleased();
    }

    /// <summary>Null: whatever runs. A token: only the post that was made with it.</summary>
    private void Cancel(CancellationToken? token)
    {
        ulong operation;
        lock (_sync)
        {
            if (_phase is not (Phase.Posting or Phase.Running) || (token is { } t && t != _token))
                return;
            operation = _operation;
            _cancelWanted = true;
            if (operation == 0)
                return; // The poster sees to it.
        }

        if (!_runtime.Gate.TryEnter())
            return; // Closing: everything is being cancelled anyway.
        try
        {
            _ = _runtime.Core.Cancel(operation); // NotFound if it ended meanwhile; ids have generations.
        }
        finally
        {
            _runtime.Gate.Exit();
        }
    }

    private Exception? DescribeOutcome(in NativeEvent e)
    {
        Exception? failure;
        try
        {
            failure = _owner.OnOutcome(e);
        }
#pragma warning disable CA1031 // A listener of the meter that throws must not leave the awaiter waiting for ever.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = e.Status < 0 ? NixlErrors.Create(new NixlErrorDetails((NixlStatus)e.Status, ""), "the operation") : null;
            _runtime.Log.DispatchFailed(exception);
        }

        if (e.Status != (int)NixlStatus.Canceled)
            return failure;
        var token = _token;
        if (_runtime.Gate.IsClosing && !_cancelWanted && !token.IsCancellationRequested)
            return NixlErrors.Create(new NixlErrorDetails(NixlStatus.Closed, "the agent is being disposed"), "the operation");
        return token.IsCancellationRequested ? new OperationCanceledException(token) : new OperationCanceledException();
    }

    private TransferResult ToResult(in NativeEvent e) => new(
        (long)e.Bytes,
        (long)e.Operations,
        Durations.Between(e.PostedNs, e.StartedNs),
        Durations.Between(e.StartedNs, e.DataDoneNs),
        Durations.Between(e.PostedNs, e.SettledNs),
        _owner.Transport);

    [DoesNotReturn]
    private static void ThrowActive() => throw NixlErrors.Create(
        new NixlErrorDetails(NixlStatus.RepostActive, ""), "posting the transfer again");
}
